"""The statuses that are shown: conditions, progress, and the data's own account."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, Literal, TypeVar

from podium_contracts.durations import written
from podium_contracts.names import Stage, Verdict
from podium_contracts.resources import (
    Condition,
    ConditionType,
    PipelineRun,
    PipelineRunStatus,
    PipelineStatus,
    Reason,
    StageOutcome,
    StageProgress,
    StageRunStatus,
)
from podium_contracts.resources.conditions import EXPLANATIONS, LONGEST_CONDITION
from podium_contracts.resources.pipeline_run import MOST_TABLES, Judgement

from podium_operator.core.attempts import DONE, LONGEST_MESSAGE, Progress

Item = TypeVar("Item")


@dataclass(frozen=True)
class Standing:
    """How something stands: `succeeded` is None while it is under way."""

    reason: Reason
    message: str = ""
    succeeded: bool | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.succeeded is not None


@dataclass(frozen=True)
class Conditions:
    """Makes conditions beside those that were shown before: the time of each is that of its last change."""

    before: Sequence[Condition]
    generation: int
    now: datetime

    def shown(self, kind: ConditionType, standing: Standing) -> Condition:
        """Return a condition as it is now."""
        status: Literal["True", "False", "Unknown"] = "Unknown"
        if standing.succeeded is not None:
            status = "True" if standing.succeeded else "False"
        old = next((item for item in self.before if item.type == kind), None)
        return Condition(
            type=kind,
            status=status,
            reason=standing.reason,
            message=told(standing)
            if kind == ConditionType.SUCCEEDED
            else standing.message[:LONGEST_CONDITION],
            last_transition_time=old.last_transition_time if old and old.status == status else self.now,
            observed_generation=self.generation,
        )


def told(standing: Standing) -> str:
    """Return what is told of a run: what is the matter, and where it does not succeed, what to do."""
    advice = "" if standing.succeeded else EXPLANATIONS[standing.reason].advice
    room = LONGEST_CONDITION - len(advice) - len(". ")
    return ". ".join(filter(None, (standing.message[:room].rstrip("."), advice)))


def of_stage(done: Progress, now: datetime) -> StageRunStatus:
    """Return the status of a StageRun."""
    stage, before = done.stage, done.stage.status
    standing = Standing(done.reason, done.message, None if done.outcome is None else done.succeeded)
    conditions = Conditions(before.conditions, stage.metadata.generation, now)
    return StageRunStatus(
        observed_generation=stage.metadata.generation,
        start_time=done.started,
        completion_time=(before.completion_time or now) if done.outcome else None,
        attempts=done.attempts,
        outcome=done.outcome,
        conditions=(conditions.shown(ConditionType.SUCCEEDED, standing),),
    )


def of_run(
    run: PipelineRun, progress: Sequence[Progress], standing: Standing, now: datetime
) -> PipelineRunStatus:
    """Return the status of a run."""
    before = run.status
    ended = (before.completion_time or now) if standing.over else None
    started = before.start_time
    outcomes = [done.outcome for done in progress if done.outcome]
    ledger = _last_of((item for outcome in outcomes for item in outcome.ledger), attrgetter("subject"))
    verdicts = _last_of(judgements(outcomes), attrgetter("subject"))
    tables = _last_of((item for outcome in outcomes for item in outcome.tables), attrgetter("name"))
    stocks = _last_of((item for outcome in outcomes for item in outcome.stocks), attrgetter("table"))
    totals = _last_of((item for outcome in outcomes for item in outcome.control_totals), attrgetter("name"))
    left_out = {part for outcome in outcomes for part in outcome.left_out}
    listed = {"tables": tables, "stocks": stocks, "controlTotals": totals}
    left_out |= {part for part, items in listed.items() if len(items) > MOST_TABLES}
    gold = [
        item.sequence
        for outcome in outcomes
        for item in outcome.announced
        if item.layer == "gold" and not item.verdict
    ]
    current = _current(progress)
    return PipelineRunStatus(
        observed_generation=run.metadata.generation,
        run=before.run,
        trace=before.trace,
        start_time=started,
        completion_time=ended,
        duration=written((ended - started).total_seconds()) if ended and started else "",
        stage=current.title if current else "",
        attempt=current.attempt if current else 0,
        rows=sum(account.rows_in for account in ledger if account.subject.startswith("bronze.")),
        quarantined=sum(account.quarantined for account in ledger),
        gold=max(gold, default=before.gold),
        stages=tuple(_stage(done) for done in progress),
        ledger=ledger,
        stocks=stocks[:MOST_TABLES],
        control_totals=totals[:MOST_TABLES],
        verdicts=verdicts,
        tables=tables[:MOST_TABLES],
        left_out=tuple(sorted(left_out)),
        conditions=tuple(_conditions(run, progress, verdicts, standing, now)),
    )


def judgements(outcomes: Iterable[StageOutcome]) -> Iterator[Judgement]:
    """Yield every verdict; of one whose checks did not fit into its driver's last words, the word."""
    for outcome in outcomes:
        yield from outcome.verdicts
        told = {judgement.subject for judgement in outcome.verdicts}
        for news in outcome.announced:
            if news.verdict and news.subject not in told:
                yield Judgement(subject=news.subject, verdict=Verdict(news.verdict))


def dumped(status: PipelineRunStatus | StageRunStatus | PipelineStatus) -> dict[str, Any]:
    """Return a status as the API server keeps it."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def _conditions(
    run: PipelineRun,
    progress: Sequence[Progress],
    verdicts: Sequence[Judgement],
    standing: Standing,
    now: datetime,
) -> Iterable[Condition]:
    shown = Conditions(run.status.conditions, run.metadata.generation, now).shown
    yield shown(ConditionType.SUCCEEDED, standing)
    finished = (
        replace(standing, succeeded=True) if standing.over else Standing(standing.reason, succeeded=False)
    )
    yield shown(ConditionType.FINISHED, finished)
    imbalance = next((done for done in progress if done.reason == Reason.LEDGER_IMBALANCE), None)
    if imbalance:
        yield shown(ConditionType.CONSERVED, Standing(imbalance.reason, imbalance.message, succeeded=False))
    elif any(done.outcome and (done.outcome.ledger or done.outcome.stocks) for done in progress):
        yield shown(
            ConditionType.CONSERVED, Standing(Reason.COMPLETED, "every ledger balances", succeeded=True)
        )
    if verdicts:
        yield shown(ConditionType.QUALITY_PASSED, _judged(verdicts))
    for stage, kind in (
        (Stage.PUBLISH, ConditionType.PUBLISHED),
        (Stage.INGEST, ConditionType.SOURCES_HEALTHY),
    ):
        done = next((item for item in progress if item.stage.spec.stage == stage), None)
        if (
            done
            and done.outcome
            and (done.succeeded or kind == ConditionType.PUBLISHED or done.reason == Reason.BAD_SOURCE)
        ):
            yield shown(kind, Standing(done.reason, done.message, done.succeeded))


def _judged(verdicts: Sequence[Judgement]) -> Standing:
    failed = [verdict for verdict in verdicts if verdict.verdict == Verdict.FAILED]
    why = "; ".join(f"{verdict.subject}: {', '.join(verdict.failed)}" for verdict in failed)
    return Standing(Reason.QUALITY_FAILED if failed else Reason.COMPLETED, why, succeeded=not failed)


def _current(progress: Sequence[Progress]) -> Progress | None:
    under_way = [done for done in progress if done.outcome is None]
    failed = [done for done in progress if done.outcome and done.reason not in DONE]
    return next(iter([*under_way, *failed, *reversed(progress)]), None)


def _stage(done: Progress) -> StageProgress:
    attempts = done.attempts
    return StageProgress(
        name=done.stage.metadata.name,
        stage=done.stage.spec.stage,
        subject=done.stage.spec.subject,
        reason=done.reason,
        message=done.message[:LONGEST_MESSAGE],
        attempts=done.attempt,
        started=done.started,
        finished=attempts[-1].finished if attempts and done.outcome else None,
    )


def _last_of(items: Iterable[Item], key: Callable[[Item], str]) -> tuple[Item, ...]:
    """Return the last item of each key, in the order of the first."""
    return tuple({key(item): item for item in items}.values())
