"""The records of quality metrics come back as they were put, once."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from podium_contracts.events.v1 import Run
from podium_contracts.names import Stage
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Intent, Scope

SCOPE = Scope(pipeline="shop", stage=Stage.QUALITY, subject="silver.sales")


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    """Return an empty lakehouse."""
    return Lakehouse(str(tmp_path / "lake"))


def intent(sequence: int) -> Intent:
    """Return an intent of the quality stage."""
    run = Run(pipeline="shop", id=f"run-{sequence}", requested_at=datetime(2026, 1, sequence, tzinfo=UTC))
    return Intent(scope=SCOPE, sequence=sequence, run=run, traceparent="t", fingerprint="f")


def test_metrics_come_back_by_table_and_exactly(lakehouse: Lakehouse) -> None:
    """Counts and sums of a verdict, to four digits after the point, apart from those of other verdicts."""
    measures: dict[tuple[str, int], dict[str, object]] = {
        ("silver.sales", 4): {"rows": Decimal(3), "score_sum": Decimal("285.5000")},
        ("silver.other", 2): {"rows": Decimal("12345678901234567890123456789012.5")},
    }
    lakehouse.metrics.put(intent(1), measures)
    lakehouse.metrics.put(intent(2), {("silver.sales", 5): {"rows": Decimal(9)}})
    assert lakehouse.metrics.read(SCOPE, 1) == {name: values for (name, _), values in measures.items()}
    assert lakehouse.metrics.read(SCOPE, 2) == {"silver.sales": {"rows": Decimal(9)}}


def test_metrics_are_put_once(lakehouse: Lakehouse) -> None:
    """The first try of a verdict counts."""
    lakehouse.metrics.put(intent(1), {("silver.sales", 4): {"rows": Decimal(3)}})
    lakehouse.metrics.put(intent(1), {("silver.sales", 4): {"rows": Decimal(4)}})
    assert lakehouse.metrics.read(SCOPE, 1) == {"silver.sales": {"rows": Decimal(3)}}


def test_there_are_no_metrics_without_a_verdict(lakehouse: Lakehouse) -> None:
    """A scope that was never judged has none."""
    assert lakehouse.metrics.read(SCOPE, 1) == {}
