"""Delta tables are opened, made once whoever asks, and only ever widened."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from podium_contracts.pipeline import ColumnType
from podium_lakehouse.delta.tables import (
    CHANGE_FEED,
    Snapshot,
    add_columns,
    arrow_schema,
    column_names,
    ensure,
    find,
    schema_fingerprint,
)

ONE = pa.schema([("a", pa.string())])
TWO = pa.schema([("b", pa.int64()), ("a", pa.string()), ("c", pa.date32())])


def test_there_is_no_table_where_none_was_made(tmp_path: Path) -> None:
    """A folder without a log, or no folder at all, is no table."""
    (tmp_path / "folder").mkdir()
    assert find(str(tmp_path / "folder")) is None
    assert find(str(tmp_path / "nowhere")) is None


def test_a_table_is_made_empty_and_with_its_settings(tmp_path: Path) -> None:
    """A new table is version 0, without rows, with the change feed it was asked for."""
    table = ensure(str(tmp_path / "t"), ONE, CHANGE_FEED)
    assert (table.version(), Snapshot(str(tmp_path / "t"), 0).rows()) == (0, 0)
    assert table.metadata().configuration == CHANGE_FEED
    assert find(str(tmp_path / "t")) is not None


def test_a_table_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    """Asking again, with another schema, changes neither columns nor version."""
    ensure(str(tmp_path / "t"), ONE)
    assert column_names(ensure(str(tmp_path / "t"), TWO)) == ["a"]
    assert DeltaTable(str(tmp_path / "t")).version() == 0


@pytest.mark.faults
def test_threads_that_race_make_one_table(tmp_path: Path) -> None:
    """Sixteen writers that ask at the same moment get the same empty table, without an error."""
    start = Barrier(16)

    def make(uri: str) -> int:
        start.wait()
        return ensure(uri, ONE).version()

    with ThreadPoolExecutor(max_workers=16) as pool:
        for name in "abcdefghijkl":
            uri = str(tmp_path / name)
            assert list(pool.map(make, [uri] * 16)) == [0] * 16
            assert len(DeltaTable(uri).history()) == 1


def test_missing_columns_are_added_and_old_rows_are_null_there(tmp_path: Path) -> None:
    """A table grows at its end by what it lacks; its rows stay."""
    uri = str(tmp_path / "t")
    write_deltalake(uri, pa.table({"a": ["x"]}))
    add_columns(uri, TWO)
    assert column_names(DeltaTable(uri)) == ["a", "b", "c"]
    assert DeltaTable(uri).to_pyarrow_table().to_pylist() == [{"a": "x", "b": None, "c": None}]


def test_threads_that_race_add_a_column_once(tmp_path: Path) -> None:
    """Whoever comes too late finds the column there; nobody gets an error of the storage."""
    uri = str(tmp_path / "t")
    ensure(uri, pa.schema([("a", pa.int64())]))
    wider = pa.schema([("a", pa.int64()), ("b", pa.string())])
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: add_columns(uri, wider), range(12)))
    assert column_names(DeltaTable(uri)) == ["a", "b"]
    assert DeltaTable(uri).version() == 1


def test_a_table_with_every_column_gets_no_commit(tmp_path: Path) -> None:
    """Where nothing is missing nothing is written."""
    ensure(str(tmp_path / "t"), TWO)
    add_columns(str(tmp_path / "t"), ONE)
    assert DeltaTable(str(tmp_path / "t")).version() == 0


@pytest.mark.parametrize(
    "other",
    [
        pa.schema([("a", pa.string()), ("b", pa.int64())]),
        pa.schema([("b", pa.string())]),
        pa.schema([("a", pa.int64())]),
    ],
    ids=["one more column", "another name", "another type"],
)
def test_the_fingerprint_tells_schemas_apart(tmp_path: Path, other: pa.Schema) -> None:
    """Names and types make the fingerprint; where the table lies and what it holds do not."""
    first = schema_fingerprint(ensure(str(tmp_path / "first"), ONE))
    write_deltalake(str(tmp_path / "same"), pa.table({"a": ["x"]}))
    assert schema_fingerprint(DeltaTable(str(tmp_path / "same"))) == first
    assert schema_fingerprint(ensure(str(tmp_path / "other"), other)) != first


def test_a_snapshot_keeps_its_version(tmp_path: Path) -> None:
    """Rows and files of a version stay the same when the table moves on."""
    uri = str(tmp_path / "t")
    write_deltalake(uri, pa.table({"a": ["x"]}))
    first = Snapshot(uri, 0)
    write_deltalake(uri, pa.table({"a": ["y", "z"]}), mode="append")
    assert (first.rows(), len(first.files())) == (1, 1)
    assert (Snapshot(uri, 1).rows(), len(Snapshot(uri, 1).files())) == (3, 2)


def test_every_column_type_has_one_arrow_type() -> None:
    """Silver's types as they are stored: timestamps in UTC, decimals as declared, all nullable."""
    kinds = {name: ColumnType.parse(name) for name in ("string", "boolean", "integer", "bigint", "date")}
    schema = arrow_schema({**kinds, "at": ColumnType.parse("timestamp"), "price": ColumnType.decimal(12, 3)})
    assert [(field.name, str(field.type), field.nullable) for field in schema] == [
        ("string", "string", True),
        ("boolean", "bool", True),
        ("integer", "int32", True),
        ("bigint", "int64", True),
        ("date", "date32[day]", True),
        ("at", "timestamp[us, tz=UTC]", True),
        ("price", "decimal128(12, 3)", True),
    ]
