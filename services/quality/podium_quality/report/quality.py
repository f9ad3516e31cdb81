"""The quality of a period in the parts that the report has: overall, layer by layer, trends, issues, recommendations; as data.

Everything comes from completions and from the metrics that verdicts have stored. Scores and tiers are of the rows that came or
changed in the period, each as often as it did. Percentages and means have two places.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from statistics import mean

from podium_contracts.events.v1 import LayerCompleted, Published, QualityEvaluated
from podium_contracts.names import Layer, Stage, Verdict
from podium_contracts.pipeline import Pipeline
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Scope

from podium_quality.measures import BATCH, EVALUATED, REFUSED, ROWS, SCORE, Measures, add
from podium_quality.metrics import batch_of, metrics, percent, rounded
from podium_quality.report.advice import Recommendation, recommendations
from podium_quality.report.issues import IssuesSummary, summarise
from podium_quality.report.past import Past, news_of
from podium_quality.report.period import Choice, Period
from podium_quality.report.trends import Day, TrendAnalysis, analyse


@dataclass(frozen=True)
class OverallQuality:
    """All layers together; what nothing was measured of is None."""

    total_records_processed: int
    """Rows that cleansing accounted for; those that are replayed were counted when they came."""
    average_quality_score: float | None
    high_quality_percentage: float | None
    poor_quality_percentage: float | None
    processing_days: int
    average_processing_time_seconds: float | None
    """Wall seconds of all stages of a run, on average over the runs."""


@dataclass(frozen=True)
class LayerQuality:
    """One layer; what nothing was measured of is None: Bronze has no scores."""

    total_records: int
    """Rows of its tables at the end of the period, whether or not anything was done with them in it."""
    records_processed: int
    average_quality_score: float | None
    high_quality_percentage: float | None
    poor_quality_percentage: float | None
    validation_success_percentage: float | None
    processing_days: int
    average_processing_time_seconds: float | None
    """Wall seconds of a completion of the layer, on average."""
    verdicts: dict[str, int]
    tables: dict[str, dict[str, float | str]]
    """By table: the metrics of the last verdict in the period, and its `timestamp`."""


@dataclass(frozen=True)
class QualityReport:
    """The report as data, in the order and under the keys in which it is written as JSON."""

    report_period: str
    generated_at: str
    overall_quality: OverallQuality
    layer_quality: dict[str, LayerQuality]
    trend_analysis: TrendAnalysis
    issues_summary: IssuesSummary
    recommendations: tuple[Recommendation, ...]


@dataclass(frozen=True)
class Judgement:
    """A verdict of the period, when it was given, and what it measured of each table: nothing where it accepts the one before."""

    time: datetime
    verdict: QualityEvaluated
    measures: dict[str, Measures]


def quality_report(
    pipeline: Pipeline, lakehouse: Lakehouse, choice: Choice, generated_at: datetime
) -> QualityReport:
    """Return the report on the days that are chosen, up to the last day on which something was done.

    Raises:
        TerminalError: the choice holds no days.
    """
    past = Past.of(lakehouse.completions.all(pipeline.name))
    latest = past.events[-1].time if past.events else generated_at
    period = choice.period(latest.astimezone(UTC).date())
    return report_of(past, period, pipeline, lakehouse, generated_at)


def report_of(
    whole: Past, period: Period, pipeline: Pipeline, lakehouse: Lakehouse, generated_at: datetime
) -> QualityReport:
    """Return the report on what was done in a period of a pipeline's whole past."""
    past, until = whole.within(period), whole.until(period)
    judgements = _judgements(past, pipeline, lakehouse)
    overall = _overall(past, judgements)
    layers = {str(layer): _layer(layer, past, until, judgements) for layer in Layer}
    return QualityReport(
        report_period=str(period),
        generated_at=generated_at.isoformat(),
        overall_quality=overall,
        layer_quality=layers,
        trend_analysis=analyse(tuple(_days(past, judgements))),
        issues_summary=summarise(
            [(one.time, one.verdict) for one in judgements if not one.verdict.accepted], past
        ),
        recommendations=tuple(
            recommendations(
                overall.average_quality_score,
                overall.poor_quality_percentage,
                overall.average_processing_time_seconds,
                {name: layer.average_quality_score for name, layer in layers.items()},
            )
        ),
    )


def _judgements(past: Past, pipeline: Pipeline, lakehouse: Lakehouse) -> list[Judgement]:
    """Return the verdicts of the period, oldest first."""
    found = []
    for subject, verdicts in past.verdicts.items():
        scope = Scope(pipeline=pipeline.name, stage=Stage.QUALITY, subject=subject)
        stored = lakehouse.metrics.after(scope, min(one.sequence for one in verdicts) - 1)
        for verdict in verdicts:
            assert verdict.run is not None
            assert verdict.run.requested_at is not None
            found_in = {} if verdict.accepted else stored.get(verdict.sequence, {})
            tables = {name: add(values, {}) for name, values in found_in.items()}
            found.append(Judgement(verdict.run.requested_at, verdict, tables))
    return sorted(
        found,
        key=lambda one: (
            one.time,
            one.verdict.layer == Layer.GOLD,
            one.verdict.subject,
            one.verdict.sequence,
        ),
    )


@dataclass(frozen=True)
class _Scored:
    """Rows with a score, the sum of their scores, and how many are of the best and of the worst tier."""

    rows: Decimal = Decimal(0)
    score: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    poor: Decimal = Decimal(0)
    evaluated: Decimal = Decimal(0)
    refused: Decimal = Decimal(0)

    @classmethod
    def of(cls, judgements: Iterable[Judgement]) -> "_Scored":
        """Add up what verdicts say of the rows that came or changed."""
        total = cls()
        for judgement in judgements:
            for measures in judgement.measures.values():
                total += cls._new(measures)
        return total

    @classmethod
    def _new(cls, measures: Measures) -> "_Scored":
        """Take the rows that came; a verdict of before they were measured by themselves speaks of the whole table."""
        new = batch_of(measures) if f"{BATCH}{ROWS}" in measures else measures
        nothing = Decimal(0)
        scored = (
            (new.get(ROWS, nothing), new[SCORE], new.get("tier.HIGH", nothing), new.get("tier.POOR", nothing))
            if SCORE in new
            else (nothing,) * 4
        )
        return cls(*scored, new.get(EVALUATED, nothing), new.get(REFUSED, nothing))

    def __add__(self, other: "_Scored") -> "_Scored":
        return _Scored(
            self.rows + other.rows,
            self.score + other.score,
            self.high + other.high,
            self.poor + other.poor,
            self.evaluated + other.evaluated,
            self.refused + other.refused,
        )

    @property
    def average(self) -> float | None:
        return float(rounded(self.score / self.rows)) if self.rows else None

    @property
    def high_share(self) -> float | None:
        return float(percent(self.high, self.rows)) if self.rows else None

    @property
    def poor_share(self) -> float | None:
        return float(percent(self.poor, self.rows)) if self.rows else None

    @property
    def valid_share(self) -> float | None:
        return float(percent(self.evaluated - self.refused, self.evaluated)) if self.evaluated else None


def _overall(past: Past, judgements: list[Judgement]) -> OverallQuality:
    scored = _Scored.of(one for one in judgements if one.verdict.layer == Layer.SILVER)
    done = [event for event in past.events if isinstance(event.data, _DONE)]
    runs: dict[str, float] = {}
    for event in done:
        assert isinstance(event.data, _DONE)
        seconds = event.data.timings.seconds if event.data.timings else 0.0
        runs[event.run.id] = runs.get(event.run.id, 0.0) + seconds
    return OverallQuality(
        total_records_processed=sum(news_of(one).rows_in for found in past.silver.values() for one in found),
        average_quality_score=scored.average,
        high_quality_percentage=scored.high_share,
        poor_quality_percentage=scored.poor_share,
        processing_days=len({_day(event.time) for event in done}),
        average_processing_time_seconds=_mean(runs.values()),
    )


_DONE = LayerCompleted | QualityEvaluated | Published
"""What says how long a stage took."""


def _layer(layer: Layer, past: Past, until: Past, judgements: list[Judgement]) -> LayerQuality:
    completed = past.completed(layer)
    judged = [one for one in judgements if one.verdict.layer == layer]
    scored = _Scored.of(judged)
    left = [table for done in until.latest(layer) for table in done.tables if table.name.startswith(layer)]
    given = [one.verdict.verdict for one in judged]
    days = {_day(done.run.requested_at) for done in completed if done.run and done.run.requested_at}
    return LayerQuality(
        total_records=sum(table.rows for table in left),
        records_processed=_processed(layer, completed, scored),
        average_quality_score=scored.average,
        high_quality_percentage=scored.high_share,
        poor_quality_percentage=scored.poor_share,
        validation_success_percentage=scored.valid_share,
        processing_days=len(days),
        average_processing_time_seconds=_mean(done.timings.seconds for done in completed if done.timings),
        verdicts={str(verdict): given.count(verdict) for verdict in Verdict},
        tables=_tables(completed, judged, layer),
    )


def _processed(layer: Layer, completed: Iterable[LayerCompleted], scored: _Scored) -> int:
    """Return the rows that a layer got: those that came in, for Gold those of its facts that are new."""
    if layer == Layer.GOLD:
        return int(scored.rows)
    return sum(news_of(done).rows_in for done in completed)


def _tables(
    completed: Iterable[LayerCompleted], judged: Iterable[Judgement], layer: Layer
) -> dict[str, dict[str, float | str]]:
    found: dict[str, dict[str, float | str]] = {}
    for done in completed:
        time = done.run.requested_at if done.run else None
        for table in done.tables:
            if table.name.startswith(layer):
                found[table.name] = {
                    "total_records": table.rows,
                    "timestamp": time.isoformat() if time else "",
                }
    for one in judged:
        for table_name, measures in one.measures.items():
            values = {name: _number(value) for name, value in metrics(measures, one.time).items()}
            found[table_name] = {**values, "timestamp": one.time.isoformat()}
    return dict(sorted(found.items()))


def _number(value: Decimal) -> float:
    return int(value) if value == value.to_integral_value() else float(value)


def _days(past: Past, judgements: list[Judgement]) -> Iterable[Day]:
    """Yield an entry for each day and layer in which something was done, in that order."""
    days = sorted({_day(event.time) for event in past.events if isinstance(event.data, LayerCompleted)})
    for day in days:
        for layer in Layer:
            completed = [
                done
                for done in past.completed(layer)
                if done.run and done.run.requested_at and _day(done.run.requested_at) == day
            ]
            scored = _Scored.of(
                one for one in judgements if one.verdict.layer == layer and _day(one.time) == day
            )
            if completed or scored.rows:
                yield Day(
                    str(day),
                    str(layer),
                    scored.average,
                    _processed(layer, completed, scored),
                    scored.high_share,
                )


def _day(time: datetime) -> date:
    return time.astimezone(UTC).date()


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return round(mean(known), 2) if known else None
