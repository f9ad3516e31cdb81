"""The metrics that measures make: the percentages, means and hours that thresholds speak of, under the names that they use.

They are rounded to two places; only what is whole rounds to 100, and only nothing to 0.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from podium_quality.measures import BATCH, EVALUATED, NEVER, REFUSED, ROWS, SCORE, Measures

CENT = Decimal("0.01")
HOUR = Decimal(3600)
_SHARES = {"distinct": "{}_uniqueness", "tier": "quality_{}_percentage"}
"""The metric that is the share of the rows which a measure counts, by the kind of measure."""
_SHARES_OF_OTHERS = {"null": "{}_completeness", "unknown": "{}_known_percentage"}
"""The metric that is the share of the rows which a measure does not count."""


def metrics(measures: Measures, time: datetime | None = None) -> dict[str, Decimal]:
    """Return the metrics of a table; without rows there is only `total_records`, and how many of those that came keep the rules.

    `time` is the time of the run, which the age of the newest rows is counted from; without it, their age is not told.
    """
    rows = measures.get(ROWS, Decimal(0))
    found = {"total_records": rows}
    if rows == 0:
        return found | dict(_validity(measures))
    for measure, value in measures.items():
        kind, _, name = measure.partition(".")
        if kind in _SHARES:
            found[_SHARES[kind].format(name.lower())] = percent(value, rows)
        elif kind in _SHARES_OF_OTHERS:
            found[_SHARES_OF_OTHERS[kind].format(name)] = percent(rows - value, rows)
        elif kind == "found" and (filled := rows - measures.get(f"null.{name}", Decimal(0))):
            found[f"{name}_consistency"] = percent(value, filled)
        elif kind == "newest" and time and value != NEVER:
            found[f"{name}_lag_hours"] = rounded((_seconds(time) - value) / HOUR)
    if SCORE in measures:
        found["average_quality_score"] = rounded(measures[SCORE] / rows)
    return found | dict(_validity(measures))


def batch_of(measures: Measures) -> Measures:
    """Return the measures of the rows that a verdict found new or changed, named as those of the table."""
    return {name.removeprefix(BATCH): value for name, value in measures.items() if name.startswith(BATCH)}


def _validity(measures: Measures) -> Iterator[tuple[str, Decimal]]:
    """Yield how many rows passed the rules of those that were held against them, since the beginning."""
    evaluated = measures.get(EVALUATED, Decimal(0))
    if evaluated == 0:
        return
    yield "validation_success_percentage", percent(evaluated - measures.get(REFUSED, Decimal(0)), evaluated)
    for measure, value in measures.items():
        kind, _, rule = measure.partition(".")
        looked_at = measures.get(f"{EVALUATED}.{rule}", evaluated)
        if kind == "broken" and looked_at:
            yield f"{rule}_validity", percent(looked_at - value, looked_at)


def _seconds(time: datetime) -> int:
    return int((time - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


def rounded(value: Decimal) -> Decimal:
    """Return a value with two places, half up."""
    return value.quantize(CENT, ROUND_HALF_UP)


def percent(part: Decimal, whole: Decimal) -> Decimal:
    """Return a percentage; one duplicate in a million rows is not 100, nor one missing value 0."""
    share = rounded(100 * part / whole)
    if part in (0, whole):
        return share
    return min(max(share, CENT), 100 - CENT)
