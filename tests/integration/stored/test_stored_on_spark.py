"""A lakehouse in an object store on engine spark: the tables of the other engine, and no commit of anybody's is lost."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from podium_lakehouse.delta.commits import TRANSACTION_KEY, TransactionId, commit_once, said
from podium_lakehouse.delta.tables import CHANGE_FEED, ensure
from podium_lakehouse.store.objects import below

from tests.faults.conftest import SECOND
from tests.faults.lakehouse_comparison import contents, differences
from tests.integration.stored.conftest import StoredShop, new_shop

pytestmark = [pytest.mark.integration, pytest.mark.spark, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[3]
SCHEMA = pa.schema([("key", pa.string()), ("number", pa.int64())])


class Driver:
    """A Spark driver of its own."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "tests.integration.stored.spark_driver", *arguments]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def begin(self) -> None:
        """Wait until its session is there; let it begin."""
        assert self.process.stdin
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"
        self.process.stdin.write("\n")
        self.process.stdin.close()

    @property
    def is_at_work(self) -> bool:
        return self.process.poll() is None

    def end(self) -> None:
        """Wait for its end."""
        assert self.process.wait() == 0
        assert self.process.stdout
        self.process.stdout.close()


def drive(*arguments: str) -> None:
    """Let a driver do one thing."""
    driver = Driver(*arguments)
    driver.begin()
    driver.end()


def append(uri: str, number: int) -> None:
    """Commit a row as Podium's records are committed, by delta-rs."""
    row = pa.table({"key": [f"rust#{number}"], "number": [number]}, schema=SCHEMA)

    def change(table: DeltaTable, properties: CommitProperties) -> None:
        write_deltalake(table, row, mode="append", commit_properties=properties)

    commit_once(uri, TransactionId("rust", number), change)


def keys(uri: str) -> Counter[str]:
    """Return how often a table holds each key."""
    return Counter(DeltaTable(uri).to_pyarrow_table()["key"].to_pylist())


def test_it_holds_what_the_other_engine_makes_in_a_folder(bucket: str, tmp_path: Path) -> None:
    """Every row and every commit, of a first run and of one that merges; on the way nothing of Spark's own stays there."""
    local = new_shop(tmp_path / "local")
    stored = StoredShop(local, tmp_path / "stored", f"{bucket}/podium/lake")
    local.run()
    drive("run", str(stored.file))
    local.deliver("two.csv", SECOND)
    shutil.copy2(local.folder / "data" / "two.csv", stored.folder / "data")
    local.run()
    drive("run", str(stored.file))
    assert differences(stored.contents(), contents(local.folder)) == []
    left = [meta["path"] for meta in below(stored.uri) if "_temporary" in meta["path"]]
    assert left == []


def test_spark_and_delta_rs_do_not_lose_each_others_commits(bucket: str) -> None:
    """Spark's Delta appends while delta-rs appends as fast as it can: both want the same versions, again and again."""
    uri, count = f"{bucket}/raced", 0
    ensure(uri, SCHEMA)
    driver = Driver("insert", uri, "spark", "12")
    driver.begin()
    while driver.is_at_work:
        count += 1
        append(uri, count)
    driver.end()
    wanted = [f"spark#{number}" for number in range(12)] + [f"rust#{n}" for n in range(1, count + 1)]
    assert keys(uri) == Counter(wanted)


@pytest.mark.slow
def test_two_drivers_and_delta_rs_merge_everything_once(bucket: str) -> None:
    """Stages of two drivers merge into a table that others append to; each identifier is committed once, by whomever."""
    uri = f"{bucket}/merged"
    ensure(uri, SCHEMA, CHANGE_FEED)
    drivers = [Driver("merge", uri, name, "6") for name in ("one", "two", "one")]
    for driver in drivers:
        driver.begin()
    for number in range(1, 13):
        append(uri, number)
    for driver in drivers:
        driver.end()
    made = [f"{name}#{number}" for name in ("one", "two") for number in range(1, 7)]
    made += [f"rust#{number}" for number in range(1, 13)]
    history = [str(said(entry).get(TRANSACTION_KEY, "")) for entry in DeltaTable(uri).history()]
    assert sorted(name for name in history if name) == sorted(made)
    assert keys(uri) == Counter([*made, "shared"])
