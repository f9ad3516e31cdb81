"""The quality of a period as data: the parts, the keys and the thresholds that the report has."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from podium_contracts.errors import TerminalError
from podium_contracts.events.v1 import (
    Check,
    Flow,
    LayerCompleted,
    Ledger,
    QualityEvaluated,
    QuarantineStock,
    Run,
    TableVersion,
    Timings,
)
from podium_contracts.names import Layer, Stage
from podium_contracts.pipeline import Pipeline, PipelineDocument
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Intent, Scope
from podium_quality.report import Choice, quality_report
from podium_quality.report.advice import recommendations
from podium_quality.report.issues import dimension
from podium_quality.report.trends import Day, analyse

FIRST = datetime(2026, 3, 1, 2, tzinfo=UTC)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Records:
    """A lakehouse with nothing but records: a run a day, which reads, cleanses and judges."""

    def __init__(self, root: Path) -> None:
        self.lakehouse = Lakehouse(str(root / "lakehouse"))
        document = {
            "apiVersion": "podium.dev/v1alpha1",
            "kind": "Pipeline",
            "metadata": {"name": "shop"},
            "spec": {
                "lakehouse": {"uri": "lakehouse"},
                "datasets": {
                    "sales": {
                        "sources": [{"files": {"path": "*.csv"}}],
                        "columns": {"id": {"type": "string"}},
                        "duplicates": {"keys": ["id"]},
                    }
                },
            },
        }
        self.pipeline = Pipeline("shop", PipelineDocument.model_validate(document).spec, root, "f")
        self.rows = 0

    def run(
        self, day: int, rows: int, score: float, *, poor: int = 0, seconds: float = 1.0, refused: int = 0
    ) -> None:
        """Record a run: ingest, cleanse and quality, each of the seconds; every row has the score, some are POOR, the others HIGH."""
        self.rows += rows
        flow = Flow(rows_in=rows + refused, inserted=rows, quarantined=refused)
        for stage, layer, name in (
            (Stage.INGEST, Layer.BRONZE, "bronze.sales"),
            (Stage.CLEANSE, Layer.SILVER, "silver.sales"),
        ):
            intent = self._intent(stage, name, day)
            done = LayerCompleted(
                run=intent.run,
                layer=layer,
                subject="sales",
                sequence=intent.sequence,
                tables=(self._table(name, intent.sequence),),
                ledger=Ledger(flow=flow),
                timings=Timings(seconds=seconds),
            )
            self.lakehouse.complete(intent, done)
        intent = self._intent(Stage.QUALITY, "silver.sales", day)
        new = {"rows": rows, "quality_score.sum": score * rows, "tier.HIGH": rows - poor, "tier.POOR": poor}
        new |= {"evaluated": rows + refused, "refused": refused}
        measures = {"rows": self.rows, "null.id": 0} | {
            f"batch.{name}": Decimal(str(value)) for name, value in new.items()
        }
        self.lakehouse.metrics.put(intent, {("silver.sales", intent.sequence): measures})
        bad = score < 90
        check = Check(
            table="silver.sales",
            metric="average_quality_score",
            actual=score,
            type="minimum",
            threshold=90,
            severity="CRITICAL",
            passed=not bad,
            message=f"average_quality_score ({score:g}) below threshold (90)" if bad else "",
        )
        verdict = QualityEvaluated(
            run=intent.run,
            layer=Layer.SILVER,
            subject="sales",
            sequence=intent.sequence,
            tables=(self._table("silver.sales", intent.sequence),),
            verdict="failed" if bad else "passed",
            checks=(check,),
            timings=Timings(seconds=seconds),
        )
        self.lakehouse.complete(intent, verdict)

    def accept(self, day: int) -> None:
        """Record that the last verdict was accepted: with its checks and measures, as that is recorded."""
        intent = self._intent(Stage.QUALITY, "silver.sales", day)
        failed = self.lakehouse.completions.read(intent.scope, intent.after).data
        assert isinstance(failed, QualityEvaluated)
        ((name, measures),) = self.lakehouse.metrics.read(intent.scope, intent.after).items()
        self.lakehouse.metrics.put(intent, {(name, intent.sequence): measures})
        told = {"run": intent.run, "sequence": intent.sequence, "verdict": "warned", "accepted": "known"}
        self.lakehouse.complete(intent, failed.model_copy(update=told))

    def replay(self, day: int, rows: int) -> None:
        """Record that so many rows in quarantine were replayed, and refused again."""
        intent = self._intent(Stage.CLEANSE, "silver.sales", day)
        done = LayerCompleted(
            run=intent.run,
            layer=Layer.SILVER,
            subject="sales",
            sequence=intent.sequence,
            tables=(self._table("silver.sales", intent.sequence),),
            ledger=Ledger(
                flow=Flow(rows_in=rows, quarantined=rows),
                quarantine=QuarantineStock(opening=rows, added=rows, replayed=rows, closing=rows),
            ),
        )
        self.lakehouse.complete(intent, done)

    def _table(self, name: str, version: int) -> TableVersion:
        return TableVersion(name=name, uri=name, to_version=version, rows=self.rows)

    def _intent(self, stage: Stage, subject: str, day: int) -> Intent:
        scope = Scope(pipeline="shop", stage=stage, subject=subject)
        after = self.lakehouse.completions.last_sequence(scope)
        run = Run(
            pipeline="shop", id=f"run-{day}", requested_at=FIRST + timedelta(days=day), datasets=("sales",)
        )
        return Intent(
            scope=scope,
            sequence=after + 1,
            completion=after + 1,
            after=after,
            run=run,
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            fingerprint="f",
            answers=("-",),
        )

    def report(self, choice: Choice | None = None) -> dict[str, Any]:
        """Return the report as it is written."""
        return asdict(quality_report(self.pipeline, self.lakehouse, choice or Choice(), NOW))


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(tmp_path)


def test_the_report_has_its_parts_in_order(records: Records) -> None:
    """The keys that readers of the report go by, and when it was made."""
    records.run(0, 100, 95)
    found = records.report()
    assert list(found) == [
        "report_period",
        "generated_at",
        "overall_quality",
        "layer_quality",
        "trend_analysis",
        "issues_summary",
        "recommendations",
    ]
    assert found["generated_at"] == "2026-06-01T12:00:00+00:00"
    assert list(found["layer_quality"]) == ["bronze", "silver", "gold"]


def test_the_period_is_chosen_and_both_ends_are_in_it(records: Records) -> None:
    """Days before and after count for nothing; without a choice it is thirty days up to the last with work."""
    for day in range(40):
        records.run(day, 100 + day, 95)
    found = records.report(Choice(first=date(2026, 3, 2), last=date(2026, 3, 4)))
    assert found["report_period"] == "2026-03-02 to 2026-03-04"
    assert found["overall_quality"]["total_records_processed"] == 101 + 102 + 103
    assert records.report()["report_period"] == "2026-03-11 to 2026-04-09"
    assert records.report(Choice(days=7))["report_period"] == "2026-04-03 to 2026-04-09"
    assert records.report(Choice(days=7))["overall_quality"]["processing_days"] == 7
    with pytest.raises(TerminalError, match="begins on 2026-03-05 and ends on 2026-03-04"):
        records.report(Choice(first=date(2026, 3, 5), last=date(2026, 3, 4)))


def test_overall_quality_is_of_the_rows_that_came(records: Records) -> None:
    """Weighted by rows, with two places; a run's time is that of all its stages."""
    records.run(0, 100, 95, seconds=1.0, refused=3)
    records.run(1, 200, 91, poor=1, seconds=2.005)
    assert records.report()["overall_quality"] == {
        "total_records_processed": 303,
        "average_quality_score": 92.33,
        "high_quality_percentage": 99.67,
        "poor_quality_percentage": 0.33,
        "processing_days": 2,
        "average_processing_time_seconds": 4.51,
    }


def test_each_layer_has_its_own_figures(records: Records) -> None:
    """Bronze has rows and times but no scores; Silver its verdicts, validity and the metrics of its tables; Gold nothing yet."""
    records.run(0, 100, 95, refused=3)
    records.run(1, 200, 80)
    layers = records.report()["layer_quality"]
    assert layers["bronze"]["tables"] == {
        "bronze.sales": {"total_records": 300, "timestamp": "2026-03-02T02:00:00+00:00"}
    }
    assert (layers["bronze"]["records_processed"], layers["bronze"]["average_quality_score"]) == (303, None)
    silver = layers["silver"]
    assert (silver["total_records"], silver["average_quality_score"], silver["processing_days"]) == (
        300,
        85,
        2,
    )
    assert silver["validation_success_percentage"] == 99.01
    assert silver["verdicts"] == {"passed": 1, "warned": 0, "failed": 1}
    assert silver["tables"] == {
        "silver.sales": {
            "total_records": 300,
            "id_completeness": 100,
            "timestamp": "2026-03-02T02:00:00+00:00",
        }
    }
    assert layers["gold"]["tables"] == {}


def test_rows_are_those_at_the_end_of_the_period(records: Records) -> None:
    """Not those of today, and not only of tables with work in it."""
    records.run(0, 100, 95)
    records.run(5, 200, 95)

    def rows(first: int, last: int) -> tuple[list[int], int]:
        choice = Choice(first=date(2026, 3, first), last=date(2026, 3, last))
        found = records.report(choice)
        layers = found["layer_quality"].values()
        return [layer["total_records"] for layer in layers], found["overall_quality"][
            "total_records_processed"
        ]

    assert rows(1, 2) == ([100, 100, 0], 100)
    assert rows(2, 4) == ([100, 100, 0], 0)
    assert rows(6, 9) == ([300, 300, 0], 200)


def test_every_day_and_layer_has_an_entry(records: Records) -> None:
    """In that order, with the day's rows, score and share of HIGH."""
    records.run(0, 300, 95, poor=1)
    records.run(2, 10, 91.005)
    days = records.report()["trend_analysis"]["daily_quality_scores"]
    keys = ("date", "layer", "quality_score", "record_count", "high_quality_percentage")
    assert [tuple(day[key] for key in keys) for day in days] == [
        ("2026-03-01", "bronze", None, 300, None),
        ("2026-03-01", "silver", 95.0, 300, 99.67),
        ("2026-03-03", "bronze", None, 10, None),
        ("2026-03-03", "silver", 91.01, 10, 100.0),
    ]
    assert tuple(days[0]) == keys


def day(number: int, layer: str, score: float | None, high: float | None = 100.0) -> Day:
    """Return an entry."""
    return Day(f"2026-03-{number + 1:02}", layer, score, 10, high)


def test_improvement_is_from_the_first_week_to_the_last() -> None:
    """Seven days each, whatever lies between; of a single week there is none."""
    scores = [70.0] * 7 + [10.0] * 5 + [80.5] * 7
    days = tuple(day(number, "silver", score) for number, score in enumerate(scores))
    assert analyse(days).quality_improvement == 10.5
    assert analyse(days[:1]).quality_improvement == 0
    assert analyse(days[6:8]).quality_improvement == 0
    assert analyse(days[6:13]).quality_improvement == 0
    assert analyse(days[6:14]).quality_improvement != 0
    assert analyse(()).quality_improvement == 0


def test_the_layer_that_improved_most_is_named() -> None:
    """If one did; Bronze has no score to improve."""
    days = tuple(
        one
        for number in range(14)
        for one in (
            day(number, "bronze", None, None),
            day(number, "silver", 80.0 + number),
            day(number, "gold", 90.0 + number / 2),
        )
    )
    assert analyse(days).most_improved_layer == "silver"
    assert (
        analyse(tuple(day(number, "silver", 90.0 - number) for number in range(14))).most_improved_layer
        is None
    )


def test_what_becomes_worse_is_a_concern() -> None:
    """By how much, from what to what; a fall within a point is none."""
    falling = tuple(day(number, "silver", 95.0 - number, 100.0 - 2 * number) for number in range(14))
    score, high = analyse(falling).concerning_trends
    assert (score.layer, score.metric, score.first_week, score.last_week, score.change) == (
        "silver",
        "quality_score",
        92.0,
        85.0,
        -7.0,
    )
    assert (
        score.message == "silver: the average quality score fell from 92 in the first week to 85 in the last"
    )
    assert high.metric == "high_quality_percentage"
    steady = tuple(day(number, "silver", 95.0 - number / 10) for number in range(14))
    assert analyse(steady).concerning_trends == ()


def test_issues_are_told_once_each(records: Records) -> None:
    """With their numbers of the last time, how often, since when; and how many of each kind there are."""
    records.run(0, 100, 95, refused=2)
    records.run(1, 100, 80)
    records.run(3, 100, 70)
    found = records.report()["issues_summary"]
    (issue,) = found.pop("issues")
    assert found == {
        "total_issues": 1,
        "by_severity": {"CRITICAL": 1},
        "by_dimension": {"accuracy": 1},
        "failed_verdicts": 2,
        "quarantined_records": 2,
    }
    assert (issue["actual"], issue["threshold"], issue["occurrences"]) == (70, 90, 2)
    assert (issue["first_seen"][:10], issue["last_seen"][:10]) == ("2026-03-02", "2026-03-04")


def test_an_accepted_verdict_is_counted_once(records: Records) -> None:
    """Who accepts it has measured nothing anew."""
    records.run(0, 100, 95)
    records.run(1, 100, 80)
    before = records.report()
    records.accept(1)
    found = records.report()
    assert found["issues_summary"] == before["issues_summary"]
    assert found["overall_quality"]["average_quality_score"] == 87.5
    assert found["layer_quality"]["silver"]["verdicts"] == {"passed": 1, "warned": 1, "failed": 1}


def test_rows_that_are_replayed_were_counted_when_they_came(records: Records) -> None:
    """Refused once, replayed twice: of the rows there is still but one of each."""
    records.run(0, 100, 95, refused=2)
    records.replay(1, 2)
    records.replay(2, 2)
    found = records.report()
    assert found["overall_quality"]["total_records_processed"] == 102
    assert found["layer_quality"]["silver"]["records_processed"] == 102
    assert found["issues_summary"]["quarantined_records"] == 2


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("town_completeness", "completeness"),
        ("id_uniqueness", "uniqueness"),
        ("price_range_validity", "validity"),
        ("validation_success_percentage", "validity"),
        ("product_key_known_percentage", "consistency"),
        ("town_consistency", "consistency"),
        ("schema_change", "consistency"),
        ("sold_lag_hours", "timeliness"),
        ("sold_lag_hours_anomaly", "timeliness"),
        ("volume_anomaly", "completeness"),
        ("total_records", "completeness"),
        ("average_quality_score", "accuracy"),
        ("amount_drift", "accuracy"),
    ],
)
def test_every_issue_is_about_a_dimension(metric: str, expected: str) -> None:
    """One of the six."""
    assert dimension(metric) == expected


GOOD = {
    "score": 80.0,
    "poor": 5.0,
    "seconds": 300.0,
    "layers": {"bronze": None, "silver": 85.0, "gold": None},
}


@pytest.mark.parametrize(
    ("change", "priority", "category", "impact", "said"),
    [
        ({"score": 79.99}, "HIGH", "Overall Quality", "High", ("79.99%", "80%")),
        ({"poor": 5.01}, "MEDIUM", "Data Cleansing", "Medium", ("5.01%", "5%")),
        ({"seconds": 300.5}, "LOW", "Performance", "Low", ("300.5s",)),
        ({"layers": {"gold": 84.99}}, "MEDIUM", "Gold Layer", "Medium", ("84.99%",)),
    ],
    ids=["score", "poor", "time", "layer"],
)
def test_a_bound_that_is_broken_is_advised_on(
    change: dict[str, Any], priority: str, category: str, impact: str, said: tuple[str, ...]
) -> None:
    """With its priority, category, impact, and what was found; just within the bounds there is nothing to do."""
    assert list(recommendations(**GOOD)) == []
    (found,) = recommendations(**{**GOOD, **change})
    assert (found.priority, found.category, found.estimated_impact) == (priority, category, impact)
    assert all(words in found.issue for words in said)
    assert len(found.recommendation) > 40


def test_what_was_not_measured_needs_no_advice() -> None:
    """A layer without a score counts as a good one, and so does everything else."""
    assert list(recommendations(None, None, None, {"bronze": None})) == []


def test_nothing_yet_is_a_report_too(records: Records) -> None:
    """Of the days up to the one on which it is made."""
    found = records.report()
    assert found["report_period"] == "2026-05-03 to 2026-06-01"
    assert found["overall_quality"]["total_records_processed"] == 0
    assert (found["overall_quality"]["average_quality_score"], found["recommendations"]) == (None, ())
