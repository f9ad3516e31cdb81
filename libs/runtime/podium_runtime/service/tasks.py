"""The tasks of a service: none breaks without a word, and all end in time."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any

Broken = Callable[[BaseException], object]
"""Hears of an error that ended a task: whatever a stage or a broker may do is handled, so it is a mistake in the service itself."""


def begin(work: Coroutine[Any, Any, None], name: str, broken: Broken) -> asyncio.Task[None]:
    """Begin a task that tells `broken` where an error ends it."""

    def look(ended: asyncio.Task[None]) -> None:
        error = None if ended.cancelled() else ended.exception()
        if error:
            broken(error)

    task = asyncio.create_task(work, name=name)
    task.add_done_callback(look)
    return task


async def end(tasks: Collection[asyncio.Task[None]], seconds: float) -> None:
    """Wait so long for tasks to end, then cancel them."""
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
