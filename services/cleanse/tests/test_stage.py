"""Cleanse as a function: Bronze rows into Silver, quarantine or the ledger, each exactly once."""

import json

import pyarrow as pa
import pytest
from podium_contracts.errors import BadSource, TerminalError
from podium_contracts.events.v1 import Flow, LayerCompleted, QualityEvaluated
from podium_contracts.ledger import imbalances
from podium_contracts.names import Stage
from podium_lakehouse.records.intents import Scope

from services.cleanse.tests.conftest import Desk

pytestmark = pytest.mark.integration

SCOPE = Scope(pipeline="shop", stage=Stage.CLEANSE, subject="silver.sales")
CRITICAL = {"sales": {"total_records": {"type": "maximum", "value": 1, "severity": "CRITICAL"}}}


def flow_of(completed: LayerCompleted) -> Flow:
    """Return where the rows of a completion went; every equation of its ledger holds."""
    assert completed.ledger is not None
    assert completed.ledger.flow is not None
    assert list(imbalances(completed.ledger)) == []
    return completed.ledger.flow


def test_every_row_has_its_heading_in_the_ledger(desk: Desk) -> None:
    """Eight rows that meet Silver in seven different ways are counted under seven headings."""
    desk.deliver("a,1,1.00,Bath", "b,5,1.00,Bath", "c,1,1.00,Bath")
    completed = desk.deliver(
        "a,2,2.00,Bath",
        "b,4,9.00,Bath",
        "c,1,1.00,BTH",
        "d,1,1.00,Bath",
        "d,2,1.00,Bath",
        "e,1,-1.00,Bath",
        "f,1,,Bath",
        "g,1,1.00,Atlantis",
    )
    assert flow_of(completed) == Flow(
        rows_in=8,
        inserted=1,
        updated=1,
        unchanged=1,
        deduplicated=1,
        late=1,
        quarantined=2,
        dropped={"nulls.price": 1},
    )
    assert desk.silver() == {
        "a": (2, "2.00", "Bath"),
        "b": (5, "1.00", "Bath"),
        "c": (1, "1.00", "Bath"),
        "d": (2, "1.00", "Bath"),
    }
    assert completed.ledger is not None
    stock, quarantine = completed.ledger.stocks[0], completed.ledger.quarantine
    assert (stock.before, stock.inserted, stock.after) == (3, 1, 4)
    assert quarantine is not None
    assert (quarantine.opening, quarantine.added, quarantine.closing) == (0, 2, 2)


def test_refused_rows_name_their_rules(desk: Desk) -> None:
    """Quarantine keeps each refused row with every rule that it broke and the row of its file."""
    desk.deliver("a,1,1.00,Bath", "b,x,-1.00,Atlantis")
    (row,) = desk.table("quarantine/sales").to_pyarrow_table().to_pylist()
    assert set(row["rules"]) == {"schema.at", "lookup.town", "rule.not_negative", "key.at"}
    assert (row["source_file"], row["source_row"]) == ("in/1.csv", 2)


def test_a_bad_correction_does_not_erase_a_good_row(desk: Desk) -> None:
    """The later of two rows is refused: the earlier one is in Silver, not a duplicate of it."""
    completed = desk.deliver("a,1,1.00,Bath", "a,2,-1.00,Bath")
    assert (flow_of(completed).inserted, flow_of(completed).quarantined) == (1, 1)
    assert desk.silver() == {"a": (1, "1.00", "Bath")}


def test_a_repeated_call_announces_the_same_event(desk: Desk) -> None:
    """Called twice with the same event, the stage answers the same and writes nothing more."""
    event = desk.ingest("a,1,1.00,Bath", "b,1,-1.00,Bath")
    first = desk.cleanse(event)
    versions = [
        desk.table(name).version() for name in ("silver/sales", "quarantine/sales", "_podium/intents")
    ]
    assert desk.cleanse(event) == first
    assert versions == [
        desk.table(name).version() for name in ("silver/sales", "quarantine/sales", "_podium/intents")
    ]


def test_silver_is_a_change_feed_from_its_first_commit(desk: Desk) -> None:
    """Each change of a row can be read, an insertion as well as a correction with what was there before."""
    desk.deliver("a,1,1.00,Bath")
    desk.deliver("a,2,2.00,Bath", "b,1,1.00,Bath")
    feed = desk.table("silver/sales").load_cdf(starting_version=1)
    rows = pa.RecordBatchReader.from_stream(feed).read_all().to_pylist()
    assert sorted((row["id"], row["at"], row["_change_type"]) for row in rows) == [
        ("a", 1, "insert"),
        ("a", 1, "update_preimage"),
        ("a", 2, "update_postimage"),
        ("b", 1, "insert"),
    ]


def test_created_at_stays_when_a_row_is_corrected(desk: Desk) -> None:
    """A correction keeps the time of the first version of its row and sets `updated_at`."""
    desk.deliver("a,1,1.00,Bath")
    desk.deliver("a,2,2.00,Bath")
    (row,) = desk.table("silver/sales").to_pyarrow_table().to_pylist()
    assert (row["created_at"].minute, row["updated_at"].minute) == (5, 6)


def test_a_lookup_is_pinned_by_version(desk: Desk) -> None:
    """The intent names the version of the lookup that it reads; a changed file is another version, for later rows only."""
    desk.deliver("a,1,1.00,BTH")
    desk.towns("Bath,Bath", "BTH,Bathurst")
    desk.deliver("b,1,1.00,BTH")
    assert desk.silver() == {"a": (1, "1.00", "Bath"), "b": (1, "1.00", "Bathurst")}
    versions = [intent.lookups["towns"] for intent in desk.lakehouse.intents.all(SCOPE)]
    assert versions == [1, 2]


def test_an_interrupted_stage_reads_the_lookup_that_it_pinned(desk: Desk) -> None:
    """Killed after its commit to Silver, the stage ends with the lookup as it was, although its file has changed since."""
    event = desk.ingest("a,1,1.00,BTH", "b,1,1.00,Wells")
    desk.cleanse_killed(event, "after cleanse silver.sales commit silver")
    desk.towns("Bath,Bath", "BTH,Bath", "Wells,Wells")
    (again,) = desk.cleanse(event)
    assert isinstance(again.data, LayerCompleted)
    assert (flow_of(again.data).inserted, flow_of(again.data).quarantined) == (1, 1)
    assert desk.silver() == {"a": (1, "1.00", "Bath")}


def test_a_failed_verdict_holds_the_dataset_until_the_file_is_mended(desk: Desk) -> None:
    """After a failed verdict later deliveries wait in Bronze; once it is given anew they go on together."""
    desk.spec["quality"] = {"thresholds": CRITICAL}
    (silver,) = desk.cleanse(desk.ingest("a,1,1.00,Bath", "b,1,1.00,Bath"))
    assert isinstance(failed := desk.judge(silver).data, QualityEvaluated)
    assert failed.verdict == "failed"

    second, third = desk.ingest("c,1,1.00,Bath"), desk.ingest("d,1,1.00,Bath")
    assert desk.cleanse(second) == desk.cleanse(third) == [silver]
    assert sorted(desk.silver()) == ["a", "b"]

    del desk.spec["quality"]
    verdict = desk.judge(silver)
    (gone_on,) = desk.cleanse(verdict)
    assert isinstance(gone_on.data, LayerCompleted)
    assert flow_of(gone_on.data).rows_in == 2
    assert sorted(desk.silver()) == ["a", "b", "c", "d"]
    assert desk.lakehouse.intents.read(SCOPE, 2).answers == (third.id, verdict.id)
    assert desk.cleanse(verdict) == []


CHANGES = {
    "added": (
        "cents",
        {"type": "decimal(12,2)", "expression": "price * 100"},
        "cents is absent, .* says decimal",
    ),
    "dropped": ("town", None, "town is string, the pipeline file says absent"),
    "of another type": ("at", {"type": "bigint"}, "at is integer, the pipeline file says bigint"),
}


@pytest.mark.parametrize(("column", "declared", "message"), CHANGES.values(), ids=CHANGES.keys())
def test_changed_columns_are_refused(
    desk: Desk, column: str, declared: dict[str, str] | None, message: str
) -> None:
    """Columns cannot change under rows that Silver already holds: the error names the column, and nothing is written."""
    desk.deliver("a,1,1.00,Bath")
    sales = desk.spec["datasets"]["sales"]
    sales["columns"].pop(column, None)
    if declared is None:
        sales["standardise"].pop(column)
    else:
        sales["columns"][column] = declared
    with pytest.raises(TerminalError, match=message):
        desk.deliver("b,1,1.00,Bath")
    assert sorted(desk.silver()) == ["a"]
    assert desk.lakehouse.intents.next_sequence(SCOPE) == 2


KEYS: dict[str, tuple[dict[str, list[str]], dict[str, list[str]], str]] = {
    "fewer": ({"keys": ["id", "town"]}, {"keys": ["id"]}, r"\[id, town\], the pipeline file says \[id\]"),
    "more": ({"keys": ["id"]}, {"keys": ["id", "town"]}, r"\[id\], the pipeline file says \[id, town\]"),
    "added": ({}, {"keys": ["id"]}, r"none, the pipeline file says \[id\]"),
    "dropped": ({"keys": ["id"]}, {}, r"\[id\], the pipeline file says none"),
}


@pytest.mark.parametrize(("before", "after", "message"), KEYS.values(), ids=KEYS.keys())
def test_changed_keys_are_refused(
    desk: Desk, before: dict[str, list[str]], after: dict[str, list[str]], message: str
) -> None:
    """Silver may hold a key of now twice, or lack rows that are two now: nothing is planned, and the same file is taken once the change is undone."""
    sales = desk.spec["datasets"]["sales"]
    sales["duplicates"] = before
    desk.deliver("a,1,1.00,Bath")
    event = desk.ingest("b,1,1.00,Bath")
    sales["duplicates"] = after
    with pytest.raises(TerminalError, match=rf"other duplicates\.keys: {message}") as caught:
        desk.cleanse(event)
    assert "give spec.lakehouse.uri a new place" in caught.value.hint
    sales["duplicates"] = {name: keys[::-1] for name, keys in before.items()}
    desk.cleanse(event)
    assert sorted(desk.silver()) == ["a", "b"]


def test_keys_may_change_while_silver_has_no_row(desk: Desk) -> None:
    """Where all rows were refused, for null in a key, other keys may be tried."""
    desk.deliver(",1,1.00,Bath")
    desk.spec["datasets"]["sales"]["duplicates"] = {"keys": ["at"]}
    desk.deliver("b,1,1.00,Bath")
    assert sorted(desk.silver()) == ["b"]


def rules(desk: Desk, **declared: dict[str, object]) -> None:
    """Let the dataset have these rules alone."""
    desk.spec["datasets"]["sales"]["rules"] = declared


def test_a_rule_may_fail_the_stage(desk: Desk) -> None:
    """Nothing is written; the error names the rule, its rows and where they stand, and the same call passes once the rule is another one."""
    rule = {"type": "range_check", "column": "price", "min": 0, "on_failure": "fail"}
    rules(desk, not_negative=rule)
    event = desk.ingest("a,1,1.00,Bath", "b,1,-1.00,Bath", "c,1,-2.00,Bath")
    with pytest.raises(TerminalError) as raised:
        desk.cleanse(event)
    assert str(raised.value).startswith(
        "silver.sales: rule.not_negative is broken by 2 row(s), as in/1.csv row 2: {"
    )
    assert "Bronze has the rows and keeps them, so change the rule" in raised.value.hint
    assert not (desk.folder / "lakehouse/silver/sales").exists()
    rules(desk, not_negative={**rule, "on_failure": "quarantine"})
    (event,) = desk.cleanse(event)
    assert isinstance(event.data, LayerCompleted)
    assert (flow_of(event.data).inserted, flow_of(event.data).quarantined) == (1, 2)


def test_a_long_row_is_cut_where_a_rule_fails_the_stage(desk: Desk) -> None:
    """An error goes into logs and events: it says where a row is, and no more of it than helps."""
    rules(desk, not_negative={"type": "range_check", "column": "price", "min": 0, "on_failure": "fail"})
    event = desk.ingest(f"a,1,-1.00,{'B' * 1000}")
    with pytest.raises(TerminalError, match=r"as in/1\.csv row 1: \{.*B…$") as raised:
        desk.cleanse(event)
    assert len(str(raised.value)) < 300


def test_a_required_rule_that_says_nothing_fails_the_stage(desk: Desk) -> None:
    """Where a required condition is null, the rule could not be evaluated."""
    rules(desk, sane={"type": "custom_logic", "expression": "town <> 'Ely'", "required": True})
    said = r"rule\.sane is required, and says nothing of 1 row"
    with pytest.raises(TerminalError, match=said) as raised:
        desk.deliver("a,1,1.00,Bath", "b,1,1.00,")
    assert raised.value.hint.endswith("change the rule: with `required: false` it may say nothing of a row")


def test_a_rule_whose_lookup_cannot_be_read_is_left_out(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """The pass goes on without it, and says so; the next one, with the lookup mended, asks it again."""
    sales = desk.spec["datasets"]["sales"]
    sales["standardise"] = {}
    rules(desk, known={"type": "reference_data_check", "column": "town", "lookup": "towns"})
    (desk.folder / "towns.csv").write_text("variant,town\nBath\n")
    completed = desk.deliver("a,1,1.00,Ely")
    assert completed.notes == ("rule.known was left out: its lookup towns could not be read",)
    assert completed.validation is not None
    assert [(rule.rule, rule.evaluated, rule.broken) for rule in completed.validation.rules] == [
        ("rule.known", 0, 0)
    ]
    assert "rule.known of sales is left out" in caplog.text
    desk.towns("Bath,Bath")
    assert flow_of(desk.deliver("b,1,1.00,Ely")).quarantined == 1


def test_a_required_rule_needs_its_lookup(desk: Desk) -> None:
    """`required: true` fails the stage where the lookup cannot be read."""
    desk.spec["datasets"]["sales"]["standardise"] = {}
    rules(desk, known={"type": "reference_data_check", "column": "town", "lookup": "towns", "required": True})
    (desk.folder / "towns.csv").write_text("variant,town\nBath\n")
    with pytest.raises(BadSource, match="not as many values"):
        desk.deliver("a,1,1.00,Ely")


def test_a_completion_says_what_each_rule_found(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Rows evaluated, broken, corrected and with a warning, by rule; and those that keep all that refuses."""
    rules(
        desk,
        not_negative={"type": "range_check", "column": "price", "min": 0, "on_failure": "correct"},
        cheap={"type": "range_check", "column": "price", "max": 5, "on_failure": "warn"},
        early={"type": "custom_logic", "expression": "at < 5"},
    )
    caplog.set_level("INFO", logger="podium.cleanse")
    completed = desk.deliver("a,1,-1.00,Bath", "b,1,9.00,Bath", "c,7,1.00,Bath", "d,x,1.00,Bath")
    validation = completed.validation
    assert validation is not None
    assert (validation.evaluated, validation.passed) == (4, 2)
    assert [
        (r.rule, r.on_failure, r.evaluated, r.broken, r.corrected, r.warned) for r in validation.rules
    ] == [
        ("rule.not_negative", "correct", 4, 1, 1, 0),
        ("rule.cheap", "warn", 4, 1, 0, 1),
        ("rule.early", "quarantine", 4, 1, 0, 0),
        ("key.at", "quarantine", 4, 1, 0, 0),
        ("schema.at", "quarantine", 4, 1, 0, 0),
    ]
    assert "rule.cheap of silver.sales: 4 rows, 1 broke it, 0 corrected, 1 with a warning" in caplog.text


LATER: dict[str, tuple[dict[str, object], str]] = {
    "warn": (
        {"rules": {"cheap": {"type": "range_check", "column": "price", "max": 5, "on_failure": "warn"}}},
        "quality_warnings",
    ),
    "correct": (
        {"rules": {"cheap": {"type": "range_check", "column": "price", "max": 5, "on_failure": "correct"}}},
        "quality_corrections",
    ),
    "score": (
        {
            "scoring": {
                "details": True,
                "deductions": {
                    "cheap": {
                        "condition": "out_of_range",
                        "column": "price",
                        "max_value": 5,
                        "deduction": 20,
                    }
                },
            }
        },
        "quality_details",
    ),
}


@pytest.mark.parametrize(
    ("asked", "strategy"), [*((asked, "keep_latest") for asked in LATER), ("score", "merge")]
)
def test_what_is_asked_later_is_said_of_later_rows(desk: Desk, asked: str, strategy: str) -> None:
    """A rule or a deduction may come and go: rows that are there stay as they were, until a later version of them is judged by what is asked then."""
    declared, column = LATER[asked]
    sales = desk.spec["datasets"]["sales"]
    sales["duplicates"]["strategy"] = strategy
    before = {name: sales.get(name, {}) for name in declared}
    event = desk.ingest("a,1,9.00,Bath", "b,1,9.00,Bath", "c,1,1.00,Bath")
    first = desk.cleanse(event)
    sales |= declared
    assert desk.cleanse(event) == first

    desk.deliver("a,2,8.00,Bath", "d,1,7.00,Bath", "e,1,1.00,Bath")
    said = {"a": "cheap", "b": None, "c": None, "d": "cheap", "e": None}
    rows = desk.table("silver/sales").to_pyarrow_table().to_pylist()
    assert {row["id"]: row[column] for row in rows} == said
    scores = {row["id"]: int(row["quality_score"]) for row in rows}
    marked = 80 if asked == "score" else 100
    assert scores == {"a": marked, "b": 100, "c": 100, "d": marked, "e": 100}

    sales |= before
    (done,) = desk.cleanse(desk.ingest("d,2,7.50,Bath", "f,1,9.00,Bath"))
    assert isinstance(done.data, LayerCompleted)
    assert flow_of(done.data).inserted == 1
    rows = desk.table("silver/sales").to_pyarrow_table().to_pylist()
    assert {row["id"]: row[column] for row in rows} == {
        **said,
        "d": None,
        "f": None,
    }
    assert isinstance(verdict := desk.judge(done).data, QualityEvaluated)
    assert verdict.verdict == "passed"


def test_a_dataset_without_keys_only_grows(desk: Desk) -> None:
    """Nothing is merged: the same line twice, and once more later, is three rows."""
    desk.spec["datasets"]["sales"]["duplicates"] = {}
    desk.deliver("a,1,1.00,Bath", "a,1,1.00,Bath")
    assert flow_of(desk.deliver("a,1,1.00,Bath")).inserted == 1
    assert desk.table("silver/sales").to_pyarrow_table().num_rows == 3


def test_corrections_without_an_order_are_told_of(desk: Desk) -> None:
    """What comes later need not be later: the completion says so where a row has not taken the place of another."""
    desk.spec["datasets"]["sales"]["duplicates"] = {"keys": ["id"]}
    found = [desk.deliver(f"a,1,{price}.00,Bath") for price in range(6)]
    late = [flow_of(completed).late for completed in found]
    assert 0 < sum(late) < len(late)
    for completed, rows in zip(found, late, strict=True):
        told = [note for note in completed.notes if "without duplicates.order" in note]
        assert len(told) == rows


def test_a_column_of_a_field_that_has_come_since_is_added(desk: Desk) -> None:
    """Rows from before are null there, as if it had been declared from the start; keys that come again are merged with theirs."""
    judged = desk.judge(desk.cleanse(desk.ingest("a,1,1.00,Bath", "b,1,1.00,Bath"))[0])
    assert isinstance(judged.data, QualityEvaluated)
    desk.spec["datasets"]["sales"]["columns"]["cups"] = {"type": "integer"}
    desk.spec["quality"] = {"thresholds": {"sales": {"cups_completeness": {"type": "minimum", "value": 50}}}}
    lines = ("c,1,1.00,Bath,3", "a,2,1.50,Bath,x", "b,1,1.00,Bath,", "b,2,1.00,BTH,4")
    (done,) = desk.cleanse(desk.ingest(*lines, header="id,at,price,town,cups"))
    assert isinstance(done.data, LayerCompleted)
    flow = flow_of(done.data)
    assert (flow.inserted, flow.updated, flow.deduplicated + flow.unchanged, flow.quarantined) == (1, 1, 1, 1)
    rows = desk.table("silver/sales").to_pyarrow_table().to_pylist()
    assert {row["id"]: row["cups"] for row in rows} == {"a": None, "b": 4, "c": 3}
    verdict = desk.judge(done).data
    assert isinstance(verdict, QualityEvaluated)
    assert {check.metric: check.actual for check in verdict.checks}["cups_completeness"] == 66.67


def test_a_corrected_header_is_taken_after_one_that_lacks_a_column(desk: Desk) -> None:
    """What cannot be cleansed is not planned: it waits in Bronze for the file, or the pipeline file, that says what was meant."""
    wrong = desk.ingest("a,1,1.00,Bath", header="Ident,at,price,town")
    for _ in range(2):
        with pytest.raises(
            BadSource, match="the source has no column for id; it has: Ident, at, price, town"
        ):
            desk.cleanse(wrong)
    flow = flow_of(desk.deliver("b,1,1.00,Bath"))
    assert (flow.rows_in, flow.inserted, flow.quarantined) == (2, 1, 1)
    assert set(desk.silver()) == {"b"}


def test_a_corrected_pipeline_file_reads_what_has_waited(desk: Desk) -> None:
    """`from:` names what the source calls it; nothing has to be delivered once more."""
    wrong = desk.ingest("a,1,1.00,Bath", header="Ident,at,price,town")
    with pytest.raises(BadSource):
        desk.cleanse(wrong)
    desk.spec["datasets"]["sales"]["columns"]["id"]["from"] = "Ident"
    desk.cleanse(wrong)
    assert set(desk.silver()) == {"a"}


def test_an_interrupted_stage_knows_columns_as_its_batch_did(desk: Desk) -> None:
    """Quarantine says what a refused row said by the names of its own file, although another file has spelled them otherwise since."""
    desk.spec["datasets"]["sales"]["columns"]["town"]["from"] = "Town_Name"
    event = desk.ingest("a,1,1.00,Ely", header="id,at,price,Town Name")
    desk.cleanse_killed(event, "after cleanse silver.sales intent")
    desk.ingest("b,1,1.00,Bath", header="id,at,price,Town_Name")
    desk.cleanse(event)
    [row] = desk.table("quarantine/sales").to_pyarrow_table().to_pylist()
    assert json.loads(row["raw"]) == {"id": "a", "at": "1", "price": "1.00", "Town Name": "Ely"}


@pytest.mark.parametrize("known", ["before", "a null strategy", "an expression"])
def test_a_column_that_older_rows_would_have_values_in_is_refused(desk: Desk, known: str) -> None:
    """They would have to be made anew."""
    header = "id,at,price,town" + (",cups" if known == "before" else "")
    desk.cleanse(desk.ingest("a,1,1.00,Bath" + (",2" if known == "before" else ""), header=header))
    sales = desk.spec["datasets"]["sales"]
    sales["columns"]["cups"] = {"type": "integer"}
    if known == "a null strategy":
        sales["nulls"]["cups"] = {"strategy": "default", "default_value": 0}
    if known == "an expression":
        sales["columns"]["cups"] = {"type": "integer", "expression": "coalesce(at, 1)"}
    with pytest.raises(TerminalError, match="cups is absent, the pipeline file says"):
        desk.cleanse(desk.ingest("b,1,1.00,Bath,1", header="id,at,price,town,cups"))


def test_rows_that_are_nearly_the_same_are_one_in_the_ledger(desk: Desk) -> None:
    """The stage compares the rows of a file among themselves; the worse one is deduplicated."""
    fuzzy = {"block": ["price"], "column": "town", "threshold": 0.75}
    sales = desk.spec["datasets"]["sales"]
    sales |= {"standardise": {}, "duplicates": {"keys": ["id"], "order": ["at"], "fuzzy": fuzzy}}
    completed = desk.deliver("a,1,1.00,Bath", "b,2,1.00,Bathe", "c,3,2.00,Bath")
    assert (flow_of(completed).inserted, flow_of(completed).deduplicated) == (2, 1)
    assert sorted(desk.silver()) == ["b", "c"]


def test_a_block_that_is_too_large_is_told_of(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Its rows all go to Silver; the completion counts them as a warning and names the largest blocks, and so does the log."""
    fuzzy = {"block": ["price"], "column": "town", "threshold": 0.75, "max_block_rows": 2}
    sales = desk.spec["datasets"]["sales"]
    sales |= {"standardise": {}, "duplicates": {"keys": ["id"], "order": ["at"], "fuzzy": fuzzy}}
    lines = [f"{name},1,1.00,Bath" for name in "abc"]
    completed = desk.deliver(*lines, "d,1,2.00,Bath", "e,2,2.00,Bathe")
    assert (flow_of(completed).inserted, flow_of(completed).deduplicated) == (4, 1)
    assert completed.validation is not None
    (count,) = (rule for rule in completed.validation.rules if rule.rule == "duplicates.fuzzy")
    assert (count.on_failure, count.evaluated, count.broken, count.warned) == ("warn", 5, 3, 3)
    assert completed.validation.passed == 5
    (note,) = completed.notes
    assert note.startswith(
        "3 row(s) were not compared and all stay: 1 block(s) are larger than max_block_rows"
    )
    assert note.endswith("price = 1.00 in in/1.csv (3 rows)")
    assert note in caplog.text
