"""Tables are put back to what was certified: what follows from them follows, and later runs go on without losing or doubling a row."""

import json
import shutil
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from deltalake import DeltaTable
from podium import host
from podium.cli import call
from podium.opening import open_pipeline
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated
from podium_contracts.names import EngineName
from podium_runtime.requests import request

from tests.faults.lakehouse_comparison import unbalanced
from tests.integration.test_gold import Stall

FIRST = ("a,1,Bath,1.00", "b,1,Wells,2.00", "c,1,BTH,4.00", "x,1,Atlantis,1.00")
SECOND = ("a,2,Wells,8.00", "d,1,Bath,16.00", "y,1,Atlantis,1.00")
THIRD = ("e,1,Wells,32.00", "a,3,Bath,64.00")
CRITICAL = (
    "  quality:\n    on_failure: {}\n    thresholds:\n"
    "      sales: {{total_records: {{type: maximum, value: 3, severity: CRITICAL}}}}\n"
)
NOT_COMPARED = {
    "created_at",
    "updated_at",
    "ingestion_timestamp",
    "quarantined_at",
    "ingestion_batch_id",
    "source_file",
    "quarantine_id",
}


@pytest.fixture
def stall(tmp_path: Path) -> Stall:
    """Return a stall without deliveries."""
    return Stall(tmp_path / "stall")


@pytest.fixture
def another(tmp_path: Path) -> Callable[..., Stall]:
    """Return a maker of another stall that has had deliveries, all in one run."""

    def make(*deliveries: tuple[str, ...]) -> Stall:
        made = Stall(tmp_path / "another")
        for lines in deliveries:
            made.deliver(*lines)
        made.run()
        return made

    return make


def rows(stall: Stall, table: str) -> list[str]:
    """Return the rows of a table without what differs from run to run."""
    found = DeltaTable(str(stall.folder / "lakehouse" / table)).to_pyarrow_table().to_pylist()
    return sorted(str({name: row[name] for name in row if name not in NOT_COMPARED}) for row in found)


def same(stall: Stall, other: Stall) -> bool:
    """Whether two stalls have the same Silver, quarantine and Gold, and books that balance."""
    tables = ("silver/sales", "quarantine/sales", "gold/fact", "gold/by_town")
    assert unbalanced(stall.folder, "stall") == []
    return all(rows(stall, table) == rows(other, table) for table in tables)


def podium(stall: Stall, *arguments: str) -> int:
    """Call a command on a stall's pipeline file; return its exit code."""
    return call([*arguments, "-f", str(stall.folder / "pipeline.yaml")])


def version(stall: Stall, table: str) -> int:
    return DeltaTable(str(stall.folder / "lakehouse" / table)).version()


def test_gold_follows_a_silver_table_that_is_put_back(stall: Stall, another: Callable[..., Stall]) -> None:
    """After `podium restore` every table is as if the later delivery had never been; nothing is deleted, and Bronze stays."""
    stall.run(*FIRST)
    stall.run(*SECOND)
    before = version(stall, "silver/sales")
    assert podium(stall, "restore", "silver.sales", "--version", "1") == 0
    assert version(stall, "silver/sales") == before + 1
    assert same(stall, another(FIRST))
    assert len(rows(stall, "bronze/sales")) == len(FIRST) + len(SECOND)
    lakehouse = open_pipeline(stall.folder / "pipeline.yaml").lakehouse
    silver, quarantine = sorted(
        lakehouse.catalogue.last("silver.sales"), key=lambda entry: entry.name, reverse=True
    )
    assert (silver.version, silver.rows, quarantine.rows) == (before + 1, 3, 1)
    restored = [row["object"] for row in lakehouse.audit.all("stall") if row["action"] == "restored"]
    assert restored == ["quarantine.sales", "silver.sales"]


def test_what_was_put_back_rests_until_there_is_news(
    stall: Stall, another: Callable[..., Stall], capfd: pytest.CaptureFixture[str]
) -> None:
    """A run without news leaves what was put back; with the next delivery what rested is cleansed, too: no row is lost or doubled."""
    stall.run(*FIRST)
    stall.run(*SECOND)
    podium(stall, "restore", "silver.sales", "--version", "1")
    assert stall.run().fresh == []
    assert same(stall, another(FIRST))
    capfd.readouterr()
    assert podium(stall, "run") == 0
    assert "the 1 batch(es) after it rest in Bronze" in capfd.readouterr().out.replace("\n", " ")
    stall.run(*THIRD)
    whole = Stall(stall.folder.parent / "whole")
    for lines in (FIRST, SECOND, THIRD):
        whole.deliver(*lines)
    whole.run()
    assert same(stall, whole)


def test_a_mended_file_takes_up_what_rested(stall: Stall) -> None:
    """Once the pipeline file has changed, the rows after the restored version are cleansed anew under it."""
    stall.run(*FIRST)
    stall.run(*SECOND)
    podium(stall, "restore", "silver.sales", "--version", "1")
    file = stall.folder / "pipeline.yaml"
    rule = "      rules: {cheap: {type: range_check, column: price, max: 10}}\n      duplicates:"
    file.write_text(file.read_text().replace("      duplicates:", rule))
    judged = [event.data for event in stall.run().fresh if isinstance(event.data, QualityEvaluated)]
    counted = {check.metric: check.actual for check in judged[0].checks}
    assert counted["validation_success_percentage"] == 57.14, "4 of 7 rows: what was put back counts once"
    assert len(rows(stall, "silver/sales")) == 3
    assert sum("cheap" in row for row in rows(stall, "quarantine/sales")) == 1


def test_gold_is_put_back_as_a_whole(stall: Stall, another: Callable[..., Stall]) -> None:
    """Gold's tables go back together, by the version of any; Silver stays, and the next news brings Gold up to it."""
    stall.run(*FIRST)
    stall.run(*SECOND)
    silver = rows(stall, "silver/sales")
    assert podium(stall, "restore", "gold.by_town", "--version", "1") == 0
    first = another(FIRST)
    assert [rows(stall, f"gold/{name}") for name in ("fact", "by_town")] == [
        rows(first, f"gold/{name}") for name in ("fact", "by_town")
    ]
    assert rows(stall, "silver/sales") == silver
    assert stall.run().fresh == []
    stall.run(*THIRD)
    whole = Stall(stall.folder.parent / "whole")
    for lines in (FIRST, SECOND, THIRD):
        whole.deliver(*lines)
    whole.run()
    assert same(stall, whole)


def test_a_pipeline_is_put_back_to_a_time(stall: Stall, another: Callable[..., Stall]) -> None:
    """Without a table, every Silver and Gold table goes back to what was certified at a time."""
    stall.run(*FIRST)
    moment = datetime.now(UTC).isoformat()
    stall.run(*SECOND)
    assert podium(stall, "restore", "--at", moment) == 0
    assert same(stall, another(FIRST))
    assert stall.run().fresh == []
    assert podium(stall, "restore", "--at", moment) == 0


def test_only_certified_versions_are_put_back(stall: Stall, capfd: pytest.CaptureFixture[str]) -> None:
    """Another version is refused with those that may be had; so are Bronze, an unknown table and no time at all."""
    stall.run(*FIRST)
    for arguments, said in {
        ("silver.sales", "--version", "0"): "certified versions: 1",
        ("silver.sales", "--version", "9"): "the newest is 1",
        ("bronze.sales",): "Bronze only grows",
        ("silver.sole",): "silver.sales",
        (): "give --at",
        ("gold", "--at", "2001-01-01"): "nothing of gold was certified: at 2001-01-01",
        ("gold.typo",): "write one of: silver.sales, gold, gold.by_town, gold.fact",
        ("gold.fact.day",): "there is no 'gold.fact.day'",
    }.items():
        assert podium(stall, "restore", *arguments) == 1
        assert said in capfd.readouterr().err.replace("\n", " ")


def test_a_dry_run_says_what_would_be_put_back(stall: Stall, capfd: pytest.CaptureFixture[str]) -> None:
    """`--dry-run` commits nothing."""
    stall.run(*FIRST)
    stall.run(*SECOND)
    capfd.readouterr()
    assert podium(stall, "restore", "silver.sales", "--version", "1", "--dry-run", "-o", "json") == 0
    listed = json.loads(capfd.readouterr().out)
    assert [(row["table"], row["now"], row["back_to"]) for row in listed] == [
        ("silver.sales", 2, 1),
        ("quarantine.sales", 2, 1),
    ]
    assert version(stall, "silver/sales") == 2


def test_a_version_that_has_been_vacuumed_is_refused_at_once(
    stall: Stall, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is begun that could not be brought to its end: later runs and restores go on."""
    stall.run(*FIRST)
    stall.run(*SECOND)
    assert podium(stall, "vacuum", "--retain", "0") == 0
    for arguments in (("--dry-run",), ()):
        assert podium(stall, "restore", "silver.sales", "--version", "1", *arguments) == 1
        assert "silver/sales: version 1 is not there any more" in capfd.readouterr().err.replace("\n", "")
    assert stall.run().fresh == []
    assert podium(stall, "restore", "silver.sales", "--version", "2") == 0
    stall.run(*THIRD)
    assert len(rows(stall, "silver/sales")) == 5


def test_a_project_that_was_moved_goes_on_where_it_is(
    stall: Stall, another: Callable[..., Stall], capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing of the folder that it was copied from is read or changed."""
    stall.run(*FIRST)
    stall.run(*SECOND)
    versions = [version(stall, table) for table in ("silver/sales", "gold/fact")]
    moved = copy(stall)
    moved.folder = stall.folder.parent / "moved"
    shutil.copytree(stall.folder, moved.folder)
    capfd.readouterr()
    assert podium(moved, "tables", "-o", "json") == 0
    assert {Path(row["uri"]).parents[2] for row in json.loads(capfd.readouterr().out)} == {moved.folder}
    assert podium(moved, "restore", "silver.sales", "--version", "1") == 0
    assert same(moved, another(FIRST))
    assert [version(stall, table) for table in ("silver/sales", "gold/fact")] == versions


def fail(stall: Stall, on_failure: str) -> None:
    """Let a stall's verdict on Silver fail with its second delivery."""
    file = stall.folder / "pipeline.yaml"
    file.write_text(file.read_text() + CRITICAL.format(on_failure))


def test_a_failed_verdict_can_put_back_what_was_certified(
    stall: Stall, another: Callable[..., Stall]
) -> None:
    """With `on_failure: restore` the certified version is Silver's newest again, it is announced, and there is no second try without news."""
    fail(stall, "restore")
    stall.run(*FIRST)
    outcome = stall.run(*SECOND)
    told = [event.data for event in outcome.fresh if event.subject == "silver.sales"]
    verdicts = [data.verdict for data in told if isinstance(data, QualityEvaluated)]
    assert verdicts == ["failed", "passed"]
    restored = [data for data in told if isinstance(data, LayerCompleted)][-1]
    assert "put back" in restored.notes[0]
    assert same(stall, another(FIRST))
    assert stall.run().fresh == []


def test_gold_that_failed_is_put_back(stall: Stall) -> None:
    """The same for Gold: its certified rows are put back, and it is built again with the next news of Silver."""
    file = stall.folder / "pipeline.yaml"
    file.write_text(file.read_text() + CRITICAL.format("restore").replace("sales:", "fact:"))
    stall.run(*FIRST)
    fact = rows(stall, "gold/fact")
    outcome = stall.run(*SECOND)
    verdicts = [event.data.verdict for event in outcome.fresh if isinstance(event.data, QualityEvaluated)]
    assert verdicts == ["passed", "failed", "passed"]
    assert rows(stall, "gold/fact") == fact
    assert stall.run().fresh == []


def test_a_failed_verdict_can_be_accepted(
    stall: Stall, another: Callable[..., Stall], capfd: pytest.CaptureFixture[str]
) -> None:
    """`podium certify` keeps who accepted it and why; readers see the version, and what waited goes on."""
    fail(stall, "hold")
    stall.run(*FIRST)
    stall.run(*SECOND)
    assert podium(stall, "certify", "silver.sales", "--reason", "it is sale", "--by", "Ada") == 0
    last = open_pipeline(stall.folder / "pipeline.yaml").lakehouse.completions.all("stall")
    verdict = next(
        e.data for e in reversed(last) if isinstance(e.data, QualityEvaluated) and e.data.layer == "silver"
    )
    assert (verdict.verdict, verdict.accepted, verdict.accepted_by) == ("warned", "it is sale", "Ada")
    assert [check.passed for check in verdict.checks if check.threshold] == [False]
    assert same(stall, another(FIRST, SECOND))
    assert stall.run().fresh == []
    capfd.readouterr()
    assert podium(stall, "certify", "silver.sales", "--reason", "again") == 1
    assert "nothing to accept" in capfd.readouterr().err


def test_a_time_is_put_back_as_it_was_judged_then(
    stall: Stall, another: Callable[..., Stall], capfd: pytest.CaptureFixture[str]
) -> None:
    """What was accepted later was not certified at the time; what was accepted once stays so when it is put back."""
    fail(stall, "hold")
    stall.run(*FIRST)
    stall.run(*SECOND)
    moment = datetime.now(UTC).isoformat()
    assert podium(stall, "certify", "silver.sales", "--reason", "it is sale", "--by", "Ada") == 0
    assert podium(stall, "restore", "--at", moment) == 0
    assert same(stall, another(FIRST))
    assert podium(stall, "restore", "silver.sales", "--version", "2") == 0
    capfd.readouterr()
    assert podium(stall, "events", "-o", "json") == 0
    told = [event for event in json.loads(capfd.readouterr().out) if event["subject"] == "silver.sales"]
    assert (told[-1]["data"]["verdict"], told[-1]["data"]["acceptedBy"]) == ("warned", "Ada")
    assert len(rows(stall, "silver/sales")) == 4


@pytest.mark.spark
@pytest.mark.timeout(600)
def test_gold_on_spark_follows_what_is_put_back(stall: Stall, another: Callable[..., Stall]) -> None:
    """On Spark, too: tables that it has written are put back, and it reads what that has changed."""
    for lines in (FIRST, SECOND):
        stall.deliver(*lines)
        on_spark(stall)
    file = stall.folder / "pipeline.yaml"
    file.write_text(file.read_text().replace("spec:\n", "spec:\n  engine: spark\n"))
    assert podium(stall, "restore", "silver.sales", "--version", "1") == 0
    assert same(stall, another(FIRST))


def on_spark(stall: Stall) -> None:
    """Run a stall's pipeline on Spark."""
    opened = open_pipeline(stall.folder / "pipeline.yaml")
    lakehouse = replace(opened.lakehouse, engine=EngineName.SPARK)
    host.run(opened.pipeline, lakehouse, request(opened.pipeline))


def test_every_table_is_read_as_of_a_version_or_a_time(
    stall: Stall, capfd: pytest.CaptureFixture[str]
) -> None:
    """`podium show` and `podium history` take every table of every layer, quarantines and Podium's own records among them."""
    stall.run(*FIRST)
    moment = datetime.now(UTC).isoformat()
    names = [
        ".".join(log.parent.parts[-2:]) for log in sorted((stall.folder / "lakehouse").glob("*/*/_delta_log"))
    ]
    then = {}
    for name in names:
        capfd.readouterr()
        assert podium(stall, "show", name, "--latest", "-n", "1000", "-o", "json") == 0
        then[name] = json.loads(capfd.readouterr().out)
    stall.run(*SECOND)
    assert {"bronze.sales", "silver.sales", "quarantine.sales", "gold.fact", "_podium.completions"} < {*names}
    for name in names:
        capfd.readouterr()
        assert podium(stall, "history", name, "-o", "json") == 0
        assert json.loads(capfd.readouterr().out)[-1]["version"] == 0
        assert podium(stall, "show", name, "--at", moment, "-n", "1000", "-o", "json") == 0
        assert sorted(map(str, json.loads(capfd.readouterr().out))) == sorted(map(str, then[name]))
        assert podium(stall, "show", name, "--version", "0", "-o", "json") == 0
        assert json.loads(capfd.readouterr().out) == [] or name.startswith("_podium.lookup")
