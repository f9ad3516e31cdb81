"""Records that consumers have seen: the codec writes them byte for byte and reads them, and so does the CloudEvents SDK."""

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka
from cloudevents.core.formats.json import JSONFormat
from contract.golden import Golden, read_all
from podium_contracts.events import (
    DATA_TYPES,
    CloudEvent,
    EventData,
    MalformedEvent,
    decode,
    encode,
    envelope,
)
from podium_contracts.events.mapping import rfc3339
from podium_contracts.events.routing import failure
from podium_contracts.events.v1 import (
    Check,
    ControlTotal,
    Flow,
    LayerCompleted,
    Ledger,
    Published,
    QualityEvaluated,
    QuarantineStock,
    Run,
    RunRequested,
    Stock,
    TableVersion,
    Timings,
)
from podium_contracts.names import Stage

GOLDEN = read_all()
EVENTS = [golden for golden in GOLDEN.values() if golden.attributes is not None]
FOREIGN = [golden for golden in GOLDEN.values() if golden.attributes is None]

REQUESTED = datetime(2026, 11, 3, 7, 45, 0, 120_000, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
RUN = Run(
    pipeline="retail",
    id="retail-20261103-074500-5c0ffe",
    executor="job",
    requested_at=REQUESTED,
    datasets=("sales",),
    fingerprint="9f2c" * 16,
)
TIMINGS = Timings(requested_at=REQUESTED, seconds=12.5)
BRONZE = TableVersion(
    name="bronze.sales",
    uri="s3://lake/bronze/sales",
    to_version=0,
    rows=100,
    schema_fingerprint="cd" * 32,
)
SILVER = TableVersion(
    name="silver.sales",
    uri="s3://lake/silver/sales",
    from_version=3,
    to_version=4,
    rows=525_461,
    schema_fingerprint="ab" * 32,
)
QUARANTINE = TableVersion(
    name="quarantine.sales",
    uri="s3://lake/quarantine/sales",
    from_version=0,
    to_version=1,
    rows=12,
    schema_fingerprint="ef" * 32,
)
FACTS = TableVersion(
    name="gold.fact_sale",
    uri="s3://lake/gold/fact_sale",
    from_version=1,
    to_version=2,
    rows=518_593,
    schema_fingerprint="01" * 32,
)
SUMMARY = TableVersion(
    name="gold.agg_daily_sales_summary",
    uri="s3://lake/gold/agg_daily_sales_summary",
    from_version=1,
    to_version=2,
    rows=1_571,
    schema_fingerprint="23" * 32,
)


def announced(
    data: EventData, stage: Stage | None, subject: str, sequence: int = 0, causation: str = ""
) -> CloudEvent:
    """Return the event that announces such data of the run."""
    return envelope(
        data, stage=stage, subject=subject, sequence=sequence, traceparent=TRACE, causation=causation
    )


def requested(at: datetime = REQUESTED, executor: str = "job") -> CloudEvent:
    """Return the request of the run at a time."""
    run = RUN.model_copy(update={"requested_at": at, "executor": executor})
    return announced(RunRequested(run=run), None, "retail")


def judged(verdict: str, sequence: int, *checks: Check, layer: str = "silver") -> CloudEvent:
    """Return a verdict."""
    gold = layer == "gold"
    data = QualityEvaluated(
        run=RUN,
        layer=layer,
        subject="retail" if gold else "sales",
        sequence=sequence,
        tables=(FACTS, SUMMARY) if gold else (SILVER,),
        verdict=verdict,
        checks=checks,
        timings=TIMINGS,
    )
    subject = "gold" if gold else "silver.sales"
    return announced(data, Stage.QUALITY, subject, sequence, f"{RUN.id}/{subject}/{sequence}")


def check(metric: str, actual: float, threshold: float | None = None, severity: str = "") -> Check:
    """Return a metric that keeps a minimum, or breaches it."""
    passed = threshold is None or actual >= threshold
    return Check(
        table="silver.sales",
        metric=metric,
        actual=actual,
        type="" if threshold is None else "minimum",
        threshold=threshold,
        severity=severity,
        passed=passed,
        message="" if passed else f"{metric} ({actual}) below threshold ({threshold})",
    )


def bronze() -> CloudEvent:
    """Return the first completion of Bronze."""
    ledger = Ledger(
        flow=Flow(rows_in=100, inserted=100),
        stocks=(Stock(table="bronze.sales", inserted=100, after=100),),
    )
    data = LayerCompleted(
        run=RUN,
        layer="bronze",
        subject="sales",
        sequence=1,
        tables=(BRONZE,),
        ledger=ledger,
        timings=TIMINGS,
    )
    return announced(data, Stage.INGEST, "bronze.sales", 1, RUN.id)


def silver() -> CloudEvent:
    """Return a completion of Silver in which rows went every way there is."""
    ledger = Ledger(
        flow=Flow(
            rows_in=100,
            inserted=60,
            updated=5,
            unchanged=4,
            deduplicated=10,
            late=1,
            quarantined=12,
            dropped={"nulls.customer_id": 6},
            deletes=2,
        ),
        stocks=(Stock(table="silver.sales", before=525_403, inserted=60, removed=2, after=525_461),),
        quarantine=QuarantineStock(opening=3, added=12, replayed=2, rejected=1, closing=12),
    )
    data = LayerCompleted(
        run=RUN,
        layer="silver",
        subject="sales",
        sequence=9,
        tables=(SILVER, QUARANTINE),
        ledger=ledger,
        timings=TIMINGS,
    )
    return announced(data, Stage.CLEANSE, "silver.sales", 7, f"{RUN.id}/bronze.sales/7")


def gold(**changed: object) -> CloudEvent:
    """Return a completion of Gold."""
    ledger = Ledger(
        stocks=(
            Stock(table="gold.fact_sale", before=518_535, inserted=65, removed=7, after=518_593),
            Stock(table="gold.agg_daily_sales_summary", before=1_570, inserted=3, removed=2, after=1_571),
        ),
        control_totals=(ControlTotal(name="revenue", expected="10206.850", actual="10206.850"),),
    )
    data = LayerCompleted(
        run=RUN,
        layer="gold",
        subject="retail",
        sequence=3,
        tables=(FACTS, SUMMARY),
        ledger=ledger,
        timings=TIMINGS,
        notes=("gold.fact_sale: not partitioned, as it is small",),
    )
    data = data.model_copy(update=changed)
    return announced(data, Stage.MODEL, "gold", 3, f"{RUN.id}/silver.sales/7")


def published(uri: str) -> CloudEvent:
    """Return a publication at some place."""
    data = Published(
        run=RUN,
        destination="duckdb",
        uri=uri,
        sequence=2,
        tables=(FACTS, SUMMARY),
        timings=TIMINGS,
    )
    return announced(data, Stage.PUBLISH, "duckdb", 2, f"{RUN.id}/gold/3")


def large() -> CloudEvent:
    """Return a completion with numbers that a double cannot hold."""
    table = FACTS.model_copy(update={"to_version": 2**53 + 1, "rows": 2**63 - 1, "from_version": 0})
    stock = Stock(table="gold.fact_sale", before=2**53, inserted=1, removed=0, after=2**53 + 1)
    return gold(tables=(table,), ledger=Ledger(stocks=(stock,)), notes=())


WRITTEN: dict[str, CloudEvent] = {
    "run-requested": requested(),
    "run-requested-whole-second": requested(REQUESTED.replace(microsecond=0), "resident"),
    "run-requested-microseconds": requested(REQUESTED + timedelta(microseconds=1)),
    "layer-completed-bronze": bronze(),
    "layer-completed-silver": silver(),
    "layer-completed-gold": gold(),
    "layer-completed-large-numbers": large(),
    "quality-evaluated-passed": judged("passed", 8, check("total_records", 525_461.0)),
    "quality-evaluated-warned": judged(
        "warned", 7, check("country_completeness", 98.25, 99.0, "WARNING"), check("total_records", 525_461.0)
    ),
    "quality-evaluated-failed": judged(
        "failed", 3, check("revenue_total", -0.5, 0.0, "CRITICAL"), layer="gold"
    ),
    "quality-evaluated-not-a-number": judged(
        "passed", 9, check("price_mean", float("nan")), check("price_max", float("inf"))
    ),
    "published": published("s3://served/retail.duckdb"),
    "published-any-text": published('file:///srv/Übersicht "Ⅳ"/\t数据 😀.duckdb'),
    "stage-failed": failure(
        silver(), Stage.QUALITY, reason="CommitConflict", message="another writer was faster", transient=True
    ),
}


def named(golden: Golden) -> str:
    """Return a record's name, to show in the name of a test."""
    return golden.name


@pytest.mark.parametrize("name", WRITTEN)
def test_the_codec_writes_the_golden_record(name: str) -> None:
    """Key, headers in their order and value are the committed ones, byte for byte."""
    assert encode(WRITTEN[name]) == GOLDEN[name].record()


@pytest.mark.parametrize("golden", EVENTS, ids=named)
def test_the_codec_reads_the_golden_record(golden: Golden) -> None:
    """A record that was written before, or by others, means what its file says."""
    event = golden.event()
    said = {name: value for name, value in event if name != "data" and value}
    assert {**said, "time": rfc3339(event.time), "specversion": "1.0"} == golden.attributes
    assert json.loads(event.data.to_json()) == golden.data


@pytest.mark.parametrize("golden", FOREIGN, ids=named)
def test_a_foreign_record_is_no_event(golden: Golden) -> None:
    """Whatever else stands in the topic is refused, so that a consumer can skip it."""
    record = golden.record()
    with pytest.raises(MalformedEvent):
        decode(record.headers, record.value)


@pytest.mark.parametrize("golden", EVENTS, ids=named)
def test_the_cloudevents_sdk_reads_the_golden_record(golden: Golden) -> None:
    """An independent implementation finds the attributes that the file tells, and the data; it cannot stand headers of others."""
    assert golden.attributes is not None
    headers = {
        name: b64decode(raw)
        for name, raw in golden.headers
        if raw and (name.startswith("ce_") or name == "content-type")
    }
    record = golden.record()
    read = from_kafka(KafkaMessage(headers=headers, key=record.key, value=record.value), JSONFormat())
    found = read.get_attributes()
    moment = found.pop("time")
    assert isinstance(moment, datetime)
    assert {**found, "time": rfc3339(moment)}.items() >= golden.attributes.items()
    if golden.written:
        assert read.get_data() == golden.data


def test_what_is_said_to_be_written_is_written() -> None:
    """Every record that Podium is said to write is one that these tests make; the others are those that it only reads."""
    assert {golden.name for golden in GOLDEN.values() if golden.written} == set(WRITTEN)


def test_every_event_type_has_a_golden_record() -> None:
    """None of the wire formats may drift unnoticed."""
    assert {golden.type for golden in EVENTS if golden.written} == set(DATA_TYPES)
