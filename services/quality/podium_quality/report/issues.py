"""What was wrong in a period: every check that was not passed, how often and since when, and what was refused."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from podium_contracts.events.v1 import Check, QualityEvaluated
from podium_contracts.names import Verdict

from podium_quality.report.past import Past, news_of

DIMENSIONS = {
    "_completeness": "completeness",
    "_uniqueness": "uniqueness",
    "_validity": "validity",
    "validation_success_percentage": "validity",
    "_consistency": "consistency",
    "_known_percentage": "consistency",
    "schema_change": "consistency",
    "_lag_hours": "timeliness",
    "total_records": "completeness",
    "volume": "completeness",
}
"""The dimension of quality that a metric is about, by how its name ends; all others are about accuracy."""


@dataclass(frozen=True)
class Issue:
    """A check that was not passed: the last time's numbers, and on how many verdicts, from when to when."""

    layer: str
    table: str
    metric: str
    dimension: str
    severity: str
    actual: float
    threshold: float | None
    message: str
    occurrences: int
    first_seen: str
    last_seen: str


@dataclass(frozen=True)
class IssuesSummary:
    """The issues, the gravest first, and how many there are of each kind."""

    total_issues: int
    by_severity: dict[str, int]
    by_dimension: dict[str, int]
    failed_verdicts: int
    quarantined_records: int
    issues: tuple[Issue, ...]


def summarise(verdicts: Sequence[tuple[datetime, QualityEvaluated]], past: Past) -> IssuesSummary:
    """Summarise the verdicts of a period, oldest first, without those that accept another one: they found nothing of their own."""
    found: dict[tuple[str, str], list[tuple[datetime, str, Check]]] = {}
    for time, verdict in verdicts:
        for check in verdict.checks:
            if not check.passed:
                found.setdefault((check.table, check.metric), []).append((time, verdict.layer, check))
    issues = sorted((_issue(seen) for seen in found.values()), key=_gravity)
    return IssuesSummary(
        total_issues=len(issues),
        by_severity=dict(sorted(Counter(issue.severity for issue in issues).items())),
        by_dimension=dict(sorted(Counter(issue.dimension for issue in issues).items())),
        failed_verdicts=sum(verdict.verdict == Verdict.FAILED for _, verdict in verdicts),
        quarantined_records=sum(
            news_of(done).quarantined for found in past.silver.values() for done in found
        ),
        issues=tuple(issues),
    )


def _issue(seen: list[tuple[datetime, str, Check]]) -> Issue:
    time, layer, check = seen[-1]
    return Issue(
        layer=layer,
        table=check.table,
        metric=check.metric,
        dimension=dimension(check.metric),
        severity=check.severity,
        actual=check.actual,
        threshold=check.threshold,
        message=check.message,
        occurrences=len(seen),
        first_seen=seen[0][0].isoformat(),
        last_seen=time.isoformat(),
    )


def _gravity(issue: Issue) -> tuple[bool, int, str, str]:
    return issue.severity != "CRITICAL", -issue.occurrences, issue.table, issue.metric


def dimension(metric: str) -> str:
    """Return the dimension of quality that a metric is about; an anomaly is about that of what it is an anomaly of."""
    of = metric.removesuffix("_anomaly")
    return next((name for ending, name in DIMENSIONS.items() if of.endswith(ending)), "accuracy")
