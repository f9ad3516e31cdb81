"""Rows written by the engine become part of a table by one commit, once."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from podium_contracts.errors import CommitConflict
from podium_lakehouse.delta.appends import append_once
from podium_lakehouse.delta.commits import TransactionId
from podium_lakehouse.delta.tables import CHANGE_FEED, ensure
from podium_lakehouse.engines.duckdb import DuckDbEngine

SCHEMA = pa.schema([("id", pa.string()), ("n", pa.int64()), ("made", pa.string())])
FIRST, SECOND = TransactionId("app", 1), TransactionId("app", 2)


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """Return the URI of an empty table with a change feed."""
    path = str(tmp_path / "t")
    ensure(path, SCHEMA, CHANGE_FEED)
    return path


def rows(uri: str) -> list[tuple[object, ...]]:
    """Return a table's rows, sorted."""
    found = DeltaTable(uri).to_pyarrow_table(columns=SCHEMA.names).to_pylist()
    return sorted((tuple(row.values()) for row in found), key=repr)


def values(*lines: str) -> str:
    """Return a statement with these rows."""
    return f"SELECT id, n::BIGINT AS n, made FROM (VALUES {', '.join(lines)}) AS v(id, n, made)"


def data_files(uri: str) -> set[str]:
    """Return the Parquet files that lie in a table's folder, listed or not."""
    return {str(path) for path in Path(uri).rglob("*.parquet")}


def test_rows_and_their_commit_say_where_they_came_from(engine: DuckDbEngine, uri: str) -> None:
    """An append is one commit with the transaction's identifier and the intent's metadata."""
    folder = engine.write(uri, values("('a', 1, 'x')"))
    done = append_once(uri, [folder], FIRST, base=0, metadata={"podium.run": "r1"})
    assert (done.version, done.repeated) == (1, False)
    assert rows(uri) == [("a", 1, "x")]
    assert DeltaTable(uri).transaction_version("app") == 1
    assert DeltaTable(uri).history(1)[0]["podium.run"] == "r1"


def test_a_repeated_append_leaves_no_second_copy(engine: DuckDbEngine, uri: str) -> None:
    """A stage that is run again writes its rows, finds its commit, and takes the new files away."""
    folder = engine.write(uri, values("('a', 1, 'x')"))
    append_once(uri, [folder], FIRST, base=0, metadata={})
    before = data_files(uri)
    again = engine.write(uri, values("('a', 1, 'x')"))
    done = append_once(uri, [again], FIRST, base=0, metadata={})
    assert (done.version, done.repeated) == (1, True)
    assert rows(uri) == [("a", 1, "x")]
    assert data_files(uri) == before
    assert not Path(again).exists()


def test_several_folders_are_one_commit(engine: DuckDbEngine, uri: str) -> None:
    """Good and refused rows, written apart, enter the table together."""
    folders = [engine.write(uri, values(f"('{name}', 1, 'x')")) for name in "ab"]
    assert append_once(uri, folders, FIRST, base=0, metadata={}).version == 1
    assert rows(uri) == [("a", 1, "x"), ("b", 1, "x")]


def test_without_rows_there_is_still_a_commit(engine: DuckDbEngine, uri: str) -> None:
    """The commit is what tells a second try that the first got this far; no empty file is listed."""
    folder = engine.write(uri, values("('a', 1, 'x')") + " WHERE FALSE")
    done = append_once(uri, [folder], FIRST, base=0, metadata={})
    assert (done.version, rows(uri), DeltaTable(uri).file_uris()) == (1, [], [])
    assert data_files(uri) == set()


def test_a_statement_that_fails_leaves_no_files(engine: DuckDbEngine, uri: str) -> None:
    """Half-written files are taken away, and the table is as it was."""
    many = "SELECT 'a' AS id, error('no') AS n FROM range(10)"
    with pytest.raises(duckdb.InvalidInputException, match="no"):
        engine.write(uri, many)
    assert list((Path(uri) / "data").iterdir()) == []
    assert DeltaTable(uri).version() == 0


def test_a_table_that_moved_on_is_not_appended_to(engine: DuckDbEngine, uri: str) -> None:
    """Rows computed against a version do not go on top of a later one."""
    append_once(uri, [engine.write(uri, values("('a', 1, 'x')"))], FIRST, base=0, metadata={})
    late = engine.write(uri, values("('b', 1, 'x')"))
    with pytest.raises(CommitConflict):
        append_once(uri, [late], TransactionId("other", 1), base=0, metadata={})
    assert rows(uri) == [("a", 1, "x")]


def test_a_merge_updates_inserts_and_keeps(engine: DuckDbEngine, uri: str) -> None:
    """Matching rows change but for the kept column, others are added, the rest stays."""
    first = engine.write(uri, values("('a', 1, 'x')", "('b', 2, 'x')"))
    append_once(uri, [first], FIRST, base=0, metadata={})
    done = engine.merge(
        uri, values("('b', 20, 'y')", "('c', 30, 'y')"), ["id"], SECOND, base=1, metadata={}, keep=["made"]
    )
    assert rows(uri) == [("a", 1, "x"), ("b", 20, "x"), ("c", 30, "y")]
    assert (done.metrics["num_target_rows_updated"], done.metrics["num_target_rows_inserted"]) == (1, 1)


def test_a_repeated_merge_changes_nothing(engine: DuckDbEngine, uri: str) -> None:
    """The second try finds the commit of the first and says so."""
    statement = values("('a', 1, 'x')")
    engine.merge(uri, statement, ["id"], FIRST, base=0, metadata={})
    done = engine.merge(uri, statement, ["id"], FIRST, base=0, metadata={})
    assert (done.version, done.repeated, rows(uri)) == (1, True, [("a", 1, "x")])


def test_a_merge_without_rows_is_still_a_commit(engine: DuckDbEngine, uri: str) -> None:
    """As with an append; delta-rs's own merge would write none."""
    done = engine.merge(
        uri, values("('a', 1, 'x')") + " WHERE FALSE", ["id"], FIRST, base=0, metadata={"k": "v"}
    )
    assert (done.version, rows(uri)) == (1, [])
    assert DeltaTable(uri).history(1)[0]["k"] == "v"


def test_a_merge_deletes_where_it_is_told(engine: DuckDbEngine, uri: str) -> None:
    """Rows marked as gone are deleted where they are, and not inserted where they are not."""
    first = engine.write(uri, values("('a', 1, 'x')", "('b', 2, 'x')"))
    append_once(uri, [first], FIRST, base=0, metadata={})
    news = values("('a', 9, 'y')", "('b', 9, 'y')", "('z', 9, 'y')")
    marked = f"SELECT *, id IN ('b', 'z') AS _gone FROM ({news})"
    engine.merge(uri, marked, ["id"], SECOND, base=1, metadata={}, delete_where="s._gone")
    assert rows(uri) == [("a", 9, "y")]


def test_a_merge_that_changes_nothing_is_still_a_commit(engine: DuckDbEngine, uri: str) -> None:
    """Deleting what is not there leaves a commit that tells a second try that the first got this far."""
    news = values("('z', 1, 'x')")
    gone = f"SELECT *, TRUE AS _gone FROM ({news})"
    done = engine.merge(uri, gone, ["id"], FIRST, base=0, metadata={}, delete_where="s._gone")
    assert (done.version, done.repeated, rows(uri)) == (1, False, [])
    again = engine.merge(uri, gone, ["id"], FIRST, base=0, metadata={}, delete_where="s._gone")
    assert (again.version, again.repeated) == (1, True)


def test_a_merge_matches_all_of_several_keys(engine: DuckDbEngine, uri: str) -> None:
    """Rows that share only the first key are other rows."""
    first = engine.write(uri, values("('a', 1, 'x')"))
    append_once(uri, [first], FIRST, base=0, metadata={})
    engine.merge(uri, values("('a', 1, 'y')", "('a', 2, 'y')"), ["id", "n"], SECOND, base=1, metadata={})
    assert rows(uri) == [("a", 1, "y"), ("a", 2, "y")]


@pytest.mark.parametrize("key", ["it's", 'quo"te', "back\\slash", "%", "é😀", "--", "$1"])
def test_a_merge_finds_any_key(engine: DuckDbEngine, uri: str, key: str) -> None:
    """Keys are values, whatever characters they hold: the row is updated, not inserted beside itself."""
    literal = key.replace("'", "''")
    first = engine.write(uri, values(f"('{literal}', 1, 'x')"))
    append_once(uri, [first], FIRST, base=0, metadata={})
    engine.merge(uri, values(f"('{literal}', 2, 'x')"), ["id"], SECOND, base=1, metadata={})
    assert rows(uri) == [(key, 2, "x")]


def test_a_column_may_be_called_as_a_word_of_sql(engine: DuckDbEngine, tmp_path: Path) -> None:
    """Datasets name their columns; `order` and `group` are good names."""
    uri = str(tmp_path / "words")
    ensure(uri, pa.schema([("order", pa.string()), ("group", pa.int64())]))
    first = engine.write(uri, """SELECT 'a' AS "order", 1::BIGINT AS "group" """)
    append_once(uri, [first], FIRST, base=0, metadata={})
    engine.merge(
        uri, """SELECT 'a' AS "order", 2::BIGINT AS "group" """, ["order"], SECOND, base=1, metadata={}
    )
    assert DeltaTable(uri).to_pyarrow_table().to_pylist() == [{"order": "a", "group": 2}]


@pytest.mark.parametrize("column", ["n", "n::DOUBLE AS n"])
def test_every_reader_knows_the_encodings(engine: DuckDbEngine, tmp_path: Path, column: str) -> None:
    """Numbers that count up and long texts take little room, and nothing is written in the encoding that Spark cannot read."""
    engine.copy(
        f"SELECT {column}, 'a longer text ' || n AS made FROM range(50000) AS r(n)", tmp_path / "data"
    )
    (file,) = (tmp_path / "data").glob("*.parquet")
    chunks = pq.read_metadata(file).row_group(0)
    encodings = {code for index in range(chunks.num_columns) for code in chunks.column(index).encodings}
    assert "BYTE_STREAM_SPLIT" not in encodings
    assert ("DELTA_BINARY_PACKED" in encodings) == (column == "n")
