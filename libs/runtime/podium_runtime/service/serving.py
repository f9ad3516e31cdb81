"""From the environment to a running service."""

import sys
from functools import partial
from typing import NoReturn

import faust
from podium_contracts.errors import TerminalError, TransientError
from pydantic import ValidationError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from podium_runtime import telemetry
from podium_runtime.kafka.topics import ensure_topics
from podium_runtime.service import calls
from podium_runtime.service.app import build
from podium_runtime.service.calls import Hosted
from podium_runtime.service.processes import Processes
from podium_runtime.settings import ServiceSettings

EXIT_SETTINGS = 2


def serve(hosted: Hosted, module: str) -> None:
    """Run the service of a stage until SIGTERM or SIGINT. `module` is the stage's own, imported in each child process.

    The process ends with 2 where its settings are wrong, and with 0 where it was told to stop.
    """
    try:
        settings = ServiceSettings()
    except ValidationError as error:
        _refuse([f"{'__'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()])
    telemetry.configure(settings, hosted.stage)
    try:
        _wait_for_topics(settings)
    except TerminalError as error:
        _refuse([f"{error}: {error.hint}"])
    app = build(hosted, settings, Processes(settings.processes, partial(calls.prepare, module)))
    faust.Worker(app, quiet=True, redirect_stdouts=False, override_logging=False).execute_from_commandline()


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


def _refuse(problems: list[str]) -> NoReturn:
    for problem in problems:
        sys.stderr.write(f"podium: PODIUM_{problem}\n")
    sys.exit(EXIT_SETTINGS)
