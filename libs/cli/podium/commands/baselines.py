"""`podium baseline`: the history that a score holds a value against, from certified Silver."""

from typing import Annotated

import typer
from podium_contracts.errors import TerminalError
from podium_contracts.names import Layer
from podium_lakehouse.certified import certified_tables
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.engines.duckdb import duckdb_engine
from podium_lakehouse.expressions.dialects import DUCKDB

from podium.console import Form, OutputOption, errors, output, write_json
from podium.opening import DEFAULT_FILE, FileOption, Opened, OverlayOption, dataset_of, open_pipeline


def baseline(
    what: Annotated[str, typer.Argument(metavar="DATASET.COLUMN", help="Such as sales.price.")],
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    form: OutputOption = Form.TABLE,
) -> None:
    """Compute a column's median and median absolute deviation over certified Silver, for `condition: robust_z_score`.

    Of an even number of values the lower of the two in the middle is taken, so that both are values of the column's type.

    Examples:

        podium baseline sales.price -f pipeline.yaml

        podium baseline sales.price -o json | jq .mad
    """
    opened = open_pipeline(file, overlay=overlay)
    dataset, _, column = what.partition(".")
    name = dataset_of(opened, dataset)
    declared = opened.pipeline.spec.datasets[name].columns
    numbers = [title for title, item in declared.items() if item.type.numeric]
    if column not in numbers:
        raise TerminalError(
            f"{name} has no column {column!r} of numbers", hint=f"those are: {', '.join(numbers) or 'none'}"
        )
    rows, median, mad = _measured(opened, name, column)
    if form == Form.JSON:
        write_json({"rows": rows, "median": median, "mad": mad})
        return
    for key, value in {"condition": "robust_z_score", "column": column, "median": median, "mad": mad}.items():
        output.print(f"{key}: {value}", highlight=False)
    errors.print(f"[dim]of {rows:,} values that are not null[/]", highlight=False)
    if not float(mad):
        errors.print("[dim]half of the values or more are the median: no score can be made of that[/]")


def _measured(opened: Opened, name: str, column: str) -> tuple[int, str, str]:
    """Return how many values there are, their median, and the median of their distances to it.

    Raises:
        TerminalError: there are none.
    """
    table = certified_tables(opened.lakehouse, opened.pipeline.name, [name]).get(f"{Layer.SILVER}.{name}")
    if table is None:
        raise TerminalError(f"silver.{name} has no certified version", hint=f"podium run {opened.options}")
    value = DUCKDB.identifier(column)
    with duckdb_engine() as engine:
        engine.offer_table("silver", Snapshot(table.uri, table.to_version))
        held = f"SELECT {value} AS value FROM silver WHERE {value} IS NOT NULL"
        middle = f"SELECT quantile_disc(value, 0.5) AS median FROM ({held})"
        ((rows, median, mad),) = engine.execute(
            f"SELECT count(*), any_value(median), quantile_disc(abs(value - median), 0.5) FROM ({held}), ({middle})"
        )
    if not rows:
        raise TerminalError(f"silver.{name} has no value in {column}", hint="choose another column")
    return int(str(rows)), str(median), str(mad)
