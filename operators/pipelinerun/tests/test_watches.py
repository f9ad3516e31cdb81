"""Which watch has been silent longest, and what the operator says of itself then."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import ClientRequest, ClientResponse
from podium_operator.operator import Operator
from podium_operator.settings import OperatorSettings
from podium_operator.watches import WATCHED, Watches
from yarl import URL


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def opened(watches: Watches, url: str, *, ok: bool = True) -> SimpleNamespace:
    """Open a stream; return its content, to which bytes may come; each of its `ends` is called when a server ends it."""
    ends: list[Callable[[], None]] = []
    content = SimpleNamespace(total_bytes=0, ends=ends, on_eof=ends.append)
    response = SimpleNamespace(ok=ok, content=content)

    async def answer(_: ClientRequest) -> ClientResponse:
        return cast("Any", response)

    asyncio.run(watches._listen(cast("Any", SimpleNamespace(url=URL(url))), answer))
    return content


def every(watches: Watches, root: str = "http://server", more: str = "") -> dict[str, SimpleNamespace]:
    """Open each watch of a namespace."""
    paths = [path for watched in WATCHED for path in watched.paths(["team"])]
    return {path: opened(watches, f"{root}{path}?watch=true{more}") for path in paths}


@pytest.mark.parametrize("root", ["http://server", "https://gateway/k8s/clusters/c-1"])
def test_the_silence_is_that_of_the_watch_that_moves_least(root: str) -> None:
    """Whatever the others bring, and wherever the API server is."""
    clock = Clock()
    watches = Watches(["team"], clock)
    streams = every(watches, root)
    for _ in range(10):
        clock.now += 10
        for path, stream in streams.items():
            if not path.endswith("/pods"):
                stream.total_bytes += 100
        path, seconds = watches.silence()
    assert (path, seconds) == ("/api/v1/namespaces/team/pods", 100)
    streams[path].total_bytes += 1
    assert watches.silence()[1] == 0


def test_a_stream_that_is_opened_anew_has_brought_nothing() -> None:
    """Neither an answer's headers nor a refusal is a word; what the last stream brought unseen is."""
    clock = Clock()
    watches = Watches(["team"], clock)
    first = every(watches)
    clock.now += 50
    for stream in first.values():
        stream.total_bytes = 300
    second = every(watches)
    assert watches.silence()[1] == 0
    clock.now += 70
    every(watches)
    opened(watches, "http://server/api/v1/namespaces/team/pods?watch=true", ok=False)
    opened(watches, "http://server/api/v1/namespaces/team/pods").total_bytes = 5
    for stream in second.values():
        stream.total_bytes = 10
    assert watches.silence()[1] == 70


def test_a_watch_that_the_server_ends_in_time_has_moved() -> None:
    """Without a word: an idle kind may have no bookmarks. One that ends before its time, or never, has not moved."""
    clock = Clock()
    watches = Watches(["team"], clock)
    root = "http://server"
    for _ in range(3):
        streams = every(watches, root, "&timeoutSeconds=60")
        clock.now += 59.5
        for stream in streams.values():
            stream.ends[0]()
        assert watches.silence()[1] == 0
    streams = every(watches, root, "&timeoutSeconds=60")
    clock.now += 10
    for stream in streams.values():
        stream.ends[0]()
    assert watches.silence()[1] == 10
    every(watches, root, "&timeoutSeconds=60")
    clock.now += 170
    assert watches.silence()[1] == 180


def test_a_watch_that_is_never_opened_is_silent_from_the_beginning() -> None:
    """One for all namespaces where none is named."""
    clock = Clock()
    watches = Watches([], clock)
    clock.now += 200
    for watched in WATCHED:
        if watched.kind != "Job":
            (path,) = watched.paths([])
            opened(watches, f"http://server{path}?watch=true").total_bytes = 1
    assert watches.silence() == ("/apis/batch/v1/jobs", 200)


def test_the_operator_is_in_trouble_with_one_silent_watch() -> None:
    """Not before its time, and no more when the watch has moved."""
    clock = Clock()
    operator = Operator(OperatorSettings(namespaces=("team",), stuck_seconds=120))
    operator.watches = Watches(["team"], clock)
    streams = every(operator.watches)
    clock.now += 120
    assert operator.trouble() is None
    clock.now += 1
    assert (
        operator.trouble()
        == "the watch of /apis/podium.dev/v1alpha1/namespaces/team/pipelines has not moved for 121 s"
    )
    for stream in streams.values():
        stream.total_bytes = 1
    assert operator.trouble() is None


def test_the_operator_is_in_trouble_when_a_part_of_it_has_ended() -> None:
    """Though every watch moves: nobody would do the work."""

    async def show() -> str | None:
        operator = Operator(OperatorSettings(namespaces=("team",)))

        async def fail() -> None:
            raise ValueError("lost")

        operator._tasks = [asyncio.create_task(fail()), asyncio.create_task(asyncio.sleep(60))]
        assert operator.trouble() is None
        await asyncio.sleep(0)
        found = operator.trouble()
        operator._tasks[0].exception()
        operator._tasks[1].cancel()
        return found

    assert "a task has ended" in str(asyncio.run(show()))
