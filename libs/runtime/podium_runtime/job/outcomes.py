"""What a driver says of its stage when it ends."""

from collections.abc import Iterator, Mapping, Sequence

from podium_contracts.events import CloudEvent
from podium_contracts.events.routing import origin
from podium_contracts.events.v1 import Flow, LayerCompleted, Published, QualityEvaluated
from podium_contracts.names import Layer, Stage, Verdict
from podium_contracts.resources import Reason, StageOutcome
from podium_contracts.resources.conditions import LONGEST_CONDITION
from podium_contracts.resources.course import announced
from podium_contracts.resources.pipeline_run import Account, Judgement, TableProgress, TableStock

from podium_runtime.service.calls import Failure

REASONS = {
    "InvalidPipeline": Reason.INVALID_PIPELINE,
    "BadSource": Reason.BAD_SOURCE,
    "LedgerImbalance": Reason.LEDGER_IMBALANCE,
    "ModelFailed": Reason.MODEL_FAILED,
    "DataFileUnreadable": Reason.REFUSED,
    "StepFailed": Reason.REFUSED,
    "QualityHold": Reason.QUALITY_FAILED,
    "CommitConflict": Reason.FENCED,
    "BundleUnreadable": Reason.BUNDLE_UNREADABLE,
    "TerminalError": Reason.REFUSED,
    "MemoryError": Reason.OUT_OF_MEMORY,
    "OutOfMemory": Reason.OUT_OF_MEMORY,
    "ExecutorLost": Reason.EXECUTOR_LOST,
}
"""Of errors, by the name of their class."""
MOST_CHECKS = 10


def done(answers: Sequence[CloudEvent], before: Mapping[str, int]) -> StageOutcome:
    """Return the outcome of a stage that answered; `before` has the number of its last completion of each subject before that."""
    fresh = [event for event in answers if event.number > before.get(event.subject, 0)]
    completed = (event.data for event in fresh if isinstance(event.data, LayerCompleted))
    gold = [data.ledger for data in completed if data.layer == Layer.GOLD and data.ledger]
    return StageOutcome(
        reason=Reason.COMPLETED if fresh else Reason.NOTHING_NEW,
        announced=tuple(announced(event, fresh=event in fresh) for event in answers),
        ledger=tuple(_accounts(fresh)),
        stocks=tuple(TableStock.model_validate(stock.model_dump()) for book in gold for stock in book.stocks),
        control_totals=tuple(total for book in gold for total in book.control_totals),
        verdicts=tuple(_judgements(answers)),
        tables=tuple(_tables(fresh)),
    )


def failed(failure: Failure) -> StageOutcome:
    """Return the outcome of a stage that did not answer."""
    if failure.reason in REASONS:
        reason = REASONS[failure.reason]
    elif failure.transient:
        reason = Reason.STORAGE_UNAVAILABLE
    else:
        reason = Reason.INTERNAL_ERROR
    return StageOutcome(reason=reason, message=" ".join(failure.message.split())[:LONGEST_CONDITION])


def _accounts(events: Sequence[CloudEvent]) -> Iterator[Account]:
    for event in events:
        if (
            not isinstance(event.data, LayerCompleted)
            or event.data.ledger is None
            or event.data.layer == Layer.GOLD
        ):
            continue
        flow = event.data.ledger.flow or _inserted(event.data)
        yield Account.model_validate({"subject": event.subject, **flow.model_dump()})


def _inserted(completed: LayerCompleted) -> Flow:
    """Return the flow of Bronze, whose ledger is its stock: what comes in is kept."""
    stocks = completed.ledger.stocks if completed.ledger else ()
    rows = sum(stock.inserted for stock in stocks)
    return Flow(rows_in=rows, inserted=rows)


def _judgements(events: Sequence[CloudEvent]) -> Iterator[Judgement]:
    for event in events:
        if isinstance(event.data, QualityEvaluated):
            missed = [check.message for check in event.data.checks if not check.passed]
            yield Judgement(
                subject=event.subject,
                verdict=Verdict(event.data.verdict),
                failed=tuple(message[:200] for message in missed[:MOST_CHECKS]),
            )


def _tables(events: Sequence[CloudEvent]) -> Iterator[TableProgress]:
    for event in events:
        if isinstance(event.data, LayerCompleted | Published) and origin(event) != Stage.PUBLISH:
            for table in event.data.tables:
                yield TableProgress(
                    name=table.name,
                    from_version=table.from_version,
                    to_version=table.to_version,
                    rows=table.rows,
                )
