"""Events, records and tasks to make services of."""

from collections.abc import Callable
from datetime import UTC, datetime

from podium_contracts.events import CloudEvent, encode, envelope
from podium_contracts.events.cloudevents import EventData
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated, Run, RunRequested
from podium_contracts.names import Stage
from podium_runtime.kafka.records import Origin, Record
from podium_runtime.service.deliveries import Partition
from podium_runtime.service.lanes import Task

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def event(
    data: type[EventData] = RunRequested, pipeline: str = "shop", number: int = 1, **fields: str
) -> CloudEvent:
    """Return an event of a run that has its number."""
    run = Run(pipeline=pipeline, id=f"{pipeline}-{number}", requested_at=MOMENT)
    dataset = fields.get("subject", "sales")
    stage, subject = {
        RunRequested: (None, pipeline),
        LayerCompleted: (Stage.CLEANSE, f"silver.{dataset}"),
        QualityEvaluated: (Stage.QUALITY, f"silver.{dataset}"),
    }[data]
    known = {
        "layer": "silver",
        "subject": dataset,
        "verdict": "passed",
        **fields,
        "sequence": number,
        "run": run,
    }
    return envelope(
        data.model_validate({name: value for name, value in known.items() if name in data.model_fields}),
        stage=stage,
        subject=subject,
        sequence=number if stage else 0,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        causation="",
    )


def partition(
    capacity: int = 64,
    hold: Callable[[], object] = lambda: None,
    let_go: Callable[[], object] = lambda: None,
) -> Partition:
    """Return a partition of which nothing is taken."""
    return Partition(capacity, hold, let_go)


def task(
    given: CloudEvent, source: Partition | None = None, acknowledge: Callable[[], object] = lambda: None
) -> Task:
    """Return an event as a record brought it."""
    record = encode(given)
    read = Record(Origin(record.topic, 0, 7), record.key, record.value, record.headers)
    return Task(given, (source or partition()).take(read, acknowledge))
