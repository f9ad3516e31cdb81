"""The child processes of a service: calls, deaths, signals."""

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import psutil
import pytest
from podium_runtime.service import processes
from podium_runtime.service.processes import Processes, StageProcessDied

pytestmark = pytest.mark.integration


def with_processes(test: Callable[[Processes], Awaitable[None]], count: int = 1) -> None:
    """Run a test with processes that are gone in the end."""

    async def whole() -> None:
        given = Processes(count, ["json"])
        try:
            await test(given)
        finally:
            given.stop()

    asyncio.run(whole())


async def gone(pid: int) -> None:
    """Wait until a process is gone, and whoever started it has heard of it."""

    end = time.monotonic() + 10
    while psutil.pid_exists(pid) or pid in {child.pid for child in multiprocessing.active_children()}:
        assert time.monotonic() < end
        await asyncio.to_thread(time.sleep, 0.01)


def test_calls_go_to_another_process_and_come_back() -> None:
    """One process answers one call after the other; two answer two calls at the same time."""

    async def test(given: Processes) -> None:
        given.warm()
        first = await given.call(os.getpid)
        sleeping = asyncio.create_task(given.call(time.sleep, 60))
        await asyncio.sleep(0)
        second = await given.call(os.getpid)
        assert len({first, second, os.getpid()}) == 3
        assert await given.call(os.getpid) == second, "the one that was used last is used again"
        sleeping.cancel()

    with_processes(test, count=2)


def test_a_call_whose_process_is_killed_says_so_and_the_next_one_works() -> None:
    """Killed in the middle, as the kernel does when memory runs out."""

    async def test(given: Processes) -> None:
        victim = await given.call(os.getpid)
        call = asyncio.create_task(given.call(time.sleep, 60))
        await asyncio.sleep(0.2)
        os.kill(victim, signal.SIGKILL)
        with pytest.raises(StageProcessDied, match="in the middle of the call") as raised:
            await call
        assert "out of memory" in raised.value.hint
        assert await given.call(os.getpid) != victim

    with_processes(test)


def test_a_process_that_died_while_idle_is_replaced() -> None:
    """Nothing was lost, so nobody hears of it."""

    async def test(given: Processes) -> None:
        victim = await given.call(os.getpid)
        os.kill(victim, signal.SIGKILL)
        await gone(victim)
        assert await given.call(os.getpid) != victim

    with_processes(test)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_left_to_the_parent(number: signal.Signals) -> None:
    """Ctrl-C and an init's SIGTERM reach all processes of a group; the parent decides what ends."""

    async def test(given: Processes) -> None:
        child = await given.call(os.getpid)
        await given.call(signal.raise_signal, number)
        assert await given.call(os.getpid) == child

    with_processes(test)


def test_a_process_is_renewed_after_many_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """What native libraries keep goes with it, and no call notices."""
    monkeypatch.setattr(processes, "CALLS_PER_PROCESS", 2)

    async def test(given: Processes) -> None:
        assert len({await given.call(os.getpid) for _ in range(4)}) == 2

    with_processes(test)


def test_a_cancelled_call_is_killed() -> None:
    """What is not wanted any more does not run on."""

    async def test(given: Processes) -> None:
        victim = await given.call(os.getpid)
        call = asyncio.create_task(given.call(time.sleep, 60))
        await asyncio.sleep(0.2)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await gone(victim)

    with_processes(test)


PARENT = """
import asyncio, os, time
from functools import partial
from podium_runtime.service import calls
from podium_runtime.service.processes import Processes

async def main():
    given = Processes(1, ["json"])
    print(await given.call(os.getpid), flush=True)
    await given.call(time.sleep, 60)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_children_end_when_their_parent_is_killed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Kill -9 leaves nobody behind, not even in the middle of a call."""
    script = tmp_path_factory.mktemp("parent") / "parent.py"
    script.write_text(PARENT)
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    child.wait(10)
