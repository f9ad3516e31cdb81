"""Lanes: what must be answered in order, one after the other; what is independent, at the same time.

A lane is a pipeline's dataset, or a pipeline where a stage answers for all of it. Events of a lane that wait together and say the same
kind of thing are answered by one call, with the newest: a stage does all that is pending.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass

from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated, RunRequested
from podium_contracts.names import Stage

from podium_runtime.service.deliveries import Delivery
from podium_runtime.service.tasks import Broken, begin, end


@dataclass(frozen=True)
class Task:
    """An event to answer, and the record that brought it."""

    event: CloudEvent
    delivery: Delivery


Work = Callable[[list[Task]], Awaitable[None]]


def lane(stage: Stage, event: CloudEvent) -> Hashable:
    """Return the lane in which a stage answers an event."""
    whole = stage in {Stage.INGEST, Stage.MODEL, Stage.PUBLISH}
    return event.partitionkey if whole else (event.partitionkey, event.subject)


def alike(first: CloudEvent, second: CloudEvent) -> bool:
    """Whether one call may answer both: two completions of a layer, or two verdicts that say the same."""
    match first.data, second.data:
        case RunRequested(), _:
            return False
        case LayerCompleted(layer=one, subject=of), LayerCompleted(layer=other, subject=another):
            return (one, of) == (other, another)
        case QualityEvaluated() as one, QualityEvaluated() as other:
            return (one.layer, one.subject, one.verdict) == (other.layer, other.subject, other.verdict)
    return False


class Lanes:
    """The lanes of a stage. `broken` hears of a lane that ended with an error."""

    def __init__(self, stage: Stage, work: Work, broken: Broken) -> None:
        self._stage = stage
        self._work = work
        self._broken = broken
        self._stopped = False
        self._waiting: dict[Hashable, deque[Task]] = {}
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}

    @property
    def open(self) -> int:
        """Lanes that are at work."""
        return len(self._tasks)

    def put(self, task: Task) -> None:
        """Put an event into its lane; after `stop` it is left to whoever gets the record next."""
        if self._stopped:
            return
        key = lane(self._stage, task.event)
        self._waiting.setdefault(key, deque()).append(task)
        if key not in self._tasks:
            self._tasks[key] = begin(self._run(key), f"lane {key}", self._broken)

    async def stop(self, seconds: float) -> None:
        """Start nothing new, wait so long for what runs, then cancel it."""
        self._stopped = True
        for waiting in self._waiting.values():
            waiting.clear()
        await end(list(self._tasks.values()), seconds)

    async def _run(self, key: Hashable) -> None:
        try:
            while self._waiting.get(key):
                await self._work(self._next(self._waiting[key]))
        finally:
            self._waiting.pop(key, None)
            self._tasks.pop(key, None)

    @staticmethod
    def _next(waiting: deque[Task]) -> list[Task]:
        batch = [waiting.popleft()]
        while waiting and alike(batch[-1].event, waiting[0].event):
            batch.append(waiting.popleft())
        return batch
