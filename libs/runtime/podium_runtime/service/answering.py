"""What a service does with the events of a lane: call the stage, announce, acknowledge; or retry; or write a dead letter."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from podium_contracts.errors import TerminalError, TransientError
from podium_contracts.events import CloudEvent, encode
from podium_contracts.events.cloudevents import KafkaRecord
from podium_contracts.events.routing import failure
from podium_contracts.watching import Look
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    retry_if_result,
    stop_after_attempt,
    wait_random_exponential,
)

from podium_runtime.kafka.dead_letters import DEAD_LETTERS, DeadLetter
from podium_runtime.kafka.records import Record
from podium_runtime.service import calls
from podium_runtime.service.calls import Failure, Hosted, Outstanding, Result
from podium_runtime.service.deliveries import Delivery
from podium_runtime.service.lanes import Task
from podium_runtime.service.processes import Processes, StageProcessDied
from podium_runtime.service.under_way import UnderWay
from podium_runtime.settings import RetrySettings
from podium_runtime.telemetry import (
    ANNOUNCED,
    CALL_SECONDS,
    DEAD,
    EVENTS,
    RETRIES,
    STREAM_FAILURES,
    fields,
    log,
)

if TYPE_CHECKING:
    from podium_runtime.service.dispatch import Dispatch

Send = Callable[[KafkaRecord], Awaitable[None]]
"""Sends a record and returns when Kafka has it; raises TransientError where it cannot be told, TerminalError where it never will."""


@dataclass(frozen=True)
class Answering:
    """A stage, the processes it runs in, and the way back to Kafka."""

    hosted: Hosted
    pipelines: Path
    retry: RetrySettings
    processes: Processes
    send: Send
    waits: UnderWay = field(default_factory=UnderWay)
    """Records that wait for Kafka, and StageRuns that wait for the API server."""

    async def work(self, tasks: list[Task]) -> None:
        """Answer events that one call may answer, with the newest of them."""
        wanted = [task for task in tasks if task.delivery.wanted]
        if not wanted:
            return
        newest = wanted[-1]
        failed, attempts = await self._attempt(newest)
        if failed and newest.delivery.wanted:
            await self.give_up(newest.delivery.record, failed, attempts, newest.event)
        for task in wanted:
            task.delivery.settle()
            EVENTS.labels(self.hosted.stage, task.event.type, "failed" if failed else "answered").inc()

    async def dispatch(self, event: CloudEvent, run: str, dispatch: "Dispatch", delivery: Delivery) -> None:
        """Make the StageRun that answers an event, however long the API server does not: the run waits for it."""

        def note(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            log.warning("no stage run yet", run_resource=run, message=str(error), **fields(event))

        trying = AsyncRetrying(
            retry=retry_if_exception_type(TransientError),
            stop=lambda _state: not delivery.wanted,
            wait=self.wait,
            before_sleep=note,
            retry_error_callback=lambda _state: False,
        )
        with self.waits.during(f"a StageRun of {run}"):
            made: bool = await trying(dispatch.follow, event, run)
        delivery.settle()
        EVENTS.labels(self.hosted.stage, event.type, "dispatched" if made else "answered").inc()

    async def announce_outstanding(self) -> bool:
        """Announce what the stage completed before this process was started, and nobody has announced.

        Returns whether another look may find more: a pipeline could not be looked at for now.
        """
        found = await self.call(calls.outstanding)
        if isinstance(found, Failure):
            found = Outstanding(failures=((str(self.pipelines), found),))
        for path, failed in found.failures:
            log.error(
                "looking for unannounced completions failed",
                path=path,
                reason=failed.reason,
                message=failed.message,
            )
        by_pipeline: dict[str, list[CloudEvent]] = {}
        for event in found.events:
            by_pipeline.setdefault(event.partitionkey, []).append(event)
        for events in by_pipeline.values():
            await self._announce(events)
        return any(failed.transient for _, failed in found.failures)

    async def announce_outstanding_again(self) -> None:
        """Look again for what could not be seen, as often as a call is made; what is not found then comes with the stage's next answer."""
        await AsyncRetrying(
            retry=retry_if_result(bool),
            stop=stop_after_attempt(self.retry.attempts),
            wait=self.wait,
            retry_error_callback=lambda _state: True,
        )(self.announce_outstanding)

    async def bring(self, event: CloudEvent, look: Look) -> int | Failure:
        """Bring the next batch of a stream into Bronze, as the run that an event requests; return how many completions that made."""
        started = time.monotonic()
        brought = await self.call(calls.bring, event, look)
        seconds = time.monotonic() - started
        if brought:
            CALL_SECONDS.labels(self.hosted.stage).observe(seconds)
        if isinstance(brought, Failure):
            (dataset,) = event.run.datasets
            log.error("stream failed", dataset=dataset, **brought.said, **fields(event))
            STREAM_FAILURES.labels(event.partitionkey, dataset, brought.reason).inc()
            return brought
        await self._announce(brought)
        if brought:
            log.info("brought", seconds=round(seconds, 3), answers=len(brought), **fields(brought[-1]))
        return len(brought)

    async def give_up(
        self, record: Record, failed: Failure, attempts: int, event: CloudEvent | None = None
    ) -> None:
        """Write a dead letter, and say that the stage failed; returns when Kafka has both."""
        stage = self.hosted.stage
        letter = DeadLetter(
            origin=record.origin,
            key=record.key,
            value=record.value,
            headers=record.headers,
            stage=stage,
            reason=failed.reason,
            message=failed.message,
            attempts=attempts,
            failed_at=time.time_ns() // 1_000_000,
        )
        about = fields(event) if event else {}
        log.error("dead letter", attempts=attempts, origin=str(record.origin), **failed.said, **about)
        DEAD.labels(stage, failed.reason).inc()
        await self._send(KafkaRecord(DEAD_LETTERS, record.key, tuple(letter.encode()), record.value))
        if event:
            await self.announce_failure(event, failed)

    async def announce_failure(self, event: CloudEvent, failed: Failure) -> None:
        """Say that the stage could not answer an event; returns when Kafka has it."""
        announced = failure(
            event,
            self.hosted.stage,
            reason=failed.reason,
            message=failed.message,
            transient=failed.transient,
        )
        await self._send(encode(announced))

    async def _attempt(self, task: Task) -> tuple[Failure | None, int]:
        """Call the stage until it answers or another call cannot help; return why there is no answer, and the number of calls."""
        event = task.event

        def note(state: RetryCallState) -> None:
            failed = state.outcome.result() if state.outcome else None
            assert isinstance(failed, Failure)
            RETRIES.labels(self.hosted.stage, failed.reason).inc()
            said = {"reason": failed.reason, "message": failed.message, "attempt": state.attempt_number}
            log.warning("retry", **said, **fields(event))

        retrying = AsyncRetrying(
            retry=retry_if_result(lambda failed: failed and failed.transient and task.delivery.wanted),
            stop=stop_after_attempt(self.retry.attempts),
            wait=self.wait,
            before_sleep=note,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        failed: Failure | None = await retrying(self._answer, event)
        return failed, int(retrying.statistics["attempt_number"])

    async def _answer(self, event: CloudEvent) -> Failure | None:
        started = time.monotonic()
        answers = await self.call(calls.answer, event)
        seconds = time.monotonic() - started
        CALL_SECONDS.labels(self.hosted.stage).observe(seconds)
        if isinstance(answers, Failure):
            return answers
        await self._announce(answers)
        log.info("answered", seconds=round(seconds, 3), answers=len(answers), **fields(event))
        return None

    async def call(self, function: Callable[..., Result | Failure], *arguments: object) -> Result | Failure:
        """Call a function of `calls` in a child process, with this service's pipelines."""
        return await self.call_with(function, self.pipelines, *arguments)

    async def call_with(
        self, function: Callable[..., Result | Failure], pipelines: Path, *arguments: object
    ) -> Result | Failure:
        """Call a function of `calls` in a child process, with these pipelines."""
        try:
            return await self.processes.call(function, self.hosted, pipelines, *arguments)
        except StageProcessDied as error:
            return Failure(type(error).__name__, f"{error}: {error.hint}", transient=True)

    async def _announce(self, events: Sequence[CloudEvent]) -> None:
        """Announce completions in their order, then note that they are: killed in between, they are announced again."""
        for event in events:
            await self._send(encode(event))
            ANNOUNCED.labels(self.hosted.stage, event.type).inc()
        if events:
            noted = await self.call(calls.announced, list(events))
            if isinstance(noted, Failure):
                log.warning("not noted as announced", reason=noted.reason, message=noted.message)

    async def _send(self, record: KafkaRecord) -> None:
        """Send a record; while no broker takes it, nothing goes on: the answer is in the lakehouse, and waits.

        Raises:
            TerminalError: Kafka will not take it before somebody changes something. It is to end the service, not the event.
        """

        def note(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            log.warning("Kafka does not take a record", topic=record.topic, message=str(error))

        trying = AsyncRetrying(
            retry=retry_if_exception_type(TransientError), wait=self.wait, before_sleep=note
        )
        try:
            with self.waits.during(f"a record for {record.topic}"):
                await trying(self.send, record)
        except TerminalError as error:
            log.critical("Kafka refuses a record", topic=record.topic, message=str(error), next=error.hint)
            raise

    @property
    def wait(self) -> wait_random_exponential:
        """How long is waited before what failed is tried again."""
        return wait_random_exponential(self.retry.first_seconds, self.retry.longest_seconds)
