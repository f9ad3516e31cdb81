"""Keys are worked on once at a time, come again when they are put meanwhile, and a failure is repeated ever more seldom."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

from podium_operator.workqueue import FIRST_PAUSE_SECONDS, Workqueue


@asynccontextmanager
async def working(
    work: Callable[[str], Awaitable[float | None]], workers: int = 4
) -> AsyncIterator[tuple[Workqueue[str], list[tuple[str, Exception]]]]:
    """Yield a queue that is worked on, and what has failed."""
    failed: list[tuple[str, Exception]] = []
    queue: Workqueue[str] = Workqueue(work, lambda key, error: failed.append((key, error)))
    task = asyncio.create_task(queue.run(workers))
    try:
        yield queue, failed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110 - what is waited for is the state of the queue
            await asyncio.sleep(0.005)


def test_a_key_that_waits_is_there_once() -> None:
    """However often it is put; others have their turn."""

    async def show() -> None:
        looked: list[str] = []

        async def work(key: str) -> None:
            looked.append(key)

        async with working(work) as (queue, _):
            for key in ("a", "b", "a", "a"):
                queue.put(key)
            assert len(queue) == 2
            await until(lambda: len(queue) == 0)
        assert looked == ["a", "b"]

    asyncio.run(show())


def test_a_key_that_is_put_while_it_is_worked_on_comes_again() -> None:
    """After that, and by no second worker; what was put is not lost."""

    async def show() -> None:
        gate, at_once, most, looks = asyncio.Event(), 0, 0, 0

        async def work(_: str) -> None:
            nonlocal at_once, most, looks
            at_once, looks = at_once + 1, looks + 1
            most = max(most, at_once)
            await gate.wait()
            at_once -= 1

        async with working(work) as (queue, _):
            queue.put("a")
            await until(lambda: looks == 1)
            queue.put("a")
            queue.put("a")
            await asyncio.sleep(0.02)
            assert looks == 1
            gate.set()
            await until(lambda: len(queue) == 0)
        assert (looks, most) == (2, 1)

    asyncio.run(show())


def test_what_fails_is_tried_again_after_pauses_that_double() -> None:
    """Other keys do not wait for it, and what has succeeded begins with the first pause again."""

    async def show() -> None:
        moments: list[float] = []
        done: list[str] = []
        clock = asyncio.get_running_loop().time

        async def work(key: str) -> None:
            if key == "bad":
                moments.append(clock())
                if len(moments) not in {3, 5}:
                    raise ValueError(len(moments))
            done.append(key)

        async with working(work, workers=1) as (queue, failed):
            queue.put("bad")
            queue.put("good")
            await until(lambda: "good" in done and len(moments) == 1)
            await until(lambda: len(moments) == 3 and len(queue) == 0)
            assert queue._failures == {}
            queue.put("bad")
            await until(lambda: len(moments) == 5 and len(queue) == 0)
        first, second, _, _ = (later - sooner for sooner, later in pairwise(moments))
        assert first >= FIRST_PAUSE_SECONDS
        assert second >= 2 * FIRST_PAUSE_SECONDS
        assert [str(error) for _, error in failed] == ["1", "2", "4"]

    asyncio.run(show())


def test_the_soonest_time_counts() -> None:
    """A key whose time comes is looked at once, and put at once it leaves no timer behind."""

    async def show() -> None:
        looked: list[str] = []

        async def work(key: str) -> None:
            looked.append(key)

        async with working(work) as (queue, _):
            for seconds in (60, 0.02, 30):
                queue.put_in("a", seconds)
            await until(lambda: looked == ["a"])
            queue.put_in("a", 60)
            queue.put("a")
            await until(lambda: looked == ["a", "a"])
            assert queue._timers == {}

    asyncio.run(show())


def test_a_key_comes_again_when_its_work_says_so() -> None:
    """After so many seconds, without anybody putting it."""

    async def show() -> None:
        looks = 0

        async def work(_: str) -> float | None:
            nonlocal looks
            looks += 1
            return 0.01 if looks < 3 else None

        async with working(work) as (queue, _):
            queue.put("a")
            await until(lambda: looks == 3)
            await asyncio.sleep(0.05)
            assert (looks, queue._timers) == (3, {})

    asyncio.run(show())
