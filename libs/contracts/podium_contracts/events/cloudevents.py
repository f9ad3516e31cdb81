"""CloudEvents 1.0 and their Kafka binary mode: attributes travel as `ce_` headers, the data is the record's value.

The key is the pipeline's name (the `partitionkey` extension), so that a pipeline's events stay in order. The data is JSON,
the protobuf mapping of `proto/podium/events/v1`. See the CloudEvents Kafka protocol binding, section 3.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, StringConstraints, ValidationError

from podium_contracts.errors import MalformedEvent
from podium_contracts.events import v1
from podium_contracts.events.mapping import Message, rfc3339
from podium_contracts.model import Model
from podium_contracts.names import Stage

TOPIC = "podium.events.v1"
DATA_CONTENT_TYPE = "application/json"

EventData = v1.RunRequested | v1.LayerCompleted | v1.QualityEvaluated | v1.Published | v1.StageFailed

DATA_TYPES: dict[str, type[Message]] = {
    "dev.podium.run.requested.v1": v1.RunRequested,
    "dev.podium.layer.completed.v1": v1.LayerCompleted,
    "dev.podium.quality.evaluated.v1": v1.QualityEvaluated,
    "dev.podium.published.v1": v1.Published,
    "dev.podium.stage.failed.v1": v1.StageFailed,
}
_TYPE_OF = {data: name for name, data in DATA_TYPES.items()}

Header = tuple[str, bytes | None]
Attribute = Annotated[str, StringConstraints(min_length=1)]


class CloudEvent(Model):
    """One event. `(source, id)` identifies it: the same event announced twice has the same pair."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: Attribute
    """Unique within its source; what it is made of may change."""
    source: Attribute
    """Who announces it: `/podium/PIPELINE/STAGE`, with `run` as the stage of a request."""
    type: Attribute
    """Which event it is; it says which message the data is."""
    subject: Attribute
    """What it is about: `bronze.sales`, `silver.sales`, `gold`, a destination as `duckdb`, or the pipeline whose run is requested."""
    time: AwareDatetime
    """When the run was requested: every event of a run has the same."""
    traceparent: Attribute
    """The run's trace (W3C Trace Context)."""
    correlationid: Attribute
    """The run's id."""
    causationid: str
    """The id of the event that this one answers; not there for the first of a run."""
    sequence: Attribute
    """The place among the completions of this source and subject: 1, 2, 3 … without gaps, zero-padded so that it sorts as text; 0 for
    an event that is no completion. The first one announced may be any."""
    partitionkey: Attribute
    """The pipeline's name."""
    data: EventData
    """What happened: the record's value."""

    @property
    def run(self) -> v1.Run:
        """The run that the event belongs to.

        Raises:
            MalformedEvent: the data names no run.
        """
        if self.data.run is None:
            raise MalformedEvent(f"event {self.id} names no run")
        return self.data.run

    @property
    def number(self) -> int:
        """The number of the intent that the event completes, 0 for one that is no completion."""
        return 0 if isinstance(self.data, v1.RunRequested | v1.StageFailed) else self.data.sequence


@dataclass(frozen=True)
class KafkaRecord:
    """A record as Kafka carries it; a value of None is a tombstone."""

    topic: str
    key: bytes | None
    headers: tuple[Header, ...]
    value: bytes | None


def envelope(
    data: EventData, *, stage: Stage | None, subject: str, sequence: int, traceparent: str, causation: str
) -> CloudEvent:
    """Return the event that announces `data`; everything in it comes from the arguments, nothing from a clock.

    `stage` is None for the request of a run, whose id is the run's own. `sequence` is 0 for a failure, which has its id from the event
    that the stage could not answer: a stage may fail on several events of a run and subject.
    """
    if data.run is None or data.run.requested_at is None:
        raise MalformedEvent(f"a {type(data).__name__} without its run")
    identity = f"{data.run.id}/{subject}/{sequence}" if sequence else f"{causation}/failed"
    return CloudEvent(
        id=identity if stage else data.run.id,
        source=f"/podium/{data.run.pipeline}/{stage or 'run'}",
        type=_TYPE_OF[type(data)],
        subject=subject,
        time=data.run.requested_at,
        traceparent=traceparent,
        correlationid=data.run.id,
        causationid=causation,
        sequence=f"{sequence:012d}",
        partitionkey=data.run.pipeline,
        data=data,
    )


def encode(event: CloudEvent) -> KafkaRecord:
    """Return the event in Kafka binary mode."""
    attributes = {
        "specversion": "1.0",
        **{name: getattr(event, name) for name in CloudEvent.model_fields if name not in {"time", "data"}},
        "time": rfc3339(event.time),
    }
    headers: list[Header] = [("content-type", DATA_CONTENT_TYPE.encode())]
    headers += [(f"ce_{name}", value.encode()) for name, value in attributes.items() if value]
    headers.append(("traceparent", event.traceparent.encode()))
    return KafkaRecord(TOPIC, event.partitionkey.encode(), tuple(headers), event.data.to_json())


def decode(headers: Sequence[Header], value: bytes | None) -> CloudEvent:
    """Return the event that a record carries; headers that are not CloudEvents attributes are ignored.

    Raises:
        MalformedEvent: another content type than JSON, a missing attribute, an unknown type, or data that does not fit
            the schema.
    """
    content_type = dict(headers).get("content-type") or DATA_CONTENT_TYPE.encode()
    if content_type.partition(b";")[0].strip().lower() != DATA_CONTENT_TYPE.encode():
        raise MalformedEvent(f"the content type is {content_type!r}, not {DATA_CONTENT_TYPE}")
    attributes = _attributes(headers)
    if attributes.pop("specversion", None) != "1.0":
        raise MalformedEvent("no header ce_specversion with value 1.0: not a CloudEvent in binary mode")
    data_type = DATA_TYPES.get(attributes.get("type", ""))
    if data_type is None:
        raise MalformedEvent(f"unknown event type {attributes.get('type')!r}")
    known = {name: text for name, text in attributes.items() if name in CloudEvent.model_fields}
    known.setdefault("causationid", "")
    try:
        return CloudEvent.model_validate({**known, "data": data_type.model_validate_json(value or b"")})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise MalformedEvent(f"{data_type.__name__}: {place or 'data'}: {first['msg']}") from error


def _attributes(headers: Sequence[Header]) -> dict[str, str]:
    """Return the CloudEvents attributes among a record's headers; a header without a value is none."""
    attributes: dict[str, str] = {}
    for name, raw in headers:
        if raw is None or not name.startswith("ce_"):
            continue
        try:
            attributes[name.removeprefix("ce_")] = raw.decode()
        except UnicodeDecodeError as error:
            raise MalformedEvent(f"header {name} is not UTF-8") from error
    return attributes
