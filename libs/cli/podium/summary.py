"""What a run did, for people and for scripts."""

from collections.abc import Iterator, Mapping

from podium_contracts.events import CloudEvent
from podium_contracts.events.routing import origin
from podium_contracts.events.v1 import (
    Flow,
    LayerCompleted,
    Ledger,
    Published,
    QualityEvaluated,
    StageFailed,
    Timings,
)
from podium_contracts.names import Verdict
from rich.table import Table
from rich.text import Text

from podium.console import near, output, plain_table, write_terms
from podium.host import Outcome
from podium.opening import Opened

STEPS = ("inserted", "updated", "unchanged", "deduplicated", "late", "quarantined", "deletes")


def summary(
    opened: Opened, outcome: Outcome, seconds: float, skipped: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Return a run's result as plain values; `stages` holds only what this run did, `skipped` why it did nothing, by dataset."""
    verdicts = {f"{verdict.layer}.{verdict.subject}": verdict.verdict for verdict in outcome.verdicts}
    return {
        "pipeline": opened.pipeline.name,
        "news": bool(outcome.fresh),
        "run": outcome.fresh[-1].correlationid if outcome.fresh else None,
        "verdict": verdicts,
        "stages": [_stage(event) for event in outcome.fresh],
        "skipped": dict(skipped or {}),
        "lakehouse": opened.lakehouse.uri,
        "report": opened.report,
        "seconds": round(seconds, 3),
    }


def _stage(event: CloudEvent) -> dict[str, object]:
    timings = _timings(event)
    return {
        "stage": origin(event),
        "subject": event.subject,
        "seconds": timings.seconds if timings else None,
        "data": event.data.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def _timings(event: CloudEvent) -> Timings | None:
    return (
        event.data.timings if isinstance(event.data, LayerCompleted | QualityEvaluated | Published) else None
    )


def print_summary(
    opened: Opened, outcome: Outcome, seconds: float, skipped: Mapping[str, str] | None = None
) -> None:
    """Write a run's result for people, with what to type next; `skipped` says why it did nothing, by dataset."""
    if not outcome.fresh:
        name = opened.pipeline.name
        output.print(
            Text.assemble(
                ("Nothing new", "bold"), f" for {name}: every row is accounted for. {seconds:.1f} s"
            )
        )
        for dataset, why in (skipped or {}).items():
            _print_line(f"  {dataset}: {why}")
        return
    output.print(_stage_table(outcome))
    for event in outcome.fresh:
        if isinstance(event.data, LayerCompleted):
            _print_account(event.subject, event.data)
        if isinstance(event.data, QualityEvaluated) and event.data.verdict == Verdict.WARNED:
            _print_line(
                f"  {event.data.layer}.{event.data.subject} warned: {'; '.join(breaches(event.data))}"
            )
    places = [("tables", opened.lakehouse.uri), ("report", opened.report)]
    places += [("served", event.data.uri) for event in outcome.fresh if isinstance(event.data, Published)]
    output.print()
    output.print(
        Text.assemble(("Done", "bold green"), f" in {seconds:.1f} s, run {outcome.fresh[-1].correlationid}")
    )
    for name, place in places:
        _print_line(f"  {name}  {near(place)}")
    output.print("\nnext:")
    for command in _next(outcome):
        _print_line(f"  podium {command} {opened.options}")


def _print_account(subject: str, data: LayerCompleted) -> None:
    if data.ledger and data.ledger.flow:
        write_terms(f"{subject}:", equation(data.ledger.flow))
    for note in data.notes:
        _print_line(f"  note: {note}")


def _print_line(text: str) -> None:
    output.print(Text(text), soft_wrap=True)


def _next(outcome: Outcome) -> Iterator[str]:
    """Yield commands that look at what the run made: the last table, as a rule a Gold aggregate, first.

    What a failed verdict holds is shown only to those who ask for the latest.
    """
    last = {(verdict.layer, verdict.subject): verdict for verdict in outcome.verdicts}
    failed = [verdict for verdict in last.values() if verdict.verdict == Verdict.FAILED]
    held = {table.name for verdict in failed for table in verdict.tables}
    layers = [event.data for event in outcome.fresh if isinstance(event.data, LayerCompleted)]
    shown = [
        table.name for data in layers for table in data.tables if not table.name.startswith("quarantine.")
    ]
    yield f"show {shown[-1]}{' --latest' * (shown[-1] in held)}" if shown else "tables"
    yield "ledger"
    yield "quarantine ls"


def breaches(verdict: QualityEvaluated) -> list[str]:
    """Return what a verdict found wrong, each in words; what it fails by comes before what it warns of."""
    broken = [check for check in verdict.checks if not check.passed]
    return [check.message for check in sorted(broken, key=lambda check: check.severity != "CRITICAL")]


def equation(flow: Flow) -> list[str]:
    """Return a flow in the terms that people write: `525,461 in`, `= 518,593 inserted`, `+ 6,865 deduplicated`."""
    parts = [f"{getattr(flow, step):,} {step}" for step in STEPS if getattr(flow, step)]
    parts += [f"{rows:,} dropped by {rule}" for rule, rows in flow.dropped.items()]
    first, *others = parts or ["0"]
    return [f"{flow.rows_in:,} in", f"= {first}", *(f"+ {part}" for part in others)]


def equations(book: Ledger) -> Iterator[tuple[str, list[str]]]:
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
        gone = [
            f"- {rows:,} {what}"
            for what in ("replayed", "rejected", "removed")
            if (rows := getattr(kept, what))
        ]
        yield "quarantine:", [f"{kept.opening:,}", f"+ {kept.added:,}", *gone, f"= {kept.closing:,}"]
    for total in book.control_totals:
        yield f"{total.name}:", [total.actual, f"= {total.expected}"]


def _stage_table(outcome: Outcome) -> Table:
    table = plain_table("What this run did")
    for name, justify in (("stage", "left"), ("table", "left"), ("rows now", "right"), ("new", "right")):
        table.add_column(name, justify="right" if justify == "right" else "left", overflow="fold")
    table.add_column("result")
    table.add_column("seconds", justify="right")
    for event in outcome.fresh:
        timings = _timings(event)
        seconds = f"{timings.seconds:.2f}" if timings else ""
        stage, times = origin(event), seconds
        for name, rows, new, result in _lines(event):
            table.add_row(stage, name, rows, new, result, times)
            stage, times = "", ""
    return table


def _lines(event: CloudEvent) -> Iterator[tuple[str, str, str, str]]:
    """Yield a completion's lines: table, rows now, new rows, result."""
    match event.data:
        case LayerCompleted() as data:
            result = "balanced"
            for version in data.tables:
                new = version.rows - _before(data, version.name)
                yield version.name, f"{version.rows:,}", f"{new:+,}", result
                result = ""
        case QualityEvaluated() as data:
            yield f"{data.layer}.{data.subject}", "", "", data.verdict
        case Published() as data:
            yield data.destination, "", "", "replaced"


def _before(data: LayerCompleted, table: str) -> int:
    ledger = data.ledger
    if ledger is None:
        return 0
    if table.startswith("quarantine.") and ledger.quarantine:
        return ledger.quarantine.opening
    return next((stock.before for stock in ledger.stocks if stock.table == table), 0)


def sentence(event: CloudEvent) -> str:
    """Return what an event says, in a line."""
    match event.data:
        case LayerCompleted(layer=layer, subject=subject, tables=tables):
            rows = sum(table.rows for table in tables if not table.name.startswith("quarantine."))
            return f"{layer} {subject}: {rows:,} rows"
        case QualityEvaluated(layer=layer, subject=subject, verdict=verdict, accepted=reason):
            return f"quality of {layer} {subject}: {verdict}" + (f", accepted: {reason}" if reason else "")
        case Published(destination=destination, uri=uri):
            return f"published to {destination}: {near(uri)}"
        case StageFailed(stage=stage, reason=reason, message=message):
            return f"{stage} of {event.subject} failed: {reason}: {message}"
    return event.subject
