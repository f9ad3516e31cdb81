"""The last words of a driver: what they say, and that they fit."""

import pytest
from podium_contracts.events import CloudEvent, EventData, envelope
from podium_contracts.events.v1 import (
    Check,
    Flow,
    LayerCompleted,
    Ledger,
    QualityEvaluated,
    Run,
    Stock,
    TableVersion,
)
from podium_contracts.names import Stage
from podium_contracts.resources import Reason, StageOutcome
from podium_contracts.resources.pipeline_run import Account, Judgement, TableProgress
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


def test_what_is_announced_again_is_nothing_new() -> None:
    """It decides what comes next all the same; its rows are counted by the run that brought them."""
    found = outcomes.done([INGESTED], before={"bronze.sales": 3})
    assert (found.reason, found.ledger) == (Reason.NOTHING_NEW, ())
    assert found.announced == (
        Announced(type=INGESTED.type, subject="bronze.sales", layer="bronze", sequence=3, fresh=False),
    )


def test_last_words_are_heard_as_they_were_said() -> None:
    """Behind a line for people."""
    said = outcomes.done([CLEANSED, JUDGED], before={}).last_words()
    assert said.splitlines()[0] == "Completed:"
    assert StageOutcome.heard(said) == outcomes.done([CLEANSED, JUDGED], before={})


def test_last_words_fit() -> None:
    """Of many datasets and tables; what comes next is never left out."""
    names = [f"dataset_with_a_long_name_{number:03}" for number in range(64)]
    large = StageOutcome(
        reason=Reason.COMPLETED,
        message="é" * 1024,
        announced=tuple(
            Announced(
                type="dev.podium.layer.completed.v1", subject=f"bronze.{name}", layer="bronze", sequence=10**6
            )
            for name in names
        ),
        ledger=tuple(
            Account(subject=f"bronze.{name}", rows_in=hash(name) % 10**9, inserted=hash(name) % 10**9)
            for name in names
        ),
        tables=tuple(
            TableProgress(
                name=f"gold.{name}_{n}", to_version=hash((name, n)) % 10**6, rows=hash((n, name)) % 10**12
            )
            for name in names
            for n in range(3)
        ),
    )
    said = large.last_words()
    assert len(said.encode()) <= LAST_WORDS_BYTES
    heard = StageOutcome.heard(said)
    assert heard.announced == large.announced
    assert heard.ledger == large.ledger


@pytest.mark.parametrize("said", ["", "Killed", "x\n!!!", "x\naGVsbG8="])
def test_what_says_nothing_is_refused(said: str) -> None:
    """The end of a log is no outcome."""
    with pytest.raises(ValueError, match=r"\S"):
        StageOutcome.heard(said)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Failure("BadSource", "no header", transient=False), Reason.BAD_SOURCE),
        (Failure("TransientError", "S3 does not answer", transient=True), Reason.STORAGE_UNAVAILABLE),
        (Failure("CommitConflict", "overtaken", transient=True), Reason.FENCED),
        (Failure("TerminalError", "other columns", transient=False), Reason.REFUSED),
        (Failure("ValueError", "x", transient=False, trace="…"), Reason.INTERNAL_ERROR),
        (Failure("Py4JJavaError", "ExecutorLostFailure (executor 3)", transient=False), Reason.EXECUTOR_LOST),
    ],
)
def test_a_failure_has_one_of_the_reasons(failure: Failure, reason: Reason) -> None:
    """By the class of the error; its message follows, on one line."""
    found = outcomes.failed(failure)
    assert found.reason == reason
    assert failure.message in found.message
