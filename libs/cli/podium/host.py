"""The host on one machine: the five stages around an in-memory bus, wired as the services are on Kafka."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from deltalake import DeltaTable
from podium_cleanse.stage import cleanse
from podium_contracts.errors import PodiumError, TransientError
from podium_contracts.events import DATA_TYPES, CloudEvent, envelope
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated, Run, RunRequested, StageFailed
from podium_contracts.names import Layer, Stage
from podium_contracts.pipeline import Pipeline
from podium_ingest.stage import ingest
from podium_lakehouse.delta.tables import find
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Scope
from podium_model.stage import model
from podium_publish.stage import publish
from podium_quality.stage import quality
from podium_runtime.bus import InMemoryBus, Listener

STAGES: dict[Stage, Callable[[CloudEvent, Pipeline, Lakehouse], list[CloudEvent]]] = {
    Stage.INGEST: ingest,
    Stage.CLEANSE: cleanse,
    Stage.QUALITY: quality,
    Stage.MODEL: model,
    Stage.PUBLISH: publish,
}


@dataclass
class Outcome:
    """What a run did: the events it announced, and those among them whose completion it wrote itself."""

    events: list[CloudEvent] = field(default_factory=list)
    fresh: list[CloudEvent] = field(default_factory=list)

    @property
    def verdicts(self) -> list[QualityEvaluated]:
        """The verdicts announced, first to last."""
        return [event.data for event in self.events if isinstance(event.data, QualityEvaluated)]


def origin(event: CloudEvent) -> str:
    """Return the stage that announces an event, `run` for the request of a run."""
    return event.source.rsplit("/", 1)[-1]


def answering(event: CloudEvent) -> tuple[Stage, ...]:
    """Return the stages that answer an event."""
    match event.data:
        case RunRequested():
            return (Stage.INGEST,)
        case LayerCompleted(layer=Layer.BRONZE):
            return (Stage.CLEANSE,)
        case LayerCompleted():
            return (Stage.QUALITY,)
        case QualityEvaluated(layer=Layer.GOLD):
            return (Stage.PUBLISH,)
        case QualityEvaluated():
            return (Stage.CLEANSE, Stage.MODEL)
    return ()


def request(pipeline: Pipeline) -> CloudEvent:
    """Return the request of a new run: the one place where a time is taken and ids are drawn."""
    now = datetime.now(UTC)
    run = Run(
        pipeline=pipeline.name,
        id=f"{pipeline.name}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}",
        executor="job",
        requested_at=now,
        datasets=tuple(pipeline.spec.datasets),
        fingerprint=pipeline.fingerprint,
    )
    traceparent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    return envelope(
        RunRequested(run=run),
        stage=None,
        subject=pipeline.name,
        sequence=0,
        traceparent=traceparent,
        causation="",
    )


def run(
    pipeline: Pipeline,
    lakehouse: Lakehouse,
    requested: CloudEvent,
    *,
    on_event: Listener = lambda _event: None,
    on_completed: Listener = lambda _event: None,
) -> Outcome:
    """Run a pipeline to the end of its news.

    `on_event` gets every event that is announced, that of a failed stage among them; `on_completed` those of the completions that
    this run writes. Whatever an earlier run left undone is finished first, by the same chain of events: each stage announces its
    last completion again, and the next one finds out what it has not answered yet. Then there is a second pass, for what has come
    since that run.

    Raises:
        PodiumError: a stage failed; what was completed before it stays.
    """
    outcome = Outcome()
    while True:
        done = _Pass(pipeline, lakehouse, outcome, on_completed)
        done.deliver(requested, on_event)
        if all(event.correlationid == requested.id for event in done.fresh):
            return outcome


class _Pass:
    """One delivery of a request, and of all that follows from it, on a bus of its own."""

    def __init__(
        self, pipeline: Pipeline, lakehouse: Lakehouse, outcome: Outcome, on_completed: Listener
    ) -> None:
        self.pipeline = pipeline
        self.lakehouse = lakehouse
        self.outcome = outcome
        self.on_completed = on_completed
        self.before = find(lakehouse.record_uri("completions"))
        self.fresh: list[CloudEvent] = []
        self.errors: list[PodiumError] = []

    def deliver(self, requested: CloudEvent, on_event: Listener) -> None:
        """Deliver until nothing is left; a stage that fails does not keep others from what they have to do."""
        bus = InMemoryBus()
        bus.listen(on_event)
        bus.subscribe(set(DATA_TYPES), self._answer)
        bus.publish(requested)
        bus.drain()
        if self.errors:
            raise self.errors[0]

    def _answer(self, event: CloudEvent) -> list[CloudEvent]:
        return [answer for stage in answering(event) for answer in self._call(stage, event)]

    def _call(self, stage: Stage, event: CloudEvent) -> list[CloudEvent]:
        try:
            answers = STAGES[stage](event, self.pipeline, self.lakehouse)
        except PodiumError as error:
            self.errors.append(error)
            return [_failure(event, stage, error)]
        for answer in answers:
            with self.lakehouse.step(f"{origin(answer)} {answer.subject} event"):
                self._note(answer)
        return answers

    def _note(self, answer: CloudEvent) -> None:
        if answer not in self.outcome.events:
            self.outcome.events.append(answer)
        if answer not in self.fresh and _is_new(answer, self.before):
            self.fresh.append(answer)
            self.outcome.fresh.append(answer)
            self.on_completed(answer)


def _is_new(event: CloudEvent, before: DeltaTable | None) -> bool:
    """Whether an event's completion is not among those that were there before."""
    scope = Scope(pipeline=event.partitionkey, stage=Stage(origin(event)), subject=event.subject)
    known = before.transaction_version(scope.key) if before else None
    return int(event.sequence) > (known or 0)


def _failure(event: CloudEvent, stage: Stage, error: PodiumError) -> CloudEvent:
    """Return the event that says that a stage could not answer an event. Completions count from 1, so 0 is free."""
    failed = StageFailed(
        run=event.run,
        stage=stage,
        subject=event.subject,
        reason=type(error).__name__,
        message=str(error),
        transient=isinstance(error, TransientError),
    )
    return envelope(
        failed,
        stage=stage,
        subject=event.subject,
        sequence=0,
        traceparent=event.traceparent,
        causation=event.id,
    )
