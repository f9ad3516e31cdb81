"""`podium ledger`, `quarantine`, `events` and `report`: where every row went, and what was said about it."""

from pathlib import Path
from typing import Annotated

import typer
from podium_contracts.errors import TerminalError
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated
from podium_lakehouse.delta.tables import find
from podium_quality.report import write as write_report

from podium.console import Form, OutputOption, output, rows_table, write_json
from podium.host import origin
from podium.opening import DEFAULT_FILE, FileOption, Opened, open_pipeline
from podium.summary import equation

quarantine = typer.Typer(help="Refused rows, and why they were refused.", no_args_is_help=True)


def ledger(file: FileOption = DEFAULT_FILE, form: OutputOption = Form.TABLE) -> None:
    """Account for every row: what came in, and where each went, completion by completion."""
    opened = open_pipeline(file)
    completed = [
        event
        for event in opened.lakehouse.completions.all(opened.pipeline.name)
        if isinstance(event.data, LayerCompleted) and event.data.ledger is not None
    ]
    if form == Form.JSON:
        write_json([{"id": event.id, "ledger": _ledger(event.data)} for event in completed])
        return
    for event in completed:
        assert isinstance(event.data, LayerCompleted)
        book = event.data.ledger
        assert book is not None
        output.print(
            f"[bold]{event.subject}[/] #{event.data.sequence}  [dim]{event.correlationid}[/]", highlight=False
        )
        if book.flow:
            output.print(f"  {equation(book.flow)}", highlight=False)
        for stock in book.stocks:
            output.print(
                f"  {stock.table}: {stock.before:,} + {stock.inserted:,} - {stock.removed:,} = {stock.after:,}",
                highlight=False,
            )
        if book.quarantine:
            kept = book.quarantine
            output.print(
                f"  quarantine: {kept.opening:,} + {kept.added:,} = {kept.closing:,}", highlight=False
            )
        for total in book.control_totals:
            output.print(f"  {total.name}: {total.actual} = {total.expected}", highlight=False)
    if not completed:
        output.print(f"nothing yet: podium run -f {file}")


def _ledger(data: object) -> object:
    assert isinstance(data, LayerCompleted)
    return data.ledger.model_dump(mode="python") if data.ledger else None


def events(file: FileOption = DEFAULT_FILE, form: OutputOption = Form.TABLE) -> None:
    """List the events announced, in the order of their runs."""
    opened = open_pipeline(file)
    found = opened.lakehouse.completions.all(opened.pipeline.name)
    if form == Form.JSON:
        write_json([event.model_dump(mode="json", by_alias=True) for event in found])
        return
    rows: list[dict[str, object]] = [
        {
            "time": f"{event.time:%Y-%m-%d %H:%M:%S}",
            "type": event.type.removeprefix("dev.podium."),
            "stage": origin(event),
            "subject": event.subject,
            "number": int(event.sequence),
            "verdict": event.data.verdict if isinstance(event.data, QualityEvaluated) else "",
        }
        for event in found
    ]
    output.print(rows_table(rows) if rows else f"nothing yet: podium run -f {file}")


def report(
    file: FileOption = DEFAULT_FILE,
    to: Annotated[
        Path | None, typer.Option("--to", help="Where to write the page; by default in the lakehouse.")
    ] = None,
) -> None:
    """Write the quality report: a page with the verdict, the account of every row, and what was refused."""
    opened = open_pipeline(file)
    path = write_report(opened.pipeline, opened.lakehouse, to or opened.lakehouse.path / "report.html")
    output.print(str(path), highlight=False, soft_wrap=True)


@quarantine.command("ls")
def list_quarantine(file: FileOption = DEFAULT_FILE, form: OutputOption = Form.TABLE) -> None:
    """Count the refused rows by dataset and rule."""
    opened = open_pipeline(file)
    counts: dict[tuple[str, str], int] = {}
    for name in opened.pipeline.spec.datasets:
        for row in _refused(opened, name, ["rules"]):
            for rule in row["rules"]:  # type: ignore[attr-defined]
                counts[name, rule] = counts.get((name, rule), 0) + 1
    rows: list[dict[str, object]] = [
        {"dataset": name, "rule": rule, "rows": count} for (name, rule), count in sorted(counts.items())
    ]
    if form == Form.JSON:
        write_json(rows)
    else:
        output.print(rows_table(rows) if rows else "no row is in quarantine")


@quarantine.command("show")
def show_quarantine(
    dataset: Annotated[str, typer.Argument(help="A dataset, such as sales.")],
    file: FileOption = DEFAULT_FILE,
    rule: Annotated[str, typer.Option("--rule", "-r", help="Only rows that this rule refused.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many rows.")] = 20,
    form: OutputOption = Form.TABLE,
) -> None:
    """Show refused rows with their rules, where they came from, and what they said."""
    opened = open_pipeline(file)
    if dataset not in opened.pipeline.spec.datasets:
        known = ", ".join(opened.pipeline.spec.datasets)
        raise TerminalError(f"no dataset {dataset!r}", hint=f"the datasets are: {known}")
    rows = [row for row in _refused(opened, dataset) if not rule or rule in row["rules"]][:limit]  # type: ignore[operator]
    if form == Form.JSON:
        write_json(rows)
        return
    shown = [{**row, "rules": ", ".join(row["rules"])} for row in rows]  # type: ignore[arg-type]
    keep = ("source_file", "source_row", "rules", "reason", "raw")
    output.print(
        rows_table([{name: row[name] for name in keep} for row in shown]) if shown else "no such row"
    )


def _refused(opened: Opened, dataset: str, columns: list[str] | None = None) -> list[dict[str, object]]:
    table = find(opened.lakehouse.quarantine_uri(dataset))
    return table.to_pyarrow_table(columns=columns).to_pylist() if table else []
