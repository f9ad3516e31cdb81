"""Publish as a function: certified Gold in one DuckDB file, as a whole or not at all."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from podium_contracts.errors import DataFileUnreadable
from podium_contracts.events import CloudEvent, envelope
from podium_contracts.events.v1 import Published, QualityEvaluated, Run, TableVersion
from podium_contracts.names import Stage, Verdict
from podium_contracts.pipeline import Pipeline, PipelineDocument
from podium_lakehouse.delta.tables import CHANGE_FEED, ensure
from podium_lakehouse.lakehouse import Lakehouse
from podium_publish.stage import publish


def rows_of(*ids: int) -> pa.Table:
    return pa.table({"id": pa.array(ids, pa.int64())})


class Shelf:
    """Gold tables written by hand, and the stage that publishes them."""

    def __init__(self, folder: Path) -> None:
        self.lakehouse = Lakehouse(str(folder / "lakehouse"))
        self.file = folder / "shop.duckdb"
        document = {
            "apiVersion": "podium.dev/v1alpha1",
            "kind": "Pipeline",
            "metadata": {"name": "shop"},
            "spec": {
                "lakehouse": {"uri": "lakehouse"},
                "datasets": {
                    "sales": {
                        "sources": [{"files": {"path": "*.csv"}}],
                        "columns": {"id": {"type": "string"}},
                        "duplicates": {"keys": ["id"]},
                    }
                },
                "publish": {"duckdb": {"path": "shop.duckdb"}},
            },
        }
        self.pipeline = Pipeline("shop", PipelineDocument.model_validate(document).spec, folder, "f1")

    def write(self, *ids: int, verdict: Verdict = Verdict.PASSED) -> CloudEvent:
        """Replace the rows of `gold.facts`; return the verdict on them."""
        write_deltalake(self.facts, rows_of(*ids), mode="overwrite")
        return self.judge(verdict)

    def add(self, *ids: int) -> CloudEvent:
        """Add rows to `gold.facts`, which has a change feed; return the verdict on them."""
        ensure(self.facts, rows_of().schema, CHANGE_FEED)
        write_deltalake(self.facts, rows_of(*ids), mode="append")
        return self.judge()

    @property
    def facts(self) -> str:
        return f"{self.lakehouse.uri}/gold/facts"

    def lose_files(self) -> None:
        """Remove the data files that `gold.facts` has now: who reads them fails."""
        for file in DeltaTable(self.facts).file_uris():
            Path(file).unlink()

    def judge(self, verdict: Verdict = Verdict.PASSED) -> CloudEvent:
        """Return a verdict on `gold.facts` as it is."""
        version = DeltaTable(self.facts).version()
        judged = QualityEvaluated(
            run=Run(pipeline="shop", id=f"run-{version}", requested_at=datetime(2026, 1, 1, tzinfo=UTC)),
            layer="gold",
            subject="shop",
            sequence=version + 1,
            tables=(TableVersion(name="gold.facts", uri=self.facts, to_version=version),),
            verdict=verdict,
        )
        return envelope(
            judged,
            stage=Stage.QUALITY,
            subject="gold",
            sequence=version + 1,
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            causation="",
        )

    def publish(self, event: CloudEvent) -> list[CloudEvent]:
        return publish(event, self.pipeline, self.lakehouse)

    def served(self) -> list[tuple[int, ...]]:
        with duckdb.connect(str(self.file), read_only=True) as connection:
            return connection.sql("SELECT id FROM facts ORDER BY id").fetchall()

    def leftovers(self) -> list[str]:
        return sorted(path.name for path in self.file.parent.glob(".*"))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_the_file_holds_the_certified_versions(shelf: Shelf) -> None:
    """Every table is in the file, with a table that says which versions they are."""
    (announced,) = shelf.publish(shelf.write(1, 2))
    assert isinstance(announced.data, Published)
    assert (announced.data.uri, announced.data.tables[0].to_version) == (str(shelf.file), 0)
    assert shelf.served() == [(1,), (2,)]
    with duckdb.connect(str(shelf.file), read_only=True) as connection:
        assert connection.sql("FROM podium_versions").fetchall() == [("gold.facts", 0, "run-0")]


def test_a_table_without_rows_is_published(shelf: Shelf) -> None:
    """A table that has no rows is there with its columns."""
    shelf.publish(shelf.write())
    assert shelf.served() == []


def test_the_same_versions_are_not_published_again(shelf: Shelf) -> None:
    """A verdict on what the file already holds leaves the file alone and announces the same event."""
    event = shelf.write(1)
    first = shelf.publish(event)
    written = shelf.file.stat().st_ino
    assert shelf.publish(event) == first
    assert shelf.file.stat().st_ino == written


def test_an_older_verdict_does_not_win(shelf: Shelf) -> None:
    """A verdict that comes again after a later one was published leaves the file alone."""
    older, newer = shelf.write(1), shelf.write(1, 2)
    published = shelf.publish(newer)
    assert shelf.publish(older) == published
    assert shelf.served() == [(1,), (2,)]


def test_a_deleted_file_is_made_again(shelf: Shelf) -> None:
    """A file that somebody removed is published anew, with an event of its own."""
    event = shelf.write(1)
    first = shelf.publish(event)
    shelf.file.unlink()
    assert shelf.publish(event) != first
    assert shelf.served() == [(1,)]


def test_a_failed_verdict_publishes_nothing(shelf: Shelf) -> None:
    """What is served stays as it was while a verdict is failed."""
    shelf.publish(shelf.write(1))
    assert shelf.publish(shelf.write(1, 2, verdict=Verdict.FAILED)) == []
    assert shelf.served() == [(1,)]
    shelf.publish(shelf.write(1, 2, verdict=Verdict.WARNED))
    assert shelf.served() == [(1,), (2,)]


def test_a_reader_keeps_the_file_it_has_opened(shelf: Shelf) -> None:
    """A reader that opened the file before reads the old tables to the end, a new one the new tables."""
    shelf.publish(shelf.write(1))
    with duckdb.connect(str(shelf.file), read_only=True) as reader:
        shelf.publish(shelf.write(1, 2))
        assert reader.sql("SELECT count(*) FROM facts").fetchall() == [(1,)]
    assert shelf.served() == [(1,), (2,)]


READER = """
import duckdb, sys
print("ready", flush=True)
seen = set()
while 3 not in seen:
    with duckdb.connect(sys.argv[1], read_only=True) as connection:
        rows = connection.sql("SELECT (SELECT count(*) FROM facts), (SELECT version FROM podium_versions)").fetchall()
    assert rows in ([(1000, 0)], [(1000, 1)], [(1000, 2)], [(1000, 3)]), rows
    seen.add(rows[0][1])
"""


@pytest.mark.faults
def test_a_reader_never_meets_a_missing_or_partial_file(shelf: Shelf) -> None:
    """A process that opens the file again and again while it is replaced always finds one whole version."""
    shelf.publish(shelf.write(*range(1000)))
    command = [sys.executable, "-c", READER, str(shelf.file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        for version in (1, 2, 3):
            shelf.publish(shelf.write(*range(version, 1000 + version)))
        _, errors = reader.communicate(timeout=60)
    assert (reader.returncode, errors) == (0, "")


def test_rows_that_came_are_added_to_what_is_served(shelf: Shelf) -> None:
    """Where a table has only grown, nothing else of it is read."""
    shelf.publish(shelf.add(1, 2))
    shelf.lose_files()
    shelf.publish(shelf.add(3))
    assert shelf.served() == [(1,), (2,), (3,)]
    with duckdb.connect(str(shelf.file), read_only=True) as connection:
        assert connection.sql("SELECT version FROM podium_versions").fetchall() == [(2,)]


def test_a_table_with_rows_that_changed_or_went_is_served_as_it_is(shelf: Shelf) -> None:
    """A change, a removal and a replacement bring all of the table anew."""
    shelf.publish(shelf.add(1, 2, 3))
    DeltaTable(shelf.facts).update({"id": "id + 10"}, predicate="id = 1")
    DeltaTable(shelf.facts).delete("id = 2")
    shelf.publish(shelf.add(4))
    assert shelf.served() == [(3,), (4,), (11,)]
    shelf.publish(shelf.write(5))
    assert shelf.served() == [(5,)]


@pytest.mark.parametrize("old", ["a file of another lakehouse", "no database"])
def test_a_file_that_is_not_what_was_published_last_is_begun_anew(shelf: Shelf, old: str) -> None:
    """Versions of another lakehouse say nothing of this one's rows."""
    shelf.publish(shelf.add(1))
    if old == "no database":
        shelf.file.write_text("not a database")
    else:
        other = Shelf(shelf.file.parent / "other")
        other.publish(other.add(7))
        other.publish(other.add(8))
        shutil.copyfile(other.file, shelf.file)
    shelf.publish(shelf.add(2))
    assert shelf.served() == [(1,), (2,)]


def test_a_table_that_is_no_longer_made_goes(shelf: Shelf) -> None:
    """The file has the tables of the verdict, and no others."""
    event = shelf.add(1)
    assert isinstance(event.data, QualityEvaluated)
    (facts,) = event.data.tables
    old = facts.model_copy(update={"name": "gold.old"})
    both = event.data.model_copy(update={"tables": (facts, old)})
    shelf.publish(event.model_copy(update={"data": both}))
    shelf.publish(shelf.add(2))
    with duckdb.connect(str(shelf.file), read_only=True) as connection:
        assert connection.sql("SELECT name FROM (SHOW TABLES)").fetchall() == [
            ("facts",),
            ("podium_versions",),
        ]


def test_a_failure_leaves_the_old_file_and_no_draft(shelf: Shelf) -> None:
    """A table that cannot be read ends with an error; what is served stays, and nothing lies beside it."""
    shelf.publish(shelf.write(1))
    event = shelf.write(1, 2)
    shelf.lose_files()
    with pytest.raises(DataFileUnreadable, match="it is not there"):
        shelf.publish(event)
    assert shelf.served() == [(1,)]
    assert shelf.leftovers() == []


def test_drafts_of_killed_publishers_are_removed(shelf: Shelf) -> None:
    """A draft whose process is gone is removed by the next publication; that of a living one is left alone."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name in (f"{gone.pid}", f"{gone.pid}.wal", f"{os.getpid()}", f"{os.getppid()}"):
        shelf.file.with_name(f".shop.duckdb.{name}").write_text("part of a file")
    shelf.publish(shelf.write(1))
    assert shelf.leftovers() == [f".shop.duckdb.{os.getppid()}"]


def test_the_lock_of_a_publisher_killed_at_its_end_is_removed(shelf: Shelf) -> None:
    """Also where nothing is left to be published."""
    event = shelf.write(1)
    shelf.publish(event)
    shelf.file.with_name(".shop.duckdb.lock").touch()
    shelf.publish(event)
    assert shelf.leftovers() == []


def test_an_interrupted_publication_ends_with_its_own_event(shelf: Shelf) -> None:
    """Killed after the rename, the next try with the same verdict announces what the first had pinned."""
    event = shelf.write(1)
    _killed_at(shelf, event, "after publish duckdb commit shop.duckdb")
    (announced,) = shelf.publish(event)
    assert announced.id == "run-0/duckdb/1"


def test_an_interrupted_publication_gives_way_to_newer_tables(shelf: Shelf) -> None:
    """Killed before its completion, with a newer verdict by the next try: the event names what the file holds."""
    _killed_at(shelf, shelf.write(1), "after publish duckdb commit shop.duckdb")
    (announced,) = shelf.publish(shelf.write(1, 2))
    assert isinstance(announced.data, Published)
    assert announced.data.tables[0].to_version == 1
    assert shelf.served() == [(1,), (2,)]


class Killed(BaseException):
    """The end of a process, as far as a test without a process can have it."""


def _killed_at(shelf: Shelf, event: CloudEvent, where: str) -> None:
    def die(point: str) -> None:
        if point == where:
            raise Killed

    with pytest.raises(Killed):
        publish(event, shelf.pipeline, Lakehouse(shelf.lakehouse.uri, die))
