"""Where the command line writes, and the forms it writes in."""

import json
import math
import textwrap
from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

output = Console()
errors = Console(stderr=True)

ROWS_AT_ONCE = 1000
"""Of a large result that is written as JSON."""
UNBOUNDED = 100_000
"""More columns than any terminal has."""
NO_BREAK = "\N{NO-BREAK SPACE}"


class Form(StrEnum):
    """How a command's result is written."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[
    Form, typer.Option("--output", "-o", help="A table for people, or JSON for scripts.")
]

Row = dict[str, object]


def warn(message: str) -> None:
    """Say what did not work, though the command did."""
    errors.print(Text.assemble(("warning: ", "bold yellow"), message), soft_wrap=True)


def write_json(value: object) -> None:
    """Write a value as JSON on standard output; what JSON does not know is written as text, bytes by their hexadecimal digits."""
    print(_json(value, indent=2))


def write_json_rows(found: pa.Table) -> None:
    """Write rows as a JSON array on standard output, a line for each."""
    separator = "["
    for batch in found.to_batches(max_chunksize=ROWS_AT_ONCE):
        for row in batch.to_pylist():
            print(separator, _json(row, indent=None), sep="\n", end="")
            separator = ","
    print("\n]" if found.num_rows else "[]")


def _json(value: object, indent: int | None) -> str:
    write = partial(json.dumps, indent=indent, default=_text, ensure_ascii=False, allow_nan=False)
    try:
        return write(value)
    except ValueError:
        return write(_finite(value))


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _finite(value: object) -> object:
    """Return a value with text for the numbers that JSON has no form for."""
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {name: _finite(item) for name, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
    return value


def write_rows(rows: list[Row], *, title: str = "", none: str, figures: bool = True) -> None:
    """Write rows as a table, or where it would be too wide each as a block of lines; `none` where there are no rows.

    Whole numbers are grouped by thousands where they are `figures`, not keys and values of somebody's data.
    """
    if not rows:
        output.print(none, highlight=False)
        return
    cells = [[cell(value, figures=figures) for value in row.values()] for row in rows]
    table = plain_table(title)
    for name in rows[0]:
        numeric = all(isinstance(row[name], int | float) and not isinstance(row[name], bool) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for line in cells:
        table.add_row(*line)
    if Measurement.get(output, output.options.update(max_width=UNBOUNDED), table).maximum <= output.width:
        output.print(table)
        return
    for number, line in enumerate(cells, 1):
        block = plain_table(f"row {number}", header=False)
        block.add_column(style="bold", max_width=output.width // 2, overflow="fold")
        block.add_column(overflow="fold")
        for name, value in zip(rows[0], line, strict=True):
            block.add_row(name, value)
        output.print(block)


def plain_table(title: str = "", *, header: bool = True) -> Table:
    """Return an empty table without rules, so that it fits where one with rules would not."""
    return Table(
        title=title or None,
        title_justify="left",
        box=None,
        show_header=header,
        header_style="bold",
        pad_edge=False,
        padding=(0, 2, 0, 0),
        collapse_padding=True,
    )


def cell(value: object, *, figures: bool) -> Text:
    """Return a value as a table shows it."""
    if value is None:
        return Text("null", style="dim")
    if isinstance(value, bool):
        return Text(str(value).lower())
    return Text(f"{value:,}" if figures and isinstance(value, int) else str(value))


def write_terms(start: str, terms: Sequence[str]) -> None:
    """Write a line that, where it is too long, is broken only between its terms."""
    whole = " ".join([start, *(term.replace(" ", NO_BREAK) for term in terms)])
    broken = textwrap.fill(
        whole, output.width, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False
    )
    output.print(Text(broken.replace(NO_BREAK, " ")), soft_wrap=True)


def near(path: str | Path) -> str:
    """Return a path relative to the current folder where it lies below; a URI as it is."""
    here = Path.cwd()
    below = "://" not in str(path) and Path(path).is_relative_to(here)
    return str(Path(path).relative_to(here)) if below else str(path)
