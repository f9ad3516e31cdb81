"""The verdict: metrics against thresholds."""

from decimal import Decimal
from typing import Literal

import pytest
from podium_contracts.errors import TerminalError
from podium_contracts.names import Verdict
from podium_contracts.pipeline import Threshold
from podium_quality.verdict import checks, decide

METRICS = {"total_records": Decimal("1000000.0000"), "town_completeness": Decimal("75.00")}


def threshold(
    side: Literal["minimum", "maximum"], value: float, severity: Literal["WARNING", "CRITICAL"] = "WARNING"
) -> Threshold:
    return Threshold(type=side, value=value, severity=severity)


@pytest.mark.parametrize(
    ("bound", "passed"),
    [
        (threshold("minimum", 75), True),
        (threshold("minimum", 75.01), False),
        (threshold("minimum", 74.99), True),
        (threshold("maximum", 75), True),
        (threshold("maximum", 74.99), False),
        (threshold("maximum", 75.01), True),
    ],
    ids=["at minimum", "below minimum", "above minimum", "at maximum", "above maximum", "below maximum"],
)
def test_a_bound_itself_is_within_the_threshold(*, bound: Threshold, passed: bool) -> None:
    """A metric at its bound passes; a hundredth beyond it does not."""
    (_, check) = checks("silver.sales", METRICS, {"town_completeness": bound})
    assert check.passed is passed
    assert (check.metric, check.type, check.threshold) == ("town_completeness", bound.type, bound.value)


@pytest.mark.parametrize(
    ("severities", "verdict"),
    [
        ((), Verdict.PASSED),
        (("WARNING",), Verdict.WARNED),
        (("CRITICAL",), Verdict.FAILED),
        (("WARNING", "CRITICAL"), Verdict.FAILED),
    ],
    ids=["none", "warning", "critical", "both"],
)
def test_the_worst_breach_decides(
    severities: tuple[Literal["WARNING", "CRITICAL"], ...], verdict: Verdict
) -> None:
    """A breach is a warning unless its threshold is critical; without a breach the verdict is passed."""
    judged = [
        check
        for severity in severities
        for check in checks("t", METRICS, {"town_completeness": threshold("minimum", 99, severity)})
    ]
    assert decide(judged) is verdict


def test_a_critical_threshold_that_is_kept_does_not_fail() -> None:
    """Severity counts only where the threshold is breached."""
    kept = checks("t", METRICS, {"town_completeness": threshold("minimum", 75, "CRITICAL")})
    assert decide(kept) is Verdict.PASSED


def test_a_breach_says_both_numbers_plainly() -> None:
    """The message has the metric and the threshold without exponents or idle zeros."""
    (check, _) = checks("t", METRICS, {"total_records": threshold("maximum", 250_000)})
    assert check.message == "total_records (1000000) above threshold (250000)"
    (_, check) = checks("t", METRICS, {"town_completeness": threshold("minimum", 99.5)})
    assert check.message == "town_completeness (75) below threshold (99.5)"


def test_a_threshold_for_an_unknown_metric_is_an_error() -> None:
    """A misspelt metric is not taken for one that passes: the error lists those there are."""
    with pytest.raises(TerminalError, match="no metric town_completness; it has total_records, town_comp"):
        checks("silver.sales", METRICS, {"town_completness": threshold("minimum", 99)})


@pytest.mark.parametrize(
    ("table", "bounds", "passed", "message"),
    [
        ("silver.sales", {}, False, "no records found in silver.sales"),
        (
            "gold.facts",
            {"town_completeness": threshold("minimum", 9)},
            False,
            "no records found in gold.facts",
        ),
        ("silver.sales", {"total_records": threshold("minimum", 1)}, False, "total_records (0) below"),
        ("silver.sales", {"total_records": threshold("minimum", 0)}, True, ""),
        ("gold.facts", {}, True, ""),
    ],
    ids=["silver", "gold with a threshold", "too few", "few are enough", "gold without a threshold"],
)
def test_no_records_are_no_pass(
    table: str, bounds: dict[str, Threshold], *, passed: bool, message: str
) -> None:
    """Where there is nothing to measure the verdict warns, unless a threshold says how many rows there may be."""
    (check,) = checks(table, {"total_records": Decimal(0)}, bounds)
    assert (check.metric, check.actual, check.passed) == ("total_records", 0, passed)
    assert check.message.startswith(message)
    assert decide([check]) is (Verdict.PASSED if passed else Verdict.WARNED)


def test_refused_rows_count_where_none_is_left() -> None:
    """A table without rows because each was refused fails where a critical threshold says how many must keep the rules."""
    refused = {"total_records": Decimal(0), "validation_success_percentage": Decimal("0.00")}
    bound = {"validation_success_percentage": threshold("minimum", 99.5, "CRITICAL")}
    judged = checks("silver.sales", refused, {**bound, "average_quality_score": threshold("minimum", 90)})
    assert [(check.metric, check.passed) for check in judged] == [
        ("total_records", False),
        ("validation_success_percentage", False),
    ]
    assert decide(judged) is Verdict.FAILED
