"""The host on one machine: the five stages around an in-memory bus, wired as the services are on Kafka."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from podium_cleanse.stage import cleanse
from podium_contracts.events import CloudEvent, envelope
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated, Run, RunRequested
from podium_contracts.names import Layer
from podium_contracts.pipeline import Pipeline
from podium_ingest.stage import ingest
from podium_lakehouse.lakehouse import Lakehouse
from podium_model.stage import model
from podium_publish.stage import publish
from podium_quality.stage import quality
from podium_runtime.bus import InMemoryBus

Stage = Callable[[CloudEvent, Pipeline, Lakehouse], list[CloudEvent]]

RUN_REQUESTED = "dev.podium.run.requested.v1"
LAYER_COMPLETED = "dev.podium.layer.completed.v1"
QUALITY_EVALUATED = "dev.podium.quality.evaluated.v1"


@dataclass
class Outcome:
    """What a run did: the events it announced, and those among them whose completion it wrote itself."""

    events: list[CloudEvent] = field(default_factory=list)
    completed: set[str] = field(default_factory=set)

    @property
    def fresh(self) -> list[CloudEvent]:
        """The events of completions that this run wrote."""
        return [event for event in self.events if f"{origin(event)} {event.subject}" in self.completed]

    @property
    def verdicts(self) -> list[QualityEvaluated]:
        """The verdicts announced, first to last."""
        return [event.data for event in self.events if isinstance(event.data, QualityEvaluated)]


def origin(event: CloudEvent) -> str:
    """Return the stage that announces an event, `run` for the request of a run."""
    return event.source.rsplit("/", 1)[-1]


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
    on_event: Callable[[CloudEvent], None] = lambda _event: None,
) -> Outcome:
    """Run a pipeline to the end of its news.

    Whatever an earlier run left undone is finished first, by the same chain of events: each stage announces its last
    completion again, and the next one finds out what it has not answered yet.

    Raises:
        PodiumError: a stage failed; what was completed before it stays.
    """
    outcome = Outcome()
    bus = InMemoryBus()

    def reached(point: str) -> None:
        if point.startswith("after") and point.endswith("completion"):
            outcome.completed.add(point.removeprefix("after ").removesuffix(" completion"))
        lakehouse.reached(point)

    watched = Lakehouse(lakehouse.uri, reached)

    def host(stage: Stage) -> Callable[[CloudEvent], list[CloudEvent]]:
        def handle(event: CloudEvent) -> list[CloudEvent]:
            answers = stage(event, pipeline, watched)
            for answer in answers:
                with lakehouse.step(f"{origin(answer)} {answer.subject} event"):
                    outcome.events.append(answer)
            return answers

        return handle

    bus.listen(on_event)
    bus.subscribe({RUN_REQUESTED}, host(ingest))
    bus.subscribe({LAYER_COMPLETED}, host(_on_layer))
    bus.subscribe({QUALITY_EVALUATED}, host(_on_verdict))
    bus.publish(requested)
    bus.drain()
    return outcome


def _on_layer(event: CloudEvent, pipeline: Pipeline, lakehouse: Lakehouse) -> list[CloudEvent]:
    assert isinstance(event.data, LayerCompleted)
    stage: Stage = cleanse if event.data.layer == Layer.BRONZE else quality
    return stage(event, pipeline, lakehouse)


def _on_verdict(event: CloudEvent, pipeline: Pipeline, lakehouse: Lakehouse) -> list[CloudEvent]:
    assert isinstance(event.data, QualityEvaluated)
    if event.data.layer == Layer.GOLD:
        return publish(event, pipeline, lakehouse)
    return [*cleanse(event, pipeline, lakehouse), *model(event, pipeline, lakehouse)]
