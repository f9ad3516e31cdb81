"""Law 2 for decisions on quarantine: killed at any point and repeated, rows are replayed or rejected once."""

import shutil
import signal
from pathlib import Path

import pytest
from podium import host
from podium.opening import open_pipeline
from podium_contracts.errors import TerminalError
from podium_lakehouse.records.intents import Decision
from podium_runtime.requests import request

from tests.faults.conftest import corrected_shop
from tests.faults.killed_run import decision_killed_at
from tests.faults.lakehouse_comparison import contents, differences, unbalanced
from tests.integration.conftest import Shop

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
DECISIONS = {
    "replay": Decision(action="replay", rule="lookup.country"),
    "reject": Decision(action="reject", rule="schema.quantity", reason="no number"),
}


def decide(shop: Shop, decision: Decision, points: list[str]) -> None:
    """Carry out a decision to the end of what follows from it; note the points that it passes."""
    opened = open_pipeline(shop.file, points.append)
    asked = request(opened.pipeline, datasets=("sales",))
    host.decide(decision, "sales", opened.pipeline, opened.lakehouse, asked)


@pytest.mark.parametrize("action", DECISIONS)
def test_a_decision_killed_at_any_point(tmp_path: Path, action: str) -> None:
    """The process dies after each intent, commit, completion and event; the same command, or a run, ends it as it should."""
    decision = DECISIONS[action]
    shop = corrected_shop(tmp_path / "shop", gold=False)
    shop.run()
    countries = shop.folder / "lookups/countries.csv"
    text = countries.read_text()
    countries.write_text(text + ",".join(["Atlantis"] * len(text.splitlines()[0].split(","))) + "\n")
    start = tmp_path / "start"
    shutil.copytree(shop.folder, start)
    points: list[str] = []
    decide(shop, decision, points)
    expected = contents(shop.folder)
    killing = [point for point in points if point.startswith("after cleanse")]
    assert {"after cleanse silver.sales commit quarantine", "after cleanse silver.sales completion"} <= set(
        killing
    )

    for point in killing:
        shutil.rmtree(shop.folder)
        shutil.copytree(start, shop.folder)
        assert decision_killed_at(shop.file, point, decision, "sales") == -signal.SIGKILL, point
        if point.endswith(("completion", "event")):
            with pytest.raises(TerminalError, match="no such row"):
                decide(shop, decision, [])
            shop.run()
        else:
            decide(shop, decision, [])
        assert differences(contents(shop.folder), expected) == [], point
        assert unbalanced(shop.folder) == []
