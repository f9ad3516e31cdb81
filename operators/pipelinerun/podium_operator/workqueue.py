"""Keys that are to be looked at, each by one worker at a time, now or later."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 60.0


class Workqueue(Generic[Key]):
    """A queue as Kubernetes' own controllers have: a key that is put while it waits is there once, one that is put while it is worked on comes again.

    What cannot be done is tried again after a pause that doubles.
    """

    def __init__(
        self, work: Callable[[Key], Awaitable[float | None]], failed: Callable[[Key, Exception], None]
    ) -> None:
        self._work = work
        self._failed = failed
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._waiting: set[Key] = set()
        self._busy: set[Key] = set()
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy)

    def put(self, key: Key) -> None:
        """Have a key looked at as soon as a worker is free."""
        if timer := self._timers.pop(key, None):
            timer.cancel()
        if key in self._busy:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.put_nowait(key)

    def put_in(self, key: Key, seconds: float) -> None:
        """Have a key looked at in so many seconds, unless it is before."""
        due = asyncio.get_running_loop().time() + seconds
        timer = self._timers.get(key)
        if timer and timer.when() <= due:
            return
        if timer:
            timer.cancel()
        self._timers[key] = asyncio.get_running_loop().call_later(seconds, self.put, key)

    async def run(self, workers: int) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._serve())

    async def _serve(self) -> None:
        while True:
            key = await self._ready.get()
            self._waiting.discard(key)
            self._busy.add(key)
            try:
                again_in = await self._work(key)
            except Exception as error:  # noqa: BLE001 - the boundary of a reconciliation: no key ends the others
                self._failed(key, error)
                failures = self._failures[key] = self._failures.get(key, 0) + 1
                again_in = min(FIRST_PAUSE_SECONDS * 2 ** (failures - 1), LONGEST_PAUSE_SECONDS)
            else:
                self._failures.pop(key, None)
            self._busy.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.put(key)
            elif again_in is not None:
                self.put_in(key, again_in)
