"""When a Pipeline's schedule makes a run, and which of its finished runs are kept: as a CronJob does it with Jobs."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from podium_contracts.durations import seconds
from podium_contracts.events.mapping import rfc3339
from podium_contracts.resources import (
    ConditionType,
    PipelineRun,
    PipelineStatus,
    Reason,
    ScheduledPipeline,
)
from podium_contracts.resources.course import LABELS, PIPELINE, SCHEDULED_AT, owner
from podium_contracts.resources.resource import API_VERSION

from podium_operator.core.calendar import Calendar
from podium_operator.core.decisions import Note
from podium_operator.core.objects import QUEUES, Manifest
from podium_operator.core.seen import moment
from podium_operator.core.statuses import Conditions, Standing, told

LONGEST_NAME = 53
"""Of a PipelineRun."""
MOST_SHOWN = 100


@dataclass(frozen=True)
class Due:
    """What is to be done about a schedule: runs are cancelled, made and deleted first, then the status is written."""

    cancel: tuple[PipelineRun, ...] = ()
    make: Manifest | None = None
    delete: tuple[PipelineRun, ...] = ()
    status: PipelineStatus | None = None
    """None where nothing is to be shown."""
    notes: tuple[Note, ...] = ()
    again_in: float | None = None
    """Seconds until something is due without anybody telling."""


@dataclass(frozen=True)
class _Turn:
    """The run that is due, if one is, and how the schedule stands."""

    standing: Standing
    make: datetime | None = None
    cancel: tuple[PipelineRun, ...] = ()
    waits_until: datetime | None = None


def due(pipeline: ScheduledPipeline, runs: Sequence[PipelineRun], now: datetime) -> Due:
    """Return what a Pipeline's schedule asks for; `runs` are those that it has made and that are there."""
    if pipeline.spec.schedule is None:
        return Due(status=PipelineStatus() if pipeline.status.conditions else None)
    try:
        calendar = Calendar.of(pipeline.spec.schedule, pipeline.spec.scheduling.time_zone)
    except ValueError as error:
        return refused(pipeline, Reason.INVALID_SCHEDULE, str(error), now)
    following = next(calendar.after(now))
    turn = _turn(pipeline, runs, calendar, now)
    make = _run(pipeline, turn.make) if turn.make else None
    active = [run.metadata.name for run in runs if not run.is_finished]
    status = _status(
        pipeline,
        turn.standing,
        now,
        last_schedule_time=turn.make or _last(pipeline, runs),
        next_schedule_time=None if pipeline.spec.scheduling.suspend else following,
        active=tuple(sorted(active + ([make["metadata"]["name"]] if make else [])))[:MOST_SHOWN],
    )
    return Due(
        cancel=turn.cancel,
        make=make,
        delete=tuple(_outdated(pipeline, runs)),
        status=status,
        notes=_notes(pipeline, turn.standing, make),
        again_in=(min(filter(None, (following, turn.waits_until))) - now).total_seconds(),
    )


def refused(pipeline: ScheduledPipeline, reason: Reason, why: str, now: datetime) -> Due:
    """Return what is shown of a schedule that makes no run, or none for now."""
    standing = Standing(reason, why, succeeded=False)
    status = _status(pipeline, standing, now, next_schedule_time=None)
    return Due(status=status, notes=_notes(pipeline, standing, None))


def run_name(pipeline: str, time: datetime) -> str:
    """Return the name of the run that a schedule makes for a time: always the same, and that of no other."""
    stamp = f"{time:%Y%m%d-%H%M}"
    if len(pipeline) + len(stamp) < LONGEST_NAME:
        return f"{pipeline}-{stamp}"
    digest = hashlib.sha256(pipeline.encode()).hexdigest()[:6]
    return f"{pipeline[: LONGEST_NAME - len(stamp) - len(digest) - 2].rstrip('-')}-{digest}-{stamp}"


def scheduled_at(run: PipelineRun) -> datetime | None:
    """Return the time that a run was made for, None where no schedule made it."""
    found: datetime | None = moment(run.metadata.annotations.get(SCHEDULED_AT))
    return found


def _turn(
    pipeline: ScheduledPipeline, runs: Sequence[PipelineRun], calendar: Calendar, now: datetime
) -> _Turn:
    """Return the run that is due: the last that is, if its time is not over and no other run is in its way."""
    scheduling = pipeline.spec.scheduling
    if scheduling.suspend:
        why = "set spec.scheduling.suspend to false to go on"
        return _Turn(Standing(Reason.SUSPENDED, why, succeeded=False))
    time = calendar.latest(_last(pipeline, runs) or pipeline.metadata.creation_timestamp or now, now)
    if time is None:
        return _Turn(Standing(Reason.SCHEDULED, succeeded=True))
    until = time + timedelta(seconds=seconds(scheduling.deadline))
    if now > until:
        why = f"the run of {rfc3339(time)} could not be made within {scheduling.deadline}"
        return _Turn(Standing(Reason.MISSED_RUN, why, succeeded=True))
    active = tuple(run for run in runs if not run.is_finished)
    if not active or scheduling.concurrency == "allow":
        return _Turn(Standing(Reason.SCHEDULED, succeeded=True), make=time)
    names = ", ".join(run.metadata.name for run in active)
    why = f"the run of {rfc3339(time)} waits for the end of {names}"
    cancel = active if scheduling.concurrency == "replace" else ()
    to_cancel = tuple(run for run in cancel if not run.spec.cancel)
    return _Turn(
        Standing(Reason.PENDING, why, succeeded=True),
        cancel=to_cancel,
        waits_until=until + timedelta(seconds=1),
    )


def _last(pipeline: ScheduledPipeline, runs: Sequence[PipelineRun]) -> datetime | None:
    """Return the time that the last run was made for, whether or not it has been noted."""
    made = [time for run in runs if (time := scheduled_at(run))]
    noted = pipeline.status.last_schedule_time
    return max([*made, *([noted] if noted else [])], default=None)


def _run(pipeline: ScheduledPipeline, time: datetime) -> Manifest:
    metadata = pipeline.metadata
    queues = {key: value for key, value in metadata.labels.items() if key.startswith(QUEUES)}
    return {
        "apiVersion": API_VERSION,
        "kind": "PipelineRun",
        "metadata": {
            "name": run_name(metadata.name, time),
            "namespace": metadata.namespace,
            "labels": {**LABELS, PIPELINE: metadata.name, **queues},
            "annotations": {SCHEDULED_AT: rfc3339(time)},
            "ownerReferences": [owner("Pipeline", metadata.name, metadata.uid)],
        },
        "spec": {**pipeline.spec.runs, "pipeline": metadata.name},
    }


def _outdated(pipeline: ScheduledPipeline, runs: Sequence[PipelineRun]) -> Iterable[PipelineRun]:
    """Yield the finished runs beyond those that are kept, of each kind the oldest."""
    kept: Mapping[bool, int] = {
        True: pipeline.spec.scheduling.keep_succeeded,
        False: pipeline.spec.scheduling.keep_failed,
    }
    finished = [run for run in runs if run.is_finished and not run.metadata.deletion_timestamp]
    newest_first = sorted(finished, key=lambda run: str(scheduled_at(run)), reverse=True)
    for well, keep in kept.items():
        yield from [run for run in newest_first if run.is_successful == well][keep:]


def _status(pipeline: ScheduledPipeline, standing: Standing, now: datetime, **changes: Any) -> PipelineStatus:
    shown = Conditions(pipeline.status.conditions, pipeline.metadata.generation, now).shown
    standard = {
        "observed_generation": pipeline.metadata.generation,
        "conditions": (shown(ConditionType.SCHEDULED, standing),),
    }
    return pipeline.status.model_copy(update={**standard, **changes})


def _notes(pipeline: ScheduledPipeline, standing: Standing, make: Manifest | None) -> tuple[Note, ...]:
    """Return what people are told: of a run that is made, and of a schedule that stands otherwise than before."""
    if make:
        metadata = make["metadata"]
        said = f"PipelineRun {metadata['name']} for {metadata['annotations'][SCHEDULED_AT]}"
        return (Note(Reason.SCHEDULED, said),)
    before = next(iter(pipeline.status.conditions), None)
    if standing.reason == Reason.SCHEDULED or (before and before.message == standing.message):
        return ()
    quiet = standing.reason in {Reason.PENDING, Reason.SUSPENDED}
    return (Note(standing.reason, standing.message if quiet else told(standing), warning=not quiet),)
