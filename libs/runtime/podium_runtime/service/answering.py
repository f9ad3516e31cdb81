"""What a service does with the events of a lane: call the stage, announce, acknowledge; or retry; or write a dead letter."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from podium_contracts.errors import TransientError
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
from podium_runtime.service.calls import Failure, Hosted, Result, Stream
from podium_runtime.service.deliveries import Delivery
from podium_runtime.service.lanes import Task
from podium_runtime.service.processes import Processes, StageProcessDied
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
"""Sends a record and returns when Kafka has it; raises TransientError where it cannot be told."""


@dataclass(frozen=True)
class Answering:
    """A stage, the processes it runs in, and the way back to Kafka."""

    hosted: Hosted
    pipelines: Path
    retry: RetrySettings
    processes: Processes
    send: Send

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
            wait=self._wait,
            before_sleep=note,
            retry_error_callback=lambda _state: False,
        )
        made: bool = await trying(dispatch.follow, event, run)
        delivery.settle()
        EVENTS.labels(self.hosted.stage, event.type, "dispatched" if made else "answered").inc()

    async def announce_outstanding(self) -> None:
        """Announce what the stage completed before this process was started, and nobody has announced."""
        found = await self.call(calls.outstanding)
        if isinstance(found, Failure):
            log.error(
                "looking for unannounced completions failed", reason=found.reason, message=found.message
            )
            return
        by_pipeline: dict[str, list[CloudEvent]] = {}
        for event in found:
            by_pipeline.setdefault(event.partitionkey, []).append(event)
        for events in by_pipeline.values():
            await self._announce(events)

    async def bring(self, stream: Stream, look: Look) -> int | None:
        """Bring the next batch of a stream into Bronze; return how many completions that made.

        What fails is said, then some time passes, and None is returned.
        """
        brought = await self.call(calls.bring, stream, look)
        if isinstance(brought, Failure):
            log.error(
                "stream failed",
                pipeline=stream.pipeline,
                dataset=stream.dataset,
                reason=brought.reason,
                message=brought.message,
            )
            STREAM_FAILURES.labels(stream.pipeline, stream.dataset, brought.reason).inc()
            await asyncio.sleep(
                self.retry.longest_seconds if not brought.transient else self.retry.first_seconds
            )
            return None
        await self._announce(brought)
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
        said = {"origin": str(record.origin), "reason": failed.reason, "message": failed.message}
        said |= {"trace": failed.trace} if failed.trace else {}
        log.error("dead letter", attempts=attempts, **said, **(fields(event) if event else {}))
        DEAD.labels(stage, failed.reason).inc()
        await self._send(KafkaRecord(DEAD_LETTERS, record.key, tuple(letter.encode()), record.value))
        if event:
            announced = failure(
                event,
                stage,
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
            wait=self._wait,
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
        """Send a record; while no broker takes it, nothing goes on: the answer is in the lakehouse, and waits."""

        def note(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            log.warning("Kafka does not take a record", topic=record.topic, message=str(error))

        await AsyncRetrying(
            retry=retry_if_exception_type(TransientError), wait=self._wait, before_sleep=note
        )(self.send, record)

    @property
    def _wait(self) -> wait_random_exponential:
        return wait_random_exponential(self.retry.first_seconds, self.retry.longest_seconds)
