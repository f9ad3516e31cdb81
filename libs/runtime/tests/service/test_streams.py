"""The streams of a worker: found in the pipeline files, begun, ended, whatever its processes are at."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from podium_contracts.events.cloudevents import KafkaRecord
from podium_runtime.service import streams
from podium_runtime.service.answering import Answering
from podium_runtime.service.notices import Notices
from podium_runtime.service.processes import Processes
from podium_runtime.service.streams import Streams
from podium_runtime.settings import KafkaSettings, RetrySettings

from libs.runtime.tests.service.test_calls import PIPELINE, Hosted, write

STREAMING = PIPELINE.replace('{files: {path: "*.csv"}}', "{kafka: {topic: sales, trigger_seconds: 1}}")


async def send(_record: KafkaRecord) -> None:
    """Send nothing anywhere: no stream here has anything to announce."""


def with_streams(folder: Path, test: Callable[[Streams, Processes], Awaitable[None]]) -> None:
    """Run a test with the streams of a worker that has one process."""

    async def whole() -> None:
        processes = Processes(1, ["json"])
        retry = RetrySettings(first_seconds=0.01, longest_seconds=0.01)
        answering = Answering(Hosted(), folder, retry, processes, send)
        given = Streams(answering, lambda pipeline: pipeline != "foreign", Notices(KafkaSettings()))
        try:
            await asyncio.wait_for(test(given, processes), 30)
        finally:
            await given.stop()
            processes.stop()

    asyncio.run(whole())


def running() -> set[str]:
    """Return the pipelines whose streams run."""
    names = [task.get_name() for task in asyncio.all_tasks()]
    return {name.split("'")[1] for name in names if name.startswith("stream ")}


def test_streams_come_and_go_with_their_files(tmp_path: Path) -> None:
    """Those of pipelines that are answered here; a file without a topic has none."""
    file = write(tmp_path, "a.yaml", "mine", STREAMING)
    write(tmp_path, "b.yaml", "foreign", STREAMING)
    write(tmp_path, "c.yaml", "filed")

    async def test(given: Streams, _processes: Processes) -> None:
        await given.look()
        assert running() == {"mine"}
        file.unlink()
        await given.look()
        while running():  # noqa: ASYNC110 - it ends after its batch
            await asyncio.sleep(0.05)

    with_streams(tmp_path, test)


def test_a_look_waits_for_no_process(tmp_path: Path) -> None:
    """The only process is at work for long: a new file is seen all the same."""

    async def test(given: Streams, processes: Processes) -> None:
        working = asyncio.create_task(processes.call(time.sleep, 600))
        await asyncio.sleep(0)
        write(tmp_path, "a.yaml", "mine", STREAMING)
        await asyncio.wait_for(given.look(), 10)
        assert running() == {"mine"}
        working.cancel()
        await asyncio.wait([working])

    with_streams(tmp_path, test)


def test_looks_end_with_the_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One look comes after the other, and none begins a stream after the end."""
    monkeypatch.setattr(streams, "LOOK_SECONDS", 0.01)

    async def test(given: Streams, _processes: Processes) -> None:
        watching = asyncio.create_task(given.watch())
        write(tmp_path, "a.yaml", "mine", STREAMING)
        while not running():  # noqa: ASYNC110 - files tell nobody
            await asyncio.sleep(0.01)
        await given.stop()
        await watching
        await given.look()
        assert running() == set()

    with_streams(tmp_path, test)
