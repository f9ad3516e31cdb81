"""Why a driver ended or does not start, as one of Podium's reasons."""

import re

from podium_contracts.resources import FailureClass, Reason, StageOutcome
from podium_contracts.resources.conditions import EXPLANATIONS, LONGEST_CONDITION

from podium_operator.core.seen import Driver, Job

KILLED = 137
"""The exit code of a process that SIGKILL ended."""
_WAITS = {
    **dict.fromkeys(
        ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"),
        Reason.IMAGE_UNAVAILABLE,
    ),
    **dict.fromkeys(("Unschedulable", "SchedulerError"), Reason.UNSCHEDULABLE),
}
_REFUSALS = {
    Reason.NAMESPACE_TERMINATING: re.compile(r"being terminated", re.IGNORECASE),
    Reason.QUOTA_EXCEEDED: re.compile(r"exceeded quota", re.IGNORECASE),
    Reason.FORBIDDEN: re.compile(r"forbidden|violates PodSecurity|denied", re.IGNORECASE),
    Reason.INVALID_SPEC: re.compile(r"is invalid", re.IGNORECASE),
}
"""What the API server says when it refuses an object; its words for the first are among those for the third."""
_NEEDS = {
    Reason.SECRET_NOT_FOUND: re.compile(
        r"secrets? \S+ not found|find key .+ in Secret |non-existent secret key", re.IGNORECASE
    ),
    Reason.CONFIG_MAP_NOT_FOUND: re.compile(
        r"configmaps? \S+ not found|find key .+ in ConfigMap |non-existent config key", re.IGNORECASE
    ),
    Reason.IMAGE_UNAVAILABLE: re.compile(r"runAsNonRoot|non-root"),
    Reason.STARTING: re.compile(r"failed to sync|timed out|not yet been read"),
}
"""What the kubelet says when it cannot make a container: of its variables, its volumes, its user, and what passes by itself."""
_REFUSED = "CreateContainerConfigError"
"""Why a container does not begin that the kubelet cannot make as it is declared."""


def waiting(job: Job) -> tuple[Reason, str]:
    """Return why a Job's driver has not begun."""
    return _unmade(job) if job.driver is None else _unbegun(job.driver, job.warning)


def refusal(said: str) -> Reason | None:
    """Return why the API server refused an object, None where its words are not a refusal's."""
    return next((reason for reason, words in _REFUSALS.items() if words.search(said)), None)


def _unmade(job: Job) -> tuple[Reason, str]:
    if reason := refusal(job.warning):
        return reason, job.warning
    if job.suspended:
        return Reason.PENDING, "a queue holds the Job"
    return Reason.STARTING, job.warning or "the driver's pod is being made"


def _unbegun(driver: Driver, said: str) -> tuple[Reason, str]:
    message = driver.waits_because or said or driver.waits or "the driver's pod is being started"
    if driver.waits in _WAITS:
        return _WAITS[driver.waits], message
    reason = next((reason for reason, words in _NEEDS.items() if words.search(message)), None)
    otherwise = Reason.INVALID_SPEC if driver.waits == _REFUSED else Reason.STARTING
    return reason or otherwise, message


def outcome(job: Job, told: str) -> StageOutcome:
    """Return what became of a Job that was told of an event and runs no more: its driver's own words, or what the cluster tells of its end."""
    driver = job.driver
    if driver and driver.said and (own := _own_words(driver.said, told)):
        return own
    if driver and driver.reason == "OOMKilled":
        return StageOutcome(
            reason=Reason.OUT_OF_MEMORY, message=f"pod {driver.name} used more memory than its limit"
        )
    if driver is None:
        return StageOutcome(
            reason=Reason.DRIVER_LOST, message=job.failure[:LONGEST_CONDITION] or "the driver's pod is gone"
        )
    if driver.reason or driver.exit_code in {None, KILLED}:
        return StageOutcome(reason=Reason.DRIVER_LOST, message=_ending(driver))
    lines = driver.said.strip().splitlines()
    last = lines[-1] if lines else f"pod {driver.name} ended with code {driver.exit_code}"
    return StageOutcome(reason=Reason.INTERNAL_ERROR, message=last[:LONGEST_CONDITION])


def class_of(reason: Reason) -> FailureClass | None:
    """Return the class of a failure, None for what is not tried again."""
    return EXPLANATIONS[reason].failure


def _own_words(said: str, told: str) -> StageOutcome | None:
    try:
        return StageOutcome.heard(said, told)
    except ValueError:
        return None


def _ending(driver: Driver) -> str:
    code = "" if driver.exit_code is None else f" with code {driver.exit_code}"
    return f"pod {driver.name} ended{code}{f': {driver.reason}' if driver.reason else ''}"
