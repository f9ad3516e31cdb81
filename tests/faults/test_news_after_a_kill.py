"""A run that was killed, and another file that comes before it is repeated: nothing is left out, nothing taken twice."""

from collections.abc import Callable
from functools import cache

import pytest
from podium_contracts.events.v1 import Check, QualityEvaluated
from podium_contracts.names import Stage
from podium_lakehouse.records.intents import Scope

from tests.faults.conftest import SECOND, Trial, Which, corrected_shop
from tests.faults.lakehouse_comparison import unbalanced
from tests.integration.conftest import Shop

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

GOLD = ("gold/fact_sale", "gold/dim_customer", "gold/dim_product", "gold/agg_daily_sales_summary")


@pytest.fixture(scope="module")
def in_two_runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], Shop]:
    """Return a maker of shops after a run over each file."""

    @cache
    def make(gold: bool) -> Shop:  # noqa: FBT001 - as `trial`
        shop = corrected_shop(tmp_path_factory.mktemp("two") / "shop", gold=gold)
        shop.run()
        shop.deliver("two.csv", SECOND)
        shop.run()
        return shop

    return make


def verdict(shop: Shop, subject: str) -> list[Check]:
    """Return the checks of the last verdict on a subject: its metrics, but for the age of rows, which grows from run to run."""
    opened = shop.open()
    scope = Scope(pipeline=opened.pipeline.name, stage=Stage.QUALITY, subject=subject)
    last = opened.lakehouse.completions.last(scope)
    assert last
    assert isinstance(last.data, QualityEvaluated)
    return [found for found in last.data.checks if not found.metric.endswith("_lag_hours")]


def check(trial: Trial, point: str, expected: Shop, *, gold: bool) -> None:
    """Kill at a point, deliver the second file, run to the end, and compare."""
    trial.reset()
    trial.kill_at(point)
    trial.shop.deliver("two.csv", SECOND)
    trial.shop.run()
    assert trial.shop.run().fresh == [], point
    for table in ("silver/sales", *(GOLD if gold else ())):
        assert trial.shop.rows(table) == expected.rows(table), (point, table)
    for table in ("bronze/sales", "quarantine/sales"):
        assert len(trial.shop.rows(table)) == len(expected.rows(table)), (point, table)
    for subject in ("silver.sales", *(("gold",) if gold else ())):
        assert verdict(trial.shop, subject) == verdict(expected, subject), (point, subject)
    assert unbalanced(trial.shop.folder) == []


@pytest.mark.parametrize("step", ["intent", "completion"])
def test_news_between_kill_and_repetition(
    trial: Callable[[Which, bool], Trial], in_two_runs: Callable[[bool], Shop], step: str
) -> None:
    """One more run takes what the killed one left and the file that has come since, up to the verdict on Silver."""
    undisturbed = trial("first", False)
    points = [point for point in undisturbed.points if point.startswith("after") and point.endswith(step)]
    assert points
    for point in points:
        check(undisturbed, point, in_two_runs(False), gold=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    [
        "after model gold intent",
        "after model gold commit dim_product",
        "after model gold completion",
        "after quality gold intent",
        "after publish duckdb intent",
        "after publish duckdb commit retail.duckdb",
    ],
)
def test_news_between_kill_and_repetition_of_gold(
    trial: Callable[[Which, bool], Trial], in_two_runs: Callable[[bool], Shop], point: str
) -> None:
    """One more run brings Gold, its verdict and the published file to what two runs make of the two files."""
    check(trial("first", True), point, in_two_runs(True), gold=True)
