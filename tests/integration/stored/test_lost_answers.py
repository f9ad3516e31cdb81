"""A commit whose answer is lost on the way is there once, with its files, and whoever asked again is told so."""

from typing import IO

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from podium_lakehouse.delta.appends import append_once
from podium_lakehouse.delta.commits import TransactionId
from podium_lakehouse.delta.folders import parquet_files
from podium_lakehouse.delta.tables import CHANGE_FEED, ensure
from podium_lakehouse.engines.duckdb import duckdb_engine

from tests.integration.stored.lossy_line import COMMIT

pytestmark = [pytest.mark.integration, pytest.mark.faults]
SCHEMA = pa.schema([("key", pa.string()), ("number", pa.int64())])
ROWS = "SELECT 'a' AS key, 1::BIGINT AS number"


def test_an_append_is_there_with_its_files(lost: IO[str], bucket: str) -> None:
    """The client asks again by itself and is told that somebody was faster: it was this very commit, whose files must stay."""
    uri = f"{bucket}/layer/table"
    ensure(uri, SCHEMA)
    with duckdb_engine() as engine:
        folder = engine.write(uri, ROWS)
        done = append_once(uri, [folder], TransactionId("app", 1), base=0, metadata={})
    assert COMMIT in lost.readline()
    assert (done.version, done.repeated) == (1, True)
    assert len(parquet_files(folder)) == 1
    assert DeltaTable(uri).to_pyarrow_table()["key"].to_pylist() == ["a"]


def test_a_merge_is_made_once(lost: IO[str], bucket: str) -> None:
    """As an append; the second try finds the identifier and merges nothing."""
    uri = f"{bucket}/layer/table"
    ensure(uri, SCHEMA, CHANGE_FEED)
    with duckdb_engine() as engine:
        done = engine.merge(uri, ROWS, ["key"], TransactionId("app", 1), base=0, metadata={})
    assert COMMIT in lost.readline()
    assert (done.version, done.repeated) == (1, True)
    assert DeltaTable(uri).version() == 1
    assert DeltaTable(uri).to_pyarrow_table()["key"].to_pylist() == ["a"]
