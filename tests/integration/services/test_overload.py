"""More events than a service can answer: they wait in Kafka, not in its memory."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from podium_contracts.events import encode
from podium_runtime.kafka.topics import ensure_topics
from podium_runtime.requests import request

from tests.broker import Broker
from tests.integration.services.conftest import Stall
from tests.integration.services.stack import Service, Stack, events, eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
REQUESTS = 3_000
PADDING_BYTES = 200_000
MOST_GROWTH_BYTES = 150_000_000
"""A quarter of what waits; what the client fetches ahead is in it."""


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Stack]:
    """A broker and the ingest service of its own: nobody else waits behind the backlog."""
    broker = Broker(tmp_path / "broker")
    broker.start()
    stack = Stack(tmp_path / "services", broker)
    ensure_topics(stack.kafka)
    try:
        stack.services["ingest"].start()
        eventually(stack.services["ingest"].is_ready)
        yield stack
    finally:
        stack.kill()
        broker.stop()


def memory(service: Service, kind: str) -> int:
    """Return the bytes that a service's own process holds (VmRSS), or held at its peak (VmHWM)."""
    assert service.process
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    [kibibytes] = re.findall(rf"{kind}:\s+(\d+) kB", status)
    return int(kibibytes) * 1024


def test_a_backlog_does_not_grow_the_memory(alone: Stack) -> None:
    """600 MB of requests, most of which still wait when the memory is looked at; and the service answers all the while."""
    service = alone.services["ingest"]
    shop = Stall(alone, "stall")
    shop.deliver("one.csv", "a1,1,1.00")
    first = shop.request()
    shop.wait_for("layer.completed", first)
    before = memory(service, "VmRSS")
    pipeline = shop.opened().pipeline
    padding = (("padding", bytes(PADDING_BYTES)),)
    waiting = (encode(request(pipeline)) for _ in range(REQUESTS))
    alone.put(*(replace(record, headers=(*record.headers, *padding)) for record in waiting))
    answers = alone.watch()
    eventually(lambda: len(events(answers, "stall")) > 20)
    assert memory(service, "VmHWM") - before < MOST_GROWTH_BYTES
    assert len(events(answers, "stall")) < REQUESTS / 2
    assert service.is_ready()
