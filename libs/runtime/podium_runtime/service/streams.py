"""Streams: the datasets that a service brings up to date by itself, batch after batch, without a request.

A pipeline's streams run where its events are answered: on the worker that holds the partition of its key. While partitions move, two
workers may both try: the intent says which one counts.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from podium_runtime.service import calls
from podium_runtime.service.answering import Answering
from podium_runtime.service.calls import Failure, Stream
from podium_runtime.service.notices import Notices
from podium_runtime.service.watch import Watch
from podium_runtime.telemetry import log

LOOK_SECONDS = 5.0
"""How long after a look the pipeline files are looked through again for streams that have come or gone."""


@dataclass
class Streams:
    """The streams of this worker. `owned` says whether a pipeline's events are answered here."""

    answering: Answering
    owned: Callable[[str], bool]
    notices: Notices

    def __post_init__(self) -> None:
        self._tasks: dict[Stream, asyncio.Task[None]] = {}
        self._watches: dict[Stream, Watch] = {}
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
        for stream in wanted - self._tasks.keys():
            watch = self._watches[stream] = Watch(stream)
            self._tasks[stream] = asyncio.create_task(self._run(watch), name=f"stream {stream}")
        for stream in self._tasks.keys() - wanted:
            self._tasks.pop(stream)
            self._watches.pop(stream).stir()
            log.info("stream ends", pipeline=stream.pipeline, dataset=stream.dataset)

    async def stop(self) -> None:
        """End all streams; what a batch has pinned, the next one finishes."""
        self._stopped = True
        tasks, self._tasks = list(self._tasks.values()), {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, watch: Watch) -> None:
        stream = watch.stream
        log.info("stream begins", pipeline=stream.pipeline, dataset=stream.dataset)
        async with self.notices.told_to(watch):
            while self._watches.get(stream) is watch:
                look = watch.look()
                brought = await self.answering.bring(stream, look)
                if brought is None:
                    await asyncio.sleep(
                        min(filter(None, (stream.poll_seconds, stream.sweep_seconds, LOOK_SECONDS)))
                    )
                    continue
                watch.done(look)
                if not (brought and stream.poll_seconds):
                    await watch.wait()
