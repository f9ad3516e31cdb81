"""Quality as a function: a verdict per version, from the changes since the last one."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from podium_contracts.errors import TerminalError
from podium_contracts.events import CloudEvent, envelope
from podium_contracts.events.v1 import (
    Flow,
    LayerCompleted,
    Ledger,
    QualityEvaluated,
    QuarantineStock,
    RuleCount,
    Run,
    TableVersion,
    Validation,
)
from podium_contracts.names import Layer, Stage
from podium_contracts.pipeline import Pipeline, PipelineDocument
from podium_lakehouse.delta.tables import CHANGE_FEED, Snapshot
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Intent, Scope
from podium_quality.stage import quality

pytestmark = pytest.mark.integration

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("town", pa.string()),
        ("quality_score", pa.decimal128(4, 1)),
        ("quality_tier", pa.string()),
        ("sold", pa.timestamp("us", tz="UTC")),
    ]
)
HALF_PAST_ONE = datetime(2025, 12, 31, 1, 30, tzinfo=UTC)


class Court:
    """Silver and Gold tables written by hand, and the stage that judges them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lakehouse = Lakehouse(str(folder / "lakehouse"))
        self.thresholds: dict[str, Any] = {}
        self.references: dict[str, Any] = {}
        self.anomalies: dict[str, Any] | None = None
        self.suites: dict[str, bytes] = {}

    @property
    def pipeline(self) -> Pipeline:
        spec = {
            "lakehouse": {"uri": "lakehouse"},
            "datasets": {
                "sales": {
                    "sources": [{"files": {"path": "*.csv"}}],
                    "columns": {
                        "id": {"type": "string"},
                        "town": {"type": "string"},
                        "sold": {"type": "timestamp"},
                    },
                    "duplicates": {"keys": ["id"], "order": ["sold"]},
                },
                "towns": {
                    "sources": [{"files": {"path": "*.csv"}}],
                    "columns": {"id": {"type": "string"}},
                    "duplicates": {"keys": ["id"]},
                },
            },
            "quality": {
                "thresholds": self.thresholds,
                "references": self.references,
                "expectations": {table: f"{table}.json" for table in self.suites},
                **({"anomalies": self.anomalies} if self.anomalies is not None else {}),
            },
        }
        document = {
            "apiVersion": "podium.dev/v1alpha1",
            "kind": "Pipeline",
            "metadata": {"name": "shop"},
            "spec": spec,
        }
        parsed = PipelineDocument.model_validate(document).spec
        fingerprint = f"{self.thresholds} {self.references} {self.anomalies} {self.suites}"
        return Pipeline("shop", parsed, self.folder, fingerprint, expectations=self.suites)

    def write(
        self, *rows: str, table: str = "silver.sales", mode: Literal["append", "overwrite"] = "append"
    ) -> CloudEvent:
        """Write `id town` rows to a table; return the event that says that its layer is complete."""
        layer, name = table.split(".")
        uri = f"{self.lakehouse.uri}/{layer}/{name}"
        values = [(*row.split(), Decimal("90.0"), "HIGH", HALF_PAST_ONE) for row in rows]
        batch = pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in values], SCHEMA)
        write_deltalake(uri, batch, mode=mode, configuration=CHANGE_FEED)
        return self.completed(table)

    def completed(self, *tables: str) -> CloudEvent:
        """Return the event that says that the layer of tables is complete, as they are now."""
        layer, name = tables[0].split(".")
        versions = [
            TableVersion(name=table, uri=uri, to_version=DeltaTable(uri).version())
            for table in tables
            for uri in [f"{self.lakehouse.uri}/{table.replace('.', '/')}"]
        ]
        number = sum(table.to_version for table in versions) + 1
        completed = LayerCompleted(
            run=Run(pipeline="shop", id=f"run-{number}", requested_at=datetime(2026, 1, 1, tzinfo=UTC)),
            layer=layer,
            subject=name if layer == Layer.SILVER else "shop",
            sequence=number,
            tables=tuple(versions),
        )
        silver = layer == Layer.SILVER
        scope = Scope(
            pipeline="shop",
            stage=Stage.CLEANSE if silver else Stage.MODEL,
            subject=tables[0] if silver else Layer.GOLD,
        )
        if number > (self.lakehouse.intents.table.last(scope.key) or 0):
            intent = Intent(
                scope=scope, sequence=number, run=completed.run, traceparent=TRACE, fingerprint=""
            )
            self.lakehouse.intents.put(intent)
        return envelope(
            completed,
            stage=scope.stage,
            subject=scope.subject,
            sequence=number,
            traceparent=TRACE,
            causation="",
        )

    def cleansed(
        self, number: int, flow: Flow, validation: Validation | None = None, replayed: int = 0
    ) -> None:
        """Record a completion of cleansing, as that stage does."""
        scope = Scope(pipeline="shop", stage=Stage.CLEANSE, subject="silver.sales")
        run = Run(pipeline="shop", id=f"run-{number}", requested_at=datetime(2026, 1, 1, tzinfo=UTC))
        intent = Intent(
            scope=scope,
            sequence=number,
            after=number - 1,
            completion=number,
            run=run,
            traceparent=TRACE,
            fingerprint="",
            answers=("-",),
        )
        data = LayerCompleted(
            run=run,
            layer=Layer.SILVER,
            subject="sales",
            sequence=number,
            ledger=Ledger(flow=flow, quarantine=QuarantineStock(replayed=replayed)),
            validation=validation,
        )
        self.lakehouse.complete(intent, data)

    def judge(self, event: CloudEvent) -> QualityEvaluated:
        (announced,) = quality(event, self.pipeline, self.lakehouse)
        assert isinstance(announced.data, QualityEvaluated)
        return announced.data

    def metrics(self, event: CloudEvent) -> dict[str, float]:
        """Judge, and return the metrics."""
        return {check.metric: check.actual for check in self.judge(event).checks}


@pytest.fixture
def court(tmp_path: Path) -> Court:
    return Court(tmp_path)


def test_later_versions_add_to_what_is_known(court: Court) -> None:
    """The metrics of the second version are those of all rows, although only the new ones are read for its counts."""
    court.metrics(court.write("a Bath", "b Bath"))
    found = court.metrics(court.write("c Wells", "c Wells"))
    assert (found["total_records"], found["id_uniqueness"], found["town_completeness"]) == (4, 75, 100)
    assert (found["average_quality_score"], found["quality_high_percentage"]) == (90, 100)


def test_a_table_whose_rows_were_replaced_is_measured_anew(court: Court) -> None:
    """Where every row has been replaced, the rows of before are not read: they may be gone."""
    court.metrics(court.write("a Bath", "b Bath"))
    before = DeltaTable(f"{court.lakehouse.uri}/silver/sales").file_uris()
    event = court.write("c Wells", "c Wells", "d Wells", mode="overwrite")
    for uri in before:
        Path(uri).unlink()
    found = court.metrics(event)
    assert (found["total_records"], found["id_uniqueness"]) == (3, 66.67)


def test_a_version_is_judged_once(court: Court) -> None:
    """The same completion gets the same event, and nothing is written for it."""
    event = court.write("a Bath")
    first = quality(event, court.pipeline, court.lakehouse)
    versions = [
        court.lakehouse.version(court.lakehouse.record_uri(name)) for name in ("intents", "completions")
    ]
    assert quality(event, court.pipeline, court.lakehouse) == first
    assert versions == [
        court.lakehouse.version(court.lakehouse.record_uri(name)) for name in ("intents", "completions")
    ]


def test_an_older_completion_does_not_win(court: Court) -> None:
    """What comes again after a later version was judged gets the verdict on that one: readers do not go back."""
    older, newer = court.write("a Bath"), court.write("b Bath", "c Bath")
    judged = court.judge(newer)
    assert court.judge(older) == judged
    assert court.judge(newer) == judged
    found = court.metrics(court.write("d Bath"))
    assert found["total_records"] == 4


def test_a_failed_verdict_is_given_anew_when_the_file_has_changed(court: Court) -> None:
    """A breach stays a breach until the threshold is changed; then the same version is judged again."""
    court.thresholds = {"sales": {"total_records": {"type": "minimum", "value": 2, "severity": "CRITICAL"}}}
    event = court.write("a Bath")
    failed = court.judge(event)
    assert (failed.verdict, failed.sequence) == ("failed", 1)
    assert court.judge(event) == failed
    court.thresholds = {"sales": {"total_records": {"type": "minimum", "value": 1, "severity": "CRITICAL"}}}
    anew = court.judge(event)
    assert (anew.verdict, anew.sequence, anew.tables) == ("passed", 2, failed.tables)


def test_a_passed_verdict_stays_when_the_file_changes(court: Court) -> None:
    """A stricter threshold is for later versions; what was certified stays so."""
    event = court.write("a Bath")
    passed = court.judge(event)
    court.thresholds = {"sales": {"total_records": {"type": "minimum", "value": 9, "severity": "CRITICAL"}}}
    assert court.judge(event) == passed


def test_a_threshold_added_later_is_measured_over_all_rows(court: Court) -> None:
    """A metric asked for later is made of the whole table, not only of the rows since."""
    court.judge(court.write("a Bath", "b Wells"))
    court.thresholds = {"sales": {"town_uniqueness": {"type": "minimum", "value": 100}}}
    judged = court.judge(court.write("c Bath", "d Bath"))
    found = {check.metric: check.actual for check in judged.checks}
    assert (found["town_uniqueness"], judged.verdict) == (50, "warned")


def test_an_interrupted_verdict_is_not_given_to_a_newer_version(court: Court) -> None:
    """Killed before its completion, with more rows by the next run: what is judged is what the event names."""

    class Killed(BaseException):
        pass

    def die(point: str) -> None:
        if point == "before quality silver.sales completion":
            raise Killed

    whole, court.lakehouse = court.lakehouse, Lakehouse(court.lakehouse.uri, die)
    with pytest.raises(Killed):
        court.judge(court.write("a Bath"))
    court.lakehouse = whole
    judged = court.judge(court.write("b Bath", "c Bath"))
    assert judged.tables[0].to_version == 1
    assert next(check.actual for check in judged.checks if check.metric == "total_records") == 3


def test_gold_is_judged_by_its_keys(court: Court) -> None:
    """Every table of Gold is measured; a column that a threshold asks to be unique is, too."""
    court.thresholds = {"facts": {"id_uniqueness": {"type": "minimum", "value": 100, "severity": "CRITICAL"}}}
    judged = court.judge(court.write("a Bath", "a Bath", table="gold.facts"))
    assert (judged.layer, judged.verdict) == ("gold", "failed")


@pytest.mark.parametrize(
    ("table", "tables"), [("gold.facts", "sales, towns, facts"), ("silver.sales", "sales, towns")]
)
def test_thresholds_for_no_table_are_an_error(court: Court, table: str, tables: str) -> None:
    """A misspelt table is named, with the tables there are; without a model Silver's are all."""
    court.thresholds = {"fact": {"total_records": {"type": "minimum", "value": 1}}}
    with pytest.raises(
        TerminalError, match="thresholds for fact, which no dataset or model is called"
    ) as raised:
        court.judge(court.write("a Bath", table=table))
    assert raised.value.hint.endswith(f": {tables}")


def test_every_column_of_the_table_is_held_complete(court: Court) -> None:
    """Not only the declared columns: whatever the table has, save the score and the tier."""
    found = court.metrics(court.write("a Bath"))
    complete = {name for name in found if name.endswith("_completeness")}
    assert complete == {"id_completeness", "town_completeness", "sold_completeness"}


def test_nulls_are_told_by_the_files(court: Court) -> None:
    """Of a table that is measured as a whole; what a file does not tell is counted."""
    court.write("a Bath", "b Bath")
    uri = f"{court.lakehouse.uri}/silver/sales"
    DeltaTable(uri).alter.set_table_properties({"delta.dataSkippingStatsColumns": "id"})
    court.write("c Bath", "d Bath")
    version = DeltaTable(uri).version()
    assert set(Snapshot(uri, version).nulls()) == {"id"}
    DeltaTable(uri).update(updates={"town": "null"}, predicate="id = 'a'")
    found = court.metrics(court.completed("silver.sales"))
    assert (found["id_completeness"], found["town_completeness"]) == (100, 75)


def test_the_age_of_the_newest_row_is_told_in_hours(court: Court) -> None:
    """From its time to the run's; also when the row that was the newest has gone."""
    assert court.metrics(court.write("a Bath"))["sold_lag_hours"] == 22.5
    table = DeltaTable(f"{court.lakehouse.uri}/silver/sales")
    table.update(updates={"sold": "to_timestamp_micros(0)"}, predicate="id = 'a'")
    older = court.metrics(court.completed("silver.sales"))["sold_lag_hours"]
    assert older > 400_000
    assert court.metrics(court.write("b Bath"))["sold_lag_hours"] == 22.5


def test_values_are_looked_for_in_the_table_that_they_refer_to(court: Court) -> None:
    """New rows are looked up as they come; all of them when the other table has changed. A value that is missing altogether is no matter here."""
    court.references = {"sales": {"town": "towns.id"}}
    court.thresholds = {"sales": {"town_consistency": {"type": "minimum", "value": 60}}}
    judged = court.judge(court.write("a Bath", "b Wells"))
    found = {check.metric: check.actual for check in judged.checks}
    assert (found["town_consistency"], judged.verdict) == (0, "warned")
    court.write("Bath x", table="silver.towns")
    assert court.metrics(court.write("c Bath"))["town_consistency"] == 66.67
    assert court.metrics(court.write("d Frome"))["town_consistency"] == 50
    court.write("Wells x", "Frome x", table="silver.towns")
    assert court.metrics(court.write("e York"))["town_consistency"] == 80


def test_rows_that_rules_refused_are_counted_from_the_ledgers(court: Court) -> None:
    """Validation success is of all rows that were evaluated, since the beginning: 3 of 403 were refused."""
    court.cleansed(1, Flow(rows_in=1, inserted=1))
    court.cleansed(2, Flow(rows_in=203, inserted=200, quarantined=2, dropped={"null": 1}))
    court.write("a Bath")
    first = court.metrics(court.write("b Bath"))
    assert first["validation_success_percentage"] == 99.01
    court.cleansed(3, Flow(rows_in=200, inserted=200))
    assert court.metrics(court.write("c Bath"))["validation_success_percentage"] == 99.5


def test_what_earlier_batches_did_not_have_is_part_of_the_verdict(court: Court) -> None:
    """After three batches of two rows, one of forty is told; nothing is while there is no history, and a batch is not its own history."""
    court.anomalies = {"minimum_history": 3, "severity": "CRITICAL"}
    verdicts = [court.judge(court.write(f"{number} Bath", f"{number}x Wells")).verdict for number in range(4)]
    event = court.write(*(f"new{number} Bath" for number in range(40)))
    held = court.judge(event)
    assert [*verdicts, held.verdict] == ["passed"] * 4 + ["failed"]
    (check,) = (check for check in held.checks if not check.passed)
    assert check.message.startswith(
        "rows: 40 is 38.0 robust deviations above the median 2 of the last 4 verdicts"
    )
    court.anomalies["deviations"] = 30
    assert [check.actual for check in court.judge(event).checks if not check.passed] == [check.actual]
    court.anomalies["deviations"] = 50
    assert court.judge(event).verdict == "passed"


def test_a_table_without_news_has_no_anomaly(court: Court) -> None:
    """A Gold table that a run left as it was has not shrunk; the one beside it is held against its history."""
    court.anomalies = {"minimum_history": 3}
    for number in range(4):
        court.write(f"{number} Bath", table="gold.facts")
        court.write(f"{number} Bath", table="gold.more")
        court.judge(court.completed("gold.facts", "gold.more"))
    court.write(*(f"new{number} Bath" for number in range(40)), table="gold.more")
    judged = court.judge(court.completed("gold.facts", "gold.more"))
    assert {check.table for check in judged.checks if "anomaly" in check.metric} == {"gold.more"}
    assert [check.metric for check in judged.checks if not check.passed] == ["volume_anomaly"]


def test_validity_is_told_rule_by_rule(court: Court) -> None:
    """Of the rows that a rule looked at in all batches; one that is left out for a while looked at fewer. A warning breaks a rule, and refuses no row."""
    for number, looked_at in ((1, 100), (2, 0), (3, 100)):
        rule = RuleCount(
            rule="rule.price", evaluated=looked_at, broken=looked_at // 20, warned=looked_at // 20
        )
        other = RuleCount(rule="schema.sold", evaluated=100, broken=1)
        validation = Validation(evaluated=100, passed=99, rules=(rule, other))
        court.cleansed(number, Flow(rows_in=101, inserted=99, quarantined=2), validation)
        event = court.write(f"{number} Bath")
        if number != 2:
            found = court.metrics(event)
    assert found["validation_success_percentage"] == 99
    assert {name: value for name, value in found.items() if name.endswith("_validity")} == {
        "price_validity": 95
    }


def test_a_rule_counts_a_replayed_row_once(court: Court) -> None:
    """As it was found last: mended, broken again, or with the same warning as before."""
    rules = [
        ("rule.price", "quarantine", 3, 0),
        ("rule.town", "warn", 4, 0),
    ]
    again = [
        ("rule.price", "quarantine", 1, 3),
        ("rule.town", "warn", 2, 0),
    ]
    for number, looked_at, found in ((1, 8, rules), (2, 3, again)):
        counts = tuple(
            RuleCount(rule=rule, on_failure=kind, evaluated=looked_at, broken=broken, replayed=before)
            for rule, kind, broken, before in found
        )
        refused = found[0][2]
        flow = Flow(rows_in=looked_at, inserted=looked_at - refused, quarantined=refused)
        validation = Validation(evaluated=looked_at, passed=looked_at - refused, rules=counts)
        court.cleansed(number, flow, validation, replayed=3 if number == 2 else 0)
        found_now = court.metrics(court.write(f"{number} Bath"))
    assert found_now["validation_success_percentage"] == 87.5
    assert {name: value for name, value in found_now.items() if name.endswith("_validity")} == {
        "price_validity": 87.5,
        "town_validity": 50,
    }


def test_a_second_try_looks_up_what_the_first_had_pinned(court: Court) -> None:
    """Killed before its completion, while the table that it refers to moves on: the verdict is the one that it would have been."""

    class Killed(BaseException):
        pass

    def die(point: str) -> None:
        if point == "before quality silver.sales completion":
            raise Killed

    court.references = {"sales": {"town": "towns.id"}}
    court.anomalies = {}
    court.write("Bath x", table="silver.towns")
    event = court.write("a Bath", "b Wells")
    whole, court.lakehouse = court.lakehouse, Lakehouse(court.lakehouse.uri, die)
    with pytest.raises(Killed):
        court.judge(event)
    court.lakehouse = whole
    court.write("Wells x", table="silver.towns")
    assert court.metrics(event)["town_consistency"] == 50
    assert court.metrics(court.write("c Bath"))["town_consistency"] == 100


def unique(severity: str) -> bytes:
    """Return a suite of Great Expectations: ids are unique."""
    arguments = {"column": "id"}
    return json.dumps(
        {
            "expectations": [
                {
                    "type": "expect_column_values_to_be_unique",
                    "kwargs": arguments,
                    "meta": {"severity": severity},
                }
            ]
        }
    ).encode()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Great Expectations' own imports
def test_a_suite_decides_the_verdict_with_the_thresholds(court: Court) -> None:
    """Of the judged version, by its severity; a failed verdict is given anew when the suite has changed."""
    event = court.write("a Bath", "b Bath", "b Wells", "c Wells")
    court.suites = {"sales": unique("critical")}
    failed = court.judge(event)
    (check,) = (check for check in failed.checks if check.metric.startswith("gx."))
    assert (failed.verdict, check.table, check.actual, check.passed) == ("failed", "silver.sales", 50, False)
    court.write("c Wells")
    court.suites = {"sales": unique("warning")}
    assert court.judge(event).verdict == "warned"
    court.suites = {"towns": unique("critical")}
    assert court.judge(court.completed("silver.sales")).verdict == "passed"


def test_a_suite_for_no_table_is_an_error_where_gold_is_judged(court: Court) -> None:
    """With the tables there are."""
    court.suites = {"sails": unique("warning")}
    with pytest.raises(TerminalError, match="expectations for sails"):
        court.judge(court.write("a Bath", table="gold.fact_sale"))
