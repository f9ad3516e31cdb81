"""Rows in quarantine that somebody decided on: replayed or rejected, each under its own heading, once."""

import pytest
from podium_cleanse.decisions import decide
from podium_contracts.errors import StepFailed, TerminalError
from podium_contracts.events import CloudEvent, envelope
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated, QuarantineStock, Run, RunRequested
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Decision

from services.cleanse.tests.conftest import START, TRACE, Desk, Killed
from services.cleanse.tests.test_stage import LATER, flow_of

pytestmark = pytest.mark.integration

REPLAY = Decision(action="replay", rule="lookup.town")
REJECT = Decision(action="reject", rule="rule.not_negative", reason="test sales")
POINTS = [
    f"{when} cleanse silver.sales {step}"
    for step in ("intent", "commit silver", "commit quarantine", "completion")
    for when in ("before", "after")
]


@pytest.fixture
def refused(desk: Desk) -> Desk:
    """Return a desk with one good row and four in quarantine: two towns that nobody knows, a price below zero, and both in one."""
    desk.deliver(
        "a,1,1.00,Bath", "b,1,2.00,Wells", "c,1,-3.00,Bath", "d,1,-4.00,Wells", "e,5,5.00,Wells", "f,1"
    )
    return desk


def asked(desk: Desk) -> CloudEvent:
    """Return the request of a run that a decision is made in."""
    desk.runs += 1
    run = Run(pipeline="shop", id=f"shop-{desk.runs}", requested_at=START, datasets=("sales",))
    return envelope(
        RunRequested(run=run), stage=None, subject="shop", sequence=0, traceparent=TRACE, causation=""
    )


def decided(desk: Desk, decision: Decision) -> LayerCompleted:
    """Carry out a decision; return the last completion."""
    data = decide(decision, "sales", asked(desk), desk.pipeline, desk.lakehouse)[-1].data
    assert isinstance(data, LayerCompleted)
    return data


def kept(desk: Desk) -> list[tuple[str, list[str]]]:
    """Return what quarantine holds, by row of the file."""
    rows = desk.table("quarantine/sales").to_pyarrow_table().sort_by("source_row").to_pylist()
    return [(row["raw"], row["rules"]) for row in rows]


def quarantine_of(completed: LayerCompleted) -> QuarantineStock:
    assert completed.ledger is not None
    assert completed.ledger.quarantine is not None
    return completed.ledger.quarantine


def test_a_replay_brings_mended_rows_to_silver(refused: Desk) -> None:
    """What a lookup now knows is inserted; what is refused for another reason goes back; the rest stays where it was."""
    assert len(kept(refused)) == 5
    refused.towns("Bath,Bath", "Wells,Wells")
    completed = decided(refused, REPLAY)
    assert sorted(refused.silver()) == ["a", "b", "e"]
    assert (flow_of(completed).rows_in, flow_of(completed).inserted, flow_of(completed).quarantined) == (
        3,
        2,
        1,
    )
    assert quarantine_of(completed) == QuarantineStock(opening=5, added=1, replayed=3, closing=3)
    assert [rules for _, rules in kept(refused)] == [
        ["rule.not_negative"],
        ["rule.not_negative"],
        ["csv.corrupt"],
    ]


def test_a_replayed_row_meets_what_has_come_since(refused: Desk) -> None:
    """An old version of a row that a newer one has overtaken is late, as it would have been."""
    refused.deliver("b,9,9.00,Bath", "e,5,5.00,Bath")
    refused.towns("Bath,Bath", "Wells,Wells")
    assert flow_of(decided(refused, REPLAY)).late >= 1
    assert refused.silver()["b"] == (9, "9.00", "Bath")


def test_rejected_rows_leave_quarantine_for_good(refused: Desk) -> None:
    """They are counted, with the reason; Silver stays as it was, and news goes on from where it was."""
    completed = decided(refused, REJECT)
    assert quarantine_of(completed) == QuarantineStock(opening=5, rejected=2, closing=3)
    assert completed.notes == ("2 row(s) rejected: test sales",)
    assert (flow_of(completed).rows_in, sorted(refused.silver())) == (0, ["a"])
    with pytest.raises(TerminalError, match="has no such row"):
        decided(refused, REJECT)
    assert flow_of(refused.deliver("g,1,1.00,Bath")).rows_in == 1


def test_rows_are_named_by_their_ids(refused: Desk) -> None:
    """One row, whatever else the same rule refused."""
    rows = refused.table("quarantine/sales").to_pyarrow_table().to_pylist()
    (one,) = (row["quarantine_id"] for row in rows if '"e"' in row["raw"])
    refused.towns("Bath,Bath", "Wells,Wells")
    completed = decided(refused, Decision(action="replay", ids=(one,)))
    assert quarantine_of(completed) == QuarantineStock(opening=5, replayed=1, closing=4)
    assert sorted(refused.silver()) == ["a", "e"]


def test_all_rows_may_be_replayed(refused: Desk) -> None:
    """A line that did not parse still does not: it comes back as it was."""
    refused.towns("Bath,Bath", "Wells,Wells")
    completed = decided(refused, Decision(action="replay"))
    assert quarantine_of(completed) == QuarantineStock(opening=5, added=3, replayed=5, closing=3)


def test_validation_counts_a_row_once(refused: Desk) -> None:
    """What was refused and is accepted after a replay is one row, which passed; what is refused again, one that broke the rule once."""
    refused.towns("Bath,Bath", "Wells,Wells")
    (event,) = decide(REPLAY, "sales", asked(refused), refused.pipeline, refused.lakehouse)
    verdict = refused.judge(event).data
    assert isinstance(verdict, QualityEvaluated)
    said = {check.metric: check.actual for check in verdict.checks}
    assert said["validation_success_percentage"] == 50.0
    assert said["not_negative_validity"] == 60.0
    assert isinstance(event.data, LayerCompleted)
    assert event.data.validation
    (rule,) = event.data.validation.rules
    assert (rule.rule, rule.evaluated, rule.broken, rule.replayed) == ("rule.not_negative", 3, 1, 1)


@pytest.mark.parametrize("decision", [REPLAY, REJECT], ids=["replay", "reject"])
@pytest.mark.parametrize("point", POINTS)
def test_a_decision_that_was_interrupted_ends_as_if_it_had_not_been(
    refused: Desk, decision: Decision, point: str
) -> None:
    """Ended at any point and repeated, by the same decision or by the next delivery, rows are moved once."""
    refused.towns("Bath,Bath", "Wells,Wells")
    whole = refused.lakehouse

    def die(here: str) -> None:
        if here == point:
            raise Killed

    refused.lakehouse = Lakehouse(whole.uri, die)
    try:
        decided(refused, decision)
    except Killed:
        refused.lakehouse = Lakehouse(whole.uri)
    else:
        assert decision.action == "reject"
        assert point.endswith("commit silver")
        return
    if point == "after cleanse silver.sales completion":
        with pytest.raises(TerminalError, match="has no such row"):
            decided(refused, decision)
    else:
        completed = decided(refused, decision)
        assert quarantine_of(completed).closing == 3
    assert sorted(refused.silver()) == (["a", "b", "e"] if decision == REPLAY else ["a"])
    assert len(kept(refused)) == 3


def test_a_replayed_row_is_filled_in_from_its_whole_file(desk: Desk) -> None:
    """What was interpolated of the other rows of a file is the same when one row of it comes alone."""
    sales = desk.spec["datasets"]["sales"]
    sales["nulls"] = {"price": {"strategy": "interpolate", "method": "linear", "order_by": ["at"]}}
    desk.deliver("a,1,1.00,Bath", "b,2,,Wells", "c,3,3.00,Bath")
    desk.towns("Bath,Bath", "Wells,Wells")
    decided(desk, REPLAY)
    assert desk.silver()["b"] == (2, "2.00", "Wells")


def test_rows_in_quarantine_meet_a_rule_that_was_added_since(desk: Desk) -> None:
    """A replay is judged by the rules of its own time, and adds the column that they ask for."""
    desk.deliver("a,1,9.00,Bath", "b,1,9.00,Wells")
    desk.spec["datasets"]["sales"] |= LATER["warn"][0]
    desk.towns("Bath,Bath", "Wells,Wells")
    decided(desk, REPLAY)
    rows = desk.table("silver/sales").to_pyarrow_table().to_pylist()
    assert {row["id"]: row["quality_warnings"] for row in rows} == {"a": None, "b": "cheap"}


def test_a_replay_under_other_keys_is_refused(refused: Desk) -> None:
    """Whatever was decided since Silver got its rows: rejecting some needs no keys."""
    refused.spec["datasets"]["sales"]["duplicates"] = {"keys": ["id", "town"]}
    decided(refused, REJECT)
    with pytest.raises(TerminalError, match=r"other duplicates\.keys: \[id\]"):
        decided(refused, REPLAY)


def test_a_failed_replay_that_no_longer_stands_is_told_of(
    refused: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """It was planned under another pipeline: its rows stay in quarantine until somebody decides on them again, and a run says so."""
    sales = refused.spec["datasets"]["sales"]
    sales["steps"] = {"clean": {"columns": ["price"], "polars": "steps/clean.py:clean"}}
    refused.steps = {"steps/clean.py": b"def clean(rows):\n    1 / 0\n"}
    refused.towns("Bath,Bath", "Wells,Wells")
    with pytest.raises(StepFailed):
        decided(refused, REPLAY)
    assert not caplog.text
    refused.steps = {"steps/clean.py": b"def clean(rows):\n    return rows\n"}
    refused.deliver("g,1,1.00,Bath")
    assert "replay of rows of quarantine.sales (refused by lookup.town)" in caplog.text
    assert "repeat `podium quarantine replay`" in caplog.text
    caplog.clear()
    decided(refused, REPLAY)
    refused.deliver("h,1,1.00,Bath")
    assert sorted(refused.silver()) == ["a", "b", "e", "g", "h"]
    assert not caplog.text
