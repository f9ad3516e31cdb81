"""Law 2 for `podium certify`: killed at any point and repeated, the failed verdict is accepted once, and what follows is there once."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from podium import host
from podium.opening import open_pipeline
from podium_contracts.errors import TerminalError
from podium_contracts.names import Layer
from podium_lakehouse.lakehouse import Observer, nobody
from podium_lakehouse.records.intents import Acceptance
from podium_runtime.requests import request

from tests.faults.killed_run import processes
from tests.faults.lakehouse_comparison import contents, differences, unbalanced
from tests.integration.test_gold import Stall

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

ACCEPTANCE = Acceptance(reason="the supplier confirmed the gap", by="Ada")
LINES = ("a,1,Bath,1.00", "b,1,Wells,2.00", "x,1,Atlantis,1.00")
WAITING = ("c,1,Bath,4.00",)
"""What a failed Silver keeps waiting in Bronze."""
FEW = "total_records: {type: minimum, value: 3, severity: CRITICAL}"
FAILING = {"silver.sales": f"sales: {{{FEW}}}", "gold": f"fact: {{{FEW}}}"}


def certify(file: Path, subject: str, reached: Observer = nobody) -> None:
    """Accept the failed verdict on a subject of a pipeline file, as the command does."""
    opened = open_pipeline(file, reached)
    host.certify(opened.pipeline, opened.lakehouse, request(opened.pipeline), subject, ACCEPTANCE)


def _killed(file: Path, subject: str, point: str) -> None:
    certify(file, subject, lambda here: os.kill(os.getpid(), signal.SIGKILL) if here == point else None)


class Trial:
    """A verdict that has failed, and what certifying it leaves when nothing happens."""

    def __init__(self, folder: Path, subject: str) -> None:
        self.stall, self.subject = Stall(folder / "stall"), subject
        self.file, self.start = self.stall.folder / "pipeline.yaml", folder / "start"
        self.file.write_text(self.file.read_text() + f"  quality: {{thresholds: {{{FAILING[subject]}}}}}\n")
        self.stall.run(*LINES)
        if subject != Layer.GOLD:
            self.stall.run(*WAITING)
        shutil.copytree(self.stall.folder, self.start)
        self.points: list[str] = []
        certify(self.file, subject, self.points.append)
        self.expected = contents(self.stall.folder)

    def kill(self, point: str) -> None:
        """Kill the command at a point."""
        shutil.rmtree(self.stall.folder)
        shutil.copytree(self.start, self.stall.folder)
        process = processes().Process(target=_killed, args=(self.file, self.subject, point))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, point

    def repeat(self) -> None:
        """Call the command again; once a later verdict has passed it says that there is nothing to accept, and a run goes on."""
        try:
            certify(self.file, self.subject)
        except TerminalError as error:
            if "nothing to accept" not in str(error):
                raise
            self.stall.run()

    def check(self, point: str) -> None:
        """Hold everything, its events among it, against what an undisturbed command leaves."""
        assert differences(contents(self.stall.folder), self.expected) == [], point
        assert unbalanced(self.stall.folder, "stall") == []


def test_a_certification_killed_at_its_own_points(tmp_path: Path) -> None:
    """Killed after its intent, its metrics, its completion or its event, it is repeated; or, once it is planned, the next run ends it."""
    trial = Trial(tmp_path, "silver.sales")
    own = [point for point in trial.points if point.startswith("after quality silver.sales")][:4]
    assert [point.rsplit(" ", 1)[1] for point in own] == ["intent", "metrics", "completion", "event"]
    for point in own:
        trial.kill(point)
        trial.repeat()
        trial.check(point)
    trial.kill(own[0])
    trial.stall.run()
    trial.check(own[0])


@pytest.mark.slow
@pytest.mark.parametrize("subject", FAILING)
def test_a_certification_killed_at_any_point(tmp_path: Path, subject: str) -> None:
    """Killed before or after anything that it does, or that follows from it, it is repeated."""
    trial = Trial(tmp_path, subject)
    stages = {point.split()[1] for point in trial.points}
    assert stages == ({"quality", "cleanse", "model"} if subject != Layer.GOLD else {"quality"})
    for point in trial.points:
        trial.kill(point)
        trial.repeat()
        trial.check(point)
