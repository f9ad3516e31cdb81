"""`podium ledger`, `quarantine`, `events` and `report`: where every row went, and what was said about it."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from podium_contracts.events import CloudEvent
from podium_contracts.events.routing import origin
from podium_contracts.events.v1 import LayerCompleted, Ledger, QualityEvaluated
from podium_quality.report import Choice, quality_report
from podium_quality.report import write as write_report
from rich.text import Text

from podium.console import Form, OutputOption, Row, near, output, write_json, write_rows, write_terms
from podium.opening import DEFAULT_FILE, FileOption, Opened, OverlayOption, dataset_of, open_pipeline
from podium.refused import counted, write_counts, write_refused
from podium.summary import equations

DAY = "%Y-%m-%d"
MOST_DAYS = 36525
"""A hundred years."""
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
        for start, terms in equations(book):
            write_terms(start, terms)
    if not books:
        output.print(f"nothing yet: podium run {opened.options}", highlight=False)


def _books(opened: Opened) -> Iterator[tuple[CloudEvent, Ledger]]:
    for event in opened.lakehouse.completions.all(opened.pipeline.name):
        if isinstance(event.data, LayerCompleted) and event.data.ledger is not None:
            yield event, event.data.ledger


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
    days: Annotated[
        int,
        typer.Option(
            "--days", min=1, max=MOST_DAYS, help="How many days it is about, up to the last one with work."
        ),
    ] = 30,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=[DAY], help="The first day it is about, in UTC.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--until", formats=[DAY], help="The last day it is about, in UTC.")
    ] = None,
    form: OutputOption = Form.TABLE,
) -> None:
    """Write the quality report: a page with the verdict, the account of every row, what was refused, and how good a period was.

    With -o json the period's quality is printed as data, and no page is written.

    Examples:

        podium report -f pipeline.yaml

        podium report --days 7 --to /var/www/quality.html

        podium report --from 2026-01-01 --until 2026-01-31 -o json | jq .recommendations
    """
    if to and form == Form.JSON:
        raise typer.BadParameter(
            "--to is for the page; with -o json the data are printed: `> FILE` keeps them"
        )
    opened = open_pipeline(file, overlay=overlay)
    choice = Choice(days, first.date() if first else None, last.date() if last else None)
    if form == Form.JSON:
        found = quality_report(opened.pipeline, opened.lakehouse, choice, datetime.now(UTC))
        write_json(asdict(found))
        return
    place = str(to) if to else opened.report
    write_report(opened.pipeline, opened.lakehouse, place, choice)
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
    write_counts(counted(opened.lakehouse, opened.pipeline.spec.datasets), form)


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
    write_refused(opened.lakehouse, name, form, rule=rule, limit=limit)
