"""A verdict's checks in plain words, and what to do about those that fail it."""

from collections.abc import Iterable

from podium_contracts.events.v1 import Check
from podium_contracts.pipeline import TIERS

from podium_quality.report.facts import CheckRow, TableChecks
from podium_quality.report.figures import number

PERCENTAGES = ("_completeness", "_uniqueness", "_consistency", "_validity", "_percentage")


def breaches_first(checks: Iterable[Check]) -> list[Check]:
    """Return the checks with breaches first, the critical ones before the others, then those with a threshold."""
    return sorted(
        checks, key=lambda check: (check.passed, check.severity != "CRITICAL", check.threshold is None)
    )


def by_table(checks: list[Check]) -> tuple[TableChecks, ...]:
    """Return the checks of each table, Silver first."""
    names = sorted({check.table for check in checks}, key=lambda name: (name.startswith("gold."), name))
    return tuple(
        TableChecks(name, tuple(check_row(check) for check in checks if check.table == name))
        for name in names
    )


def check_row(check: Check) -> CheckRow:
    """Return a check in plain words."""
    result = "measured" if check.threshold is None else "met" if check.passed else "breached"
    return CheckRow(
        check.table, _label(check), check.metric, _value(check), _asked(check), check.severity.lower(), result
    )


def _label(check: Check) -> str:
    metric = check.metric
    for tier, _ in TIERS:
        if metric == f"quality_{tier.lower()}_percentage":
            return f"Rows in tier {tier}"
    plain = {
        "total_records": "Rows",
        "average_quality_score": "Average quality score",
        "validation_success_percentage": "Rows that pass every rule",
        "volume_anomaly": "Deviation of the number of new rows",
        "schema_change": "Columns that changed",
    }
    endings = {
        "_completeness": "{} is filled in",
        "_uniqueness": "{} is unique",
        "_known_percentage": "{} points to a known entry",
        "_consistency": "{} is known where it refers to",
        "_validity": "Rows that keep {}",
        "_lag_hours": "Hours since the newest {}",
        "_anomaly": "Deviation of {}",
        "_drift": "Shift of the shares of {}",
    }
    if metric in plain:
        return plain[metric]
    found = (ending for ending in endings if metric.endswith(ending))
    return next((endings[ending].format(metric.removesuffix(ending)) for ending in found), metric)


def _value(check: Check) -> str:
    return f"{number(check.actual)}{_unit(check)}"


def _unit(check: Check) -> str:
    return "%" if check.metric.endswith(PERCENTAGES) else ""


def _asked(check: Check) -> str:
    if check.threshold is None:
        return ""
    side = "at least" if check.type == "minimum" else "at most"
    return f"{side} {number(check.threshold)}{_unit(check)}"


def next_steps(checks: list[Check]) -> tuple[str, ...]:
    """Return what to do about a failed verdict, in the order in which to do it."""
    critical = [check for check in checks if not check.passed and check.severity == "CRITICAL"]
    reasons = [
        f"{_label(check)} in {check.table} is {_value(check)}, {_asked(check)} is asked" for check in critical
    ]
    return (
        f"Look at what broke: {'; '.join(reasons)}.",
        "If the data are wrong, correct them at the source; the quarantine below shows refused rows with their reasons.",
        "If the threshold is wrong, change it under quality.thresholds in the pipeline file.",
        "Run the pipeline again: with a changed pipeline file the same rows are judged anew. Until then, newer rows wait in Bronze.",
    )
