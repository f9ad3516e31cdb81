"""A period's quality as the page shows it."""

from collections.abc import Iterator

from podium_contracts.pipeline import TIERS

from podium_quality.report.facts import Figure, Over, Part
from podium_quality.report.figures import daychart
from podium_quality.report.quality import LayerQuality, QualityReport
from podium_quality.report.trends import WEEK

NONE = "\N{EN DASH}"


def over(report: QualityReport) -> Over:
    """Return the report on a period in words and drawings."""
    return Over(
        days=report.report_period,
        figures=tuple(_figures(report)),
        parts=tuple(_part(name, layer) for name, layer in report.layer_quality.items()),
        chart=daychart(report.trend_analysis.daily_quality_scores),
        trend=_trend(report),
        empty=not (report.overall_quality.total_records_processed or _verdicts(report)),
        quality=report,
    )


def _verdicts(report: QualityReport) -> int:
    return sum(sum(layer.verdicts.values()) for layer in report.layer_quality.values())


def _figures(report: QualityReport) -> Iterator[Figure]:
    found = report.overall_quality
    best, worst = TIERS[0][0], TIERS[-1][0]
    yield Figure("Rows processed", f"{found.total_records_processed:,}", "read from Bronze and cleansed")
    yield Figure("Quality score", _text(found.average_quality_score), "of 100, of rows that came or changed")
    yield Figure(f"In tier {best}", _text(found.high_quality_percentage, "%"), "of those rows: the best")
    yield Figure(f"In tier {worst}", _text(found.poor_quality_percentage, "%"), "of those rows: the worst")
    days = "day" if found.processing_days == 1 else "days"
    yield Figure(
        "A run takes",
        _text(found.average_processing_time_seconds, " s"),
        f"on average; there was work on {found.processing_days} {days}",
    )


def _part(name: str, layer: LayerQuality) -> Part:
    given = [f"{count} {verdict}" for verdict, count in layer.verdicts.items() if count]
    return Part(
        layer=name.title(),
        processed=f"{layer.records_processed:,}",
        rows=f"{layer.total_records:,}",
        score=_text(layer.average_quality_score),
        high=_text(layer.high_quality_percentage, "%"),
        poor=_text(layer.poor_quality_percentage, "%"),
        valid=_text(layer.validation_success_percentage, "%"),
        verdicts=", ".join(given) or NONE,
        seconds=_text(layer.average_processing_time_seconds, " s"),
    )


def _trend(report: QualityReport) -> str:
    """Return what became of quality between the first week and the last."""
    found = report.trend_analysis
    scored = {day.date for day in found.daily_quality_scores if day.quality_score is not None}
    if len(scored) <= WEEK:
        return f"There is no trend: it takes rows with a score on more than {WEEK} days."
    change = found.quality_improvement
    way = "rose" if change > 0 else "fell"
    words = (
        f"From the first week to the last the average score {way} by {abs(change):g} points."
        if change
        else "The average score of the last week is that of the first."
    )
    best = found.most_improved_layer
    return f"{words} {best.title()} improved most." if best else words


def _text(value: float | None, unit: str = "") -> str:
    return NONE if value is None else f"{value:,.2f}{unit}"
