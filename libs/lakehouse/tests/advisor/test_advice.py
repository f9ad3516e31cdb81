"""What a table's own data says, and where what is advised is declared."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from podium_lakehouse.advisor.advice import advise, profile_of
from podium_lakehouse.advisor.partitioning import Profile
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.records.queries import Query, Usage

DAYS = [-1, 20091201, 20091202, 20100301]


def table(folder: Path, **columns: list[object]) -> Snapshot:
    """Write a Delta table of one version."""
    write_deltalake(str(folder), pa.table(columns))
    return Snapshot(str(folder), 0)


def messages(snapshot: Snapshot, name: str, *filtered: str) -> list[str]:
    """Return what is advised after one query that filters by columns."""
    columns = tuple(f"{name}.{column}" for column in filtered)
    query = Query(
        time=datetime(2026, 11, 27, tzinfo=UTC),
        who="ada",
        reader="sql",
        engine="duckdb",
        tables={name: 0},
        rows=1,
        milliseconds=1,
        usage=Usage(filtered=columns),
    )
    return [finding.message for finding in advise(name, snapshot, [query]).findings]


@pytest.mark.parametrize(
    ("keys", "days"),
    [
        (DAYS, 91),
        ([-1], 0),
        ([None, 20091201], 1),
        ([10101, 99991231], 3_652_059),
    ],
)
def test_days_are_counted_from_the_first_to_the_last_that_is_known(
    tmp_path: Path, keys: list[object], days: int
) -> None:
    """The key of no day is none, and more days than rows are as they are."""
    snapshot = table(tmp_path / "fact", date_key=keys * 2)
    assert profile_of(snapshot, snapshot.open()) == Profile(date_range_days=days)


def test_a_dimension_has_neither_days_nor_countries(tmp_path: Path) -> None:
    """Each of its rows is one."""
    snapshot = table(tmp_path / "dim", date_key=DAYS, country_key=[1, 2, 3, 4])
    assert profile_of(snapshot, snapshot.open()) == Profile()


@pytest.mark.parametrize(
    ("column", "setting"),
    [
        ("sold_on", "`partition_by` in its model"),
        ("date_key", "`partition_by` in its model, over a column with the date itself"),
        ("country_key", "`cluster_by` in its model, as partitions are days or months"),
    ],
)
def test_an_advice_names_the_setting_that_serves_its_column(
    tmp_path: Path, column: str, setting: str
) -> None:
    """A model takes days and months for partitions, and the order of rows for all else."""
    snapshot = table(tmp_path / "fact", date_key=DAYS, country_key=[1] * 4, sold_on=[date(2026, 3, 2)] * 4)
    assert messages(snapshot, "gold.fact", column) == [f"partition gold.fact by {column}: {setting}"]


def test_what_has_no_model_is_advised_to_get_one(tmp_path: Path) -> None:
    """Bronze and Silver lie as Podium writes them."""
    said = messages(table(tmp_path / "sales", price=[1, 2]), "silver.sales", "price")
    assert said == ["partition silver.sales by price: in a Gold model that is made for these queries"]
