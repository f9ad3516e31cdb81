"""What a table's log says of a data file: bounds that hold for every value, never a wrong one."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given
from hypothesis import strategies as st
from podium_lakehouse.delta import parquet
from podium_lakehouse.delta.appends import append_files
from podium_lakehouse.delta.commits import TransactionId, commit_once
from podium_lakehouse.delta.parquet import data_files
from podium_lakehouse.delta.tables import ensure

LAST = "\U0010ffff"
MOMENT = pa.timestamp("us", tz="UTC")


def statistics(folder: Path, table: pa.Table) -> dict[str, Any]:
    """Return what Podium's commit would say of a file with these rows."""
    folder.mkdir(exist_ok=True)
    pq.write_table(table, folder / "one.parquet", row_group_size=2)
    found: dict[str, Any] = json.loads(data_files(str(folder), str(folder))[0].action.stats)
    return found


def bounds(folder: Path, values: Sequence[object], kind: pa.DataType) -> tuple[Any, Any, int]:
    """Return minimum, maximum and null count of a column; None where a bound is left out."""
    found = statistics(folder, pa.table({"x": pa.array(values, kind)}))
    return found["minValues"].get("x"), found["maxValues"].get("x"), found["nullCount"]["x"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        pytest.param([3, -5, None, 7, 0], pa.int32(), id="integer"),
        pytest.param([2**62, -(2**62), None], pa.int64(), id="bigint"),
        pytest.param([date(101, 1, 1), None, date(9999, 12, 31)], pa.date32(), id="date"),
        pytest.param([Decimal("1.23"), Decimal("-0.01"), None], pa.decimal128(12, 2), id="decimal"),
        pytest.param(["b", "", None, "é", "😀"], pa.string(), id="text"),
        pytest.param(["x\0y", 'quo"te', "back\\slash"], pa.string(), id="text that JSON escapes"),
        pytest.param([None, None], pa.string(), id="all null"),
        pytest.param([datetime(2026, 1, 2, 3, 4, 5, 6000, UTC), None], MOMENT, id="timestamp"),
        pytest.param([datetime(101, 1, 2, 3, 4, 5, 6000, UTC)], MOMENT, id="timestamp of an early year"),
    ],
)
def test_statistics_equal_those_of_delta_rs(tmp_path: Path, values: list[object], kind: pa.DataType) -> None:
    """For what a JSON value holds exactly, the log says the same whoever wrote the file."""
    table = pa.table({"x": pa.array(values, kind)})
    write_deltalake(str(tmp_path / "theirs"), table)
    log = (tmp_path / "theirs" / "_delta_log" / f"{0:020d}.json").read_text().splitlines()
    theirs = next(json.loads(json.loads(line)["add"]["stats"]) for line in log if "add" in json.loads(line))
    assert statistics(tmp_path / "ours", table) == theirs


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        pytest.param([True, False, None], pa.bool_(), id="boolean"),
        pytest.param([1.5, float("nan"), None], pa.float64(), id="not a number among numbers"),
        pytest.param([float("-inf"), float("inf"), None], pa.float64(), id="infinities"),
        pytest.param(
            [Decimal("123456789012345678901234567890.12345678"), Decimal(-1), None],
            pa.decimal128(38, 8),
            id="decimal wider than a JSON number",
        ),
        pytest.param(
            [datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC), datetime(2026, 1, 1, tzinfo=UTC), None],
            MOMENT,
            id="timestamp that cannot be rounded up",
        ),
    ],
)
def test_what_json_cannot_bound_has_a_null_count_only(
    tmp_path: Path, values: list[object], kind: pa.DataType
) -> None:
    """Rather no bound than one that a reader would prune by wrongly."""
    assert bounds(tmp_path, values, kind) == (None, None, 1)


def test_bounds_span_all_row_groups(tmp_path: Path) -> None:
    """A row group that is null throughout does not hide the bounds of the others."""
    assert bounds(tmp_path, [None, None, 5, 9, None, 2], pa.int64()) == (2, 9, 3)


def test_a_timestamp_is_bounded_from_below_and_above(tmp_path: Path) -> None:
    """The log knows milliseconds: the minimum is rounded down, the maximum up, before 1970 too."""
    early, late = datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC), datetime(2026, 1, 1, 0, 0, 0, 1, UTC)
    low, high, _ = bounds(tmp_path, [early, late], MOMENT)
    assert (low, high) == ("1969-12-31T23:59:59.999Z", "2026-01-01T00:00:00.001Z")


@pytest.mark.parametrize(
    ("text", "greatest"),
    [
        ("é" * 32, "é" * 32),
        ("é" * 33, "é" * 32 + LAST),
        ("😀" * 40, "😀" * 32 + LAST),
        ("a" * 32 + LAST + "b", "a" * 32 + LAST + LAST),
        (LAST * 40, LAST * 40),
    ],
    ids=["whole", "cut", "beyond the basic plane", "cut before the last character", "last characters"],
)
def test_a_long_text_is_cut_to_a_greater_one(tmp_path: Path, text: str, greatest: str) -> None:
    """A maximum of 32 characters stands for a longer text only if no text with that beginning is greater."""
    low, high, _ = bounds(tmp_path, [text], pa.string())
    assert (low, high) == (text[:32], greatest)
    assert low <= text <= high


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), min_size=1, max_size=6))
def test_every_text_lies_within_its_bounds(texts: list[str]) -> None:
    """Whatever characters a text has, the cut bounds enclose it in the order of its code points."""
    low, high = parquet._low(min(texts)), parquet._high(max(texts))
    assert isinstance(low, str)
    assert isinstance(high, str)
    assert all(low <= text <= high for text in texts)


def test_only_plain_columns_have_statistics(tmp_path: Path) -> None:
    """Lists and structs are left out; the columns after them keep their own."""
    table = pa.table(
        {
            "list": pa.array([[1], [2]], pa.list_(pa.int64())),
            "struct": pa.array([{"x": 1}, {"x": 2}], pa.struct([("x", pa.int64())])),
            "plain": pa.array([1, 2], pa.int64()),
        }
    )
    assert statistics(tmp_path, table) == {
        "numRecords": 2,
        "minValues": {"plain": 1},
        "maxValues": {"plain": 2},
        "nullCount": {"plain": 0},
    }


def test_the_first_columns_have_statistics(tmp_path: Path) -> None:
    """As with other writers, columns after the thirty-second have none."""
    table = pa.table({f"c{index:02d}": [index] for index in range(34)})
    assert list(statistics(tmp_path, table)["nullCount"]) == [f"c{index:02d}" for index in range(32)]


def test_a_file_without_statistics_is_taken_without_bounds(tmp_path: Path) -> None:
    """A writer may leave statistics out: then nothing is claimed but the number of rows."""
    pq.write_table(pa.table({"x": [1, 2]}), tmp_path / "one.parquet", write_statistics=False)
    found = json.loads(data_files(str(tmp_path), str(tmp_path))[0].action.stats)
    assert found == {"numRecords": 2, "minValues": {}, "maxValues": {}, "nullCount": {}}


def test_empty_files_are_deleted(tmp_path: Path) -> None:
    """A file without rows does not enter the table, nor stay in its folder."""
    pq.write_table(pa.table({"x": pa.array([], pa.int64())}), tmp_path / "empty.parquet")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "full.parquet")
    found = data_files(str(tmp_path), str(tmp_path))
    assert [(data.file.name, data.rows) for data in found] == [("full.parquet", 1)]
    assert [path.name for path in tmp_path.iterdir()] == ["full.parquet"]


def test_a_missing_file_is_not_committed(tmp_path: Path) -> None:
    """A data file that has vanished is an error, and the table stays at its version."""
    uri = str(tmp_path / "table")
    ensure(uri, pa.schema([("x", pa.int64())]))
    (tmp_path / "table" / "data").mkdir()
    pq.write_table(pa.table({"x": [1]}), tmp_path / "table" / "data" / "one.parquet")
    files = data_files(uri, f"{uri}/data")
    files[0].file.delete()
    with pytest.raises(FileNotFoundError, match=r"one\.parquet"):
        commit_once(uri, TransactionId("app", 1), lambda table, made: append_files(table, made, files))
    assert DeltaTable(uri).version() == 0
