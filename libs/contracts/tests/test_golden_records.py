"""Records that consumers have seen: the codec writes them byte for byte, and reads them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from podium_contracts.events import DATA_TYPES, EventData, KafkaRecord, decode, encode, envelope
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
    StageFailed,
    Stock,
    TableVersion,
    Timings,
)
from podium_contracts.names import Stage

GOLDEN = Path(__file__).parent / "golden"
REQUESTED = datetime(2026, 11, 3, 7, 45, 0, 120_000, tzinfo=UTC)
RUN = Run(
    pipeline="retail",
    id="retail-20261103-074500-5c0ffe",
    executor="job",
    requested_at=REQUESTED,
    datasets=("sales",),
    fingerprint="9f2c" * 16,
)
TIMINGS = Timings(requested_at=REQUESTED + timedelta(microseconds=1), seconds=12.5)
SILVER = TableVersion(
    name="silver.sales",
    uri="s3://lake/silver/sales",
    from_version=3,
    to_version=4,
    rows=525_461,
    schema_fingerprint="ab" * 32,
)
FACTS = TableVersion(name="gold.fact_sale", uri="s3://lake/gold/fact_sale", to_version=0, rows=518_000)
LEDGER = Ledger(
    flow=Flow(
        rows_in=100,
        inserted=60,
        updated=5,
        unchanged=4,
        deduplicated=10,
        late=1,
        quarantined=12,
        dropped={"customer_id": 6},
        deletes=2,
    ),
    stocks=(Stock(table="silver.sales", before=2**53, inserted=60, removed=2, after=2**53 + 58),),
    quarantine=QuarantineStock(opening=3, added=12, replayed=2, rejected=1, closing=12),
    control_totals=(ControlTotal(name="revenue", expected="10206.850", actual="10206.850"),),
)
EVENTS: dict[str, tuple[EventData, Stage | None]] = {
    "run.requested": (RunRequested(run=RUN), None),
    "layer.completed": (
        LayerCompleted(
            run=RUN,
            layer="silver",
            subject="sales",
            sequence=7,
            tables=(SILVER,),
            ledger=LEDGER,
            timings=TIMINGS,
            notes=("what whoever declared it should know",),
        ),
        Stage.CLEANSE,
    ),
    "quality.evaluated": (
        QualityEvaluated(
            run=RUN,
            layer="silver",
            subject="sales",
            sequence=7,
            tables=(SILVER,),
            verdict="warned",
            checks=(
                Check(
                    table="sales",
                    metric="country_completeness",
                    actual=98.25,
                    type="minimum",
                    threshold=99.0,
                    severity="WARNING",
                    message="98.25 is below 99",
                ),
                Check(table="sales", metric="total_records", actual=525461.0, passed=True),
            ),
            timings=TIMINGS,
        ),
        Stage.QUALITY,
    ),
    "published": (
        Published(
            run=RUN,
            destination="duckdb",
            uri="file:///srv/Übersicht.duckdb",
            sequence=7,
            tables=(FACTS,),
            timings=TIMINGS,
        ),
        Stage.PUBLISH,
    ),
    "stage.failed": (
        StageFailed(
            run=RUN, stage="model", subject="retail", reason="CommitConflict", message="…", transient=True
        ),
        Stage.MODEL,
    ),
}


def record_of(name: str) -> KafkaRecord:
    """Return the record that announces an event today."""
    data, stage = EVENTS[name]
    return encode(
        envelope(
            data,
            stage=stage,
            subject="retail" if stage in {None, Stage.MODEL} else "sales",
            sequence=7 if stage else 0,
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            causation=f"{RUN.id}/sales/6" if stage else "",
        )
    )


def golden(name: str) -> KafkaRecord:
    """Return the record that consumers have seen."""
    record = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    headers = tuple((name, text.encode()) for name, text in record["headers"])
    return KafkaRecord(record["topic"], record["key"].encode(), headers, record["value"].encode())


@pytest.mark.parametrize("name", EVENTS)
def test_the_codec_writes_the_golden_record(name: str) -> None:
    """Topic, key, headers in their order and value are the committed ones, byte for byte."""
    assert record_of(name) == golden(name)


@pytest.mark.parametrize("name", EVENTS)
def test_the_codec_reads_the_golden_record(name: str) -> None:
    """A record that was written before means what it meant."""
    record = golden(name)
    event = decode(record.headers, record.value)
    assert event.data == EVENTS[name][0]
    assert encode(event) == record


def test_every_event_type_has_a_golden_record() -> None:
    """None of the wire formats may drift unnoticed."""
    assert {f"dev.podium.{path.stem}.v1" for path in GOLDEN.glob("*.json")} == set(DATA_TYPES)
