"""Anomalies: what a batch has that earlier ones did not."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from podium_contracts.events.v1 import Check
from podium_contracts.pipeline import Anomalies
from podium_quality.anomalies import Judged, anomalies
from podium_quality.histogram import BINS, condition, described
from podium_quality.measures import EVALUATED, REFUSED, Measures

START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = (5000, 5100, 4900, 5050, 4950, 5200, 4800)


def judged(
    rows: int,
    day: int,
    *,
    empty: float = 0.1,
    low: float = 0.02,
    newest: int = 0,
    big: float = 0.0,
    schema: str = "one",
) -> Judged:
    """Return a verdict on a batch of rows: shares of empty towns, of rows in tier LOW and of large amounts; how many hours old the newest is."""
    time = START + timedelta(days=day)
    batch = {
        "rows": rows,
        "null.town": int(rows * empty),
        "tier.HIGH": rows - int(rows * low),
        "tier.LOW": int(rows * low),
        "quality_score.sum": 95 * rows,
        "bin.amount.2": rows - int(rows * big),
        "bin.amount.6": int(rows * big),
    }
    measures: Measures = {name: Decimal(value) * 3 for name, value in batch.items()}
    measures |= {f"batch.{name}": Decimal(value) for name, value in batch.items()}
    measures["newest.sold"] = Decimal(int((time - timedelta(hours=newest)).timestamp()))
    return Judged(measures, time, schema)


PAST = [judged(rows, day) for day, rows in enumerate(ROWS)]


def found(now: Judged, past: list[Judged] = PAST, wanted: Anomalies | None = None) -> dict[str, Check]:
    """Return the checks that are not passed, by metric."""
    checks = anomalies("silver.sales", now, past, past[-1] if past else None, wanted or Anomalies())
    return {check.metric: check for check in checks if not check.passed}


def test_a_batch_like_the_others_is_no_anomaly() -> None:
    """What varies as it always did breaches nothing; the watched signals are told all the same."""
    checks = list(anomalies("silver.sales", judged(5150, 7), PAST, PAST[-1], Anomalies()))
    assert all(check.passed and not check.message for check in checks)
    assert [check.metric for check in checks] == [
        "schema_change",
        "volume_anomaly",
        "sold_lag_hours_anomaly",
        "quality_tier_drift",
        "amount_drift",
    ]


def test_far_fewer_rows_are_told_in_words() -> None:
    """The number, how far it is off, and from what."""
    (check,) = found(judged(1200, 7)).values()
    assert (check.metric, check.type, check.threshold, check.severity) == (
        "volume_anomaly",
        "maximum",
        3.5,
        "WARNING",
    )
    assert (
        check.message == "rows: 1,200 is 15.2 robust deviations below the median 5,000 of the last 7 verdicts"
    )
    assert check.actual == pytest.approx(15.2)


def test_one_odd_batch_of_before_does_not_hide_the_next() -> None:
    """A median is not moved by it, as a mean would be."""
    odd = [*PAST[:6], judged(900_000, 6)]
    assert list(found(judged(900_000, 7), odd)) == ["volume_anomaly"]


def test_a_trifle_is_no_anomaly_where_nothing_ever_varied() -> None:
    """Seven equal batches have no deviation at all; one row more is still not unusual, nor is a third of a point."""
    same = [judged(5000, day) for day in range(7)]
    assert found(judged(5001, 7, empty=0.103), same) == {}
    assert list(found(judged(5001, 7, empty=0.15), same)) == ["town_completeness_anomaly"]


def test_a_metric_of_the_new_rows_is_watched() -> None:
    """Of the batch, not of the table: in a large table a bad batch would not show."""
    (check,) = found(judged(5000, 7, empty=0.6)).values()
    assert check.metric == "town_completeness_anomaly"
    assert check.message.startswith(
        "town_completeness of the new rows: 40 is 100.0 robust deviations below the median 90"
    )


def test_a_batch_of_which_every_row_is_refused_is_told() -> None:
    """None of it is in the table, so no other metric speaks of it."""
    past = [
        Judged({**one.measures, f"batch.{EVALUATED}": one.volume, f"batch.{REFUSED}": Decimal(50)}, one.time)
        for one in PAST
    ]
    nothing = {name: Decimal(0) for name in PAST[0].measures if name.startswith("batch.")}
    refused = {f"batch.{EVALUATED}": Decimal(5000), f"batch.{REFUSED}": Decimal(5000)}
    now = Judged({**PAST[0].measures, **nothing, **refused}, START + timedelta(days=7))
    assert list(found(now, past)) == ["validation_success_percentage_anomaly"]


def test_what_gets_better_is_no_anomaly() -> None:
    """Fewer rows of a low tier than ever are no reason to look."""
    past = [judged(rows, day, low=0.4) for day, rows in enumerate(ROWS)]
    assert set(found(judged(5000, 7, low=0.0), past)) == {"quality_tier_drift"}


def test_rows_that_are_older_than_usual_are_told() -> None:
    """A source that stands still; one that is fresher than usual is no matter."""
    past = [judged(rows, day, newest=30 + day % 3) for day, rows in enumerate(ROWS)]
    (check,) = found(judged(5000, 7, newest=200), past).values()
    assert check.metric == "sold_lag_hours_anomaly"
    assert "above the median 31" in check.message
    assert found(judged(5000, 7, newest=0), past) == {}


def test_shares_that_shift_are_told() -> None:
    """By their stability index, and which share has moved most."""
    (check,) = found(judged(5000, 7, big=0.3)).values()
    assert check.metric == "amount_drift"
    assert check.message.endswith(
        "most of all 10,000 or more, 30.00 % of the new rows after 0.00 % of earlier ones"
    )
    tiers = found(judged(5000, 7, low=0.4))
    assert set(tiers) == {
        "quality_tier_drift",
        "quality_high_percentage_anomaly",
        "quality_low_percentage_anomaly",
    }


def test_shares_of_a_few_rows_are_left_to_chance() -> None:
    """Two rows of twenty say nothing about shares."""
    past = [judged(20 + day, day) for day in range(7)]
    checks = list(anomalies("silver.sales", judged(20, 7, big=0.3), past, past[-1], Anomalies()))
    assert not [check for check in checks if check.metric.endswith("_drift")]


def test_a_new_schema_is_told_from_the_second_verdict_on() -> None:
    """Which columns came and went; other types are told, too."""
    now = judged(5000, 1, schema="two")
    now.measures["null.county"] = now.measures.pop("null.town")
    (check,) = found(now, PAST[:1]).values()
    assert (check.actual, check.message) == (2, "schema: columns came: county; went: town")
    (check,) = found(judged(5000, 1, schema="two"), PAST[:1]).values()
    assert (check.actual, check.message) == (1, "schema: columns have other types")


def test_too_little_history_says_nothing() -> None:
    """Six verdicts are not enough by default; the file can ask for fewer."""
    assert found(judged(1, 7), PAST[:6]) == {}
    assert "volume_anomaly" in found(judged(1, 7), PAST[:3], Anomalies(minimum_history=3))


def test_a_critical_anomaly_and_another_bound() -> None:
    """The file says what is unusual, and what that does."""
    (check,) = found(judged(6500, 7), wanted=Anomalies(severity="CRITICAL")).values()
    assert check.severity == "CRITICAL"
    assert found(judged(6500, 7), wanted=Anomalies(deviations=20)) == {}


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (-12_000, -6),
        (-10_000, -6),
        (-9_999, -5),
        (-10, -3),
        (-1, -2),
        (-0.5, -1),
        (0, 0),
        (0.01, 1),
        (1, 2),
        (9.99, 2),
        (10, 3),
        (9_999, 5),
        (10_000, 6),
    ],
)
def test_every_number_is_in_one_bin(value: float, place: int) -> None:
    """On either side of zero, by order of magnitude."""
    held = [
        number
        for number in BINS
        if eval(condition(str(value), number).replace(" = ", " == ").replace("AND", "and"))
    ]
    assert held == [place]


def test_bins_have_words() -> None:
    """As people say them."""
    assert [described(place) for place in (-6, -1, 0, 3)] == [
        "negative, 10,000 or more",
        "negative, from 0 to below 1",
        "zero",
        "from 10 to below 100",
    ]
