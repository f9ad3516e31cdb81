"""`podium restore` and `podium certify`: back to what was certified, or on with what has failed."""

from collections.abc import Iterator
from getpass import getuser
from time import monotonic
from typing import Annotated

import typer
from podium_contracts.errors import TerminalError
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated
from podium_contracts.names import Layer, Stage
from podium_lakehouse.delta.restoring import check_files
from podium_lakehouse.reading.versions import moment
from podium_lakehouse.records.intents import Acceptance, Scope
from podium_lakehouse.restoring import QUARANTINE, certified_completions, is_there
from podium_runtime.requests import request

from podium import host, reasons
from podium.commands.running import on_engine, progress, renew_report, tell
from podium.commands.tables import open_table
from podium.console import Form, OutputOption, Row, write_json, write_rows
from podium.opening import DEFAULT_FILE, FileOption, Opened, OverlayOption, open_pipeline


def restore(
    table: Annotated[
        str,
        typer.Argument(
            help="silver.DATASET, gold or gold.TABLE; all Silver and Gold tables without it.",
            show_default=False,
        ),
    ] = "",
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    version: Annotated[
        int | None, typer.Option("--version", "-v", min=0, help="A certified version of the table.")
    ] = None,
    at: Annotated[
        str,
        typer.Option("--at", help="What was certified at a time, in UTC, such as 2026-11-23T14:00:00."),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be put back.")] = False,
    form: OutputOption = Form.TABLE,
) -> None:
    """Put tables back to a certified version, by new commits: nothing is deleted.

    A Silver table and its quarantine go back together, and Gold follows; Gold's tables go back together. Without a version or a time it is
    the last certified one. Bronze stays: what came after the version rests there, and is cleansed when more comes or the pipeline file
    has changed.

    Examples:

        podium restore silver.sales --version 3 -f pipeline.yaml

        podium restore gold --dry-run

        podium restore --at 2026-11-23T14:00:00
    """
    started = monotonic()
    if version is not None and at:
        raise typer.BadParameter("give either --version or --at")
    opened = on_engine(open_pipeline(file, overlay=overlay), None, quiet=True)
    targets = _targets(opened, table, version, at)
    if dry_run:
        _write_plan(opened, targets, form)
        return
    datasets = tuple(name for scope in targets for name in _datasets(scope))
    requested = request(opened.pipeline, datasets=datasets)
    with progress(quiet=form == Form.JSON) as shown:
        outcome = host.restore(
            opened.pipeline, opened.lakehouse, requested, targets, on_completed=shown.completed
        )
    renew_report(opened, outcome)
    tell(opened, outcome, monotonic() - started, form)


def certify(
    subject: Annotated[str, typer.Argument(help="silver.DATASET or gold.")],
    reason: Annotated[str, typer.Option("--reason", help="Why what has failed may be read all the same.")],
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    by: Annotated[str, typer.Option("--by", help="Who says so; by default whoever runs the command.")] = "",
    form: OutputOption = Form.TABLE,
) -> None:
    """Accept a failed verdict, with a reason that is kept: readers see the version, and what waited goes on.

    Examples:

        podium certify silver.sales --reason "the supplier confirmed the gap" -f pipeline.yaml

        podium certify gold --reason "known until the price list is in" --by "Ada"
    """
    started = monotonic()
    why = reasons.given(reason)
    opened = on_engine(open_pipeline(file, overlay=overlay), None, quiet=True)
    scope = _scope(opened, subject)
    acceptance = Acceptance(reason=why, by=by or getuser())
    requested = request(opened.pipeline, datasets=_datasets(scope))
    with progress(quiet=form == Form.JSON) as shown:
        outcome = host.certify(
            opened.pipeline,
            opened.lakehouse,
            requested,
            scope.subject,
            acceptance,
            on_completed=shown.completed,
        )
    renew_report(opened, outcome)
    tell(opened, outcome, monotonic() - started, form)


def _datasets(scope: Scope) -> tuple[str, ...]:
    return (scope.subject.removeprefix(f"{Layer.SILVER}."),) if scope.stage == Stage.CLEANSE else ()


def _scope(opened: Opened, name: str) -> Scope:
    """Return what a table is completed with.

    Raises:
        TerminalError: it is none that can be put back or certified.
    """
    layer, _, table = name.partition(".")
    if layer == Layer.BRONZE:
        raise TerminalError(
            f"{name}: Bronze only grows, nothing of it is ever taken back", hint="restore Silver or Gold"
        )
    if layer in {Layer.SILVER, "quarantine"} and table in opened.pipeline.spec.datasets:
        return Scope(pipeline=opened.pipeline.name, stage=Stage.CLEANSE, subject=f"{Layer.SILVER}.{table}")
    gold = Scope(pipeline=opened.pipeline.name, stage=Stage.MODEL, subject=Layer.GOLD)
    made = sorted(_names(opened.lakehouse.completions.after(gold, 0)))
    if opened.pipeline.spec.model and name in {Layer.GOLD, *made}:
        return gold
    known = ", ".join(
        [*(f"{Layer.SILVER}.{dataset}" for dataset in opened.pipeline.spec.datasets), "gold", *made]
    )
    raise TerminalError(f"there is no {name!r} to act on", hint=f"write one of: {known}")


def _targets(opened: Opened, table: str, version: int | None, at: str) -> dict[Scope, CloudEvent]:
    """Return the completion that each scope is to be put back to.

    Raises:
        TerminalError: there is no certified version of that number or at that time, or it is not said which one.
    """
    if table:
        scopes = [_scope(opened, table)]
    elif not at:
        raise TerminalError("to which time?", hint="give --at TIME, or name a table")
    else:
        scopes = [_scope(opened, f"{Layer.SILVER}.{name}") for name in opened.pipeline.spec.datasets]
        scopes += [_scope(opened, Layer.GOLD)] if opened.pipeline.spec.model else []
    return {scope: _target(opened, scope, table, version, at) for scope in scopes}


def _target(opened: Opened, scope: Scope, table: str, version: int | None, at: str) -> CloudEvent:
    certified = certified_completions(scope, opened.lakehouse)
    if version is not None:
        found = _of_version(opened, scope, table, version, certified)
    elif at:
        verdict = opened.lakehouse.completions.certified(
            scope.model_copy(update={"stage": Stage.QUALITY}), moment(at)
        )
        found = [event for event in certified if verdict and _versions(event) == _versions(verdict)]
    else:
        found = certified
    if not found:
        wanted = f"version {version}" if version is not None else f"at {at}" if at else "ever"
        versions = [str(_versions(event).get(table, "")) for event in certified]
        known = f"its certified versions: {', '.join(filter(None, versions))}" if any(versions) else ""
        raise TerminalError(
            f"nothing of {table or scope.subject} was certified: {wanted}",
            hint=known or f"`podium history {table or scope.subject}` lists its commits",
        )
    return found[-1]


def _of_version(
    opened: Opened, scope: Scope, table: str, version: int, certified: list[CloudEvent]
) -> list[CloudEvent]:
    """Return the completion that a version belongs to, if it is certified; compaction makes versions of its own."""
    if "." not in table:
        raise TerminalError(
            f"{table} has no version", hint="name a table, such as gold.fact_sale, or give --at"
        )
    before = [
        event
        for event in opened.lakehouse.completions.after(scope, 0)
        if _versions(event, with_quarantine=True).get(table, version + 1) <= version
    ]
    newest = open_table(opened, table).version()
    if version > newest:
        raise TerminalError(f"{table} has no version {version}", hint=f"the newest is {newest}")
    return [event for event in certified if before and event.id == before[-1].id]


def _names(events: list[CloudEvent]) -> Iterator[str]:
    yield from dict.fromkeys(name for event in events for name in _versions(event))


def _versions(event: CloudEvent, *, with_quarantine: bool = False) -> dict[str, int]:
    assert isinstance(event.data, LayerCompleted | QualityEvaluated)
    return {
        table.name: table.to_version
        for table in event.data.tables
        if with_quarantine or not table.name.startswith(QUARANTINE)
    }


def _write_plan(opened: Opened, targets: dict[Scope, CloudEvent], form: Form) -> None:
    """Say what would be put back.

    Raises:
        TerminalError: a version has lost files.
    """
    rows: list[Row] = []
    for scope, target in targets.items():
        if is_there(scope, target, opened.lakehouse):
            continue
        assert isinstance(target.data, LayerCompleted)
        for table in target.data.tables:
            now = opened.lakehouse.version(table.uri)
            check_files(table.uri, now, table.to_version)
            rows.append(
                {
                    "table": table.name,
                    "now": now,
                    "back_to": table.to_version,
                    "rows": table.rows,
                    "run": target.run.id,
                }
            )
    if form == Form.JSON:
        write_json(rows)
    else:
        write_rows(rows, none="nothing: everything is there already")
