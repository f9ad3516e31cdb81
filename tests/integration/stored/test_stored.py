"""A lakehouse in an object store is what it is in a folder, from the first run to the last command that reads it."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import obstore
import pytest
from podium.cli import call
from podium_contracts.names import Stage
from podium_lakehouse.hosting import HostedStage, scopes
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.store.objects import below, bucket_and_key, client, get
from podium_publish.stage import publish

from tests.faults.conftest import SECOND
from tests.faults.lakehouse_comparison import Contents, contents, differences
from tests.integration.checker import recount
from tests.integration.conftest import REAL_FILE, RETAIL, Shop
from tests.integration.stored.conftest import BUCKETS, StoredShop, new_shop
from tests.s3 import S3Server, copied

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
MERGED = "after cleanse silver.sales commit silver"


@dataclass(frozen=True)
class Both:
    """Two shops with the same deliveries, what their lakehouses hold, and what the first run in the store said of itself."""

    local: Shop
    stored: StoredShop
    expected: Contents
    found: Contents
    said: dict[str, object]


@pytest.fixture(scope="module")
def both(s3: S3Server, environment: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Both:
    """After two deliveries, the second with corrections; the run of it in the store was killed after its merge and repeated."""
    del environment
    name = next(BUCKETS)
    s3.bucket(name)
    folder = tmp_path_factory.mktemp("both")
    local = new_shop(folder / "local")
    stored = StoredShop(local, folder / "stored", f"s3://{name}/podium/lake")
    local.run()
    said = run(stored)
    local.deliver("two.csv", SECOND)
    shutil.copy2(local.folder / "data" / "two.csv", stored.folder / "data")
    local.run()
    kill(stored, MERGED)
    stored.run()
    return Both(local, stored, contents(local.folder), stored.contents(), said)


def run(shop: Shop) -> dict[str, object]:
    """Run a shop by the command line; return what it wrote."""
    written = io.StringIO()
    with redirect_stdout(written):
        assert call(["run", "-f", str(shop.file), "-o", "json"]) == 0
    said: dict[str, object] = json.loads(written.getvalue())
    return said


def kill(shop: Shop, point: str) -> None:
    """Run a shop in a process of its own until it reaches a point and kills itself."""
    program = f"import pathlib, tests.faults.killed_run as k; k._run(pathlib.Path({str(shop.file)!r}), {point!r}, None)"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert run.returncode == -signal.SIGKILL


def test_it_holds_what_one_in_a_folder_holds(both: Both) -> None:
    """Every row of every layer, every record, every commit, and what is published; the killed merge is there once."""
    assert differences(both.found, both.expected) == []
    assert {"silver/sales", "gold/fact_sale", "quarantine/sales", "_podium/completions"} <= both.found.keys()
    commits = both.found["commits to silver/sales"]
    assert [commit.split()[0] for commit in commits] == ["CREATE", "WRITE", "MERGE"]


@pytest.mark.slow
def test_the_real_file_comes_to_what_other_sql_counts(bucket: str, tmp_path: Path) -> None:
    """As in a folder: Bronze, Silver, quarantine, Gold and the ledgers of 525,461 real rows."""
    local = Shop(tmp_path / "local")
    local.file.write_text(local.file.read_text().replace("./lakehouse", str(local.folder / "lakehouse")))
    shutil.copy(RETAIL / "data" / REAL_FILE, local.folder / "data")
    stored = StoredShop(local, tmp_path / "stored", f"{bucket}/lake")
    stored.run()
    assert recount(stored.folder / "data" / REAL_FILE, copied(stored.uri, tmp_path / "copy")) == []


def test_nothing_is_left_on_this_machine(both: Both) -> None:
    """What was written on the way is gone, and no table came to lie in a folder called `s3:`."""
    assert not list(Path(tempfile.gettempdir()).glob(f"podium-{os.getpid()}-*"))
    assert not [*Path.cwd().glob("s3:*"), *both.stored.folder.glob("s3:*")]


def test_a_run_says_where_everything_is(both: Both) -> None:
    """A script reads the URIs of the lakehouse and of the report."""
    assert both.said["lakehouse"] == both.stored.uri
    assert both.said["report"] == f"{both.stored.uri}/report.html"


READING: dict[str, tuple[list[str], str]] = {
    "tables": (["tables"], "gold.fact_sale"),
    "show": (["show", "silver.sales", "--where", "country = 'France'", "-o", "json"], '"489440"'),
    "an older version": (["show", "silver.sales", "--version", "1", "-o", "json"], '"489434"'),
    "history": (["history", "silver.sales"], "MERGE"),
    "ledger": (["ledger"], "1 updated"),
    "events": (["events"], "layer.completed"),
    "quarantine ls": (["quarantine", "ls"], "csv.corrupt"),
    "quarantine show": (["quarantine", "show", "sales", "-o", "json"], "TOO"),
    "report": (["report"], "/podium/lake/report.html"),
    "run": (["run"], "Nothing new"),
}


@pytest.mark.parametrize(("arguments", "said"), READING.values(), ids=READING)
def test_every_command_reads_it(
    both: Both, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As one in a folder."""
    assert call([*arguments, "-f", str(both.stored.file)]) == 0
    assert said in capsys.readouterr().out


def test_a_condition_reads_nothing_but_the_lakehouse(both: Both, capsys: pytest.CaptureFixture[str]) -> None:
    """What a person types cannot open another object of the store, though the credentials would let it."""
    bucket, _ = bucket_and_key(both.stored.uri)
    path = next(meta["path"] for meta in below(both.stored.uri) if meta["path"].endswith(".parquet"))
    for copy in ("elsewhere/one.parquet", "podium/lake2/one.parquet"):
        obstore.copy(client(bucket), path, copy)
    codes = {}
    for place in (
        f"s3://{bucket}/{path}",
        f"s3://{bucket}/elsewhere/one.parquet",
        f"{both.stored.uri}/../../elsewhere/one.parquet",
        f"{both.stored.uri}2/one.parquet",
    ):
        condition = f"'x' IN (SELECT 'x' FROM read_parquet('{place}'))"
        codes[place] = call(["show", "silver.sales", "--where", condition, "-f", str(both.stored.file)])
    assert list(codes.values()) == [0, 1, 1, 1]
    assert "disabled by configuration" in capsys.readouterr().err


def test_the_report_is_an_object_beside_the_tables(both: Both) -> None:
    """Whoever may read the bucket can open it in a browser."""
    assert call(["report", "-f", str(both.stored.file)]) == 0
    page = get(f"{both.stored.uri}/report.html").decode()
    assert page.startswith("<!doctype html>")


def test_a_service_answers_from_it(both: Both) -> None:
    """The same stage, called as a host with a real bus calls it, finds its completions and notes what is announced."""
    pipeline = both.stored.open().pipeline
    lakehouse = Lakehouse(pipeline.lakehouse_uri)
    verdict = lakehouse.completions.last(scopes(Stage.QUALITY, pipeline)[-1])
    assert verdict
    hosted = HostedStage(Stage.PUBLISH, publish)
    answers = hosted.answer(verdict, pipeline)
    assert [(answer.type, answer.number) for answer in answers] == [("dev.podium.published.v1", 2)]
    assert [event.id for event in hosted.outstanding(pipeline)] == [answers[0].id]
    hosted.announced(pipeline, answers)
    assert hosted.outstanding(pipeline) == []
