"""`podium ledger`, `quarantine`, `events` and `report`: where every row went, and what was said about it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from podium_contracts.events import CloudEvent
from podium_contracts.events.routing import origin
from podium_contracts.events.v1 import LayerCompleted, Ledger, QualityEvaluated
from podium_lakehouse.delta.tables import Snapshot, find
from podium_lakehouse.engines.duckdb import duckdb_engine
from podium_lakehouse.expressions.dialects import DUCKDB
from podium_quality.report import write as write_report
from rich.text import Text

from podium.console import Form, OutputOption, Row, near, output, write_json, write_rows, write_terms
from podium.opening import DEFAULT_FILE, FileOption, Opened, OverlayOption, dataset_of, open_pipeline
from podium.summary import equation

quarantine = typer.Typer(help="Refused rows, and why they were refused.", no_args_is_help=True)


def ledger(
    file: FileOption = DEFAULT_FILE, overlay: OverlayOption = None, form: OutputOption = Form.TABLE
) -> None:
    """Account for every row: what came in, and where each went, completion by completion.

    Examples:

        podium ledger -f pipeline.yaml

        podium ledger -o json | jq '.[-1].ledger.stocks'
    """
    opened = open_pipeline(file, overlay=overlay)
    books = list(_books(opened))
    if form == Form.JSON:
        write_json([{"id": event.id, "ledger": book.model_dump(mode="python")} for event, book in books])
        return
    for event, book in books:
        output.print(
            Text.assemble(
                (event.subject, "bold"), f" #{int(event.sequence)}  ", (event.correlationid, "dim")
            ),
            soft_wrap=True,
        )
        for start, terms in _equations(book):
            write_terms(start, terms)
    if not books:
        output.print(f"nothing yet: podium run {opened.options}", highlight=False)


def _books(opened: Opened) -> Iterator[tuple[CloudEvent, Ledger]]:
    for event in opened.lakehouse.completions.all(opened.pipeline.name):
        if isinstance(event.data, LayerCompleted) and event.data.ledger is not None:
            yield event, event.data.ledger


def _equations(book: Ledger) -> Iterator[tuple[str, list[str]]]:
    """Yield a name and the terms of each equation of a ledger."""
    if book.flow:
        yield "rows:", equation(book.flow)
    for stock in book.stocks:
        yield (
            f"{stock.table}:",
            [f"{stock.before:,}", f"+ {stock.inserted:,}", f"- {stock.removed:,}", f"= {stock.after:,}"],
        )
    if book.quarantine:
        kept = book.quarantine
        yield "quarantine:", [f"{kept.opening:,}", f"+ {kept.added:,}", f"= {kept.closing:,}"]
    for total in book.control_totals:
        yield f"{total.name}:", [total.actual, f"= {total.expected}"]


def events(
    file: FileOption = DEFAULT_FILE, overlay: OverlayOption = None, form: OutputOption = Form.TABLE
) -> None:
    """List the events announced, in the order of their runs.

    Examples:

        podium events -f pipeline.yaml

        podium events -o json | jq '.[] | select(.type | contains("quality")) | .data.verdict'
    """
    opened = open_pipeline(file, overlay=overlay)
    found = opened.lakehouse.completions.all(opened.pipeline.name)
    if form == Form.JSON:
        write_json([event.model_dump(mode="json", by_alias=True) for event in found])
        return
    rows: list[Row] = [
        {
            "time": f"{event.time:%Y-%m-%d %H:%M:%S}",
            "type": event.type.removeprefix("dev.podium.").removesuffix(".v1"),
            "stage": origin(event),
            "subject": event.subject,
            "number": int(event.sequence),
            "verdict": event.data.verdict if isinstance(event.data, QualityEvaluated) else "",
        }
        for event in found
    ]
    write_rows(rows, none=f"nothing yet: podium run {opened.options}")


def report(
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="Where to write the page; by default in the lakehouse.")
    ] = None,
) -> None:
    """Write the quality report: a page with the verdict, the account of every row, and what was refused.

    Examples:

        podium report -f pipeline.yaml

        podium report --to /var/www/quality.html
    """
    opened = open_pipeline(file, overlay=overlay)
    place = str(to) if to else opened.report
    write_report(opened.pipeline, opened.lakehouse, place)
    output.print(Text(near(place)), soft_wrap=True)


@quarantine.command("ls")
def list_quarantine(
    file: FileOption = DEFAULT_FILE, overlay: OverlayOption = None, form: OutputOption = Form.TABLE
) -> None:
    """Count the refused rows by dataset and rule; a row that breaks two rules counts under both.

    Examples:

        podium quarantine ls -f pipeline.yaml

        podium quarantine ls -o json | jq 'map(.rows) | add'
    """
    opened = open_pipeline(file, overlay=overlay)
    counted = (
        "SELECT rule, count(*) AS rows FROM (SELECT unnest(rules) AS rule FROM refused) GROUP BY 1 ORDER BY 1"
    )
    rows: list[Row] = [
        {"dataset": name, **row}
        for name in opened.pipeline.spec.datasets
        for row in _refused(opened, name, counted)
    ]
    if form == Form.JSON:
        write_json(rows)
    else:
        write_rows(rows, none="no row is in quarantine")


@quarantine.command("show")
def show_quarantine(
    dataset: Annotated[str, typer.Argument(help="A dataset, such as sales.")],
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    rule: Annotated[str, typer.Option("--rule", "-r", help="Only rows that this rule refused.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many rows.")] = 20,
    form: OutputOption = Form.TABLE,
) -> None:
    """Show refused rows with their rules, where they came from, and what they said.

    Examples:

        podium quarantine show sales --rule rule.price_not_negative

        podium quarantine show sales -n 1000 -o json | jq -r '.[].raw'
    """
    opened = open_pipeline(file, overlay=overlay)
    name = dataset_of(opened, dataset)
    condition = f"WHERE list_contains(rules, {DUCKDB.text(rule)})" if rule else ""
    order = "ORDER BY quarantined_at, source_file, source_row"
    rows = _refused(opened, name, f"SELECT * FROM refused {condition} {order} LIMIT {limit}")
    if form == Form.JSON:
        write_json(rows)
        return
    keep = ("source_file", "source_row", "rules", "reason", "raw")
    shown: list[Row] = [{key: row[key] for key in keep} for row in rows]
    for row in shown:
        assert isinstance(row["rules"], list)
        row["rules"] = ", ".join(row["rules"])
    write_rows(shown, none="no such row", figures=False)


def _refused(opened: Opened, dataset: str, statement: str) -> list[Row]:
    """Return the rows of a statement over `refused`, a dataset's quarantine."""
    uri = opened.lakehouse.quarantine_uri(dataset)
    table = find(uri)
    if table is None:
        return []
    with duckdb_engine() as engine:
        engine.offer_table("refused", Snapshot(uri, table.version()))
        rows: list[Row] = engine.connection.sql(statement).to_arrow_table().to_pylist()
    return rows
