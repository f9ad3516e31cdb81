"""The report says where every row went, in words, and never more than the records hold."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from podium_contracts.errors import TerminalError
from podium_contracts.events.v1 import (
    Check,
    ControlTotal,
    Flow,
    LayerCompleted,
    Ledger,
    QualityEvaluated,
    QuarantineStock,
    Run,
    TableVersion,
)
from podium_contracts.names import Layer, Stage, Verdict
from podium_contracts.pipeline import Pipeline, PipelineDocument
from podium_lakehouse.cleansing.dispatch import Dispatch
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Intent, Restoration, Scope
from podium_quality import report
from podium_quality.report import Choice
from podium_quality.report.figures import FLOW_HEIGHT, Onward, Part, flowchart, number, percent, sparkline
from podium_quality.report.view import DEFAULT

START = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
QUARANTINE = TableVersion(name="quarantine.sales", to_version=1)
"""The tests write a quarantine once, empty, and once more with its rows."""


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    document = {
        "apiVersion": "podium.dev/v1alpha1",
        "kind": "Pipeline",
        "metadata": {"name": "shop"},
        "spec": {
            "lakehouse": {"uri": "lakehouse"},
            "datasets": {
                "sales": {
                    "sources": [{"files": {"path": "*.csv", "format": "csv"}}],
                    "columns": {
                        "id": {"from": "Id", "type": "string"},
                        "price": {"from": "Price", "type": "decimal(9,2)"},
                    },
                    "rules": {"price_range": {"type": "range_check", "column": "price", "min": 0}},
                    "duplicates": {"keys": ["id"], "order": ["id"], "strategy": "keep_latest"},
                }
            },
            "model": {"dbt": "dbt"},
        },
    }
    return Pipeline("shop", PipelineDocument.model_validate(document).spec, tmp_path, "f1")


class Past:
    """A lakehouse with records only, written run by run as the stages write them."""

    def __init__(self, root: Path) -> None:
        self.lakehouse = Lakehouse(str(root / "lakehouse"))

    def ingest(self, number: int, rows: int) -> None:
        flow = Flow(rows_in=rows, inserted=rows)
        self._layer(Stage.INGEST, Layer.BRONZE, "sales", number, Ledger(flow=flow), ("bronze.sales", rows))

    def cleanse(
        self, number: int, flow: Flow, silver: int, refused: int = 0, replayed: int = 0, rejected: int = 0
    ) -> None:
        stock = QuarantineStock(closing=refused, replayed=replayed, rejected=rejected)
        ledger = Ledger(flow=flow, quarantine=stock)
        self._layer(
            Stage.CLEANSE, Layer.SILVER, "sales", number, ledger, ("silver.sales", silver), QUARANTINE
        )

    def put_back(self, number: int, sequence: int, silver: int) -> None:
        intent = self._intent(Stage.CLEANSE, "silver.sales", number)
        restores = Restoration(sequence=sequence, fingerprint="f1", versions={})
        self.lakehouse.intents.put(intent.model_copy(update={"restores": restores}))
        ledger = Ledger(quarantine=QuarantineStock(closing=0))
        self._layer(Stage.CLEANSE, Layer.SILVER, "sales", number, ledger, ("silver.sales", silver))

    def model(self, number: int, facts: int) -> None:
        total = ControlTotal(name="fact_sale.rows", expected=str(facts), actual=str(facts))
        ledger = Ledger(control_totals=(total,))
        self._layer(Stage.MODEL, Layer.GOLD, "shop", number, ledger, ("gold.fact_sale", facts))

    def judge(
        self,
        number: int,
        silver: int,
        score: float = 95,
        bound: float = 90,
        more: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        passed = score >= bound
        intent = self._intent(Stage.QUALITY, "silver.sales", number)
        measures = {
            "rows": silver,
            "null.price": silver // 4,
            "tier.HIGH": silver - 1,
            "tier.POOR": 1,
            "quality_score.sum": Decimal(str(score)) * silver,
            **more,
        }
        self.lakehouse.metrics.put(intent, {("silver.sales", number): measures})
        met = Check(table="silver.sales", metric="total_records", actual=silver, passed=True)
        breach = Check(
            table="silver.sales",
            metric="average_quality_score",
            actual=score,
            type="minimum",
            threshold=bound,
            severity="CRITICAL",
            passed=passed,
        )
        event = QualityEvaluated(
            run=intent.run,
            layer=Layer.SILVER,
            subject="sales",
            sequence=number,
            tables=(self._table("silver.sales", number, silver),),
            verdict=Verdict.PASSED if passed else Verdict.FAILED,
            checks=(met, breach),
        )
        self.lakehouse.complete(intent, event)

    def judge_gold(self, number: int, facts: int) -> None:
        intent = self._intent(Stage.QUALITY, "gold", number)
        table = self._table("gold.fact_sale", number, facts)
        event = QualityEvaluated(
            run=intent.run,
            layer=Layer.GOLD,
            subject="shop",
            sequence=number,
            tables=(table,),
            verdict="passed",
        )
        self.lakehouse.complete(intent, event)

    def quarantine(self, rows: list[dict[str, object]]) -> None:
        empty = dict.fromkeys(Dispatch.QUARANTINE.names)
        table = pa.Table.from_pylist([empty | row for row in rows], schema=Dispatch.QUARANTINE)
        write_deltalake(self.lakehouse.quarantine_uri("sales"), table.slice(0, 0))
        write_deltalake(self.lakehouse.quarantine_uri("sales"), table, mode="append")

    def _layer(
        self,
        stage: Stage,
        layer: Layer,
        subject: str,
        number: int,
        ledger: Ledger,
        *tables: tuple[str, int] | TableVersion,
    ) -> None:
        intent = self._intent(stage, layer if layer == Layer.GOLD else f"{layer}.{subject}", number)
        versions = tuple(
            table if isinstance(table, TableVersion) else self._table(table[0], number, table[1])
            for table in tables
        )
        event = LayerCompleted(
            run=intent.run, layer=layer, subject=subject, sequence=number, tables=versions, ledger=ledger
        )
        self.lakehouse.complete(intent, event)

    def _table(self, name: str, version: int, rows: int) -> TableVersion:
        uri = f"{self.lakehouse.uri}/{name.replace('.', '/')}"
        return TableVersion(name=name, uri=uri, to_version=version, rows=rows)

    def _intent(self, stage: Stage, subject: str, number: int) -> Intent:
        time = START + timedelta(days=number)
        run = Run(pipeline="shop", id=f"run-{number}", requested_at=time, datasets=("sales",))
        scope = Scope(pipeline="shop", stage=stage, subject=subject)
        return Intent(
            scope=scope,
            sequence=number,
            after=self.lakehouse.completions.last_sequence(scope),
            run=run,
            traceparent=TRACE,
            fingerprint="f1",
            answers=("before",),
        )


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return Past(tmp_path)


def refused(number: int, rule: str = "rule.price_range", **raw: object) -> dict[str, object]:
    return {
        "quarantine_id": f"q{number:04d}",
        "rules": [rule],
        "source_file": "a.csv",
        "source_row": number,
        "raw": json.dumps(raw or {"Id": str(number), "Price": "-1"}),
    }


def first_batch(past: Past) -> None:
    past.ingest(1, 2000)
    past.cleanse(1, Flow(rows_in=2000, inserted=1990, deduplicated=7, quarantined=3), silver=1990, refused=3)
    past.quarantine([refused(number) for number in range(1, 4)])
    past.judge(1, 1990)
    past.model(1, 1990)
    past.judge_gold(1, 1990)


class Text(HTMLParser):
    """The words of a page, and whether every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content closes itself."""

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words += data.split()


def text(pipeline: Pipeline, past: Past, choice: Choice = DEFAULT) -> str:
    page = Text(report.render(pipeline, past.lakehouse, choice))
    assert page.open == []
    return " ".join(page.words)


def test_a_lakehouse_without_records_has_a_page(pipeline: Pipeline, past: Past) -> None:
    """Every section says in words that there is nothing yet."""
    words = text(pipeline, past)
    assert "Not judged yet" in words
    for missing in ("Nothing has been read yet", "There is no Gold yet", "There is no verdict yet"):
        assert missing in words


def test_every_row_of_the_first_batch_is_accounted_for(pipeline: Pipeline, past: Past) -> None:
    """The equation is spelled out with thousands separators, and the verdict is in words."""
    first_batch(past)
    words = text(pipeline, past)
    assert "2,000 rows read = 1,990 inserted + 7 duplicates + 3 quarantined ✓ adds up" in words
    assert "✓ Passed Every threshold of this pipeline is met. Run run-1 of 2026-01-03 03:04 UTC" in words
    assert "now 1,990 facts" in words
    assert "fact_sale.rows 1,990 1,990 ✓ equal" in words
    assert f"Trace of the last run: {TRACE}" in words


def test_batches_are_shown_by_themselves_and_together(pipeline: Pipeline, past: Past) -> None:
    """With a second batch there is an account of it, one of both, and a trend."""
    first_batch(past)
    past.ingest(2, 100)
    past.cleanse(
        2, Flow(rows_in=100, inserted=90, unchanged=4, quarantined=1, dropped={"nulls.id": 5}), 2080, 4
    )
    past.judge(2, 2080, score=96)
    words = text(pipeline, past)
    assert "100 rows read = 90 inserted + 4 unchanged + 1 quarantined + 5 dropped by nulls.id ✓" in words
    both = "2,080 inserted + 4 unchanged + 7 duplicates + 4 quarantined + 5 dropped by nulls.id ✓"
    assert f"2,100 rows read = {both} adds up" in words
    assert "Gold does not have the newest rows yet" in words
    assert "Average quality score, silver.sales 95 → 96" in words


def test_rows_that_wait_in_bronze_are_rows_too(pipeline: Pipeline, past: Past) -> None:
    """What was read and not cleansed yet has its own place in the account."""
    first_batch(past)
    past.ingest(2, 1500)
    equation = "3,500 rows read = 1,990 inserted + 7 duplicates + 3 quarantined + 1,500 waiting in Bronze"
    assert f"{equation} ✓ adds up" in text(pipeline, past)


def test_rows_that_are_replayed_or_rejected_are_counted_once(pipeline: Pipeline, past: Past) -> None:
    """A person decides on refused rows, twice on some: the account since the beginning has each where it went last."""
    first_batch(past)
    past.cleanse(2, Flow(rows_in=3, quarantined=3), 1990, 3, replayed=3)
    past.cleanse(3, Flow(rows_in=3, inserted=1, quarantined=2), 1991, 2, replayed=3)
    past.cleanse(4, Flow(), 1991, 1, rejected=1)
    words = text(pipeline, past)
    assert (
        "Latest batch (run run-3, 2026-01-05 03:04 UTC) 3 rows read = 1 inserted + 2 quarantined ✓" in words
    )
    assert "2,000 rows read = 1,991 inserted + 7 duplicates + 1 quarantined + 1 rejected ✓ adds up" in words


def test_what_a_restore_takes_back_waits_and_is_counted_once(pipeline: Pipeline, past: Past) -> None:
    """Until it is cleansed again its rows wait in Bronze; then they count as they went the second time."""
    first_batch(past)
    past.ingest(2, 100)
    past.cleanse(2, Flow(rows_in=100, inserted=40, quarantined=60), 2030, 63)
    past.put_back(3, 1, 1990)
    account = "2,100 rows read = {:,} inserted + 7 duplicates + 3 quarantined"
    assert f"{account.format(1990)} + 100 waiting in Bronze ✓ adds up" in text(pipeline, past)
    past.cleanse(4, Flow(rows_in=100, inserted=100), 2090, 3)
    assert f"{account.format(2090)} ✓ adds up" in text(pipeline, past)


def test_an_account_that_does_not_add_up_says_so(pipeline: Pipeline, past: Past) -> None:
    """The report counts for itself, whatever the stage believed."""
    past.ingest(1, 10)
    past.cleanse(1, Flow(rows_in=10, inserted=8), silver=8)
    assert "10 rows read = 8 inserted ✗ does not add up" in text(pipeline, past)


def test_a_failed_verdict_says_what_to_do(pipeline: Pipeline, past: Past) -> None:
    """The breach stands first, with what was asked, and nothing is certified."""
    past.ingest(1, 10)
    past.cleanse(1, Flow(rows_in=10, inserted=10), silver=10)
    past.judge(1, 10, score=80)
    words = text(pipeline, past)
    assert "✗ Failed A critical threshold is not met." in words
    assert "Average quality score in silver.sales is 80, at least 90 is asked." in words
    assert "Certified rows 0" in words
    assert words.index("average_quality_score 80 at least 90 fails ✗ not met") < words.index("total_records")


def test_new_rows_without_a_verdict_are_not_called_passed(pipeline: Pipeline, past: Past) -> None:
    """A verdict speaks of one version only."""
    first_batch(past)
    past.ingest(2, 5)
    past.cleanse(2, Flow(rows_in=5, inserted=5), silver=1995, refused=3)
    assert "Not judged yet" in text(pipeline, past)


def test_quarantine_is_counted_whole_and_shown_in_part(pipeline: Pipeline, past: Past) -> None:
    """Every refused row counts; at most five of a kind are shown, the first ones of the source."""
    past.ingest(1, 40)
    past.cleanse(1, Flow(rows_in=40, quarantined=40), silver=0, refused=40)
    broken = {**refused(40, "csv.corrupt"), "raw": "x;y", "reason": "missing columns"}
    past.quarantine([*(refused(number) for number in range(39, 0, -1)), broken])
    words = text(pipeline, past)
    assert "rule.price_range price is below 0. 39" in words
    assert "csv.corrupt missing columns x;y" in words
    shown = [int(row) for row in re.findall(r"a\.csv (?:row|line) (\d+)", words)]
    assert sorted(shown) == [1, 2, 3, 4, 5, 40]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("schema.price", "price could not be read as decimal(9,2)."),
        ("schema.incompatible-file", "Its file lacks a field, or has one of another type"),
        ("step.round_prices", "The custom step round_prices made nothing of a value."),
        ("rule.gone", "A rule of the pipeline refused the row."),
    ],
)
def test_why_a_row_is_refused_is_said_in_words(pipeline: Pipeline, past: Past, rule: str, words: str) -> None:
    """By whatever refuses rows, and of a rule that the file no longer has."""
    past.ingest(1, 1)
    past.cleanse(1, Flow(rows_in=1, quarantined=1), silver=0, refused=1)
    past.quarantine([refused(1, rule)])
    assert words in text(pipeline, past)


def test_an_empty_quarantine_is_good_news(pipeline: Pipeline, past: Past) -> None:
    """A quarantine without rows says so for its dataset."""
    past.ingest(1, 1)
    past.cleanse(1, Flow(rows_in=1, inserted=1), silver=1)
    past.quarantine([])
    assert "No row of sales is in quarantine." in text(pipeline, past)


def test_what_cleansing_remarks_is_no_column_that_lacks_values(pipeline: Pipeline, past: Past) -> None:
    """A row without a warning is a good one; what is empty of the data is told."""
    past.ingest(1, 100)
    past.cleanse(1, Flow(rows_in=100, inserted=100), 100)
    past.judge(1, 100, more={"null.quality_warnings": 99})
    words = text(pipeline, past)
    assert "1 columns Column 0% to 100% Filled in price 75%" in words


def test_values_of_the_source_are_never_markup(pipeline: Pipeline, past: Past) -> None:
    """A refused row cannot change the page that shows it; the refused value is marked."""
    past.ingest(1, 1)
    past.cleanse(1, Flow(rows_in=1, quarantined=1), silver=0, refused=1)
    past.quarantine([refused(1, Id="<script>alert(1)</script>", Price="-1")])
    page = report.render(pipeline, past.lakehouse)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert '<div class="refused"><dt>Price</dt><dd>-1</dd></div>' in page


def test_the_page_is_whole_by_itself_and_the_same_each_time(pipeline: Pipeline, past: Past) -> None:
    """It loads nothing, and holds no time but the events'."""
    first_batch(past)
    page = report.render(pipeline, past.lakehouse)
    assert not re.search(r"https?:|//cdn|\bsrc=|\bhref=|@import|url\(", page)
    assert page == report.render(pipeline, past.lakehouse)
    assert all('scope="' in header for header in re.findall(r"<th\b[^>]*>", page))
    labelled = re.findall(r"<svg\b[^>]*>", page)
    assert all("aria-label=" in drawing or "aria-hidden=" in drawing for drawing in labelled)


def test_a_period_without_work_is_not_called_good(pipeline: Pipeline, past: Past) -> None:
    """It is neither all that it should be nor passed; a period with work is."""
    first_batch(past)
    worked = START.date() + timedelta(days=1)
    assert "no records in this period" not in text(pipeline, past)
    assert "✓ Every check was passed" in text(pipeline, past, Choice(first=worked, last=worked))
    before = worked - timedelta(days=5)
    words = text(pipeline, past, Choice(first=before, last=before))
    assert words.count("no records in this period") == 2
    assert "Every check was passed" not in words
    assert "as they should be" not in words


@pytest.mark.parametrize(
    ("days", "trend"), [(7, "There is no trend"), (8, "The average score of the last week")]
)
def test_a_week_has_no_trend(pipeline: Pipeline, past: Past, days: int, trend: str) -> None:
    """Its first week would be its last."""
    for run in range(1, days + 1):
        past.ingest(run, 10)
        past.cleanse(run, Flow(rows_in=10, inserted=10), silver=10 * run)
        past.judge(run, 10 * run)
    assert trend in text(pipeline, past)


def test_a_wrong_period_is_refused_before_a_table_is_read(pipeline: Pipeline, past: Past) -> None:
    """What is read would be for nothing."""
    first_batch(past)
    for path in Path(past.lakehouse.quarantine_uri("sales")).glob("*.parquet"):
        path.unlink()
    with pytest.raises(TerminalError, match="the period begins on"):
        report.render(pipeline, past.lakehouse, Choice(first=START.date() + timedelta(days=9)))


def test_write_replaces_the_page(pipeline: Pipeline, past: Past, tmp_path: Path) -> None:
    """The folder is made, the old page gives way to the new one, and no draft is left."""
    path = tmp_path / "out" / "page.html"
    report.write(pipeline, past.lakehouse, str(path))
    first_batch(past)
    report.write(pipeline, past.lakehouse, str(path))
    assert "1,990" in path.read_text(encoding="utf-8")
    assert [entry.name for entry in path.parent.iterdir()] == ["page.html"]


def test_a_page_in_place_of_a_folder_is_refused(pipeline: Pipeline, past: Past, tmp_path: Path) -> None:
    """The folder stays as it is, and no draft is left."""
    path = tmp_path / "pages"
    path.mkdir()
    with pytest.raises(TerminalError, match="pages is a folder") as raised:
        report.write(pipeline, past.lakehouse, str(path))
    assert raised.value.hint == f"name a file in it, as {path}/report.html"
    assert list(tmp_path.iterdir()) == [path]


def test_bars_are_to_scale_and_none_is_invisible() -> None:
    """A bar's height is its share; Gold's is what has come that far."""
    parts = [Part("new", 900, "ok", onward=True), Part("bad", 1, "bad"), Part("none", 0, "late")]
    chart = flowchart(1000, parts, Onward("Gold", "450 facts", 450))
    heights = {node.label: node.height for node in chart.nodes}
    assert heights["new"] == pytest.approx(0.9 * FLOW_HEIGHT)
    assert heights["Gold"] == pytest.approx(0.45 * FLOW_HEIGHT)
    assert heights["bad"] > 1
    assert "none" not in heights


def test_the_words_of_two_bars_never_meet() -> None:
    """Those of a broad bar begin inside it, those of a thin one beside it: two lines fit between them, in any order."""
    for rows in ([900, 60, 30, 10], [100, 111, 9, 12, 5, 130], [5, 150, 5, 150]):
        chart = flowchart(sum(rows), [Part(str(count), count, "ok") for count in rows], None)
        lines = [node.baseline for node in chart.nodes[2:]]
        assert all(after - before >= 35 for before, after in pairwise(lines)), rows
        assert chart.height >= lines[-1] + 20


@pytest.mark.parametrize(
    ("part", "whole", "written"),
    [
        (1, 4, "25%"),
        (0, 3, "0%"),
        (3, 3, "100%"),
        (1, 10**6, "< 0.01%"),
        (10**6 - 1, 10**6, "> 99.99%"),
        (0, 0, "0%"),
    ],
)
def test_a_share_is_never_rounded_to_nothing_or_all(part: int, whole: int, written: str) -> None:
    """One refused row in a million can be seen."""
    assert percent(part, whole) == written


def test_numbers_have_thousands_separators_and_their_own_places() -> None:
    """Control totals keep every place they were computed with, save those of a whole number."""
    assert [number(value) for value in ("9642327.584", 518593.0, "5413181.00", Decimal("97.60"))] == [
        "9,642,327.584",
        "518,593",
        "5,413,181",
        "97.60",
    ]


def test_a_trend_without_change_runs_through_the_middle() -> None:
    """Equal values divide nothing by zero."""
    assert sparkline([5, 5]).y == 24  # half of the drawing's height
