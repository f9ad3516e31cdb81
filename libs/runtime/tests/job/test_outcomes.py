"""The last words of a driver: what they say, and that they fit."""

import random
import string

import pytest
from podium_contracts.events import CloudEvent, EventData, envelope
from podium_contracts.events.v1 import (
    Check,
    ControlTotal,
    Flow,
    LayerCompleted,
    Ledger,
    QualityEvaluated,
    Run,
    RunRequested,
    Stock,
    TableVersion,
)
from podium_contracts.ledger import imbalances
from podium_contracts.names import Stage
from podium_contracts.resources import Reason, StageOutcome
from podium_contracts.resources.pipeline_run import Account, Judgement, TableProgress, TableStock
from podium_contracts.resources.stage_run import LAST_WORDS_BYTES, Announced
from podium_runtime.job import outcomes
from podium_runtime.service.calls import Failure

RUN = Run(pipeline="shop", id="shop-1", requested_at="2026-01-05T02:00:00Z")


def event(stage: Stage, subject: str, data: EventData, sequence: int = 3) -> CloudEvent:
    return envelope(
        data, stage=stage, subject=subject, sequence=sequence, traceparent="00-a-b-01", causation="x"
    )


INGESTED = event(
    Stage.INGEST,
    "bronze.sales",
    LayerCompleted(
        run=RUN,
        layer="bronze",
        sequence=3,
        tables=(TableVersion(name="bronze.sales", from_version=1, to_version=2, rows=12),),
        ledger=Ledger(stocks=(Stock(table="bronze.sales", before=2, inserted=10, after=12),)),
    ),
)
CLEANSED = event(
    Stage.CLEANSE,
    "silver.sales",
    LayerCompleted(
        run=RUN,
        layer="silver",
        sequence=3,
        ledger=Ledger(flow=Flow(rows_in=10, inserted=8, quarantined=1, dropped={"nulls.x": 1})),
    ),
)
JUDGED = event(
    Stage.QUALITY,
    "silver.sales",
    QualityEvaluated(
        run=RUN,
        layer="silver",
        sequence=3,
        verdict="failed",
        checks=(Check(metric="a", passed=True), Check(metric="b", passed=False, message="b is 3, not 4")),
    ),
)


def test_what_was_completed_is_accounted_for() -> None:
    """Bronze by its stock, Silver by its flow, verdicts by the checks that failed."""
    found = outcomes.done([INGESTED, CLEANSED, JUDGED], before={"bronze.sales": 2, "silver.sales": 2})
    assert found.reason == Reason.COMPLETED
    assert [(item.subject, item.rows_in, item.inserted) for item in found.ledger] == [
        ("bronze.sales", 10, 10),
        ("silver.sales", 10, 8),
    ]
    assert found.ledger[1].dropped == {"nulls.x": 1}
    assert found.verdicts == (Judgement(subject="silver.sales", verdict="failed", failed=("b is 3, not 4",)),)
    assert [(item.name, item.to_version) for item in found.tables] == [("bronze.sales", 2)]
    assert all(item.fresh for item in found.announced)


MODELLED = event(
    Stage.MODEL,
    "gold",
    LayerCompleted(
        run=RUN,
        layer="gold",
        sequence=3,
        tables=(TableVersion(name="gold.fact", from_version=4, to_version=5, rows=9),),
        ledger=Ledger(
            stocks=(Stock(table="gold.fact", before=4, inserted=7, removed=2, after=9),),
            control_totals=(ControlTotal(name="days.revenue", expected="12.5", actual="12.5"),),
        ),
    ),
)


def test_gold_is_accounted_for_by_its_tables() -> None:
    """Its stocks and control totals, as numbers that the API server keeps; what is announced again has none."""
    found = outcomes.done([MODELLED], before={"gold": 2})
    assert found.stocks == (TableStock(table="gold.fact", before=4, inserted=7, removed=2, after=9),)
    assert [(total.name, total.actual) for total in found.control_totals] == [("days.revenue", "12.5")]
    assert (found.ledger, found.tables[0].to_version) == ((), 5)
    assert found.model_dump(mode="json")["stocks"][0]["after"] == 9
    assert outcomes.done([MODELLED], before={"gold": 3}).stocks == ()


def test_the_last_words_of_a_large_gold_have_its_sums() -> None:
    """A stock of all tables instead of one of each, and no control totals: what is left out is said."""
    draw = random.Random(1)
    names = ["".join(draw.choices(string.ascii_lowercase + string.digits, k=40)) for _ in range(200)]
    numbers = [draw.randrange(10**12) for _ in names]
    whole = outcomes.done([MODELLED], before={}).model_copy(
        update={
            "stocks": tuple(
                TableStock(table=f"gold.{name}", before=number, inserted=7, removed=3, after=number + 4)
                for name, number in zip(names, numbers, strict=True)
            ),
            "control_totals": tuple(
                ControlTotal(name=f"{name}.sum", expected=f"{number}.17", actual=f"{number}.17")
                for name, number in zip(names, numbers, strict=True)
            ),
        }
    )
    heard = StageOutcome.heard(whole.last_words(TOLD), TOLD)
    assert heard.left_out == ("tables", "stocks", "controlTotals")
    (stock,) = heard.stocks
    assert (stock.table, stock.before, stock.inserted) == ("gold.*", sum(numbers), 7 * 200)
    assert not list(imbalances(Ledger(stocks=heard.stocks)))


def test_what_is_announced_again_is_nothing_new() -> None:
    """It decides what comes next all the same; its rows are counted by the run that brought them."""
    found = outcomes.done([INGESTED], before={"bronze.sales": 3})
    assert (found.reason, found.ledger) == (Reason.NOTHING_NEW, ())
    assert found.announced == (
        Announced(type=INGESTED.type, subject="bronze.sales", layer="bronze", sequence=3, fresh=False),
    )


TOLD = CLEANSED.model_dump_json(by_alias=True)


def test_last_words_are_heard_as_they_were_said() -> None:
    """Behind a line for people; by whoever knows what the driver was told."""
    said = outcomes.done([CLEANSED, JUDGED], before={}).last_words(TOLD)
    assert said.splitlines()[0] == "Completed:"
    assert StageOutcome.heard(said, TOLD) == outcomes.done([CLEANSED, JUDGED], before={})
    with pytest.raises(ValueError, match="zdict"):
        StageOutcome.heard(said, "{}")


def large(digits: int) -> tuple[StageOutcome, str]:
    """Return what ingest says of 64 datasets whose names and numbers have nothing in common, and the request that it was told of."""
    draw = random.Random(digits)
    names = ["d" + "".join(draw.choices(string.ascii_lowercase + string.digits, k=62)) for _ in range(64)]
    numbers = [draw.randrange(10**digits) for _ in names]
    said = StageOutcome(
        reason=Reason.COMPLETED,
        message="é" * 1024,
        announced=tuple(
            Announced(type=INGESTED.type, subject=f"bronze.{name}", layer="bronze", sequence=number % 10**6)
            for name, number in zip(names, numbers, strict=True)
        ),
        ledger=tuple(
            Account(subject=f"bronze.{name}", rows_in=number, inserted=number - 7, dropped={f"r.{number}": 7})
            for name, number in zip(names, numbers, strict=True)
        ),
        tables=tuple(
            TableProgress(name=f"bronze.{name}", to_version=number // 7 % 10**6, rows=number * 3)
            for name, number in zip(names, numbers, strict=True)
        ),
    )
    asked = RUN.model_copy(update={"datasets": tuple(names)})
    told = event(Stage.INGEST, "shop", RunRequested(run=asked))
    return said, told.model_dump_json(by_alias=True)


@pytest.mark.parametrize("digits", [2, 6, 12, 16])
def test_last_words_fit(digits: int) -> None:
    """What comes next and the sums are always there; what is left out is said, the tables before the accounts."""
    whole, told = large(digits)
    said = whole.last_words(told)
    assert len(said.encode()) <= LAST_WORDS_BYTES
    heard = StageOutcome.heard(said, told)
    assert heard.announced == whole.announced
    assert heard.tables == (() if "tables" in heard.left_out else whole.tables)
    if "ledger" in heard.left_out:
        (account,) = heard.ledger
        assert (account.subject, account.dropped) == ("bronze.*", {"*": 64 * 7})
        assert account.rows_in == sum(item.rows_in for item in whole.ledger)
        assert not list(imbalances(Ledger(flow=account)))
    else:
        assert heard.ledger == whole.ledger
    assert heard.left_out in {(), ("tables",), ("tables", "ledger")}


def test_sixty_four_datasets_of_millions_of_rows_have_an_account_each() -> None:
    """Their names are in the request, and take no room."""
    whole, told = large(6)
    plain = [account.model_copy(update={"dropped": {}}) for account in whole.ledger]
    whole = whole.model_copy(update={"message": "", "ledger": tuple(plain)})
    assert StageOutcome.heard(whole.last_words(told), told).ledger == tuple(plain)


def test_a_message_that_nothing_shortens_is_cut() -> None:
    """The reason must be heard."""
    draw = random.Random(1)
    words = "".join(chr(draw.randrange(0x4E00, 0x9FFF)) for _ in range(1024))
    heard = StageOutcome.heard(StageOutcome(reason=Reason.BAD_SOURCE, message=words).last_words(TOLD), TOLD)
    assert (heard.reason, heard.message) == (Reason.BAD_SOURCE, words[:200])


@pytest.mark.parametrize("said", ["", "Killed", "x\n!!!", "x\naGVsbG8="])
def test_what_says_nothing_is_refused(said: str) -> None:
    """The end of a log is no outcome."""
    with pytest.raises(ValueError, match=r"\S"):
        StageOutcome.heard(said, TOLD)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Failure("BadSource", "no header", transient=False), Reason.BAD_SOURCE),
        (Failure("TransientError", "S3 does not answer", transient=True), Reason.STORAGE_UNAVAILABLE),
        (Failure("CommitConflict", "overtaken", transient=True), Reason.FENCED),
        (Failure("TerminalError", "other columns", transient=False), Reason.REFUSED),
        (Failure("ValueError", "x", transient=False, trace="…"), Reason.INTERNAL_ERROR),
        (Failure("ExecutorLost", "ExecutorLostFailure (executor 3)", transient=True), Reason.EXECUTOR_LOST),
        (Failure("OutOfMemory", "Java heap space", transient=True), Reason.OUT_OF_MEMORY),
    ],
)
def test_a_failure_has_one_of_the_reasons(failure: Failure, reason: Reason) -> None:
    """By the class of the error; its message follows, on one line."""
    found = outcomes.failed(failure)
    assert found.reason == reason
    assert failure.message in found.message
