"""A driver: it calls its stage with one event, announces what that completed, and ends with an account of it."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from podium_contracts.errors import TransientError
from podium_contracts.events import CloudEvent, KafkaRecord, encode
from podium_contracts.resources import StageOutcome
from podium_contracts.resources.course import RUN_HEADER
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from podium_runtime import settings as environment
from podium_runtime import telemetry
from podium_runtime.job import outcomes
from podium_runtime.kafka.clients import Brokers
from podium_runtime.service import calls
from podium_runtime.service.calls import Failure, Hosted
from podium_runtime.settings import JobSettings, RetrySettings

EXIT_TERMINAL, EXIT_TRANSIENT = 1, 75
NOT_HERE = {"CommitConflict", "OutOfMemory", "ExecutorLost"}
"""Failures that may pass, and not in this process."""


def drive(hosted: Hosted) -> NoReturn:
    """Do the work of a driver and end the process: with 0 when the stage is done and announced, 75 when another try may pass, else 1.

    Its last words are a StageOutcome.
    """
    settings = environment.loaded(JobSettings)
    telemetry.configure(settings, hosted.stage)
    done = calls.guarded(lambda: _work(hosted, settings))
    outcome = outcomes.failed(done) if isinstance(done, Failure) else done
    settings.termination_log.write_text(outcome.last_words(settings.event))
    if isinstance(done, Failure):
        telemetry.log.error("failed", reason=done.reason, message=done.message, trace=done.trace)
        sys.exit(EXIT_TRANSIENT if done.transient else EXIT_TERMINAL)
    telemetry.log.info("done", reason=outcome.reason)
    sys.exit(0)


def _work(hosted: Hosted, settings: JobSettings) -> StageOutcome | Failure:
    event = CloudEvent.model_validate_json(settings.event)
    path = settings.pipelines
    before = calls.reached(hosted, path, event)
    if isinstance(before, Failure):
        return before
    answers = _answered(hosted, path, event, settings)
    if isinstance(answers, Failure):
        return answers
    _announce([event, *answers] if not event.causationid else answers, settings)
    if answers and isinstance(noted := calls.announced(hosted, path, answers), Failure):
        telemetry.log.warning("not noted as announced", reason=noted.reason, message=noted.message)
    return outcomes.done(answers, before)


def _answered(
    hosted: Hosted, path: Path, event: CloudEvent, settings: JobSettings
) -> list[CloudEvent] | Failure:
    """Call the stage until it answers or another call cannot help."""

    def failed_again(state: RetryCallState) -> bool:
        found = state.outcome.result() if state.outcome else None
        return isinstance(found, Failure) and found.transient and found.reason not in NOT_HERE

    def note(state: RetryCallState) -> None:
        found = state.outcome.result() if state.outcome else None
        assert isinstance(found, Failure)
        said = {"reason": found.reason, "message": found.message, "attempt": state.attempt_number}
        telemetry.log.warning("retry", **said, **telemetry.fields(event))

    def last(state: RetryCallState) -> list[CloudEvent] | Failure:
        assert state.outcome
        found: list[CloudEvent] | Failure = state.outcome.result()
        return found

    trying = _trying(settings.retry, retry=failed_again, before_sleep=note, retry_error_callback=last)
    return trying(calls.answer, hosted, path, event)


def _announce(events: Sequence[CloudEvent], settings: JobSettings) -> None:
    """Announce events in their order, each with the run that this driver works for.

    Raises:
        TransientError: no broker takes them; they stay in the lakehouse, and the next try announces them.
    """
    if not events:
        return
    brokers = Brokers(settings.kafka)
    sending = _trying(settings.retry, retry=retry_if_exception_type(TransientError), reraise=True)
    producer = sending(brokers.producer)
    for event in events:
        sending(brokers.deliver, producer, _for_run(encode(event), settings.pipeline_run))


def _trying(pace: RetrySettings, **when: Any) -> Retrying:
    """Return what calls a function as often, and with such pauses, as the settings say."""
    return Retrying(
        stop=stop_after_attempt(pace.attempts),
        wait=wait_random_exponential(pace.first_seconds, pace.longest_seconds),
        **when,
    )


def _for_run(record: KafkaRecord, run: str) -> KafkaRecord:
    return replace(record, headers=(*record.headers, (RUN_HEADER, run.encode())))
