"""Engine spark in a service: a topic into Bronze, in a process that is killed in the middle."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.cimpl import NewTopic
from deltalake import DeltaTable
from podium_contracts.names import Stage
from podium_runtime.kafka.clients import Brokers
from podium_runtime.kafka.topics import ensure_topics

from tests.benchmarks.running import rows_in
from tests.broker import Broker
from tests.integration.services.stack import Stack, Topic, events, eventually
from tests.integration.services.test_answers import without_repeats
from tests.integration.services.test_disturbed import DISTURBED

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.spark,
    pytest.mark.slow,
    pytest.mark.timeout(600),
]
TOPIC, PARTITIONS = "sales-on-spark", 2
SOLD = 50_000
"""More than the driver reads by itself: Spark's tasks read them."""
PATIENCE_SECONDS = 180
"""Spark starts twice."""
PIPELINE = """
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {name: on-spark}
spec:
  engine: spark
  lakehouse: {uri: lakehouse}
  datasets:
    sales:
      sources: [{kafka: {topic: sales-on-spark, trigger_seconds: 1}}]
      columns: {id: {type: integer}}
      duplicates: {keys: [id]}
"""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Return services on a broker of their own, with a topic; none is started."""
    broker = Broker(tmp_path / "broker")
    broker.start()
    stack = Stack(tmp_path / "services", broker, settings={"PODIUM_PROCESSES": "1", "PODIUM_MEMBER": "0"})
    try:
        ensure_topics(stack.kafka)
        admin = Brokers(stack.kafka).admin()
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(20)
        yield stack
    finally:
        stack.kill()
        broker.stop()


def test_a_process_that_is_killed_between_commit_and_completion_doubles_nothing(
    stack: Stack, tmp_path: Path
) -> None:
    """kill -9 when Spark's tasks have written and Bronze is committed: the service goes on, and every message is in Bronze once."""
    service, mark, topic = stack.services[Stage.INGEST], tmp_path / "mark", stack.watch()
    sell(stack, range(SOLD))
    (stack.pipelines / "pipeline.yaml").write_text(PIPELINE)
    service.start(DISTURBED, Stage.INGEST, "cut", str(mark))
    eventually(lambda: sum(announced(topic)) == SOLD, PATIENCE_SECONDS)
    assert mark.exists()
    before = len(announced(topic))
    sell(stack, range(SOLD, SOLD + 1_000))
    eventually(lambda: sum(announced(topic)) == SOLD + 1_000, PATIENCE_SECONDS)
    assert service.process
    assert service.process.poll() is None
    assert "StageProcessDied" in service.log.read_text()
    bronze = DeltaTable(str(stack.pipelines / "lakehouse/bronze/sales"))
    ids = bronze.to_pyarrow_table(columns=["id"]).column("id").to_pylist()
    assert sorted(map(int, ids)) == list(range(SOLD + 1_000))
    commits = [commit for commit in bronze.history() if commit["operation"] == "WRITE"]
    assert len(commits) == len(announced(topic)) > before


def sell(stack: Stack, numbers: range) -> None:
    """Put a message for each number on the topic, in turn on each of its partitions."""
    producer = Brokers(stack.kafka).producer({"queue.buffering.max.messages": SOLD})
    for number in numbers:
        producer.produce(TOPIC, json.dumps({"id": number}), partition=number % PARTITIONS)
    assert producer.flush(60) == 0


def announced(topic: Topic) -> list[int]:
    """Return how many rows each batch brought that has been announced."""
    return [rows_in(event) for event in without_repeats(events(topic, "on-spark"))]
