"""Measures: what is measured of the changes adds up to what is measured of the whole table."""

import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st
from podium_lakehouse.delta.tables import CHANGE_FEED, Snapshot, ensure
from podium_lakehouse.engines.changes import offer_signed
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine
from podium_lakehouse.expressions.dialects import DUCKDB
from podium_quality.measures import BATCH, NEVER, Measured, Measures, add
from podium_quality.metrics import metrics

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("town", pa.string()),
        ("town_key", pa.int64()),
        ("quality_score", pa.decimal128(4, 1)),
        ("quality_tier", pa.string()),
    ]
)
MEASURED = Measured(complete=("id", "town"), unique=("id", "town"), keys=("town_key",), scored=True)

Row = dict[str, object]

rows = st.fixed_dictionaries(
    {
        "id": st.sampled_from("abcdef"),
        "town": st.sampled_from(["Bath", "Wells", None]),
        "town_key": st.sampled_from([-1, 7]),
        "quality_score": st.sampled_from([Decimal("100.0"), Decimal("62.5")]),
        "quality_tier": st.sampled_from(["HIGH", "LOW"]),
    }
)
commits = st.tuples(
    st.sampled_from(["append", "merge", "delete"]),
    st.lists(rows, min_size=1, max_size=4, unique_by=lambda row: str(row["id"])),
)


def commit(table: DeltaTable, kind: str, changed: list[Row]) -> None:
    """Change a table: append rows (their ids may be there already), merge them by id, or delete their ids."""
    batch = pa.Table.from_pylist(changed, schema=SCHEMA)
    merger = table.merge(batch, "FALSE" if kind == "append" else "t.id = s.id", "s", "t")
    if kind == "delete":
        merger.when_matched_delete().execute()
    else:
        merger.when_matched_update_all().when_not_matched_insert_all().execute()


def measure(engine: DuckDbEngine, uri: str, version: int, since: int) -> dict[str, object]:
    """Measure what changed after a version, all rows where it is negative."""
    offer_signed(engine, "changes", Snapshot(uri, version), since)
    engine.offer_table("judged", Snapshot(uri, version))
    query = MEASURED.query("changes", "judged" if since >= 0 else None, DUCKDB)
    (row,) = engine.connection.sql(query).to_arrow_table().to_pylist()
    return {name: value for name, value in row.items() if not name.startswith(BATCH)}


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(commits, min_size=1, max_size=2), min_size=1, max_size=3))
def test_changes_add_up_to_the_whole(steps: list[list[tuple[str, list[Row]]]]) -> None:
    """After any appends, merges and deletes, the sum of what each step changed equals a measurement from scratch."""
    with tempfile.TemporaryDirectory() as folder, duckdb_engine() as engine:
        uri = str(Path(folder) / "sales")
        ensure(uri, SCHEMA, CHANGE_FEED)
        known: Measures = add({}, measure(engine, uri, 0, -1))
        seen = 0
        for step in steps:
            for kind, changed in step:
                commit(DeltaTable(uri), kind, changed)
            version = DeltaTable(uri).version()
            known = add(known, measure(engine, uri, version, seen))
            assert known == add({}, measure(engine, uri, version, -1))
            seen = version


def test_a_value_counts_once_however_often_it_comes(tmp_path: Path) -> None:
    """A town that was there before is no new value, neither by a new row nor by a corrected one."""
    uri = str(tmp_path / "sales")
    row: Row = {"id": "a", "town": "Bath", "town_key": 7, "quality_score": None, "quality_tier": None}
    commit(ensure(uri, SCHEMA, CHANGE_FEED), "append", [row, {**row, "id": "b", "town": "Wells"}])
    with duckdb_engine() as engine:
        first = add({}, measure(engine, uri, 1, -1))
        commit(DeltaTable(uri), "merge", [{**row, "id": "b"}, {**row, "id": "c"}])
        second = add(first, measure(engine, uri, 2, 1))
    assert (first["distinct.town"], second["distinct.town"]) == (2, 1)
    assert metrics(second)["town_uniqueness"] == Decimal("33.33")


def test_the_query_has_a_column_for_every_measure(tmp_path: Path) -> None:
    """What a table is said to be measured by is what the query returns."""
    uri = str(tmp_path / "sales")
    ensure(uri, SCHEMA)
    with duckdb_engine() as engine:
        assert list(measure(engine, uri, 0, -1)) == [*MEASURED.names]


def test_the_rows_that_came_are_measured_by_themselves(tmp_path: Path) -> None:
    """Beside the table as it is, the same query tells of new and corrected rows: two rows came, one of them without a town."""
    uri = str(tmp_path / "sales")
    row: Row = {
        "id": "a",
        "town": "Bath",
        "town_key": 7,
        "quality_score": Decimal(90),
        "quality_tier": "HIGH",
    }
    commit(ensure(uri, SCHEMA, CHANGE_FEED), "append", [row, {**row, "id": "b"}])
    commit(
        DeltaTable(uri),
        "merge",
        [{**row, "id": "b", "town": None}, {**row, "id": "c", "quality_tier": "LOW"}],
    )
    with duckdb_engine() as engine:
        offer_signed(engine, "changes", Snapshot(uri, 2), 1)
        engine.offer_table("judged", Snapshot(uri, 2))
        (found,) = engine.records(MEASURED.query("changes", "judged", DUCKDB))
        (alone,) = engine.records(MEASURED.batch_query("changes", DUCKDB))
    assert (found["rows"], found["null.town"]) == (1, 1)
    assert (found["batch.rows"], found["batch.null.town"], found["batch.tier.LOW"]) == (2, 1, 1)
    assert alone == {name: value for name, value in found.items() if name.startswith(BATCH)}


@pytest.mark.parametrize(
    ("rows_in_all", "distinct", "shown"),
    [
        (1_000_000, 1_000_000, "100.00"),
        (1_000_000, 999_999, "99.99"),
        (1_000_000, 1, "0.01"),
        (1_000_000, 0, "0.00"),
        (3, 2, "66.67"),
        (8, 1, "12.50"),
        (80_000, 10_004, "12.51"),
    ],
    ids=["all", "one short of all", "one", "none", "up", "even", "half up"],
)
def test_metrics_are_rounded_to_two_places(rows_in_all: int, distinct: int, shown: str) -> None:
    """Metrics are rounded half up; one duplicate in a million rows is not shown, or judged, as 100 %."""
    found = metrics({"rows": Decimal(rows_in_all), "distinct.id": Decimal(distinct)})
    assert found == {"total_records": Decimal(rows_in_all), "id_uniqueness": Decimal(shown)}


def test_measures_become_the_metrics_that_thresholds_name() -> None:
    """Completeness, known members, tiers and the average score come from counts and sums."""
    counted = {"rows": 8, "null.town": 2, "unknown.town_key": 1, "tier.HIGH": 4, "quality_score.sum": 700}
    assert metrics({name: Decimal(value) for name, value in counted.items()}) == {
        "total_records": Decimal(8),
        "town_completeness": Decimal("75.00"),
        "town_key_known_percentage": Decimal("87.50"),
        "quality_high_percentage": Decimal("50.00"),
        "average_quality_score": Decimal("87.50"),
    }


def test_metrics_of_other_tables_of_time_and_of_rules() -> None:
    """Consistency is of rows with a value; the age of the newest row in hours; validity of the rows that rules were held against."""
    counted = {"rows": 8, "null.customer": 2, "found.customer": 3, "newest.sold": 0, "newest.seen": NEVER}
    counted |= {"evaluated": 1000, "refused": 5, "broken.price": 4}
    found = metrics(
        {name: Decimal(value) for name, value in counted.items()}, datetime(1970, 1, 1, 13, 30, tzinfo=UTC)
    )
    assert found == {
        "total_records": Decimal(8),
        "customer_completeness": Decimal("75.00"),
        "customer_consistency": Decimal("50.00"),
        "sold_lag_hours": Decimal("13.50"),
        "validation_success_percentage": Decimal("99.50"),
        "price_validity": Decimal("99.60"),
    }


def test_a_table_without_rows_has_only_its_count() -> None:
    """No percentage is made of nothing."""
    assert metrics({"rows": Decimal(0), "null.town": Decimal(0)}) == {"total_records": Decimal(0)}
