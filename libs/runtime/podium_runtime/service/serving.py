"""From the environment to a running service."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import faust
from aiokafka.errors import KafkaError
from podium_contracts.errors import TerminalError, TransientError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from podium_runtime import settings as environment
from podium_runtime import telemetry
from podium_runtime.kafka.topics import ensure_topics
from podium_runtime.service.app import build
from podium_runtime.service.calls import Hosted
from podium_runtime.service.processes import Processes
from podium_runtime.settings import ServiceSettings

EXIT_SETTINGS = 2


def serve(hosted: Hosted, *modules: str) -> None:
    """Run the service of a stage until SIGTERM or SIGINT. `modules` are what its child processes need; see `processes`.

    The process ends with 2 where its settings or its rights on Kafka are wrong, and with 0 where it was told to stop.
    """
    for number in (signal.SIGTERM, signal.SIGINT):  # until faust has handlers of its own
        signal.signal(number, _stop)
    try:
        settings = environment.load()
        telemetry.configure(settings, hosted.stage)
        _wait_for_topics(settings)
        app = build(hosted, settings, Processes(settings.processes, modules))
    except TerminalError as error:
        _refuse(error)
    worker = faust.Worker(app, quiet=True, redirect_stdouts=False, override_logging=False)
    worker.spinner = None  # it writes to standard output, where the log is
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        if _was_cut_off(ended):
            _begin_again()
        raise


def _was_cut_off(ended: SystemExit) -> bool:
    """Whether a worker ended because the brokers went away just as it started: later it waits for them by itself."""
    cause = ended.__context__
    return isinstance(cause, KafkaError) and bool(cause.retriable)


def _begin_again() -> NoReturn:
    """Become a new process of the same command: a faust app starts only once."""
    telemetry.log.warning("starting again: the brokers went away")
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the same command as before


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def _wait_for_topics(settings: ServiceSettings) -> None:
    def note(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        telemetry.log.warning("waiting for Kafka", message=str(error))

    Retrying(
        retry=retry_if_exception_type(TransientError),
        wait=wait_random_exponential(1, 30),
        before_sleep=note,
        reraise=True,
    )(ensure_topics, settings.kafka)


def _refuse(error: TerminalError) -> NoReturn:
    for line in [*str(error).splitlines(), f"next: {error.hint}"]:
        sys.stderr.write(f"podium: {line}\n")
    sys.exit(EXIT_SETTINGS)
