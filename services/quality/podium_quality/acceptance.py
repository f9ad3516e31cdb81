"""A failed verdict that somebody accepts: a verdict of its own, with the same checks and the reason."""

from dataclasses import replace

from podium_contracts.errors import TerminalError
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated
from podium_contracts.names import Layer, Stage, Verdict
from podium_contracts.pipeline import Pipeline
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Acceptance, Cause, Intent, Scope
from podium_lakehouse.restoring import verdicts, versions


def accept(
    scope: Scope, acceptance: Acceptance, cause: Cause, pipeline: Pipeline, lakehouse: Lakehouse
) -> CloudEvent:
    """Accept the last verdict of a scope of the quality stage, which must be `failed`; return the verdict that takes its place.

    One that this acceptance has brought about already is returned again: what follows from it may have been interrupted.

    Raises:
        TerminalError: it has not failed.
    """
    pending = lakehouse.pending(scope, pipeline)
    if pending and pending.accepts == acceptance:
        return accepted(pending, lakehouse)
    failed = lakehouse.completions.last(scope)
    if failed is None or not isinstance(failed.data, QualityEvaluated):
        raise TerminalError(f"{scope.subject} has not been judged yet", hint="`podium run` does it")
    judged = lakehouse.intents.read(scope, failed.number)
    if judged.accepts == acceptance:
        return failed
    if failed.data.verdict != Verdict.FAILED:
        raise TerminalError(
            f"the verdict on {scope.subject} is {failed.data.verdict}: there is nothing to accept",
            hint="`podium report` shows all verdicts",
        )
    intent = lakehouse.pin(
        lakehouse.next_intent(
            scope,
            replace(cause, answers=(failed.id,)),
            pipeline,
            inputs=judged.inputs,
            accepts=acceptance,
        ),
        pipeline,
    )
    return accepted(intent, lakehouse)


def accepted_before(event: CloudEvent, pipeline: Pipeline, lakehouse: Lakehouse) -> Acceptance | None:
    """Return why somebody had accepted what a completion has put back; None where it puts nothing back, or nobody had to."""
    assert isinstance(event.data, LayerCompleted)
    stage = Stage.MODEL if event.data.layer == Layer.GOLD else Stage.CLEANSE
    scope = Scope(pipeline=pipeline.name, stage=stage, subject=event.subject)
    restores = lakehouse.intents.read(scope, event.data.sequence).restores
    if restores is None:
        return None
    verdict = verdicts(scope, lakehouse).get(versions(lakehouse.completions.read(scope, restores.sequence)))
    if verdict is None or not verdict.accepted:
        return None
    return Acceptance(reason=verdict.accepted, by=verdict.accepted_by or "")


def accepted(intent: Intent, lakehouse: Lakehouse) -> CloudEvent:
    """Complete an intent that accepts the verdict before it; return the event."""
    failed = lakehouse.completions.read(intent.scope, intent.after).data
    assert intent.accepts
    assert isinstance(failed, QualityEvaluated)
    with lakehouse.step(f"quality {intent.scope.subject} metrics"):
        versions = {table.name: table.to_version for table in failed.tables}
        known = lakehouse.metrics.read(intent.scope, intent.after)
        lakehouse.metrics.put(intent, {(name, versions[name]): values for name, values in known.items()})
    verdict = failed.model_copy(
        update={
            "run": intent.run,
            "sequence": intent.sequence,
            "verdict": Verdict.WARNED,
            "accepted": intent.accepts.reason,
            "accepted_by": intent.accepts.by,
        }
    )
    lakehouse.audit.put(intent, verdict)
    return lakehouse.complete(intent, verdict)
