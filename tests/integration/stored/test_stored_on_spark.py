"""A lakehouse in an object store on engine spark: the tables of the other engine, and no commit of anybody's is lost."""

import select
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from podium_lakehouse.delta.commits import TRANSACTION_KEY, TransactionId, commit_once, said
from podium_lakehouse.delta.tables import CHANGE_FEED, ensure
from podium_lakehouse.store.objects import below

from tests.faults.conftest import SECOND
from tests.faults.lakehouse_comparison import contents, differences
from tests.integration.stored.conftest import StoredShop, new_shop
from tests.integration.stored.lossy_line import COMMIT

pytestmark = [pytest.mark.integration, pytest.mark.spark, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[3]
SCHEMA = pa.schema([("key", pa.string()), ("number", pa.int64())])


class Driver:
    """A Spark driver of its own."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.integration.stored.spark_driver"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdin
        assert self.process.stdout
        self.asked, self.answers = self.process.stdin, self.process.stdout

    def begin(self, *command: str) -> None:
        """Let it do something."""
        self.asked.write(" ".join(command) + "\n")
        self.asked.flush()

    def has_answered(self) -> bool:
        """Whether there is something to read: its answer, or its end."""
        return bool(select.select([self.answers], [], [], 0)[0])

    def end(self) -> None:
        """Wait until it is done."""
        assert self.answers.readline() == "done\n"

    def drive(self, *command: str) -> None:
        """Let it do something, and wait until it is done."""
        self.begin(*command)
        self.end()

    def close(self) -> None:
        """Let it go."""
        self.asked.close()
        self.process.wait()
        self.answers.close()


@pytest.fixture(scope="module")
def driver(environment: pytest.MonkeyPatch) -> Iterator[Driver]:
    """A driver that knows the server."""
    del environment
    driver = Driver()
    yield driver
    driver.close()


def append(uri: str, number: int) -> None:
    """Commit a row as Podium's records are committed, by delta-rs."""
    row = pa.table({"key": [f"rust#{number}"], "number": [number]}, schema=SCHEMA)

    def change(table: DeltaTable, properties: CommitProperties) -> None:
        write_deltalake(table, row, mode="append", commit_properties=properties)

    commit_once(uri, TransactionId("rust", number), change)


def keys(uri: str) -> Counter[str]:
    """Return how often a table holds each key."""
    return Counter(DeltaTable(uri).to_pyarrow_table()["key"].to_pylist())


@pytest.mark.parametrize("gold", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_it_holds_what_the_other_engine_makes_in_a_folder(
    driver: Driver, bucket: str, tmp_path: Path, *, gold: bool
) -> None:
    """Every row and every commit, of a first run and of one that merges; nothing that Spark's tasks write on the way stays there."""
    stored = made_on_both(driver, "run", bucket, tmp_path, gold=gold)
    assert [meta["path"] for meta in below(stored.uri) if "_temporary" in meta["path"]] == []


@pytest.mark.slow
def test_tasks_on_other_machines_share_nothing_but_the_store(
    environment: pytest.MonkeyPatch, bucket: str, tmp_path: Path
) -> None:
    """What a statement leaves for the next one lies in the lakehouse while the engine is open, not in the driver's scratch folder."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "scratch").mkdir()
    (tmp_path / "far").mkdir()
    (tmp_path / "conf" / "spark-defaults.conf").write_text(
        "spark.master local-cluster[1,2,1024]\nspark.sql.shuffle.partitions 2\nspark.ui.enabled false\n"
        "spark.driver.host 127.0.0.1\nspark.driver.bindAddress 127.0.0.1\n"
        f"spark.executorEnv.TMPDIR {tmp_path / 'far'}\n"
    )
    with environment.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(tmp_path / "conf"))
        patch.setenv("TMPDIR", str(tmp_path / "scratch"))
        driver = Driver()
    with closing(driver):
        made_on_both(driver, "run_apart", bucket, tmp_path, gold=True)


def made_on_both(driver: Driver, command: str, bucket: str, folder: Path, *, gold: bool) -> StoredShop:
    """Make two lakehouses of the same deliveries, in a folder by DuckDB and in a store by Spark, and compare them."""
    local = new_shop(folder / "local", gold=gold)
    stored = StoredShop(local, folder / "stored", f"{bucket}/podium/lake")
    local.run()
    driver.drive(command, str(stored.file))
    local.deliver("two.csv", SECOND)
    shutil.copy2(local.folder / "data" / "two.csv", stored.folder / "data")
    local.run()
    driver.drive(command, str(stored.file))
    assert differences(stored.contents(), contents(local.folder)) == []
    return stored


def test_spark_and_delta_rs_do_not_lose_each_others_commits(driver: Driver, bucket: str) -> None:
    """Spark's Delta appends while delta-rs appends as fast as it can: both want the same versions, again and again."""
    uri, count = f"{bucket}/raced", 0
    ensure(uri, SCHEMA)
    driver.begin("insert", uri, "spark", "8")
    while not driver.has_answered():
        count += 1
        append(uri, count)
    driver.end()
    wanted = [f"spark#{number}" for number in range(8)] + [f"rust#{n}" for n in range(1, count + 1)]
    assert keys(uri) == Counter(wanted)


@pytest.mark.slow
def test_two_drivers_and_delta_rs_merge_everything_once(driver: Driver, bucket: str) -> None:
    """Stages of two drivers merge into a table that others append to; each identifier is committed once, by whomever."""
    uri, other = f"{bucket}/merged", Driver()
    ensure(uri, SCHEMA, CHANGE_FEED)
    append(uri, 1)
    other.drive("merge", uri, "before", "1")
    driver.begin("merge", uri, "one", "6")
    other.begin("merge", uri, "one", "3")
    for number in range(2, 12):
        append(uri, number)
        time.sleep(1)
    other.end()
    other.drive("merge", uri, "two", "6")
    driver.end()
    other.close()
    made = [f"{name}#{number}" for name in ("one", "two") for number in range(1, 7)]
    made += ["before#1", *(f"rust#{number}" for number in range(1, 12))]
    history = [str(said(entry).get(TRANSACTION_KEY, "")) for entry in DeltaTable(uri).history()]
    assert sorted(name for name in history if name) == sorted(made)
    assert keys(uri) == Counter([*made, "shared"])


@pytest.mark.slow
def test_a_merge_whose_answer_is_lost_is_there_once(lost: IO[str], bucket: str) -> None:
    """Spark's Delta is told that somebody was faster, and finds that it was itself."""
    uri, driver = f"{bucket}/layer/table", Driver()
    ensure(uri, SCHEMA, CHANGE_FEED)
    driver.drive("merge", uri, "app", "1")
    driver.close()
    assert COMMIT in lost.readline()
    assert DeltaTable(uri).version() == 1
    assert keys(uri) == Counter(["app#1", "shared"])
