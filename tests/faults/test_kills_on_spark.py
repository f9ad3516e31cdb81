"""Law 2 on Spark: a run killed there and repeated, on either engine, leaves what an undisturbed run on DuckDB leaves."""

from collections.abc import Callable

import pytest
from podium_contracts.names import EngineName

from tests.faults.conftest import Trial, Which

pytestmark = [pytest.mark.faults, pytest.mark.spark, pytest.mark.timeout(600)]
DUCKDB, SPARK = EngineName.DUCKDB, EngineName.SPARK
POINTS = (
    "before ingest bronze.sales commit bronze",
    "after ingest bronze.sales commit bronze",
    "after cleanse silver.sales intent",
    "before cleanse silver.sales commit silver",
    "after cleanse silver.sales commit quarantine",
    "before quality silver.sales metrics",
    "after cleanse silver.sales completion",
)
GOLD_POINTS = (
    "after model gold intent",
    "after model gold commit dim_product",
    "before model gold commit fact_sale",
    "after model gold commit agg_daily_sales_summary",
)


def kill_and_repeat(trial: Trial, point: str, engine: EngineName) -> None:
    """Kill a run on Spark at a point and run again on an engine; check tables, commits, ledgers and events."""
    trial.reset()
    trial.kill_at(point, SPARK)
    trial.repeat(engine)
    trial.check()


def test_a_merge_on_spark_is_not_made_again(trial: Callable[[Which, bool], Trial]) -> None:
    """Killed right after Spark has merged into Silver: the other engine finds the commit and goes on behind it."""
    kill_and_repeat(trial("second", False), "after cleanse silver.sales commit silver", DUCKDB)


@pytest.mark.slow
@pytest.mark.parametrize("engine", [DUCKDB, SPARK])
@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_on_spark_up_to_silver(
    trial: Callable[[Which, bool], Trial], point: str, engine: EngineName
) -> None:
    """Rows come, are merged and refused once, whichever engine finishes."""
    kill_and_repeat(trial("second", False), point, engine)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("point", GOLD_POINTS)
def test_a_run_killed_on_spark_within_gold(trial: Callable[[Which, bool], Trial], point: str) -> None:
    """Tables that Spark has merged and tables that it has not reached end as one commit each."""
    kill_and_repeat(trial("second", True), point, SPARK)
