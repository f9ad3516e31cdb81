"""Law 2 for `podium restore`: killed at any point and repeated, it leaves what an undisturbed one leaves."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from podium import host
from podium.opening import open_pipeline
from podium_contracts.names import Stage
from podium_lakehouse.lakehouse import Observer, nobody
from podium_lakehouse.records.intents import Scope
from podium_lakehouse.restoring import certified_completions
from podium_runtime.requests import request

from tests.faults.killed_run import killed_at, processes
from tests.faults.lakehouse_comparison import contents, differences, unbalanced
from tests.integration.test_gold import Stall

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

FIRST = ("a,1,Bath,1.00", "b,1,Wells,2.00", "x,1,Atlantis,1.00")
SECOND = ("a,2,Wells,8.00", "d,1,Bath,16.00", "y,1,Atlantis,1.00")


def put_back(file: Path, reached: Observer = nobody) -> None:
    """Put the dataset of a pipeline file back to its first certified version."""
    opened = open_pipeline(file, reached)
    scope = Scope(pipeline="stall", stage=Stage.CLEANSE, subject="silver.sales")
    target = certified_completions(scope, opened.lakehouse)[0]
    host.restore(opened.pipeline, opened.lakehouse, request(opened.pipeline), {scope: target})


def _killed(file: Path, point: str) -> None:
    put_back(file, lambda here: os.kill(os.getpid(), signal.SIGKILL) if here == point else None)


def test_a_restore_killed_at_any_point(tmp_path: Path) -> None:
    """Killed before or after its intent, a commit, its completion or the verdict on it, it is repeated; or the next run ends it."""
    stall = Stall(tmp_path / "stall")
    stall.run(*FIRST)
    stall.run(*SECOND)
    start, file = tmp_path / "start", stall.folder / "pipeline.yaml"
    shutil.copytree(stall.folder, start)
    points: list[str] = []
    put_back(file, points.append)
    expected = contents(stall.folder)
    own = [point for point in points if point.split()[1] == "cleanse"]
    assert sum("commit restored" in point for point in own) == 4
    for point in [*own, "after quality silver.sales completion", "after model gold commit fact"]:
        for ended_by_the_next_run in {False, "commit" in point}:
            shutil.rmtree(stall.folder)
            shutil.copytree(start, stall.folder)
            process = processes().Process(target=_killed, args=(file, point))
            process.start()
            process.join()
            assert process.exitcode == -signal.SIGKILL, point
            if ended_by_the_next_run:
                stall.run()
            put_back(file)
            assert differences(contents(stall.folder), expected) == [], point
            assert unbalanced(stall.folder, "stall") == []


def test_a_run_killed_in_a_restore_of_its_own(tmp_path: Path) -> None:
    """With `on_failure: restore`, a run that is killed while it puts back what was certified ends that when it is repeated."""
    stall = Stall(tmp_path / "stall")
    file = stall.folder / "pipeline.yaml"
    thresholds = "sales: {total_records: {type: maximum, value: 2, severity: CRITICAL}}"
    file.write_text(file.read_text() + f"  quality: {{on_failure: restore, thresholds: {{{thresholds}}}}}\n")
    stall.run(*FIRST)
    stall.deliver(*SECOND)
    start = tmp_path / "start"
    shutil.copytree(stall.folder, start)
    points: list[str] = []
    opened = open_pipeline(file, points.append)
    host.run(opened.pipeline, opened.lakehouse, request(opened.pipeline))
    expected = contents(stall.folder)
    own = [point for point in points if "restored" in point]
    assert len(own) == 4
    for point in own:
        shutil.rmtree(stall.folder)
        shutil.copytree(start, stall.folder)
        assert killed_at(file, point) == -signal.SIGKILL
        stall.run()
        assert differences(contents(stall.folder), expected) == [], point
