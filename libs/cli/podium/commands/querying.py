"""`podium sql`: questions in SQL to certified tables."""

import csv
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import pyarrow as pa
import typer
from podium_lakehouse.reading.asking import ask
from podium_lakehouse.reading.versions import Reader, moment

from podium.console import errors, warn, write_json_rows, write_rows
from podium.opening import DEFAULT_FILE, FileOption, OverlayOption, open_pipeline

MOST_ROWS = 200
"""Of a table for people."""

StatementArgument = Annotated[
    str,
    typer.Argument(
        metavar="SELECT",
        help="One SELECT over tables such as gold.fact_sale; `-` reads it from standard input.",
    ),
]
AtOption = Annotated[
    str,
    typer.Option(
        "--at", help="Tables as they were certified at a time, in UTC, such as 2026-11-23T14:00:00."
    ),
]


class Answer(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def sql(
    statement: StatementArgument,
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    at: AtOption = "",
    form: Annotated[
        Answer, typer.Option("--output", "-o", help="A table for people, JSON or CSV for programs.")
    ] = Answer.TABLE,
) -> None:
    """Ask certified tables in SQL, DuckDB's; the answer is read only, and no file is in reach.

    Examples:

        podium sql "select transaction_type, sum(total_amount) from gold.fact_sale group by all"

        podium sql "from gold.agg_daily_sales_summary" --at 2026-11-23 -o csv > summary.csv
    """
    opened = open_pipeline(file, overlay=overlay)
    reader = Reader.of(opened.pipeline, opened.lakehouse)
    found = ask(reader, written(statement), warn, moment(at) if at else None)
    if form == Answer.JSON:
        write_json_rows(found)
    elif form == Answer.CSV:
        _write_csv(found)
    else:
        write_rows(found.slice(0, MOST_ROWS).to_pylist(), none="no rows", figures=False)
        if found.num_rows > MOST_ROWS:
            errors.print(
                f"{found.num_rows - MOST_ROWS:,} rows more: -o csv or -o json writes all", highlight=False
            )


def written(statement: str) -> str:
    """Return a statement as it was given: here, or on standard input."""
    return sys.stdin.read() if statement == "-" else statement


def _write_csv(found: pa.Table) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(found.column_names)
    for batch in found.to_batches():
        columns: Sequence[Sequence[object]] = [column.to_pylist() for column in batch.columns]
        writer.writerows(zip(*columns, strict=True))
