"""Events on Kafka: our codec, held against the CloudEvents SDK and protobuf's own JSON."""

import json
from datetime import UTC, datetime, timedelta, timezone
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka
from cloudevents.core.formats.json import JSONFormat
from contract.schema import describe, messages
from google.protobuf import json_format, timestamp_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message as ProtobufMessage
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st
from podium_contracts.errors import TerminalError
from podium_contracts.events import (
    DATA_TYPES,
    TOPIC,
    CloudEvent,
    EventData,
    MalformedEvent,
    decode,
    encode,
    envelope,
)
from podium_contracts.events.mapping import Message
from podium_contracts.events.routing import failure
from podium_contracts.events.v1 import (
    Check,
    LayerCompleted,
    QualityEvaluated,
    Run,
    RunRequested,
    StageFailed,
    TableVersion,
    Timings,
)
from podium_contracts.names import Stage
from pydantic import AwareDatetime

INDIA, NEWFOUNDLAND = timezone(timedelta(hours=5.5)), timezone(-timedelta(hours=3.5))
MOMENT = datetime(2026, 11, 3, 7, 45, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
RUN = Run(pipeline="retail", id="run-1", requested_at=MOMENT)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
attributes = texts.filter(bool)
scalars = {
    str: texts,
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
    int: st.integers(-(2**63), 2**63 - 1),
    NoneType: st.none(),
    AwareDatetime: st.datetimes(timezones=st.sampled_from([UTC, INDIA, NEWFOUNDLAND])).filter(
        lambda moment: 1 < moment.year < 9999
    ),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for the values of a field's type."""
    if get_origin(kind) is Annotated:
        return values(get_args(kind)[0])
    if get_origin(kind) in {Union, UnionType}:
        return st.one_of([values(member) for member in get_args(kind)])
    if get_origin(kind) is tuple:
        return st.lists(values(get_args(kind)[0]), max_size=2).map(tuple)
    if get_origin(kind) is dict:
        return st.dictionaries(texts, values(get_args(kind)[1]), max_size=2)
    if issubclass(kind, Message):
        return st.builds(
            kind, **{name: values(field.annotation) for name, field in kind.model_fields.items()}
        )
    return scalars[kind]


def events(data: st.SearchStrategy[EventData]) -> st.SearchStrategy[CloudEvent]:
    """Return a strategy for events with such data."""
    words = {name: attributes for name in CloudEvent.model_fields if name not in {"type", "time", "data"}}
    return data.flatmap(
        lambda item: st.builds(
            CloudEvent,
            **{**words, "causationid": texts},
            type=st.just(type_of(item)),
            time=scalars[AwareDatetime],
            data=st.just(item),
        )
    )


def type_of(data: EventData) -> str:
    """Return the event type that carries such data."""
    return next(name for name, kind in DATA_TYPES.items() if kind is type(data))


any_data = st.one_of([values(kind) for kind in DATA_TYPES.values()])
any_event = events(any_data)


def requested() -> CloudEvent:
    """Return the request of a run."""
    return envelope(
        RunRequested(run=RUN), stage=None, subject="retail", sequence=0, traceparent=TRACE, causation=""
    )


def changed(event: CloudEvent, **headers: bytes | None) -> list[tuple[str, bytes | None]]:
    """Return an event's headers with some replaced, or left out where the value is None."""
    kept = [(name, raw) for name, raw in encode(event).headers if name not in headers]
    return [*kept, *((name, raw) for name, raw in headers.items() if raw is not None)]


@given(any_event)
def test_every_event_survives_its_bytes(event: CloudEvent) -> None:
    """What is encoded is decoded to the same event, whatever its type and content."""
    record = encode(event)
    assert decode(record.headers, record.value) == event
    assert record.key == event.partitionkey.encode()
    assert record.topic == TOPIC


def test_the_headers_are_those_of_the_kafka_binary_mode() -> None:
    """Each attribute is a `ce_` header, the trace is also a header of its own, and the data's type is `content-type`."""
    failed = StageFailed(run=RUN, stage="cleanse", subject="sales", reason="BadSource")
    event = envelope(
        failed, stage=Stage.CLEANSE, subject="sales", sequence=7, traceparent=TRACE, causation="run-1/sales/6"
    )
    assert dict(encode(event).headers) == {
        "content-type": b"application/json",
        "ce_specversion": b"1.0",
        "ce_id": b"run-1/sales/7",
        "ce_source": b"/podium/retail/cleanse",
        "ce_type": b"dev.podium.stage.failed.v1",
        "ce_subject": b"sales",
        "ce_time": b"2026-11-03T07:45:00Z",
        "ce_traceparent": TRACE.encode(),
        "ce_correlationid": b"run-1",
        "ce_causationid": b"run-1/sales/6",
        "ce_sequence": b"000000000007",
        "ce_partitionkey": b"retail",
        "traceparent": TRACE.encode(),
    }
    assert len(encode(event).headers) == 13


def test_the_request_of_a_run_has_the_runs_id_and_no_cause() -> None:
    """The first event of a run is identified by the run, and an attribute without a value is no header."""
    event = requested()
    assert (event.id, event.source, event.correlationid) == ("run-1", "/podium/retail/run", "run-1")
    assert "ce_causationid" not in dict(encode(event).headers)


def test_each_failure_has_an_id_of_its_own() -> None:
    """A stage may fail on several events of a run and subject; failing on the same one again is no news."""
    first, second = (
        envelope(
            LayerCompleted(run=RUN, layer="bronze", subject="sales", sequence=number),
            stage=Stage.INGEST,
            subject="bronze.sales",
            sequence=number,
            traceparent=TRACE,
            causation="run-1",
        )
        for number in (1, 2)
    )
    ids = [
        failure(event, Stage.CLEANSE, reason="OSError", message="", transient=True).id
        for event in (first, second, first)
    ]
    assert ids == [
        "run-1/bronze.sales/1/failed",
        "run-1/bronze.sales/2/failed",
        "run-1/bronze.sales/1/failed",
    ]


@pytest.mark.parametrize("run", [None, Run(pipeline="retail", id="run-1")], ids=["no run", "no time"])
def test_an_event_needs_its_run(run: Run | None) -> None:
    """The envelope takes everything from the run, so data without one cannot be announced."""
    with pytest.raises(MalformedEvent, match="a StageFailed without its run"):
        envelope(
            StageFailed(run=run),
            stage=Stage.MODEL,
            subject="retail",
            sequence=1,
            traceparent=TRACE,
            causation="",
        )


def test_an_event_that_names_no_run_says_so() -> None:
    """Asking such an event for its run is a mistake of the event, not a crash."""
    record = encode(requested())
    with pytest.raises(MalformedEvent, match="event run-1 names no run"):
        _ = decode(record.headers, b"{}").run


@pytest.mark.parametrize("name", ["id", "source", "traceparent", "partitionkey", "sequence"])
def test_an_attribute_may_not_be_empty(name: str) -> None:
    """CloudEvents has no empty attributes; such an event could be written but not read."""
    with pytest.raises(ValueError, match="at least 1 character"):
        CloudEvent.model_validate({**dict(requested()), name: ""})


def test_a_time_without_a_zone_is_refused() -> None:
    """A local time would mean another moment on another machine."""
    with pytest.raises(ValueError, match="timezone"):
        Run(requested_at=datetime(2026, 11, 3))  # noqa: DTZ001


def test_what_is_unknown_is_ignored() -> None:
    """Old consumers read new events: more headers, more attributes and more fields do not disturb them."""
    event = requested()
    record = encode(event)
    fields = {**json.loads(record.value), "later": [1], "run": {**json.loads(record.value)["run"], "more": 1}}
    headers: list[tuple[str, bytes | None]] = [
        *record.headers,
        ("ce_dataschema", b"https://example.org"),
        ("other", b"\xff\xfe"),
        ("ce_empty", None),
    ]
    assert decode(headers, json.dumps(fields).encode()) == event


@pytest.mark.parametrize(
    ("header", "raw", "message"),
    [
        ("ce_id", b"\xff", "header ce_id is not UTF-8"),
        ("ce_vendor", b"\xff", "header ce_vendor is not UTF-8"),
        ("ce_id", None, "RunRequested: id: Field required"),
        ("ce_partitionkey", b"", "RunRequested: partitionkey: String should have at least 1 character"),
        ("ce_time", b"yesterday", "RunRequested: time: "),
        ("ce_time", b"2026-11-03T07:45:00", "RunRequested: time: "),
        ("ce_specversion", None, "no header ce_specversion with value 1.0"),
        ("ce_specversion", b"0.3", "no header ce_specversion with value 1.0"),
        ("ce_type", None, "unknown event type None"),
        ("ce_type", b"dev.podium.unheard.of.v1", "unknown event type 'dev.podium.unheard.of.v1'"),
        ("content-type", b"application/cloudevents+json", "the content type is"),
        ("content-type", b"application/protobuf", "the content type is"),
    ],
)
def test_a_record_that_is_no_event_is_refused(header: str, raw: bytes | None, message: str) -> None:
    """The message names the header that is missing or wrong, and a retry would not help."""
    with pytest.raises(MalformedEvent) as refused:
        decode(changed(requested(), **{header: raw}), encode(requested()).value)
    assert str(refused.value).startswith(message)
    assert isinstance(refused.value, TerminalError)


@pytest.mark.parametrize("content_type", [None, b"application/json; charset=utf-8", b"Application/JSON"])
def test_json_may_be_announced_in_other_ways(content_type: bytes | None) -> None:
    """CloudEvents takes data without a content type for JSON, and a type may have parameters."""
    headers = changed(requested(), **{"content-type": content_type})
    assert decode(headers, encode(requested()).value) == requested()


@pytest.mark.parametrize(
    "value",
    [None, b"", b"null", b"[]", b"\xff", b'{"run"', b'{"run": []}', b'{"run": {"datasets": [null]}}'],
    ids=["tombstone", "empty", "null", "list", "not UTF-8", "cut off", "wrong type", "null in a list"],
)
def test_data_that_does_not_fit_the_schema_is_refused(value: bytes | None) -> None:
    """A record without data, or with other data than its type says, is no event."""
    with pytest.raises(MalformedEvent, match="RunRequested: "):
        decode(encode(requested()).headers, value)


@pytest.mark.parametrize("number", ["1.5", '"1.5"', '"9223372036854775808"', '"x"', "[]"])
def test_a_number_that_is_no_64_bit_integer_is_refused(number: str) -> None:
    """A row count is never rounded or wrapped to fit."""
    with pytest.raises(ValueError, match="sequence"):
        LayerCompleted.model_validate_json(f'{{"sequence": {number}}}')


def test_integers_are_read_as_text_or_number_and_null_is_absent() -> None:
    """Protobuf writes 64-bit integers as text, accepts numbers, and lets null stand for a field that is not set."""
    read = LayerCompleted.model_validate_json('{"sequence": 3, "layer": null, "tables": [{"rows": "12"}]}')
    assert read == LayerCompleted(sequence=3, tables=(TableVersion(rows=12),))


def test_the_json_is_protobufs() -> None:
    """Names in lowerCamelCase, 64-bit integers as text, times in RFC 3339, absent fields left out."""
    data = LayerCompleted(
        sequence=2, tables=(TableVersion(to_version=2**53 + 1),), timings=Timings(requested_at=MOMENT)
    )
    assert json.loads(data.to_json()) == {
        "layer": "",
        "subject": "",
        "sequence": "2",
        "tables": [
            {"name": "", "uri": "", "toVersion": "9007199254740993", "rows": "0", "schemaFingerprint": ""}
        ],
        "timings": {"requestedAt": "2026-11-03T07:45:00Z", "seconds": 0.0},
        "notes": [],
    }


@pytest.mark.parametrize(
    ("microsecond", "text"),
    [(0, "07:45:00Z"), (5000, "07:45:00.005Z"), (120, "07:45:00.000120Z")],
)
def test_a_second_has_0_3_or_6_digits(microsecond: int, text: str) -> None:
    """Times are written as protobuf writes them, so that records compare byte by byte."""
    moment = MOMENT.replace(microsecond=microsecond)
    assert f"2026-11-03T{text}".encode() in Timings(requested_at=moment).to_json()


# The second opinions.


@given(any_event)
def test_the_cloudevents_sdk_reads_the_same_event(event: CloudEvent) -> None:
    """An independent implementation finds the same attributes and data in our records."""
    record = encode(event)
    headers = {name: raw for name, raw in record.headers if name != "traceparent"}
    read = from_kafka(KafkaMessage(headers=headers, key=record.key, value=record.value), JSONFormat())
    expected = {name: value for name, value in event if name != "data" and value != ""}
    assert read.get_attributes() == {
        **expected,
        "specversion": "1.0",
        "datacontenttype": "application/json",
    }
    assert read.get_data() == json.loads(event.data.to_json())


@pytest.fixture(scope="session")
def schema() -> FileDescriptorProto:
    """The events' schema as protoc reads it."""
    return describe()


@pytest.fixture(scope="session")
def protobuf(schema: FileDescriptorProto) -> dict[str, type[ProtobufMessage]]:
    """Protobuf's own classes of the schema's messages, by name."""
    pool = DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    file = pool.AddSerializedFile(schema.SerializeToString())
    return {
        name: GetMessageClass(pool.FindMessageTypeByName(f"{schema.package}.{name}"))
        for name in file.message_types_by_name
    }


@given(data=any_data)
def test_protobuf_reads_our_json_and_we_read_its(
    protobuf: dict[str, type[ProtobufMessage]], data: EventData
) -> None:
    """Protobuf's parser takes our JSON without an unknown field, and what it writes means the same to us."""
    message = json_format.Parse(data.to_json(), protobuf[type(data).__name__]())
    again = type(data).model_validate_json(json_format.MessageToJson(message))
    assert again == data


@given(data=any_data)
def test_our_json_loses_nothing_that_protobuf_would_send(
    protobuf: dict[str, type[ProtobufMessage]], data: EventData
) -> None:
    """A message that went through our models is the same message to protobuf."""
    kind = protobuf[type(data).__name__]
    message = json_format.Parse(data.to_json(), kind())
    read = type(data).model_validate_json(
        json_format.MessageToJson(message, always_print_fields_with_no_presence=True)
    )
    assert json_format.Parse(read.to_json(), kind()) == message


@pytest.mark.parametrize("actual", ["NaN", "Infinity", "-Infinity"])
def test_a_metric_that_is_no_number_is_carried_as_protobuf_does(
    protobuf: dict[str, type[ProtobufMessage]], actual: str
) -> None:
    """JSON has no NaN and no infinity: both sides write them as text."""
    data = QualityEvaluated(checks=(Check(actual=float(actual)),))
    message = json_format.Parse(data.to_json(), protobuf["QualityEvaluated"]())
    assert json_format.MessageToDict(message)["checks"][0]["actual"] == actual
    assert str(QualityEvaluated.model_validate_json(data.to_json())) == str(data)


def test_every_event_type_is_a_message_of_the_schema(schema: FileDescriptorProto) -> None:
    """The schema's comments give each event its type, and the codec knows exactly those."""
    named = {message.event_type: message.name for message in messages(schema) if message.event_type}
    assert named == {name: kind.__name__ for name, kind in DATA_TYPES.items()}
