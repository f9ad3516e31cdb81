"""The child processes in which a service calls its stage, so that its own loop never waits and never dies with it.

They are forked from a process that has imported what the stage needs and has done nothing else: one that is killed is replaced at once.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from podium_contracts.errors import TransientError

from podium_runtime.service.under_way import UnderWay

Result = TypeVar("Result")
CALLS_PER_PROCESS = 500
"""Then a new process takes its place: what native libraries keep does not add up."""


class StageProcessDied(TransientError):
    """The process of a stage died in the middle of a call: killed, out of memory, or crashed."""


class Processes:
    """Up to `count` processes, started when they are needed, one call at a time in each."""

    def __init__(self, count: int, modules: Sequence[str]) -> None:
        multiprocessing.set_forkserver_preload(list(modules))
        self.calls = UnderWay()
        self._free: asyncio.LifoQueue[_Process] = asyncio.LifoQueue()  # the one that was used last is warm
        self._all = [_Process() for _ in range(count)]
        for process in reversed(self._all):
            self._free.put_nowait(process)

    async def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function of a module in the next process that is free.

        Raises:
            StageProcessDied: the process is gone; the next call gets another.
        """
        process = await self._free.get()
        try:
            with self.calls.during(function.__name__):
                return await process.call(function, *arguments)
        finally:
            self._free.put_nowait(process)

    def warm(self) -> None:
        """Start one process in the background, so that the first event does not wait for it."""
        self._all[0].warm()

    def stop(self) -> None:
        """Kill what still runs: a stage that is called again goes on where it was."""
        for process in self._all:
            process.kill()


class _Process:
    """One child process after the other."""

    def __init__(self) -> None:
        self._executor: ProcessPoolExecutor | None = None

    def warm(self) -> None:
        self._running().submit(os.getpid)

    async def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        try:
            return await asyncio.wrap_future(self._submit(function, *arguments))
        except BrokenProcessPool as error:
            self.kill()
            raise StageProcessDied(
                "the stage's process died in the middle of the call",
                hint="look for its last words in the log; was it killed, or out of memory?",
            ) from error
        except asyncio.CancelledError:
            self.kill()
            raise

    def _submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Start a call, in a new process where the last one died while nothing was asked of it."""
        if not all(child.is_alive() for child in self._children()):
            self.kill()
        try:
            return self._running().submit(function, *arguments)
        except BrokenProcessPool:
            self.kill()
            return self._running().submit(function, *arguments)

    def kill(self) -> None:
        children = self._children()
        executor, self._executor = self._executor, None
        if executor is None:
            return
        for child in children:
            child.kill()
        executor.shutdown(wait=False, cancel_futures=True)

    def _children(self) -> list[BaseProcess]:
        executor = self._executor
        return list((executor._processes or {}).values()) if executor else []  # noqa: SLF001 - it offers no way to end a call

    def _running(self) -> ProcessPoolExecutor:
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                max_workers=1,
                mp_context=multiprocessing.get_context("forkserver"),
                initializer=_begin,
                max_tasks_per_child=CALLS_PER_PROCESS,
            )
        return self._executor


def _begin() -> None:
    """Begin a child process: it leaves signals to its parent, and ends when its parent has ended, however that was."""
    for number in (signal.SIGINT, signal.SIGTERM):  # a terminal and an init may send them to all processes
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
