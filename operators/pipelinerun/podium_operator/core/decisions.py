"""What is to be done about a run, from what has been seen of it: the steps are dereference, validate, desired objects; others apply it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from podium_contracts.durations import seconds
from podium_contracts.events import CloudEvent, envelope
from podium_contracts.events.v1 import Run, RunRequested
from podium_contracts.names import EngineName, EngineWish, Stage, Verdict
from podium_contracts.resources import (
    Attempt,
    ConditionType,
    PipelineRun,
    PipelineRunStatus,
    Reason,
    StageOutcome,
    StageRunStatus,
)
from podium_contracts.resources.conditions import EXPLANATIONS, LONGEST_CONDITION
from podium_contracts.resources.course import Step, expected, pinned_name, stage_run
from podium_contracts.resources.stage_run import Announced

from podium_operator.core import objects, statuses
from podium_operator.core.attempts import DONE, Progress, progress
from podium_operator.core.failures import refusal
from podium_operator.core.objects import Manifest
from podium_operator.core.seen import Pinned, Raw, Seen, engine_wish
from podium_operator.core.statuses import Standing, told
from podium_operator.settings import DriverSettings


@dataclass(frozen=True)
class Note:
    """What people are told of a run, as an Event."""

    reason: str
    message: str
    warning: bool = False


@dataclass(frozen=True)
class Decision:
    """What is to be done: Jobs are removed once the statuses that say why are written, and objects are made.

    Once they are made there is another decision, and the statuses are its.
    """

    status: PipelineRunStatus | None = None
    stages: Mapping[str, StageRunStatus] = field(default_factory=dict)
    remove_jobs: tuple[str, ...] = ()
    make: tuple[Manifest, ...] = ()
    notes: tuple[Note, ...] = ()
    again_in: float | None = None
    """Seconds until something is due without anybody telling."""
    delete: bool = False
    """Whether the run's time is over, and it is to go."""


def decide(seen: Seen, settings: DriverSettings) -> Decision:
    """Return what is to be done about a run."""
    if seen.run.is_finished:
        return _afterwards(seen)
    done = _progress(seen)
    if seen.run.spec.cancel:
        return _end(seen, done, Reason.CANCELLED, "as asked")
    if _is_over_time(seen):
        return _end(seen, done, Reason.TIMED_OUT, f"the run took longer than {seen.run.spec.timeout}")
    if seen.run.spec.suspend:
        return _hold(seen, done)
    if seen.pinned is None:
        return _end_without_pipeline(seen, done) if done else _start(seen, settings)
    return _go_on(seen, done, seen.pinned, settings)


def refused(seen: Seen, what: str, words: str) -> Decision:
    """Return what is to be done where the API server does not take an object: it is tried again, unless it never will be taken."""
    reason, message = refusal(words) or Reason.PENDING, f"{what}: {words}"
    if reason == Reason.INVALID_SPEC:
        return _end(seen, _progress(seen), reason, message)
    shown = statuses.of_run(seen.run, (), Standing(reason, message), seen.now)
    status = seen.run.status.model_copy(update={"conditions": shown.conditions})
    return Decision(status=status, notes=_news(seen.run, reason, message))


def request(run: PipelineRun, datasets: Sequence[str]) -> CloudEvent:
    """Return the event that asks for a run: the same whenever it is made."""
    digest = hashlib.sha256(run.metadata.uid.encode()).hexdigest()
    return envelope(
        RunRequested(
            run=Run(
                pipeline=run.spec.pipeline,
                id=run_id(run),
                executor="job",
                requested_at=run.metadata.creation_timestamp,
                datasets=tuple(datasets),
            )
        ),
        stage=None,
        subject=run.spec.pipeline,
        sequence=0,
        traceparent=f"00-{digest[:32]}-{digest[32:48]}-01",
        causation="",
    )


def run_id(run: PipelineRun) -> str:
    """Return the id that a run has in events, logs and commits."""
    return f"{run.metadata.name}-{run.metadata.uid[:8]}"


def _progress(seen: Seen) -> list[Progress]:
    return [
        progress(stage, seen.jobs.get(stage.metadata.name, ()), seen.run, seen.now)
        for stage in objects.stages_in_order(seen.stages)
    ]


def _afterwards(seen: Seen) -> Decision:
    """Remove a finished run whose time is over."""
    keep, ended = seen.run.spec.ttl_seconds_after_finished, seen.run.status.completion_time
    if keep is None or ended is None:
        return Decision()
    left = (ended + timedelta(seconds=keep) - seen.now).total_seconds()
    return Decision(delete=True) if left <= 0 else Decision(again_in=left)


def _is_over_time(seen: Seen) -> bool:
    started = seen.run.status.start_time
    return started is not None and (seen.now - started).total_seconds() >= seconds(seen.run.spec.timeout)


def _end(seen: Seen, done: Sequence[Progress], reason: Reason, message: str) -> Decision:
    """End what runs, and the run once nothing does."""
    stopped = [_stopped(item, reason, message, seen) for item in done]
    jobs = tuple(item.active.name for item in done if item.active)
    status = statuses.of_run(seen.run, stopped, Standing(reason, message, succeeded=False), seen.now)
    return Decision(
        status=status,
        stages=_stages(stopped, seen),
        remove_jobs=jobs,
        notes=(Note(reason, message or EXPLANATIONS[reason].meaning, warning=True),),
    )


def _hold(seen: Seen, done: Sequence[Progress]) -> Decision:
    """End the drivers that run; they go on when the run does."""
    message = "set spec.suspend to false to go on"
    held = [_held(item, seen) if item.active else item for item in done]
    status = statuses.of_run(seen.run, held, Standing(Reason.SUSPENDED, message), seen.now)
    return Decision(
        status=status,
        stages=_stages(held, seen),
        remove_jobs=tuple(item.active.name for item in done if item.active),
        notes=_news(seen.run, Reason.SUSPENDED, message),
        again_in=_time_left(seen),
    )


def _start(seen: Seen, settings: DriverSettings) -> Decision:
    """Pin the Pipeline as it is; a run whose Pipeline is not there waits for it."""
    run = seen.run
    if seen.pipeline is None:
        assert run.metadata.creation_timestamp
        message = f"there is no Pipeline {run.spec.pipeline!r} in namespace {run.metadata.namespace}"
        waited = (seen.now - run.metadata.creation_timestamp).total_seconds()
        left = seconds(run.spec.start_timeout) - waited
        if left <= 0:
            return _end(seen, (), Reason.PIPELINE_NOT_FOUND, message)
        status = statuses.of_run(
            run, (), Standing(Reason.PIPELINE_NOT_FOUND, f"{message}: apply it"), seen.now
        )
        return Decision(status=status, notes=_news(run, Reason.PIPELINE_NOT_FOUND, message), again_in=left)
    if mistake := _mistake(run, seen.pipeline, settings):
        return _end(seen, (), Reason.INVALID_SPEC, mistake)
    status = statuses.of_run(_begun(seen), (), Standing(Reason.PENDING, "the Pipeline is pinned"), seen.now)
    return Decision(
        status=status,
        make=(objects.pinned(run, seen.pipeline, settings),),
        notes=(Note("Started", f"run {run_id(run)} of Pipeline {run.spec.pipeline}"),),
    )


def _end_without_pipeline(seen: Seen, done: Sequence[Progress]) -> Decision:
    """End a run that has begun with another Pipeline than can be told: the one that is there now may do something else."""
    return _end(seen, done, Reason.PINNED_LOST, f"ConfigMap {pinned_name(seen.run.metadata.name)} is gone")


def _mistake(run: PipelineRun, pipeline: Raw, settings: DriverSettings) -> str | None:
    """Return what a run asks for that cannot be done with its Pipeline or in this cluster."""
    if unknown := sorted(set(run.spec.datasets) - set(pipeline["spec"]["datasets"])):
        return f"Pipeline {run.spec.pipeline!r} has no dataset {', '.join(unknown)}"
    if engine_wish(run, pipeline) == EngineWish.AUTO:
        return (
            "engine auto looks at the size of what is new, as `podium run` does; "
            "write engine: duckdb or engine: spark in the run or in the Pipeline"
        )
    account = run.spec.pods.service_account_name
    if account in settings.reserved_accounts:
        return f"spec.pods.serviceAccountName: {account} is an account of the platform, and no run's"
    return None


def _begun(seen: Seen) -> PipelineRun:
    """Return a run with what its start gives it."""
    if seen.run.status.start_time:
        return seen.run
    trace = request(seen.run, ()).traceparent.split("-")[1]
    started = {"start_time": seen.now, "run": run_id(seen.run), "trace": trace}
    return seen.run.model_copy(update={"status": seen.run.status.model_copy(update=started)})


def _go_on(seen: Seen, done: Sequence[Progress], pinned: Pinned, settings: DriverSettings) -> Decision:
    run = seen.run
    make: list[Manifest] = []
    if not done:
        event = request(run, pinned.datasets)
        make.append(stage_run(objects.reference(run), run.metadata.namespace, Step(Stage.INGEST), event))
    for item in done:
        if item.wanted:
            if pinned.engine == EngineName.SPARK:
                make.append(objects.headless(run, item.stage))
            make.append(objects.job(run, item.stage, item.wanted, pinned, settings))
    standing = _standing(run, done, pinned)
    times = [item.again_in for item in done if item.again_in is not None]
    return Decision(
        status=statuses.of_run(_begun(seen), done, standing, seen.now),
        stages=_stages(done, seen),
        remove_jobs=tuple(name for item in done for name in item.stop),
        make=tuple(make),
        notes=_news(run, standing.reason, standing.message),
        again_in=min([*times, _time_left(seen)]) if not standing.over else None,
    )


def _standing(run: PipelineRun, done: Sequence[Progress], pinned: Pinned) -> Standing:
    """Return how a run stands: under way while something of it is still to come."""
    under_way = next((item for item in done if item.outcome is None), None)
    if under_way:
        return Standing(under_way.reason, under_way.said)
    failed = next((item for item in done if item.reason not in DONE), None)
    if failed:
        return Standing(failed.reason, failed.said, succeeded=False)
    outcomes = [item.outcome for item in done if item.outcome]
    heard = [news for outcome in outcomes for news in outcome.announced]
    if awaited := _awaited(run, done, pinned, heard):
        return awaited
    judgements = statuses.judgements(outcomes)
    refused = next((judgement for judgement in judgements if judgement.verdict == Verdict.FAILED), None)
    if refused:
        why = "; ".join(refused.failed) or "the verdict is failed"
        return Standing(Reason.QUALITY_FAILED, f"{refused.subject}: {why}", succeeded=False)
    if any(news.fresh for news in heard):
        return Standing(Reason.COMPLETED, succeeded=True)
    return Standing(Reason.NOTHING_NEW, "the sources had nothing new", succeeded=True)


def _awaited(
    run: PipelineRun, done: Sequence[Progress], pinned: Pinned, heard: Sequence[Announced]
) -> Standing | None:
    """Return how a run stands while a stage of it has not been taken up."""
    if not done:
        return Standing(Reason.PENDING, "the first stage is being made")
    names = {item.stage.metadata.name for item in done}
    steps = expected(
        pinned.datasets, heard, has_model=pinned.has_model, has_destination=pinned.has_destination
    )
    missing = next((step for step in steps if step.name(objects.reference(run)) not in names), None)
    if missing is None:
        return None
    what = f"{missing.stage} {missing.dataset}".strip()
    return Standing(Reason.WAITING_FOR_SERVICE, f"the {missing.stage} service has not taken up {what} yet")


def _stopped(item: Progress, reason: Reason, message: str, seen: Seen) -> Progress:
    """Return a stage as it is when its run ends before it has."""
    if item.outcome:
        return item
    final = StageOutcome(reason=reason, message=message[:LONGEST_CONDITION])
    return Progress(item.stage, _closed(item.attempts, reason, seen), reason, message, outcome=final)


def _held(item: Progress, seen: Seen) -> Progress:
    return Progress(item.stage, _closed(item.attempts, Reason.SUSPENDED, seen), Reason.SUSPENDED)


def _closed(attempts: Sequence[Attempt], reason: Reason, seen: Seen) -> tuple[Attempt, ...]:
    """Return attempts of which the last has been ended."""
    if not attempts or attempts[-1].finished:
        return tuple(attempts)
    ended = {"reason": reason, "finished": seen.now}
    return (*attempts[:-1], attempts[-1].model_copy(update=ended))


def _stages(done: Sequence[Progress], seen: Seen) -> dict[str, StageRunStatus]:
    """Return the statuses that changed."""
    found = {item.stage.metadata.name: statuses.of_stage(item, seen.now) for item in done}
    stored = {stage.metadata.name: stage.status for stage in seen.stages}
    return {name: status for name, status in found.items() if status != stored[name]}


def _time_left(seen: Seen) -> float:
    started = seen.run.status.start_time or seen.now
    return max((started - seen.now).total_seconds() + seconds(seen.run.spec.timeout), 0.0)


def _news(run: PipelineRun, reason: Reason, message: str) -> tuple[Note, ...]:
    """Return a note where a run's reason is another one than before, and tells people something."""
    if reason in {Reason.PENDING, Reason.STARTING}:
        return ()
    quiet = reason in {Reason.RUNNING, Reason.COMPLETED, Reason.NOTHING_NEW}
    before = run.status.condition(ConditionType.SUCCEEDED)
    said = message or EXPLANATIONS[reason].meaning
    shown = said if quiet else told(Standing(reason, said))
    if before and before.reason == reason and (quiet or before.message == told(Standing(reason, message))):
        return ()
    return (Note(reason, shown, warning=not quiet),)
