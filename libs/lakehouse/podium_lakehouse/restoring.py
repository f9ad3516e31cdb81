"""Putting a scope's tables back to what an earlier completion left, by an intent and a completion of its own.

Tables that belong together go back together: a Silver table and its quarantine, all Gold tables. Nothing is deleted, and Bronze stays. So what
came after the earlier completion is still to be done: it rests until there is more news, or another pipeline file, and is then done with that.
"""

from collections.abc import Mapping
from time import monotonic

from podium_contracts import ledger as ledgers
from podium_contracts.errors import TransientError
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import (
    LayerCompleted,
    Ledger,
    QualityEvaluated,
    QuarantineStock,
    Stock,
    TableVersion,
    Timings,
)
from podium_contracts.names import Layer, Stage, Verdict
from podium_contracts.pipeline import Pipeline

from podium_lakehouse.delta.restoring import check_files, difference, restore_once
from podium_lakehouse.lakehouse import Lakehouse, rows_at, table_version
from podium_lakehouse.records.intents import Cause, Intent, Restoration, Scope
from podium_lakehouse.records.table import table_name
from podium_lakehouse.registering import register_return

QUARANTINE = "quarantine."


def certified_completions(scope: Scope, lakehouse: Lakehouse) -> list[CloudEvent]:
    """Return the completions of a scope that are certified, oldest first."""
    given = verdicts(scope, lakehouse)
    return [
        event
        for event in lakehouse.completions.after(scope, 0)
        if (verdict := given.get(versions(event))) and verdict.verdict != Verdict.FAILED
    ]


def verdicts(scope: Scope, lakehouse: Lakehouse) -> dict[tuple[int, ...], QualityEvaluated]:
    """Return the last verdict on each completion of a scope, by its `versions`."""
    quality = scope.model_copy(update={"stage": Stage.QUALITY})
    return {
        versions(event): event.data
        for event in lakehouse.completions.after(quality, 0)
        if isinstance(event.data, QualityEvaluated)
    }


def restore(
    scope: Scope,
    target: CloudEvent,
    cause: Cause,
    news: Mapping[str, int],
    pipeline: Pipeline,
    lakehouse: Lakehouse,
) -> CloudEvent:
    """Put the tables of a scope back to a completion of it; return the completion that says so, the last one where it is there already.

    `news` is what there is to be done, by input: the last Bronze batch, or the version of each table.

    Raises:
        TransientError: the stage was interrupted in the midst of other commits.
        TerminalError: a version is not there any more.
    """
    pending = lakehouse.pending(scope, pipeline)
    if pending and pending.restores and pending.restores.sequence == target.number:
        return finish(pending, lakehouse)
    completed = lakehouse.completions.last_sequence(scope)
    begun = lakehouse.intents.begun(scope, completed, lakehouse.intents.next_sequence(scope) - 1)
    if begun and begun.restores is None:
        raise TransientError(
            f"{scope.stage} of {scope.subject} was interrupted while it wrote",
            hint="`podium run` brings it to its end; then restore",
        )
    if begun:
        finish(begun, lakehouse)
        return restore(scope, target, cause, news, pipeline, lakehouse)
    if is_there(scope, target, lakehouse):
        return lakehouse.completions.read(scope, completed)
    return finish(plan(scope, target, cause, news, pipeline, lakehouse), lakehouse)


def is_there(scope: Scope, target: CloudEvent, lakehouse: Lakehouse) -> bool:
    """Whether a scope is where it is to go: its last completion is that one, or has put it back."""
    last = lakehouse.completions.last_sequence(scope)
    restores = lakehouse.intents.read(scope, last).restores
    return last == target.number or (restores is not None and restores.sequence == target.number)


def plan(
    scope: Scope,
    target: CloudEvent,
    cause: Cause,
    news: Mapping[str, int],
    pipeline: Pipeline,
    lakehouse: Lakehouse,
) -> Intent:
    """Pin what is put back, after `Lakehouse.pending` has said that nothing else stands.

    Raises:
        TerminalError: a version is not there any more.
    """
    then = lakehouse.intents.read(scope, target.number)
    wanted = {table.uri: table.to_version for table in _tables(target)}
    bases = {uri: lakehouse.version(uri) for uri in wanted}
    for uri, version in wanted.items():
        check_files(uri, bases[uri], version)
    return lakehouse.pin(
        lakehouse.next_intent(
            scope,
            cause,
            pipeline,
            inputs=then.inputs,
            bases=bases,
            lookups=then.lookups,
            restores=Restoration(
                sequence=then.sequence, fingerprint=then.made_by, versions=wanted, left=dict(news)
            ),
        ),
        pipeline,
    )


def plan_after_failure(
    scope: Scope, event: CloudEvent, news: Mapping[str, int], pipeline: Pipeline, lakehouse: Lakehouse
) -> Intent | None:
    """Pin the return to the last certified version where the pipeline wants that and the last completion has failed.

    None where it passed, is itself a return, or nothing has ever been certified: then it is held.
    """
    last = lakehouse.completions.last(scope)
    verdict = lakehouse.completions.last(scope.model_copy(update={"stage": Stage.QUALITY}))
    if pipeline.spec.quality.on_failure != "restore" or last is None or verdict is None:
        return None
    data = verdict.data
    if not isinstance(data, QualityEvaluated) or data.verdict != Verdict.FAILED:
        return None
    if versions(verdict) != versions(last) or lakehouse.intents.read(scope, last.number).restores:
        return None
    certified = certified_completions(scope, lakehouse)
    return plan(scope, certified[-1], Cause.of(event), news, pipeline, lakehouse) if certified else None


def finish(intent: Intent, lakehouse: Lakehouse) -> CloudEvent:
    """Commit and complete what an intent puts back; return the event.

    Raises:
        LedgerImbalance: a table is not what it was.
        TerminalError: a version is not there any more.
    """
    assert intent.restores
    started = monotonic()
    target = lakehouse.completions.read(intent.scope, intent.restores.sequence)
    assert isinstance(target.data, LayerCompleted)
    tables = []
    for table in target.data.tables:
        base = intent.bases[table.uri]
        with lakehouse.commit(intent, f"restored {table.name}"):
            committed = restore_once(
                table.uri,
                table.to_version,
                intent.transaction(table_name(table.uri)),
                base=base,
                metadata=intent.commit_metadata,
            )
        tables.append(table_version(table.name, table.uri, base, committed.version))
    made = (
        f"put back to version {target.data.tables[0].to_version}"
        if target.data.layer == Layer.SILVER
        else "put back"
    )
    done = LayerCompleted(
        run=intent.run,
        layer=target.data.layer,
        subject=target.data.subject,
        sequence=intent.sequence,
        tables=tuple(tables),
        ledger=ledgers.check(_ledger(intent, target.data.tables, tables)),
        timings=Timings(requested_at=intent.time, seconds=round(monotonic() - started, 3)),
        notes=(f"{intent.scope.subject} was {made}, as run {target.run.id} had left it",),
    )
    register_return(intent, done, lakehouse)
    return lakehouse.complete(intent, done)


def _ledger(intent: Intent, then: tuple[TableVersion, ...], now: list[TableVersion]) -> Ledger:
    """Account for the rows that went and came back; what is there now is held against what was there then."""
    stocks: list[Stock] = []
    quarantine = None
    for before, after in zip(then, now, strict=True):
        base = intent.bases[before.uri]
        change = difference(before.uri, base, before.to_version)
        if before.name.startswith(QUARANTINE):
            quarantine = QuarantineStock(
                opening=rows_at(before.uri, base),
                added=change.inserted,
                removed=change.removed or None,
                closing=after.rows,
            )
        else:
            stocks.append(
                Stock(
                    table=before.name,
                    before=rows_at(before.uri, base),
                    inserted=change.inserted,
                    removed=change.removed,
                    after=after.rows,
                )
            )
    return Ledger(stocks=tuple(stocks), quarantine=quarantine)


def _tables(event: CloudEvent) -> tuple[TableVersion, ...]:
    return event.data.tables if isinstance(event.data, LayerCompleted | QualityEvaluated) else ()


def versions(event: CloudEvent) -> tuple[int, ...]:
    """Return what tells a completion from others of its scope, and the verdict on it: that does not speak of the quarantine."""
    return tuple(table.to_version for table in _tables(event) if not table.name.startswith(QUARANTINE))
