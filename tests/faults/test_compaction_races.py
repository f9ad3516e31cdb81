"""Processes that compact one table at the same time, while all of them write: every row is there once."""

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from podium_lakehouse.delta import compaction
from podium_lakehouse.delta.commits import CommitConflict
from podium_lakehouse.delta.ordering import reorder
from podium_lakehouse.delta.parquet import data_files
from podium_lakehouse.delta.replacing import live_files, replace_files
from podium_lakehouse.records.table import RecordTable

pytestmark = [pytest.mark.faults]
SCHEMA = pa.schema([("key", pa.string()), ("number", pa.int64())])
WRITERS = 4


def put(uri: str, key: str, records: int) -> None:
    """Put records under a key; a race that was lost too often is gone into again."""
    compaction.EVERY_COMMITS = 3
    table = RecordTable(uri, SCHEMA)
    number = 1
    while number <= records:
        try:
            table.put(key, number, [{"key": key, "number": number}])
        except CommitConflict:
            continue
        number += 1


def race(uri: str, records: int) -> None:
    with ProcessPoolExecutor(WRITERS, multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(put, uri, f"k{writer}", records) for writer in range(WRITERS)]:
            done.result()
    found = Counter((row["key"], row["number"]) for row in RecordTable(uri, SCHEMA).rows())
    assert found == {
        (f"k{writer}", number): 1 for writer in range(WRITERS) for number in range(1, records + 1)
    }


def test_records_are_there_once(tmp_path: Path) -> None:
    """Whoever wins, no record is doubled or lost, and the table stays small."""
    race(str(tmp_path / "records"), records=25)
    assert len(DeltaTable(str(tmp_path / "records")).file_uris()) < 25


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_many_records_are_there_once(tmp_path: Path) -> None:
    """The same for some minutes."""
    race(str(tmp_path / "records"), records=400)


def test_files_that_are_gone_are_replaced_by_nobody(tmp_path: Path) -> None:
    """A compaction that was overtaken, by another one or by rows that went, changes nothing."""
    uri = str(tmp_path / "table")
    for number in range(4):
        write_deltalake(uri, pa.table({"number": [number]}), mode="append")
    planned = DeltaTable(uri)
    old = live_files(planned)
    compaction.compact(uri, since=0, small_bytes=10**6)
    assert len(DeltaTable(uri).file_uris()) == 4, "not yet due"
    folder = tmp_path / "table" / "data" / "late"
    write_deltalake(str(folder), pa.table({"number": [0, 1, 2, 3]}))
    DeltaTable(uri).delete("number = 2")
    assert replace_files(uri, planned, old, data_files(uri, str(folder)), {}) is None
    assert sorted(DeltaTable(uri).to_pyarrow_table()["number"].to_pylist()) == [0, 1, 3]


@pytest.mark.parametrize("partitioned", [False, True])
def test_a_table_is_ordered_beside_its_writers(tmp_path: Path, *, partitioned: bool) -> None:
    """Rows that came meanwhile are there, those of the ordered files once; the log says that nothing is new."""
    order(str(tmp_path / "table"), partitioned=partitioned)


def order(uri: str, *, partitioned: bool) -> None:
    """Order a table to which somebody has written since; check what it holds."""
    for number in range(6):
        rows = pa.table({"number": [number, 100 - number], "day": [f"d{number % 2}"] * 2})
        write_deltalake(uri, rows, mode="append", partition_by=["day"] if partitioned else None)
    before = DeltaTable(uri)
    write_deltalake(uri, pa.table({"number": [50], "day": ["d1"]}), mode="append")
    version = reorder(uri, before, ["number"])
    found = DeltaTable(uri)
    assert found.version() == version
    assert len(found.file_uris()) == (3 if partitioned else 2)
    wanted = [*range(6), 50, *range(95, 101)]
    assert sorted(found.to_pyarrow_table()["number"].to_pylist()) == wanted
    assert found.history(1)[0]["podium.maintenance"] == "ordering"
    assert reorder(uri, before, ["number"]) is None
