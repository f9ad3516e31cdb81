"""Two whole runs of one pipeline at the same time: one result, and nobody is left with half of it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import Trial, Which
from tests.faults.killed_run import EXIT_TRANSIENT, podium_run, together
from tests.faults.lakehouse_comparison import unbalanced
from tests.integration.conftest import Shop
from tests.integration.test_batches import real_lines

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


def meet(trial: Trial, point: str) -> None:
    """Let two runs begin a step together; check what they leave, and that there is nothing left to do."""
    trial.reset()
    codes = together(trial.shop.file, point, 2)
    assert 0 in codes, point
    assert set(codes) <= {0, EXIT_TRANSIENT}, point
    trial.repeat()
    assert trial.shop.run().fresh == []
    trial.check()


@pytest.mark.parametrize(
    "step",
    [
        "ingest bronze.sales intent",
        "cleanse silver.sales intent",
        "cleanse silver.sales commit silver",
        "quality silver.sales completion",
    ],
)
def test_two_runs_that_begin_a_step_together(trial: Callable[[Which, bool], Trial], step: str) -> None:
    """Two hosts that pin, commit or complete the same news at once leave what one of them leaves alone."""
    meet(trial("second", False), f"before {step}")


@pytest.mark.slow
@pytest.mark.parametrize("which", ["first", "second"])
def test_two_runs_that_begin_any_step_together(trial: Callable[[Which, bool], Trial], which: Which) -> None:
    """Whatever step two hosts of the same news begin together, the tables, commits, ledgers and events are those of one."""
    undisturbed = trial(which, False)
    for point in undisturbed.points:
        if point.startswith("before"):
            meet(undisturbed, point)


def test_two_commands_at_once(tmp_path: Path) -> None:
    """`podium run` twice at once over real lines: each ends well or says to try again; then there is nothing new."""
    shop, alone = Shop(tmp_path / "shop"), Shop(tmp_path / "alone")
    for each in (shop, alone):
        each.deliver("one.csv", real_lines(1500))
    alone.run()
    with (
        podium_run(shop.folder, tmp_path / "scratch1") as one,
        podium_run(shop.folder, tmp_path / "scratch2") as two,
    ):
        told = [one.communicate(), two.communicate()]
    codes = {one.returncode, two.returncode}
    assert 0 in codes, told
    assert codes <= {0, EXIT_TRANSIENT}, told
    with podium_run(shop.folder, tmp_path / "scratch3") as third:
        output, _ = third.communicate()
    assert json.loads(output)["news"] is False
    for table in (
        "bronze/sales",
        "silver/sales",
        "quarantine/sales",
        "gold/fact_sale",
        "gold/agg_daily_sales_summary",
    ):
        assert shop.rows(table) == alone.rows(table), table
        assert shop.version(table) == alone.version(table), table
    assert unbalanced(shop.folder) == []
