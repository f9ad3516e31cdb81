"""What a StageRun has come to: its attempts, whether another one is due, and what it said in the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from podium_contracts.durations import seconds
from podium_contracts.resources import Attempt, PipelineRun, Reason, StageOutcome, StageRun

from podium_operator.core.failures import class_of, outcome, waiting
from podium_operator.core.seen import Job

DONE = frozenset({Reason.COMPLETED, Reason.NOTHING_NEW})
LONGEST_MESSAGE = 256
MOST_ATTEMPTS = 100
"""A StageRun keeps so many: every one that failed, as retries are counted by them, and of those that `suspend` ended the newest."""
UNEXPLAINED = frozenset({"", "ContainerCreating", "PodInitializing"})
"""What a pod says when it does not say why it does not begin."""
UNEXPLAINED_SECONDS = 6.0
"""A driver that does not begin and does not say why is looked at again after so long, and then ever more seldom: only the cluster's warnings tell."""


@dataclass(frozen=True)
class Progress:
    """A StageRun at one moment."""

    stage: StageRun
    attempts: tuple[Attempt, ...]
    reason: Reason
    message: str = ""
    outcome: StageOutcome | None = None
    """What it ended with; None while it is under way."""
    active: Job | None = None
    """The Job that runs."""
    wanted: int | None = None
    """The number of the attempt that is due."""
    stop: tuple[str, ...] = ()
    """Jobs that are to end."""
    again_in: float | None = None
    """Seconds until something is due without anybody telling."""

    @property
    def succeeded(self) -> bool:
        """Whether it ended well."""
        return self.outcome is not None and self.outcome.reason in DONE

    @property
    def attempt(self) -> int:
        """The number of the last attempt, and so how many there were, those included that are not kept; 0 before the first."""
        return self.attempts[-1].number if self.attempts else 0

    @property
    def started(self) -> datetime | None:
        """When a driver of it began first."""
        begun = next((attempt.started for attempt in self.attempts if attempt.started), None)
        return self.stage.status.start_time or begun

    @property
    def title(self) -> str:
        """What people know the StageRun by: `cleanse silver.sales`, `model`."""
        stage, subject = self.stage.spec.stage, self.stage.spec.subject
        return f"{stage} {subject}" if "." in subject else str(stage)

    @property
    def said(self) -> str:
        """What it says, with its title before it."""
        return f"{self.title}: {self.message}" if self.message else self.title


def progress(stage: StageRun, jobs: Sequence[Job], run: PipelineRun, now: datetime) -> Progress:
    """Return what a StageRun has come to; what it ended with stays, whatever becomes of its Jobs."""
    if stage.status.outcome:
        final = stage.status.outcome
        return Progress(stage, stage.status.attempts, final.reason, final.message, outcome=final)
    attempts = _attempts(stage, jobs, run, now)
    if not attempts:
        return Progress(stage, (), Reason.STARTING, "the driver's Job is being made", wanted=1)
    last = attempts[-1]
    job = next((job for job in jobs if job.number == last.number), None)
    if last.finished is None:
        return _under_way(stage, attempts, job, run, now)
    if last.reason in DONE and job:
        final = outcome(job, stage.spec.event)
        return Progress(stage, attempts, final.reason, final.message, outcome=final)
    return _failed(stage, attempts, job, run, now)


def _attempts(stage: StageRun, jobs: Sequence[Job], run: PipelineRun, now: datetime) -> tuple[Attempt, ...]:
    """Return every attempt: as it was recorded once it had ended, else as its Job is now."""
    found = {attempt.number: attempt for attempt in stage.status.attempts}
    present = {job.number for job in jobs}
    for number, attempt in found.items():
        if attempt.finished is None and number not in present:
            lost = {"reason": Reason.DRIVER_LOST, "message": f"Job {attempt.job} is gone", "finished": now}
            found[number] = attempt.model_copy(update=lost)
    newest = max(found, default=0)
    for job in jobs:
        known = found.get(job.number)
        if job.number > newest or (known and known.finished is None):
            found[job.number] = _attempt(job, stage, run, now)
    return _kept([found[number] for number in sorted(found)])


def _kept(attempts: Sequence[Attempt]) -> tuple[Attempt, ...]:
    held = [attempt.number for attempt in attempts[:-1] if attempt.reason == Reason.SUSPENDED]
    left_out = held[: max(len(attempts) - MOST_ATTEMPTS, 0)]
    return tuple(attempt for attempt in attempts if attempt.number not in left_out)


def _attempt(job: Job, stage: StageRun, run: PipelineRun, now: datetime) -> Attempt:
    driver = job.driver
    started = driver.started if driver else None
    if job.over:
        said = outcome(job, stage.spec.event)
        finished = (driver.finished if driver else None) or now
        return _written(job, said.reason, said.message, started, finished)
    if started:
        return _written(job, Reason.RUNNING, "", started, None)
    reason, message = waiting(job)
    if not job.suspended and (now - job.created).total_seconds() >= seconds(run.spec.start_timeout):
        late = f"did not start within {run.spec.start_timeout}: {reason}: {message}"
        return _written(job, Reason.START_TIMED_OUT, late, None, now)
    return _written(job, reason, message, None, None)


def _written(
    job: Job, reason: Reason, message: str, started: datetime | None, finished: datetime | None
) -> Attempt:
    return Attempt(
        number=job.number,
        job=job.name,
        reason=reason,
        message=message[:LONGEST_MESSAGE],
        started=started,
        finished=finished,
    )


def _under_way(
    stage: StageRun, attempts: tuple[Attempt, ...], job: Job | None, run: PipelineRun, now: datetime
) -> Progress:
    last = attempts[-1]
    again_in = None
    if job and last.started is None:
        age = (now - job.created).total_seconds()
        again_in = max(seconds(run.spec.start_timeout) - age, 1.0)
        if job.driver is None or job.driver.waits in UNEXPLAINED:
            again_in = min(again_in, max(UNEXPLAINED_SECONDS, age))
    return Progress(stage, attempts, last.reason, last.message, active=job, again_in=again_in)


def _failed(
    stage: StageRun, attempts: tuple[Attempt, ...], job: Job | None, run: PipelineRun, now: datetime
) -> Progress:
    """Return a failed StageRun: tried again after a pause as often as its class of failure is, else at its end."""
    last = attempts[-1]
    stop = (job.name,) if job and not job.over and not job.deleted else ()
    assert last.finished is not None
    if last.reason == Reason.SUSPENDED:
        return Progress(stage, attempts, Reason.PENDING, "goes on", wanted=last.number + 1, stop=stop)
    kind = class_of(last.reason)
    used = sum(1 for attempt in attempts if class_of(attempt.reason) == kind)
    if kind is None or used > getattr(run.spec.retries, kind):
        final = (
            outcome(job, stage.spec.event)
            if job and job.over
            else StageOutcome(reason=last.reason, message=last.message)
        )
        return Progress(stage, attempts, last.reason, last.message, outcome=final, stop=stop)
    due = last.finished + timedelta(seconds=_pause(used, run))
    left = (due - now).total_seconds()
    said = f"attempt {last.number} failed: {last.reason}: {last.message}"
    if left > 0:
        return Progress(stage, attempts, Reason.RETRYING, said, stop=stop, again_in=left)
    return Progress(stage, attempts, Reason.RETRYING, said, stop=stop, wanted=last.number + 1)


def _pause(failures: int, run: PipelineRun) -> float:
    """Return the seconds before another attempt after so many failures of a class."""
    first, longest = seconds(run.spec.backoff.first), seconds(run.spec.backoff.longest)
    return float(min(first * 2 ** (failures - 1), longest))
