"""Where the command line writes, and the forms it writes in."""

import json
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

output = Console()
errors = Console(stderr=True)


class Form(StrEnum):
    """How a command's result is written."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[
    Form, typer.Option("--output", "-o", help="A table for people, or JSON for scripts.")
]


def write_json(value: object) -> None:
    """Write a value as JSON on standard output; what JSON does not know is written as text."""
    print(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def rows_table(rows: list[dict[str, object]], title: str = "") -> Table:
    """Return rows as a table; numbers to the right."""
    table = Table(title=title or None, title_justify="left", header_style="bold")
    names = list(rows[0]) if rows else []
    for name in names:
        numeric = all(isinstance(row[name], int | float) and not isinstance(row[name], bool) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell(row[name]) for name in names))
    return table


def cell(value: object) -> str:
    """Return a value as a table shows it."""
    if value is None:
        return "[dim]null[/]"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if isinstance(value, int) else str(value).replace("[", r"\[")
