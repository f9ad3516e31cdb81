"""Five services and a broker of their own, which may die."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.cimpl import NewTopic
from podium_runtime.kafka.clients import Brokers
from podium_runtime.kafka.topics import ensure_topics

from tests.broker import Broker
from tests.faults.services.shop import PARTITIONS, TOPIC
from tests.integration.services.stack import Stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Return the services, ready, with the names that they keep wherever Podium is started, and a topic for sales."""
    broker = Broker(tmp_path / "broker")
    broker.start()
    stack = Stack(tmp_path / "services", broker, {"events_partitions": "4"}, settings={"PODIUM_MEMBER": "0"})
    ensure_topics(stack.kafka)
    admin = Brokers(stack.kafka).admin()
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(20)
    try:
        stack.start()
        yield stack
    finally:
        stack.kill()
        broker.stop()
