"""Which files go, and which stay: those of needed versions, of changes that are still to be read, and of commits that are still to come."""

import os
import time
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError
from podium_lakehouse.maintenance import vacuuming
from podium_lakehouse.maintenance.needed import Needed
from podium_lakehouse.maintenance.vacuuming import vacuum

FEED = {"delta.enableChangeDataFeed": "true"}


class Table:
    """A table that has been rewritten twice: versions 0, 1 and 2 hold 1, 2, 3, then 1, 5, 3, then 1, 5, 7."""

    def __init__(self, folder: Path) -> None:
        self.uri = str(folder / "table")
        write_deltalake(self.uri, pa.table({"a": [1, 2, 3]}), configuration=FEED)
        DeltaTable(self.uri).update(predicate="a = 2", updates={"a": "5"})
        DeltaTable(self.uri).update(predicate="a = 3", updates={"a": "7"})

    def rows(self, version: int) -> list[int]:
        return sorted(DeltaTable(self.uri, version=version).to_pyarrow_table()["a"].to_pylist())

    def changes(self, after: int) -> list[tuple[int, str]]:
        """Return what was changed after a version: value and kind."""
        feed = pa.table(DeltaTable(self.uri).load_cdf(starting_version=after + 1).read_all())
        return sorted(zip(feed["a"].to_pylist(), feed["_change_type"].to_pylist(), strict=True))

    def vacuum(self, needed: Needed | None = None, hours: int = 0, *, dry_run: bool = False) -> int:
        return vacuum(self.uri, lambda: needed or Needed(), hours, dry_run=dry_run).files

    def files(self) -> set[str]:
        """Return the data files in the table's folder."""
        home = Path(self.uri)
        return {
            str(path.relative_to(home)) for path in home.rglob("*.parquet") if "_delta_log" not in path.parts
        }

    def orphan(self, hours: float) -> str:
        """Leave a file that no commit names, so many hours old."""
        path = Path(self.uri, "data", "abc", "part-0.parquet")
        path.parent.mkdir(parents=True)
        path.write_bytes(b"left behind")
        os.utime(path, (time.time() - hours * 3600,) * 2)
        return "data/abc/part-0.parquet"


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """Return it."""
    return Table(tmp_path)


def test_what_nobody_needs_goes(table: Table) -> None:
    """Two data files and the two of the change feed; the table is what it was, and there is nothing left to do."""
    assert table.vacuum() == 4
    assert len(table.files()) == 1
    assert table.rows(2) == [1, 5, 7]
    assert table.vacuum() == 0


def test_a_week_is_kept_by_default(table: Table) -> None:
    """Of what left the table, by when it did so, not by when it was written; the hours can be set."""
    week = vacuuming.RETENTION_HOURS
    assert week == 168
    for name in table.files():
        os.utime(Path(table.uri, name), (time.time() - 999 * 3600,) * 2)
    changes = {name for name in table.files() if name.startswith("_change_data")}
    assert vacuum(table.uri, lambda: Needed(changes_after=0)).files == 0
    assert table.vacuum(hours=week) == len(changes) == 2
    assert table.rows(0) == [1, 2, 3]


def test_a_dry_run_takes_nothing_away(table: Table) -> None:
    """It says what would go, with its bytes."""
    before = table.files()
    found = vacuum(table.uri, Needed, 0, dry_run=True)
    assert (found.files, found.needed) == (4, 0)
    assert found.bytes == sum(Path(table.uri, name).stat().st_size for name in before) - sum(
        DeltaTable(table.uri).get_add_actions()["size_bytes"].to_pylist()
    )
    assert table.files() == before


def test_versions_that_are_needed_stay(table: Table) -> None:
    """Whole; those beside them go, and say so to whoever reads them."""
    assert vacuum(table.uri, lambda: Needed({1}), 0).needed == 1
    assert table.rows(1) == [1, 3, 5]
    with pytest.raises((DeltaError, OSError)):
        table.rows(0)


@pytest.mark.parametrize("after", [-1, 0, 1, 2])
def test_changes_that_are_still_to_be_read_stay(table: Table, after: int) -> None:
    """Those after the version that the slowest reader has come to, files of the feed and of versions in between."""
    before = table.changes(after) if after < 2 else []
    table.vacuum(Needed(changes_after=after))
    assert (table.changes(after) if after < 2 else []) == before
    assert len([name for name in table.files() if name.startswith("_change_data")]) == min(2 - after, 2)


@pytest.mark.parametrize(
    ("age", "hours", "goes"),
    [(1, 0, False), (23, 0, False), (25, 0, True), (25, 168, False), (169, 168, True)],
)
def test_what_no_commit_names_goes_when_it_is_old(
    table: Table, age: float, hours: int, *, goes: bool
) -> None:
    """A stage may be about to commit what is young, however short the retention; an empty folder goes with its file."""
    orphan = table.orphan(age)
    table.vacuum(hours=hours)
    assert (orphan not in table.files()) == goes
    assert Path(table.uri, "data", "abc").exists() != goes


def test_files_that_come_back_meanwhile_stay(table: Table) -> None:
    """A restore while the files are looked for has brought them back into the table."""

    def restored() -> Needed:
        DeltaTable(table.uri).restore(0)
        return Needed()

    vacuum(table.uri, restored, 0)
    assert table.rows(3) == [1, 2, 3]


def test_partitions_are_named_as_in_their_folder(tmp_path: Path) -> None:
    """Names that are percent-encoded in the log, or twice, are not taken for others."""
    uri = str(tmp_path / "table")
    rows = pa.table({"a": [1, 2, 3], "town": ["Bad Ems", "50%", "a/b=c"]})
    for _ in range(3):
        write_deltalake(uri, rows, mode="overwrite", partition_by=["town"])
    assert vacuum(uri, lambda: Needed({1}), 0).files == 3
    for version in (1, 2):
        found = DeltaTable(uri, version=version).to_pyarrow_table()
        assert sorted(found["town"].to_pylist()) == ["50%", "Bad Ems", "a/b=c"]


def test_it_can_be_killed_and_run_again(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two files; the table is readable all the time."""
    monkeypatch.setattr(vacuuming, "BATCH", 1)
    taken: list[str] = []
    unlink = Path.unlink

    def killed(path: Path, *, missing_ok: bool) -> None:
        if len(taken) == 2:
            raise KeyboardInterrupt
        taken.append(str(path))
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            table.vacuum()
    assert table.rows(2) == [1, 5, 7]
    assert table.vacuum() == 2
    assert len(table.files()) == 1
