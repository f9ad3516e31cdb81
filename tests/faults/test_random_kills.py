"""`podium run` killed at random moments, again and again until it comes through.

The moments come from a seed: PODIUM_KILL_SEED=7 pytest tests/faults/test_random_kills.py
"""

import os
import random
import signal
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from time import monotonic

import pytest

from tests.faults.conftest import Trial
from tests.faults.killed_run import podium_run
from tests.integration.conftest import Shop
from tests.integration.test_batches import real_lines

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

SEED = int(os.environ.get("PODIUM_KILL_SEED", "20091201"))
KILLS_IN_A_ROW = 3
FIRST_LINES, ALL_LINES, OVERLAP = 3000, 4500, 200


@pytest.fixture(scope="module")
def real_trial(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trial]:
    """Return a maker of trials over some thousand real lines."""

    @cache
    def make(which: str) -> Trial:
        lines = real_lines(ALL_LINES)
        shop = Shop(tmp_path_factory.mktemp("real") / "shop")
        shop.deliver("one.csv", lines[:FIRST_LINES])
        if which == "second":
            shop.run()
            shop.deliver("two.csv", lines[FIRST_LINES - OVERLAP :])
        return Trial(shop)

    return make


def finish(shop: Shop, scratch: Path) -> float:
    """Run to the end; return the seconds it took."""
    began = monotonic()
    with podium_run(shop.folder, scratch) as run:
        _, errors = run.communicate()
    assert run.returncode == 0, errors
    return monotonic() - began


def killed_after(seconds: float, shop: Shop, scratch: Path) -> bool:
    """Run, killed after some seconds; return whether it was still running."""
    with podium_run(shop.folder, scratch) as run:
        try:
            run.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            run.kill()
            run.communicate()
    assert run.returncode in {0, -signal.SIGKILL}
    return run.returncode != 0


def check_random_kills(trial: Trial, moments: int, scratch: Path) -> None:
    """Kill at this many random moments, a few in a row, and check the lakehouse whenever a run came through."""
    draw = random.Random(SEED)
    print(f"PODIUM_KILL_SEED={SEED}")
    trial.reset()
    duration = finish(trial.shop, scratch)
    kills = 0
    while kills < moments:
        trial.reset()
        for _ in range(min(KILLS_IN_A_ROW, moments - kills)):
            kills += killed_after(draw.uniform(0, duration), trial.shop, scratch)
        finish(trial.shop, scratch)
        trial.check()


def test_three_random_kills(real_trial: Callable[[str], Trial], tmp_path: Path) -> None:
    """Killed at three random moments of a first run, the fourth try leaves what an undisturbed run leaves."""
    check_random_kills(real_trial("first"), 3, tmp_path / "scratch")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("which", ["first", "second"])
def test_twenty_random_kills(real_trial: Callable[[str], Trial], which: str, tmp_path: Path) -> None:
    """Killed at twenty random moments, a run over new files or over a lakehouse that is there ends the same."""
    check_random_kills(real_trial(which), 20, tmp_path / "scratch")
