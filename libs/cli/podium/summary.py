"""What a run did, for people and for scripts."""

from podium_contracts.events.v1 import Flow, LayerCompleted, Published, QualityEvaluated
from rich.console import Console
from rich.table import Table

from podium.host import Outcome, origin
from podium.opening import Opened

STEPS = ("inserted", "updated", "unchanged", "deduplicated", "late", "quarantined", "deletes")


def summary(opened: Opened, outcome: Outcome, seconds: float) -> dict[str, object]:
    """Return a run's result as plain values; `stages` holds only what this run did."""
    verdicts = {f"{verdict.layer}.{verdict.subject}": verdict.verdict for verdict in outcome.verdicts}
    return {
        "pipeline": opened.pipeline.name,
        "news": bool(outcome.fresh),
        "run": outcome.fresh[0].correlationid if outcome.fresh else None,
        "verdict": verdicts,
        "stages": [
            {
                "stage": origin(event),
                "subject": event.subject,
                "seconds": event.data.timings.seconds if event.data.timings else None,
                "data": event.data.model_dump(mode="json", by_alias=True, exclude_none=True),
            }
            for event in outcome.fresh
            if isinstance(event.data, LayerCompleted | QualityEvaluated | Published)
        ],
        "lakehouse": opened.lakehouse.uri,
        "report": str(opened.lakehouse.path / "report.html"),
        "seconds": round(seconds, 3),
    }


def print_summary(opened: Opened, outcome: Outcome, seconds: float, console: Console) -> None:
    """Write a run's result for people, with what to type next."""
    if not outcome.fresh:
        console.print(
            f"[bold]Nothing new[/] for {opened.pipeline.name}: every row is accounted for. {seconds:.1f} s"
        )
        return
    console.print(_stage_table(outcome))
    for event in outcome.fresh:
        if isinstance(event.data, LayerCompleted) and event.data.ledger and event.data.ledger.flow:
            console.print(f"  {event.subject}: {equation(event.data.ledger.flow)}", highlight=False)
    file = opened.file
    console.print(
        f"\n[bold green]Done[/] in {seconds:.1f} s, run {outcome.fresh[0].correlationid}\n"
        f"  tables  {opened.lakehouse.uri}\n"
        f"  report  {opened.lakehouse.path / 'report.html'}",
        highlight=False,
        soft_wrap=True,
    )
    for event in outcome.fresh:
        if isinstance(event.data, Published):
            console.print(f"  served  {event.data.uri}", highlight=False, soft_wrap=True)
    console.print(
        f"\nnext:\n  podium show gold.agg_daily_sales_summary -f {file}\n"
        if any(event.subject == "gold" for event in outcome.fresh)
        and _has(outcome, "gold.agg_daily_sales_summary")
        else f"\nnext:\n  podium tables -f {file}\n",
        f" podium ledger -f {file}\n  podium quarantine ls -f {file}",
        highlight=False,
        soft_wrap=True,
    )


def _has(outcome: Outcome, table: str) -> bool:
    return any(
        version.name == table
        for event in outcome.fresh
        if isinstance(event.data, LayerCompleted)
        for version in event.data.tables
    )


def equation(flow: Flow) -> str:
    """Return a flow as people write it: `525,461 in = 518,593 inserted + 6,865 deduplicated + 3 quarantined`."""
    parts = [f"{getattr(flow, step):,} {step}" for step in STEPS if getattr(flow, step)]
    parts += [f"{rows:,} dropped by {rule}" for rule, rows in flow.dropped.items()]
    return f"{flow.rows_in:,} in = {' + '.join(parts) or '0'}"


def _stage_table(outcome: Outcome) -> Table:
    table = Table(header_style="bold", title="What this run did", title_justify="left")
    table.add_column("stage")
    table.add_column("table")
    table.add_column("rows now", justify="right")
    table.add_column("new", justify="right")
    table.add_column("result")
    table.add_column("seconds", justify="right")
    for event in outcome.fresh:
        data = event.data
        seconds = f"{data.timings.seconds:.2f}" if not _is_request(data) and data.timings else ""  # type: ignore[union-attr]
        match data:
            case LayerCompleted():
                for number, version in enumerate(data.tables):
                    new = version.rows - _before(data, version.name)
                    first = number == 0
                    table.add_row(
                        origin(event) if first else "",
                        version.name,
                        f"{version.rows:,}",
                        f"{new:+,}",
                        "balanced" if first else "",
                        seconds if first else "",
                    )
            case QualityEvaluated():
                table.add_row(origin(event), f"{data.layer}.{data.subject}", "", "", data.verdict, seconds)
            case Published():
                table.add_row(origin(event), data.destination, "", "", "replaced", seconds)
    return table


def _is_request(data: object) -> bool:
    return not isinstance(data, LayerCompleted | QualityEvaluated | Published)


def _before(data: LayerCompleted, table: str) -> int:
    ledger = data.ledger
    if ledger is None:
        return 0
    if table.startswith("quarantine.") and ledger.quarantine:
        return ledger.quarantine.opening
    return next((stock.before for stock in ledger.stocks if stock.table == table), 0)
