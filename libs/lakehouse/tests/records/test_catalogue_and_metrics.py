"""The records of columns and of quality metrics come back as they were put, once."""

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


def test_the_catalogue_is_empty_before_the_first_ingestion(lakehouse: Lakehouse) -> None:
    """Asking makes no table."""
    assert lakehouse.catalogue.source_names("bronze", "sales") == {}
    assert not (Path(lakehouse.uri) / "_podium").exists()


def test_the_catalogue_keeps_source_names_in_order(lakehouse: Lakehouse) -> None:
    """Stored names map to the names that the source used, in the source's order, for this dataset only."""
    names = {"Customer_ID": "Customer ID", "b": "b", "a": "a"}
    lakehouse.catalogue.put("bronze", "sales", 1, names)
    lakehouse.catalogue.put("bronze", "other", 1, {"z": "z"})
    assert list(lakehouse.catalogue.source_names("bronze", "sales").items()) == list(names.items())


def test_later_columns_come_after_and_later_names_replace(lakehouse: Lakehouse) -> None:
    """A source may grow, and call a column otherwise: the last record counts."""
    lakehouse.catalogue.put("bronze", "sales", 1, {"a_b": "a b", "c": "c"})
    lakehouse.catalogue.put("bronze", "sales", 3, {"a_b": "a,b", "c": "c", "d": "d"})
    assert lakehouse.catalogue.source_names("bronze", "sales") == {"a_b": "a,b", "c": "c", "d": "d"}


def test_a_catalogue_entry_is_put_once(lakehouse: Lakehouse) -> None:
    """A second try under the same number changes nothing."""
    lakehouse.catalogue.put("bronze", "sales", 1, {"a": "a"})
    lakehouse.catalogue.put("bronze", "sales", 1, {"b": "b"})
    assert lakehouse.catalogue.source_names("bronze", "sales") == {"a": "a"}


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
