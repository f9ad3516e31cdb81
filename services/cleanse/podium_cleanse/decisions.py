"""Decisions on rows in quarantine, each an intent of its own: `replay` sends rows the way of new ones, `reject` gives them up."""

from podium_contracts.errors import TerminalError
from podium_contracts.events import CloudEvent
from podium_contracts.names import Layer, Stage
from podium_contracts.pipeline import Pipeline
from podium_lakehouse.cleansing.staging import BRONZE
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import ABSENT, Cause, Decision, Input, Intent, Scope

from podium_cleanse.quarantined import offer
from podium_cleanse.rules import pin_lookups
from podium_cleanse.stage import carry_out, check_columns, check_keys


def decide(
    decision: Decision, dataset: str, requested: CloudEvent, pipeline: Pipeline, lakehouse: Lakehouse
) -> list[CloudEvent]:
    """Carry out a decision on a dataset's quarantine; what an interrupted call left undone is finished first.

    Called again with the same decision after it was interrupted, it goes on with what it had begun.

    Raises:
        TerminalError: quarantine has no such row, or a replayed row broke a rule for which the stage fails.
    """
    scope = Scope(pipeline=pipeline.name, stage=Stage.CLEANSE, subject=f"{Layer.SILVER}.{dataset}")
    pending = lakehouse.pending(scope, pipeline)
    if pending is None or pending.decision != decision:
        before = [carry_out(pending, pipeline, lakehouse)] if pending else []
        pending = _plan(decision, dataset, scope, requested, pipeline, lakehouse)
        return [*before, carry_out(pending, pipeline, lakehouse)]
    return [carry_out(pending, pipeline, lakehouse)]


def _plan(
    decision: Decision,
    dataset: str,
    scope: Scope,
    requested: CloudEvent,
    pipeline: Pipeline,
    lakehouse: Lakehouse,
) -> Intent:
    """Pin the quarantine that the decision is on, and what its rows meet where they are replayed."""
    silver, quarantine = lakehouse.table_uri(Layer.SILVER, dataset), lakehouse.quarantine_uri(dataset)
    replay = decision.action == "replay"
    if replay:
        check_keys(scope, dataset, pipeline, lakehouse)
        check_columns(dataset, pipeline.spec.datasets[dataset], silver)
    version = lakehouse.version(quarantine)
    done = lakehouse.completions.last_sequence(scope)
    if not done or version == ABSENT:
        raise TerminalError(f"no row of {dataset} is in quarantine", hint="podium quarantine ls")
    read = lakehouse.intents.read(scope, done).inputs[BRONZE]
    bases = {silver: lakehouse.version(silver)} if replay else {}
    intent = lakehouse.next_intent(
        scope,
        Cause.of(requested),
        pipeline,
        inputs={BRONZE: _nothing_new(read)},
        bases={**bases, quarantine: version},
        lookups=pin_lookups(dataset, pipeline, lakehouse) if replay else {},
        decision=decision,
    )
    with lakehouse.open_engine() as engine:
        if not offer(engine, intent, decision, quarantine):
            raise TerminalError(
                f"quarantine.{dataset} has no such row at version {Snapshot(quarantine, version).version}",
                hint=f"podium quarantine show {dataset}",
            )
    return lakehouse.pin(intent, pipeline)


def _nothing_new(read: Input) -> Input:
    """Return what has been read of Bronze, so that the next news begins after it."""
    return read.model_copy(update={"from_version": read.to_version, "from_batch": read.to_batch})
