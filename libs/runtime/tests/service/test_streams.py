"""The streams of a worker: found in the pipeline files, begun, ended, whatever its processes are at."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from podium_contracts.events import CloudEvent, decode
from podium_contracts.events.cloudevents import KafkaRecord
from podium_contracts.events.v1 import LayerCompleted, StageFailed
from podium_runtime.service import calls, streams
from podium_runtime.service.answering import Answering
from podium_runtime.service.calls import Failure
from podium_runtime.service.notices import Notices
from podium_runtime.service.processes import Processes
from podium_runtime.service.streams import Streams
from podium_runtime.settings import KafkaSettings, RetrySettings
from prometheus_client import REGISTRY

from libs.runtime.tests.service.conftest import event
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
        given = Streams(
            answering, lambda pipeline: pipeline != "foreign", Notices(KafkaSettings(), print), print
        )
        try:
            await asyncio.wait_for(test(given, processes), 30)
        finally:
            await given.stop(0)
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
        await given.stop(0)
        await watching
        await given.look()
        assert running() == set()

    with_streams(tmp_path, test)


AWAY = Failure("OSError", "no route to host", transient=True)
LOST = Failure("BadSource", "messages were removed", transient=False)


class Batches(Processes):
    """Batches of a stream that end as a script says; after its end one is under way until `gate` is open."""

    def __init__(self, *script: Failure | Exception | list[CloudEvent]) -> None:
        super().__init__(0, ["json"])
        self.script = list(script)
        self.begun, self.gate = asyncio.Event(), asyncio.Event()

    async def call(self, function: Callable[..., object], *_arguments: object) -> object:  # type: ignore[override]
        await asyncio.sleep(0)  # a process never answers before others have had their turn
        if function is not calls.bring:
            return []
        if not self.script:
            self.begun.set()
            await self.gate.wait()
            return [event(LayerCompleted)]
        found = self.script.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


class Bench:
    """A stream with such batches, and what becomes known of it."""

    def __init__(self, folder: Path, *script: Failure | Exception | list[CloudEvent]) -> None:
        write(folder, "shop.yaml", text=STREAMING)
        self.batches = Batches(*script)
        self.sent: list[CloudEvent] = []
        self.broken: list[BaseException] = []
        retry = RetrySettings(first_seconds=0.01, longest_seconds=0.05)
        answering = Answering(Hosted(), folder, retry, self.batches, self.send)
        notices = Notices(KafkaSettings(), self.broken.append)
        self.streams = Streams(answering, lambda _pipeline: True, notices, self.broken.append)

    async def send(self, record: KafkaRecord) -> None:
        self.sent.append(decode(record.headers, record.value))

    def run(self, test: Callable[[], Awaitable[None]]) -> None:
        """Begin the stream, and run a test beside it."""

        async def whole() -> None:
            await self.streams.look()
            try:
                await asyncio.wait_for(test(), 5)
            finally:
                await self.streams.stop(0)

        asyncio.run(whole())

    async def script_ends(self) -> None:
        await self.batches.begun.wait()


def test_waits_grow_while_batches_fail_and_begin_anew_after_one_that_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are drawn between nothing and a bound that doubles, so that many streams do not come back at once."""
    bounds = []

    def draw(least: float, most: float) -> float:
        bounds.append((least, most))
        return 0.0

    monkeypatch.setattr(random, "uniform", draw)
    passes = [event(LayerCompleted)]
    bench = Bench(tmp_path, AWAY, AWAY, LOST, AWAY, passes, AWAY)
    bench.run(bench.script_ends)
    assert bounds == [(0, most) for most in (0.01, 0.02, 0.04, 0.05, 0.01)]


def test_a_stream_that_stands_until_somebody_acts_says_so_once(tmp_path: Path) -> None:
    """An event for each reason, with the run of the batch, and a series of its own; both may come again after a batch that passes."""
    wrong = Failure("InvalidPipeline", "a mistake", transient=False)
    bench = Bench(tmp_path, LOST, AWAY, LOST, wrong, LOST, [event(LayerCompleted)], LOST)

    async def test() -> None:
        await bench.script_ends()
        assert stands("BadSource") == 1
        assert stands("InvalidPipeline") is None
        bench.batches.gate.set()
        while stands("BadSource"):  # noqa: ASYNC110 - a metric tells nobody
            await asyncio.sleep(0.01)

    bench.run(test)
    failed = [item for item in bench.sent if isinstance(item.data, StageFailed)]
    assert [item.data.reason for item in failed] == ["BadSource", "InvalidPipeline", "BadSource"]
    assert [item.partitionkey for item in failed] == ["shop"] * 3
    assert len({item.id for item in failed}) == 3


def stands(reason: str) -> float | None:
    """Return what is measured of a stream that stands."""
    labels = {"pipeline": "shop", "dataset": "sales", "reason": reason}
    return REGISTRY.get_sample_value("podium_stopped_streams", labels)


def test_a_stream_that_breaks_is_told(tmp_path: Path) -> None:
    """Batches that fail are handled; anything else must end the service, not the stream in silence."""
    bench = Bench(tmp_path, KeyError("a defect"))

    async def test() -> None:
        while not bench.broken:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)

    bench.run(test)
    assert [type(error) for error in bench.broken] == [KeyError]


def test_a_batch_under_way_may_end_when_streams_stop(tmp_path: Path) -> None:
    """It is announced, and no other is begun."""
    bench = Bench(tmp_path)

    async def test() -> None:
        await bench.script_ends()
        stopping = asyncio.create_task(bench.streams.stop(5))
        await asyncio.sleep(0.05)
        assert not stopping.done()
        bench.batches.begun.clear()
        bench.batches.gate.set()
        await stopping
        assert not bench.batches.begun.is_set()
        assert running() == set()

    bench.run(test)
    assert [item.id for item in bench.sent] == [event(LayerCompleted).id]
    assert bench.broken == []


def test_a_batch_that_takes_too_long_is_cancelled(tmp_path: Path) -> None:
    """The next worker goes on from its intent."""
    bench = Bench(tmp_path)

    async def test() -> None:
        await bench.script_ends()
        await bench.streams.stop(0.01)
        assert running() == set()

    bench.run(test)
    assert (bench.sent, bench.broken) == ([], [])


def test_a_stream_that_only_waits_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two attempts nothing is under way, however long the wait is."""
    monkeypatch.setattr(random, "uniform", lambda _least, _most: 600.0)
    bench = Bench(tmp_path, AWAY)

    async def test() -> None:
        while bench.batches.script:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        await asyncio.wait_for(bench.streams.stop(600), 1)

    bench.run(test)
