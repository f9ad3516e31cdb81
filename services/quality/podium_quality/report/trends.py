"""How quality went from the first week of a period to its last."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean

WEEK = 7
"""Days with an entry; a period of fewer than two weeks has days in both, and one of a single week no trend."""
FALLS = {
    "quality_score": ("the average quality score", 1.0),
    "high_quality_percentage": ("the share of HIGH rows", 5.0),
}
"""What is watched, how it is called, and by how many points it may fall before that is a concern."""


@dataclass(frozen=True)
class Day:
    """A layer on a day: the rows it got, their average score and the share of the best tier; None where none of them has a score."""

    date: str
    layer: str
    quality_score: float | None
    record_count: int
    high_quality_percentage: float | None


@dataclass(frozen=True)
class Concern:
    """What has become worse from the first week to the last."""

    layer: str
    metric: str
    first_week: float
    last_week: float
    change: float
    message: str


@dataclass(frozen=True)
class TrendAnalysis:
    """The days, and what they come to: `quality_improvement` in points, 0 where all are of one week."""

    daily_quality_scores: tuple[Day, ...]
    quality_improvement: float
    most_improved_layer: str | None
    concerning_trends: tuple[Concern, ...]


def analyse(days: tuple[Day, ...]) -> TrendAnalysis:
    """Return what became better and worse."""
    layers = list(dict.fromkeys(day.layer for day in days))
    gains = {layer: _change(_scores([day for day in days if day.layer == layer])) for layer in layers}
    best = max(gains, key=lambda layer: gains[layer], default=None)
    return TrendAnalysis(
        daily_quality_scores=days,
        quality_improvement=_change(_scores(days)),
        most_improved_layer=best if best and gains[best] > 0 else None,
        concerning_trends=tuple(concern for layer in layers for concern in _concerns(layer, days)),
    )


def _scores(days: Sequence[Day]) -> list[float]:
    """Return a score for each day, the mean of its layers that have one."""
    by_date: dict[str, list[float]] = {}
    for day in days:
        if day.quality_score is not None:
            by_date.setdefault(day.date, []).append(day.quality_score)
    return [mean(scores) for scores in by_date.values()]


def _weeks(values: Sequence[float]) -> tuple[float, float]:
    return mean(values[:WEEK]), mean(values[-WEEK:])


def _change(values: Sequence[float]) -> float:
    if len(values) <= WEEK:
        return 0.0
    first, last = _weeks(values)
    return round(last - first, 2)


def _concerns(layer: str, days: Sequence[Day]) -> Iterator[Concern]:
    for metric, (words, tolerated) in FALLS.items():
        found = [getattr(day, metric) for day in days if day.layer == layer]
        values = [value for value in found if value is not None]
        change = _change(values)
        if change < -tolerated:
            first, last = (round(value, 2) for value in _weeks(values))
            message = f"{layer}: {words} fell from {first:g} in the first week to {last:g} in the last"
            yield Concern(layer, metric, first, last, change, message)
