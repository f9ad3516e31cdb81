"""Anomalies: what a batch has that earlier ones did not, said in words.

A number is held against the median of the same number of earlier verdicts, in robust standard deviations: 1.4826 times the median of
the distances from the median, which a few odd verdicts do not move. Where earlier numbers hardly differ that would make a trifle an anomaly,
so a deviation is never less than 5 % of the median for rows, or one, half a point for percentages and scores, and an hour for ages. Shares are compared by
their population stability index. Everything compared is stored with the verdicts: the same history gives the same checks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from math import log
from statistics import median

from podium_contracts.events.v1 import Check
from podium_contracts.pipeline import TIERS, Anomalies

from podium_quality.histogram import BIN, BINS, described
from podium_quality.measures import EVALUATED, ROWS, SCORE, Measures
from podium_quality.metrics import batch_of, metrics

ROBUST = 1.4826
"""Makes the median deviation of normally distributed numbers their standard deviation."""
LEAST_SHARE = 0.0001
"""What a share counts as that is less: nothing has no logarithm."""
LEAST_ROWS = 100
"""Shares of fewer rows are left to chance."""
HIGH_IS_GOOD = (
    "_validity",
    "validation_success_percentage",
    "average_quality_score",
    "quality_high_percentage",
)
LOW_IS_GOOD = ("quality_low_percentage", "quality_poor_percentage")
AGE = "_lag_hours"
VOLUME = "volume_anomaly"
SCHEMA = "schema_change"


@dataclass(frozen=True)
class Judged:
    """A table as a verdict found it: its measures, when, and the fingerprint of its schema."""

    measures: Measures
    time: datetime
    schema: str = ""

    @property
    def batch(self) -> Measures:
        """The measures of the rows that came or changed."""
        return batch_of(self.measures)

    @property
    def volume(self) -> Decimal:
        """The rows that came, whatever became of them."""
        return self.batch.get(EVALUATED, self.batch.get(ROWS, Decimal(0)))


def anomalies(
    table: str, now: Judged, past: Sequence[Judged], before: Judged | None, wanted: Anomalies
) -> Iterator[Check]:
    """Yield a check for the volume, the age, the shares and the schema of a table, and for every metric that is unusual.

    `past` are the verdicts that count, oldest first; `before` the one just before this. A table whose rows have no score (a dimension,
    an aggregate) is only watched for its schema: it changes as the facts do.
    """
    if before is not None and before.schema and now.schema:
        yield _schema(table, now, before, wanted)
    if len(past) < wanted.minimum_history or SCORE not in now.measures:
        return
    watch = _Watch(table, wanted)
    yield watch.number(
        VOLUME, "rows", float(now.volume), [float(one.volume) for one in past], share=0.05, least=1.0
    )
    if now.batch.get(ROWS):
        yield from _ages(watch, now, past)
    yield from _metrics(watch, now, past)
    yield from _shares(watch, now, past)


@dataclass(frozen=True)
class _Watch:
    table: str
    wanted: Anomalies

    def number(
        self,
        name: str,
        label: str,
        value: float,
        earlier: Sequence[float],
        *,
        share: float = 0.0,
        least: float = 0.0,
    ) -> Check:
        """Hold a number against the same number of earlier verdicts; the deviation is at least a share of their median, or `least`."""
        middle = median(earlier)
        spread = ROBUST * median(abs(one - middle) for one in earlier)
        distance = abs(value - middle) / max(spread, share * abs(middle), least, 1e-9)
        side = "above" if value > middle else "below"
        words = (
            f"{label}: {_plain(value)} is {distance:,.1f} robust deviations {side} the median {_plain(middle)} "
            f"of the last {len(earlier)} verdicts"
        )
        return self.check(name, distance, self.wanted.deviations, words)

    def check(self, name: str, actual: float, bound: float, words: str) -> Check:
        """Return the check of something that should not be above a bound."""
        passed = actual <= bound
        return Check(
            table=self.table,
            metric=name,
            actual=_rounded(actual),
            type="maximum",
            threshold=bound,
            severity=self.wanted.severity,
            passed=passed,
            message="" if passed else words,
        )


def _ages(watch: _Watch, now: Judged, past: Sequence[Judged]) -> Iterator[Check]:
    """Yield a check for every time whose newest value is told; only one that is older than usual is an anomaly."""
    earlier = [metrics(one.measures, one.time) for one in past]
    for name, value in metrics(now.measures, now.time).items():
        known = [float(found[name]) for found in earlier if name in found]
        if name.endswith(AGE) and len(known) >= watch.wanted.minimum_history:
            check = watch.number(f"{name}_anomaly", name, float(value), known, least=1.0)
            younger = float(value) < median(known)
            yield (
                check.model_copy(update={"passed": True, "message": "", "actual": 0.0}) if younger else check
            )


def _metrics(watch: _Watch, now: Judged, past: Sequence[Judged]) -> Iterator[Check]:
    """Yield a check for every percentage and mean of the rows that came which is unusual; of refused ones the rules tell."""
    earlier = [metrics(one.batch) for one in past]
    for name, value in metrics(now.batch).items():
        known = [float(found[name]) for found in earlier if name in found]
        if name == "total_records" or len(known) < watch.wanted.minimum_history:
            continue
        check = watch.number(f"{name}_anomaly", f"{name} of the new rows", float(value), known, least=0.5)
        if not check.passed and not _better(name, float(value), median(known)):
            yield check


def _better(name: str, value: float, usual: float) -> bool:
    """Whether a metric that can only be good on one side is unusual on that side."""
    return value > usual if name.endswith(HIGH_IS_GOOD) else name.endswith(LOW_IS_GOOD) and value < usual


def _shares(watch: _Watch, now: Judged, past: Sequence[Judged]) -> Iterator[Check]:
    """Yield a check for the shares of tiers, and for each column whose distribution is watched."""
    columns = dict.fromkeys(name.split(".")[1] for name in now.batch if name.startswith(BIN))
    kinds = {"quality_tier": {f"tier.{tier}": tier for tier, _ in TIERS}}
    kinds |= {column: {f"{BIN}{column}.{place}": described(place) for place in BINS} for column in columns}
    for name, parts in kinds.items():
        new = {part: float(now.batch.get(part, 0)) for part in parts}
        old = {part: float(sum(one.batch.get(part, Decimal(0)) for one in past)) for part in parts}
        if min(sum(new.values()), sum(old.values())) >= LEAST_ROWS:
            yield _drift(watch, name, parts, new, old)


def _drift(
    watch: _Watch, name: str, parts: Mapping[str, str], new: Mapping[str, float], old: Mapping[str, float]
) -> Check:
    shares = {part: (new[part] / sum(new.values()), old[part] / sum(old.values())) for part in parts}
    moved = {part: _moved(*pair) for part, pair in shares.items()}
    index = sum(moved.values())
    most = max(parts, key=lambda part: moved[part])
    words = (
        f"{name}: its shares have shifted by {index:.2f} (population stability index); most of all {parts[most]}, "
        f"{100 * shares[most][0]:.2f} % of the new rows after {100 * shares[most][1]:.2f} % of earlier ones"
    )
    return watch.check(f"{name}_drift", index, watch.wanted.drift, words)


def _moved(new: float, old: float) -> float:
    one, other = max(new, LEAST_SHARE), max(old, LEAST_SHARE)
    return (one - other) * log(one / other)


def _schema(table: str, now: Judged, before: Judged, wanted: Anomalies) -> Check:
    columns, known = _columns(now.measures), _columns(before.measures)
    added = [name for name in columns if name not in known]
    removed = [name for name in known if name not in columns]
    changed = now.schema != before.schema
    parts = [f"{word}: {', '.join(names)}" for word, names in (("came", added), ("went", removed)) if names]
    words = f"schema: columns {'; '.join(parts) or 'have other types'}"
    count = len(added) + len(removed) or int(changed)
    return _Watch(table, wanted).check(SCHEMA, float(count if changed else 0), 0.0, words)


def _columns(measures: Measures) -> list[str]:
    return [name.removeprefix("null.") for name in measures if name.startswith("null.")]


def _rounded(value: float) -> float:
    return float(Decimal(repr(value)).quantize(Decimal("0.01"), ROUND_HALF_UP))


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
