"""Tables and files as relations that a statement can read."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from podium_lakehouse.delta.appends import append_once
from podium_lakehouse.delta.commits import TransactionId
from podium_lakehouse.delta.tables import Snapshot, add_columns, ensure
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine

EVERY_TYPE = pa.schema(
    [
        ("text", pa.string()),
        ("flag", pa.bool_()),
        ("small", pa.int32()),
        ("big", pa.int64()),
        ("price", pa.decimal128(12, 3)),
        ("day", pa.date32()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("tags", pa.list_(pa.string())),
    ]
)
TYPES = ["VARCHAR", "BOOLEAN", "INTEGER", "BIGINT", "DECIMAL(12,3)", "DATE", "TIMESTAMP WITH TIME ZONE"]


def types(engine: DuckDbEngine, name: str) -> list[object]:
    """Return the types of a relation's columns."""
    return [row[1] for row in engine.execute(f"DESCRIBE {name}")]


def test_a_table_without_files_has_its_columns(engine: DuckDbEngine, tmp_path: Path) -> None:
    """An empty table is a relation without rows, each column of the type that the table declares."""
    ensure(str(tmp_path / "t"), EVERY_TYPE)
    engine.offer_table("r", Snapshot(str(tmp_path / "t"), 0))
    assert engine.execute("FROM r") == []
    assert types(engine, "r") == [*TYPES, "VARCHAR[]"]


def test_a_column_that_no_file_has_is_null_with_its_type(engine: DuckDbEngine, tmp_path: Path) -> None:
    """A table that was widened reads its old files: the new columns are null, of the right type, in the table's order."""
    uri = str(tmp_path / "t")
    write_deltalake(uri, pa.table({"id": ["x"]}))
    add_columns(uri, EVERY_TYPE)
    engine.offer_table("r", Snapshot(uri, 1))
    assert engine.execute("FROM r") == [("x", *[None] * len(EVERY_TYPE))]
    assert types(engine, "r") == ["VARCHAR", *TYPES, "VARCHAR[]"]


def test_old_and_new_files_are_read_together(engine: DuckDbEngine, tmp_path: Path) -> None:
    """Files with fewer columns, or the same in another order, line up by name."""
    uri = str(tmp_path / "t")
    write_deltalake(uri, pa.table({"a": ["1"], "b": ["2"]}))
    add_columns(uri, pa.schema([("c", pa.string())]))
    folder = engine.write(uri, "SELECT '6' AS c, '5' AS b, '4' AS a")
    append_once(uri, [folder], TransactionId("app", 1), base=1, metadata={})
    engine.offer_table("r", Snapshot(uri, 2))
    assert engine.execute("SELECT a, b, c FROM r ORDER BY a") == [("1", "2", None), ("4", "5", "6")]


def test_a_table_is_offered_at_its_version_and_filtered(engine: DuckDbEngine, tmp_path: Path) -> None:
    """Later rows are not there, nor those that the condition leaves out."""
    uri = str(tmp_path / "t")
    write_deltalake(uri, pa.table({"n": [1, 2, 3]}))
    write_deltalake(uri, pa.table({"n": [4]}), mode="append")
    engine.offer_table("r", Snapshot(uri, 0), prune="n > 1", where="n > 1")
    assert engine.execute("FROM r ORDER BY n") == [(2,), (3,)]


@pytest.mark.parametrize("name", ["my lake", "é 😀", "50%", "it's", "a[1]", "b*", "{c}", "day=2026-01-01"])
def test_any_folder_name_will_do(engine: DuckDbEngine, tmp_path: Path, name: str) -> None:
    """A lakehouse may lie below a folder with spaces, accents, or what elsewhere is a pattern; partitions are not guessed."""
    uri = str(tmp_path / name / "t")
    ensure(uri, pa.schema([("a", pa.string())]))
    folder = engine.write(uri, "SELECT 'x' AS a")
    append_once(uri, [folder], TransactionId("app", 1), base=0, metadata={})
    engine.offer_table("r", Snapshot(uri, 1))
    assert engine.execute("FROM r") == [("x",)]


def test_a_folder_makes_no_column(engine: DuckDbEngine, tmp_path: Path) -> None:
    """A table below a folder such as `day=2026` has its own columns only: what no file has stays null."""
    uri = str(tmp_path / "day=2026" / "t")
    write_deltalake(uri, pa.table({"a": ["x"]}))
    add_columns(uri, pa.schema([("day", pa.string())]))
    engine.offer_table("r", Snapshot(uri, 1))
    assert engine.execute("FROM r") == [("x", None)]


def test_a_statement_is_materialised_once(engine: DuckDbEngine) -> None:
    """Its rows stay what they were when it ran, and go with the engine."""
    engine.execute("CREATE TABLE source AS SELECT 1 AS n")
    engine.materialise("kept", "FROM source")
    engine.execute("INSERT INTO source VALUES (2)")
    assert engine.execute("FROM kept") == [(1,)]
    assert list(engine.scratch.iterdir())


def test_the_scratch_folder_goes_with_the_engine() -> None:
    """Nothing is left of an engine, also where the work in it fails."""
    scratch: list[Path] = []

    def fail() -> None:
        with duckdb_engine(shared=True) as engine:
            engine.materialise("r", "SELECT 1 AS n")
            scratch.append(engine.scratch)
            engine.execute("SELECT error('no')")

    with pytest.raises(duckdb.Error, match="no"):
        fail()
    assert not scratch[0].exists()


def test_moments_are_read_in_utc(engine: DuckDbEngine, tmp_path: Path) -> None:
    """The time zone of the machine plays no part."""
    uri = str(tmp_path / "t")
    at = datetime(2026, 7, 1, 12, tzinfo=UTC)
    write_deltalake(uri, pa.table({"at": pa.array([at], pa.timestamp("us", tz="UTC"))}))
    engine.offer_table("r", Snapshot(uri, 0))
    assert engine.execute('SELECT cast("at" AS VARCHAR), extract(hour FROM "at") FROM r') == [
        ("2026-07-01 12:00:00+00", 12)
    ]


def test_decimals_stay_exact(engine: DuckDbEngine, tmp_path: Path) -> None:
    """A wide decimal comes back digit by digit."""
    value = Decimal("12345678901234567890123456789012345.678")
    uri = str(tmp_path / "t")
    write_deltalake(uri, pa.table({"d": pa.array([value], pa.decimal128(38, 3))}))
    engine.offer_table("r", Snapshot(uri, 0))
    assert engine.execute("FROM r") == [(value,)]


def test_a_confined_engine_opens_nothing_outside(engine: DuckDbEngine, tmp_path: Path) -> None:
    """Conditions that a person typed may read the lakehouse, but no other file, and cannot lift the ban."""
    (tmp_path / "secret.csv").write_text("a\n1\n")
    uri = str(tmp_path / "lake" / "t")
    write_deltalake(uri, pa.table({"a": ["x"]}))
    engine.offer_table("r", Snapshot(uri, 0))
    engine.confine(tmp_path / "lake")
    assert engine.execute("FROM r") == [("x",)]
    for statement in (
        f"FROM read_csv('{tmp_path}/secret.csv')",
        f"FROM read_text('{tmp_path}/lake/../secret.csv')",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        f"ATTACH '{tmp_path}/other.duckdb'",
        "SET enable_external_access = true",
        f"SET allowed_directories = ['{tmp_path}']",
    ):
        with pytest.raises(duckdb.Error):
            engine.execute(statement)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lake", "secret.csv"]


def test_a_shared_engine_is_one_database_for_the_process() -> None:
    """Another connection of this process sees what the engine made."""
    with duckdb_engine(shared=True) as engine:
        engine.execute("CREATE TABLE t AS SELECT 7 AS n")
        with duckdb.connect(str(engine.scratch / "podium.duckdb")) as other:
            assert other.execute("FROM t").fetchall() == [(7,)]


def test_a_table_read_by_delta_rs_is_what_the_engine_wrote(engine: DuckDbEngine, tmp_path: Path) -> None:
    """Every column type that Silver knows passes from the engine's files to another reader unchanged."""
    uri = str(tmp_path / "t")
    ensure(uri, EVERY_TYPE)
    row = "'é', TRUE, 1::INTEGER, 2::BIGINT, 1.500::DECIMAL(12,3), DATE '2026-01-02', TIMESTAMPTZ '2026-01-02 03:04:05.000006', ['a']"
    names = ", ".join(f'"{name}"' for name in EVERY_TYPE.names)
    folder = engine.write(uri, f"SELECT * FROM (VALUES ({row})) AS v({names})")
    append_once(uri, [folder], TransactionId("app", 1), base=0, metadata={})
    assert DeltaTable(uri).to_pyarrow_table().to_pylist() == [
        {
            "text": "é",
            "flag": True,
            "small": 1,
            "big": 2,
            "price": Decimal("1.500"),
            "day": datetime(2026, 1, 2, tzinfo=UTC).date(),
            "at": datetime(2026, 1, 2, 3, 4, 5, 6, UTC),
            "tags": ["a"],
        }
    ]
