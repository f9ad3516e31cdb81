"""Streams: the datasets that a service brings up to date by itself, batch after batch, without a request.

A pipeline's streams run where its events are answered: on the worker that holds the partition of its key. While partitions move, two
workers may both try: the intent says which one counts.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tenacity import AsyncRetrying, retry_if_result

from podium_runtime.requests import request_of_batch
from podium_runtime.service import calls
from podium_runtime.service.answering import Answering
from podium_runtime.service.calls import Failure, Stream
from podium_runtime.service.notices import Notices
from podium_runtime.service.tasks import Broken, begin, end
from podium_runtime.service.watch import Watch
from podium_runtime.telemetry import STOPPED_STREAMS, log

LOOK_SECONDS = 5.0
"""How long after a look the pipeline files are looked through again for streams that have come or gone."""


@dataclass
class Streams:
    """The streams of this worker. `owned` says whether a pipeline's events are answered here, `broken` hears of one that ended with an error."""

    answering: Answering
    owned: Callable[[str], bool]
    notices: Notices
    broken: Broken

    def __post_init__(self) -> None:
        self._watches: dict[Stream, Watch] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._at_work: set[asyncio.Task[None]] = set()
        self._stopped = False

    async def watch(self) -> None:
        """Look again and again, until `stop`."""
        while not self._stopped:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Start the streams that are declared and owned, and end the others after their batch.

        It reads files in a thread of its own: a child process may be at work for hours.
        """
        found = await asyncio.to_thread(calls.streams, self.answering.hosted, self.answering.pipelines)
        if self._stopped:
            return
        if isinstance(found, Failure):
            log.error("looking for streams failed", reason=found.reason, message=found.message)
            return
        wanted = {stream for stream in found if self.owned(stream.pipeline)}
        for stream in wanted - self._watches.keys():
            watch = self._watches[stream] = Watch(stream)
            task = begin(self._run(watch), f"stream {stream}", self.broken)
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        for stream in self._watches.keys() - wanted:
            self._watches.pop(stream).stir()
            log.info("stream ends", pipeline=stream.pipeline, dataset=stream.dataset)

    async def stop(self, seconds: float) -> None:
        """End all streams: a batch under way may go on for so long; what it has pinned, the next one finishes."""
        self._stopped = True
        for watch in self._watches.values():
            watch.stir()
        self._watches.clear()
        for task in self._running - self._at_work:
            task.cancel()
        await end(self._running.copy(), seconds)

    async def _run(self, watch: Watch) -> None:
        stream = watch.stream
        log.info("stream begins", pipeline=stream.pipeline, dataset=stream.dataset)
        async with self.notices.told_to(watch):
            while self._goes_on(watch):
                brought = await self._bring(watch)
                if not (brought and stream.poll_seconds):
                    await watch.wait()

    def _goes_on(self, watch: Watch) -> bool:
        return self._watches.get(watch.stream) is watch

    async def _bring(self, watch: Watch) -> int:
        """Bring the next batch, with growing waits while that fails; return how many completions it made."""
        told: set[str] = set()
        retrying = AsyncRetrying(
            retry=retry_if_result(lambda brought: isinstance(brought, Failure) and self._goes_on(watch)),
            wait=self.answering.wait,
        )
        try:
            brought: int | Failure = await retrying(self._attempt, watch, told)
            return 0 if isinstance(brought, Failure) else brought
        finally:
            for reason in told:
                STOPPED_STREAMS.remove(watch.stream.pipeline, watch.stream.dataset, reason)

    async def _attempt(self, watch: Watch, told: set[str]) -> int | Failure:
        """Call the stage; announce what does not pass before somebody changes something, once for each reason."""
        if not self._goes_on(watch):
            return 0
        stream, task = watch.stream, asyncio.current_task()
        assert task
        event, look = request_of_batch(stream.pipeline, stream.dataset), watch.look()
        self._at_work.add(task)
        try:
            brought = await self.answering.bring(event, look)
            if not isinstance(brought, Failure):
                watch.done(look)
            elif not brought.transient and brought.reason not in told:
                told.add(brought.reason)
                STOPPED_STREAMS.labels(stream.pipeline, stream.dataset, brought.reason).set(1)
                await self.answering.announce_failure(event, brought)
            return brought
        finally:
            self._at_work.discard(task)
