"""What `commit_once` does when somebody else has changed the table, before or while it commits."""

import os
from collections.abc import Callable
from pathlib import Path
from time import time

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from podium_contracts.errors import CommitConflict
from podium_lakehouse.delta.commits import Committed, TransactionId, commit_once
from podium_lakehouse.delta.tables import ensure

pytestmark = pytest.mark.faults

SCHEMA = pa.schema([("key", pa.string())])
OURS, RIVAL = TransactionId("retail/cleanse/silver/sales", 1), TransactionId("retail/erase/silver/sales", 1)
YEAR_SECONDS = 365 * 86400

Change = Callable[[DeltaTable, CommitProperties], None]


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """Return where an empty table lies."""
    where = str(tmp_path / "silver" / "sales")
    ensure(where, SCHEMA)
    return where


def row(key: str) -> pa.Table:
    """Return one row."""
    return pa.table({"key": [key]}, schema=SCHEMA)


def append(table: DeltaTable, properties: CommitProperties) -> None:
    """Append one row."""
    write_deltalake(table, row("ours"), mode="append", commit_properties=properties)


def merge(table: DeltaTable, properties: CommitProperties) -> None:
    """Merge the same row."""
    merger = table.merge(row("ours"), "t.key = s.key", "s", "t", commit_properties=properties)
    merger.when_matched_update_all().when_not_matched_insert_all().execute()


def overwrite(table: DeltaTable, properties: CommitProperties) -> None:
    """Replace all rows by that one."""
    write_deltalake(table, row("ours"), mode="overwrite", commit_properties=properties)


WAYS = pytest.mark.parametrize("change", [append, merge, overwrite])


def keys(uri: str) -> list[str]:
    """Return the keys that a table holds."""
    return sorted(DeltaTable(uri).to_pyarrow_table()["key"].to_pylist())


def after_rival(change: Change, rival: Callable[[], object]) -> Change:
    """Return a change that finds, at its first try, that a rival has committed since the table was looked at."""
    tries: list[int] = []

    def disturbed(table: DeltaTable, properties: CommitProperties) -> None:
        tries.append(1)
        if len(tries) == 1:
            rival()
        change(table, properties)

    return disturbed


@WAYS
def test_the_same_commit_by_a_rival_is_not_made_again(uri: str, change: Change) -> None:
    """Two hosts of one intent: whoever commits second takes the first one's commit for its own."""
    disturbed = after_rival(change, lambda: commit_once(uri, OURS, change, base=0))
    assert commit_once(uri, OURS, disturbed, base=0) == Committed(1, repeated=True)
    assert keys(uri) == ["ours"]


@WAYS
def test_a_foreign_commit_in_between_is_a_conflict(uri: str, change: Change) -> None:
    """Rows that come between the intent and its commit make it void: nothing is written."""

    def rival() -> None:
        write_deltalake(uri, row("theirs"), mode="append")

    with pytest.raises(CommitConflict, match="WRITE changed the table after version 0"):
        commit_once(uri, OURS, after_rival(change, rival), base=0)
    assert keys(uri) == ["theirs"]


def test_records_are_added_beside_foreign_ones(uri: str) -> None:
    """Without a base, a lost race is only tried again: records never depend on each other."""
    disturbed = after_rival(append, lambda: commit_once(uri, RIVAL, append))
    assert commit_once(uri, OURS, disturbed) == Committed(2, repeated=False)
    assert keys(uri) == ["ours", "ours"]


@WAYS
def test_a_stale_base_is_a_conflict(uri: str, change: Change) -> None:
    """An intent that was pinned to an older version is told to start anew, and the table stays as it is."""
    commit_once(uri, RIVAL, append, base=0)
    with pytest.raises(CommitConflict) as refused:
        commit_once(uri, OURS, change, base=0)
    assert "a new intent" in refused.value.hint
    assert DeltaTable(uri).version() == 1


@WAYS
def test_maintenance_is_no_conflict(uri: str, change: Change) -> None:
    """OPTIMIZE, VACUUM, a table property and a new column change no row: an intent pinned before them still stands."""
    for number in (1, 2):
        commit_once(uri, TransactionId(RIVAL.app_id, number), append, base=number - 1)
    table = DeltaTable(uri)
    table.optimize.compact()
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    table.alter.set_table_properties({"delta.appendOnly": "false"})
    committed = commit_once(uri, OURS, change, base=2)
    assert committed.version == DeltaTable(uri).version() > 3
    assert not committed.repeated


def test_an_overtaken_number_is_a_conflict(uri: str) -> None:
    """A writer that slept while a later intent of its own stage was committed writes nothing."""
    commit_once(uri, TransactionId(OURS.app_id, 2), append, base=0)
    with pytest.raises(CommitConflict, match="was overtaken by a later commit"):
        commit_once(uri, OURS, append, base=0)
    assert keys(uri) == ["ours"]


def test_a_commit_among_later_ones_is_recognised(uri: str) -> None:
    """A repeated commit is found however many commits came after it, and keeps its version."""
    commit_once(uri, OURS, append, base=0)
    for number in range(1, 9):
        commit_once(uri, TransactionId(RIVAL.app_id, number), append)
    assert commit_once(uri, OURS, append, base=0) == Committed(1, repeated=True)


@pytest.mark.parametrize("later", [0, 7])
def test_a_commit_is_recognised_after_its_log_is_gone(uri: str, later: int) -> None:
    """After OPTIMIZE, a checkpoint and the clean-up of the log, a repeated commit is known from the checkpoint."""
    commit_once(uri, RIVAL, append)
    commit_once(uri, OURS, append, base=1)
    oldest = forget(uri)
    for number in range(2, later + 2):
        commit_once(uri, TransactionId(RIVAL.app_id, number), append)
    assert commit_once(uri, OURS, append, base=1) == Committed(oldest, repeated=True)
    assert DeltaTable(uri, version=oldest).count() == 2
    assert DeltaTable(uri).count() == 2 + later


def test_an_overtaken_number_stays_one_after_its_log_is_gone(uri: str) -> None:
    """What the log no longer tells apart is not taken for a commit that was made."""
    for number in (2, 3):
        commit_once(uri, TransactionId(OURS.app_id, number), append)
    forget(uri)
    with pytest.raises(CommitConflict, match="overtaken"):
        commit_once(uri, OURS, append, base=0)


def forget(uri: str) -> int:
    """Compact the table, write a checkpoint and remove the log before it, as if its retention had passed; return the version."""
    table = DeltaTable(uri)
    table.optimize.compact()
    table.create_checkpoint()
    long_ago = time() - YEAR_SECONDS
    for entry in (Path(uri) / "_delta_log").iterdir():
        os.utime(entry, (long_ago, long_ago))
    table.cleanup_metadata()
    assert len(DeltaTable(uri).history()) == 1
    return table.version()
