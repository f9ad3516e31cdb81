"""Which stage answers which event, and which stage an event comes from."""

from podium_contracts.events.cloudevents import CloudEvent, envelope
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated, RunRequested, StageFailed
from podium_contracts.names import Layer, Stage, Verdict


def answering(event: CloudEvent) -> tuple[Stage, ...]:
    """Return the stages that answer an event."""
    match event.data:
        case RunRequested():
            return (Stage.INGEST,)
        case LayerCompleted(layer=Layer.BRONZE):
            return (Stage.CLEANSE,)
        case LayerCompleted():
            return (Stage.QUALITY,)
        case QualityEvaluated(layer=Layer.GOLD, verdict=verdict):
            return (Stage.MODEL, Stage.PUBLISH) if verdict == Verdict.FAILED else (Stage.PUBLISH,)
        case QualityEvaluated():
            return (Stage.CLEANSE, Stage.MODEL)
    return ()


def origin(event: CloudEvent) -> str:
    """Return the stage that announces an event, `run` for the request of a run."""
    return event.source.rsplit("/", 1)[-1]


def failure(event: CloudEvent, stage: Stage, *, reason: str, message: str, transient: bool) -> CloudEvent:
    """Return the event that says that a stage could not answer an event."""
    failed = StageFailed(
        run=event.run,
        stage=stage,
        subject=event.subject,
        reason=reason,
        message=message,
        transient=transient,
    )
    return envelope(
        failed,
        stage=stage,
        subject=event.subject,
        sequence=0,
        traceparent=event.traceparent,
        causation=event.id,
    )
