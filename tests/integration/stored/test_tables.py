"""What lies under the layers, in an object store: partitions, records by the dozen, several writers of one table at its birth."""

from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from podium_lakehouse.delta.appends import append_once
from podium_lakehouse.delta.commits import TransactionId
from podium_lakehouse.delta.folders import parquet_files
from podium_lakehouse.delta.tables import Snapshot, add_columns, ensure
from podium_lakehouse.engines.duckdb import duckdb_engine
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.reading.frames import Source
from podium_lakehouse.records.table import RecordTable
from podium_lakehouse.store.objects import below, delete

from tests.faults.test_compaction_races import order, race

pytestmark = pytest.mark.integration
DAYS = pa.schema([("id", pa.int64()), ("day", pa.date32())])
RECORDS = pa.schema([("scope", pa.string()), ("sequence", pa.int64())])


def test_partitions_are_told_by_their_folders(bucket: str) -> None:
    """Their column is in no file, and a statement that asks for one day opens no file of another."""
    uri = f"{bucket}/gold/days"
    ensure(uri, DAYS, partition_by=["day"])
    with duckdb_engine() as engine:
        rows = "SELECT range AS id, DATE '2026-11-01' + CAST(range % 3 AS INTEGER) AS day FROM range(30)"
        folder = engine.write(uri, rows, partition_by="day")
        version = append_once(uri, [folder], TransactionId("app", 1), base=0, metadata={}).version
        engine.offer_table("days", Snapshot(uri, version))
        assert engine.execute("SELECT CAST(day AS VARCHAR), count(*) FROM days GROUP BY 1 ORDER BY 1") == [
            ("2026-11-01", 10),
            ("2026-11-02", 10),
            ("2026-11-03", 10),
        ]
    assert len(Snapshot(uri, version).files("day = '2026-11-02'")) == 1
    assert DeltaTable(uri).to_pyarrow_table().num_rows == 30


def test_a_table_is_a_frame(bucket: str, environment: pytest.MonkeyPatch) -> None:
    """Polars finds the store by the same variables, and what it read is recorded there."""
    del environment
    uri = f"{bucket}/gold/days"
    ensure(uri, DAYS)
    with duckdb_engine() as engine:
        folder = engine.write(uri, "SELECT range AS id, DATE '2026-11-01' AS day FROM range(30)")
    version = append_once(uri, [folder], TransactionId("app", 1), base=0, metadata={}).version
    frame = Source(Lakehouse(bucket), "gold.days", Snapshot(uri, version), pytest.fail).frame()
    assert frame.filter(pl.col("id") > 26).collect()["id"].to_list() == [27, 28, 29]
    (query,) = Lakehouse(bucket).queries.all()
    assert (query.rows, query.usage.filtered) == (3, ("gold.days.id",))


def test_a_statement_without_rows_has_columns_until_its_commit(bucket: str) -> None:
    """Another statement may read what it wrote; its commit lists no file, and takes the empty one away."""
    uri = f"{bucket}/silver/sales"
    ensure(uri, RECORDS)
    with duckdb_engine() as engine:
        folder = engine.write(uri, "SELECT 'a' AS scope, 1::BIGINT AS sequence WHERE FALSE")
    assert [file.footer().schema.names for file in parquet_files(folder)] == [RECORDS.names]
    assert append_once(uri, [folder], TransactionId("app", 1), base=0, metadata={}).version == 1
    assert DeltaTable(uri).file_uris() == []
    assert parquet_files(folder) == []


def test_a_table_that_many_create_is_created_once(bucket: str) -> None:
    """Whoever comes second takes the table of the first, and so with its columns."""
    uri = f"{bucket}/silver/sales"
    wider = RECORDS.append(pa.field("more", pa.string()))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ensure(uri, RECORDS).version(), range(8)))
        list(pool.map(lambda _: add_columns(uri, wider), range(4)))
    operations = [entry["operation"] for entry in DeltaTable(uri).history()]
    assert operations == ["ADD COLUMN", "CREATE TABLE"]


def test_a_handle_moves_on_with_the_table(bucket: str) -> None:
    """What somebody else has committed is seen, and a record is found among those of others."""
    table = RecordTable(f"{bucket}/_podium/records", RECORDS)
    assert table.put("a", 1, [{"scope": "a", "sequence": 1}])
    assert table.last("a") == 1
    with duckdb_engine() as engine:
        folder = engine.write(table.uri, "SELECT 'b' AS scope, 2::BIGINT AS sequence")
    append_once(table.uri, [folder], TransactionId("b", 2), base=1, metadata={})
    assert table.last("b") == 2
    assert sorted(str(row["scope"]) for row in table.rows()) == ["a", "b"]
    assert [row["scope"] for row in table.rows(scope="b", above=("sequence", 1))] == ["b"]


def test_a_table_in_the_place_of_another_is_told_from_it(bucket: str) -> None:
    """By the ETags of their commits: whoever writes does not take one that was made anew for the one that was there."""
    table = RecordTable(f"{bucket}/_podium/records", RECORDS)
    assert table.put("a", 1, [{"scope": "a", "sequence": 1}])
    delete(f"{bucket}/{meta['path']}" for meta in below(table.uri))
    assert table.put("b", 1, [{"scope": "b", "sequence": 1}])
    assert (table.last("a"), table.last("b")) == (None, 1)
    assert [row["scope"] for row in table.rows()] == ["b"]


def test_small_files_are_put_together_beside_their_writers(
    bucket: str, environment: pytest.MonkeyPatch
) -> None:
    """As in a folder: whoever wins a race, no record is doubled or lost, and the table stays small."""
    del environment
    race(f"{bucket}/_podium/records", records=10)
    assert len(DeltaTable(f"{bucket}/_podium/records").file_uris()) < 25


@pytest.mark.parametrize("partitioned", [False, True])
def test_a_table_is_ordered_beside_its_writers(bucket: str, *, partitioned: bool) -> None:
    """As in a folder; the store copies the files that are to be ordered, and nothing of the copy stays."""
    order(f"{bucket}/gold/table", partitioned=partitioned)
    assert not [meta["path"] for meta in below(f"{bucket}/gold/table") if "/copy/" in meta["path"]]


@pytest.mark.slow
def test_the_small_files_of_many_records_are_put_together(bucket: str) -> None:
    """As in a folder, every 64 commits, and every record is still found."""
    table = RecordTable(f"{bucket}/_podium/records", RECORDS)
    for number in range(1, 141):
        assert table.put("a", number, [{"scope": "a", "sequence": number}])
    assert not table.put("a", 140, [{"scope": "a", "sequence": 140}])
    assert len(DeltaTable(table.uri).file_uris()) < 80
    assert sorted(int(str(row["sequence"])) for row in table.rows()) == list(range(1, 141))
