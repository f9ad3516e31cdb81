"""One broker and one set of services for the tests of this folder, and pipelines for them."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from podium.opening import Opened, open_pipeline
from podium_contracts.events import CloudEvent
from podium_runtime.kafka.topics import ensure_topics
from podium_runtime.requests import request

from libs.cli.tests.conftest import PIPELINE, deliver
from tests.integration.services.stack import QUICK, Broker, Stack, events, eventually
from tests.s3 import S3Server


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, broker: Broker, s3: S3Server) -> Iterator[Stack]:
    """Return the five services, ready; a test that stops one starts it again."""
    stack = Stack(tmp_path_factory.mktemp("services"), broker, settings={**QUICK, **s3.environment})
    ensure_topics(stack.kafka)
    try:
        stack.start()
        yield stack
    finally:
        stack.kill()


class Stall:
    """A pipeline without Gold in the services' folder; a run of it takes a second."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.stack, self.name = stack, name
        self.folder = stack.pipelines / name
        self.folder.mkdir(parents=True)
        self.write(PIPELINE)
        self.topic = stack.watch()

    @property
    def file(self) -> Path:
        return self.folder / "pipeline.yaml"

    def write(self, text: str) -> None:
        self.file.write_text(text.replace("name: stall", f"name: {self.name}"))

    def deliver(self, name: str, *lines: str) -> None:
        deliver(self.folder, name, *lines)

    def opened(self) -> Opened:
        return open_pipeline(self.file)

    def request(self) -> CloudEvent:
        requested = request(self.opened().pipeline)
        self.stack.put(requested)
        return requested

    def events(self) -> list[CloudEvent]:
        return events(self.topic, self.name)

    def wait_for(self, kind: str, run: CloudEvent) -> CloudEvent:
        """Wait for an event of a run, `quality.evaluated` or another."""
        return eventually(
            lambda: next(
                (item for item in self.events() if kind in item.type and item.correlationid == run.id), None
            )
        )


@pytest.fixture(scope="session")
def stall(stack: Stack) -> Callable[[], Stall]:
    """Return a maker of pipelines, each new."""
    numbers = count(1)
    return lambda: Stall(stack, f"stall-{next(numbers)}")
