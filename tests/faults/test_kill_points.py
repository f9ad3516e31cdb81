"""Law 2: a run killed at any point and repeated leaves what an undisturbed run leaves, and announces the same events."""

from collections.abc import Callable

import pytest
from podium_contracts.events.v1 import LayerCompleted

from tests.faults.conftest import Trial, Which

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

GOLD = (
    "dim_country",
    "dim_customer",
    "dim_date",
    "dim_product",
    "dim_time",
    "fact_sale",
    "agg_daily_sales",
    "agg_daily_sales_summary",
    "agg_monthly_customer",
    "agg_product_performance",
)
STEPS = {
    "ingest": ("intent", "commit bronze", "completion", "event"),
    "cleanse": ("intent", "commit silver", "commit quarantine", "completion", "event"),
    "quality": ("intent", "metrics", "completion", "event"),
    "model": ("intent", *(f"commit {table}" for table in GOLD), "completion", "event"),
    "publish": ("intent", "commit retail.duckdb", "completion", "event"),
}
"""What must be there to be tested; a step that is added is tested without being named here."""
SUBJECTS = {
    "ingest": ("bronze.sales",),
    "cleanse": ("silver.sales",),
    "quality": ("silver.sales", "gold"),
    "model": ("gold",),
    "publish": ("duckdb",),
}
RUNS = pytest.mark.parametrize("which", ["first", "second"])


def required(stage: str, subjects: tuple[str, ...]) -> set[str]:
    """Return the points that a stage must pass."""
    return {
        f"{when} {stage} {subject} {step}"
        for when in ("before", "after")
        for subject in subjects
        for step in STEPS[stage]
    }


def kill_and_repeat(trial: Trial, point: str) -> None:
    """Kill a run at a point and run again; check tables, commits, ledgers and events."""
    trial.reset()
    trial.kill_at(point)
    trial.repeat()
    trial.check()


@RUNS
@pytest.mark.parametrize("stage", ["ingest", "cleanse", "quality"])
def test_a_run_killed_at_any_point_up_to_silver(
    trial: Callable[[Which, bool], Trial], which: Which, stage: str
) -> None:
    """Killed before or after any intent, commit, completion or event up to the verdict on Silver, a run can be repeated."""
    undisturbed = trial(which, False)
    points = undisturbed.points_of(stage)
    assert required(stage, SUBJECTS[stage][:1]) <= set(points)
    for point in points:
        kill_and_repeat(undisturbed, point)


@pytest.mark.parametrize(
    ("which", "point"),
    [
        ("first", "after model gold commit dim_product"),
        pytest.param("second", "after model gold commit fact_sale", marks=pytest.mark.slow),
        ("second", "after publish duckdb commit retail.duckdb"),
    ],
)
def test_a_run_killed_between_gold_and_its_readers(
    trial: Callable[[Which, bool], Trial], which: Which, point: str
) -> None:
    """Killed when some Gold tables are committed, or the file is published and nobody was told, a run can be repeated."""
    kill_and_repeat(trial(which, True), point)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@RUNS
@pytest.mark.parametrize("stage", list(STEPS))
def test_a_run_killed_at_any_point(trial: Callable[[Which, bool], Trial], which: Which, stage: str) -> None:
    """Killed before or after any intent, commit, completion or event of any stage, a run can be repeated."""
    undisturbed = trial(which, True)
    points = undisturbed.points_of(stage)
    assert required(stage, SUBJECTS[stage]) <= set(points)
    for point in points:
        kill_and_repeat(undisturbed, point)


def test_a_run_killed_again_and_again(trial: Callable[[Which, bool], Trial]) -> None:
    """Killed at each point in turn, never further than one step beyond the last, a run still ends as it should."""
    undisturbed = trial("second", False)
    undisturbed.reset()
    for point in undisturbed.points:
        undisturbed.kill_at(point)
    undisturbed.repeat()
    undisturbed.check()


def test_the_second_run_meets_every_kind_of_row(trial: Callable[[Which, bool], Trial]) -> None:
    """What is killed above inserts, merges and refuses: no kind of row is left out."""
    undisturbed = trial("second", False)
    undisturbed.reset()
    done = next(event.data for event in undisturbed.shop.run().events if event.subject == "silver.sales")
    assert isinstance(done, LayerCompleted)
    assert done.ledger
    assert done.ledger.flow
    kinds = done.ledger.flow.model_dump(exclude={"rows_in", "dropped", "deletes", "erased"})
    assert [kind for kind, rows in kinds.items() if not rows] == []
    assert undisturbed.expected["commits to silver/sales"][-1].startswith("MERGE")
