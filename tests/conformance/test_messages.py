"""Law 5 for a dataset of a topic and of files: what Kafka says of a message orders its rows alike on both engines."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka.cimpl import NewTopic
from podium import host
from podium.opening import open_pipeline
from podium_contracts.names import EngineName
from podium_runtime.kafka.clients import Brokers
from podium_runtime.kafka.messages import KafkaTopics
from podium_runtime.requests import request
from podium_runtime.settings import KafkaSettings

from tests.broker import Broker
from tests.conformance.tables import rows

pytestmark = [pytest.mark.spark, pytest.mark.integration, pytest.mark.timeout(600)]

TOPIC = "sales-events"
PIPELINE = """\
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {name: shop}
spec:
  lakehouse: {uri: ./lakehouse}
  datasets:
    sales:
      sources: [{kafka: {topic: sales-events}}, {files: {path: in/*.csv}}]
      columns:
        id: {type: string}
        price: {type: "decimal(12,2)"}
        sold_at: {from: kafka_timestamp, type: timestamp}
        kafka_partition: {type: integer}
        kafka_offset: {type: bigint}
        kafka_key: {type: string}
        place: {type: string, expression: "coalesce(kafka_key, 'no key') || '/' || cast(kafka_offset as string)"}
      nulls:
        kafka_offset: {strategy: default, default_value: -1}
        sold_at: {strategy: flag, default_value: "1970-01-01"}
      duplicates: {keys: [id], order: [sold_at, kafka_offset]}
"""
DELIVERIES = [
    (["b,1", "c,1.5", "c,2", "d,many"], [(10, "a", 1), (10, "a", 2), (30, "b", 3), (5, "e", "many")]),
    (["a,9", "f,1", "c,2"], [(10, "a", 4), (9, "a", 5), (31, "b", 6), (1, "c", 7)]),
]
"""Each some lines of a file (id and price), and some messages: milliseconds, id and price."""
LAST = {"a": (4, 10, 4), "b": (6, 31, 6), "c": (7, 1, 7), "f": (1, 0, -1)}
"""By id: the price, the milliseconds and the offset of the row that stays."""


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[Brokers]:
    """A broker with the topic, which keeps messages of any age."""
    broker = Broker(tmp_path / "broker")
    broker.start()
    try:
        brokers = Brokers(KafkaSettings(bootstrap_servers=broker.address))
        admin = brokers.admin()
        admin.create_topics([NewTopic(TOPIC, 1, 1, config={"retention.ms": "-1"})])[TOPIC].result(20)
        yield brokers
    finally:
        broker.stop()


class Shop:
    """The pipeline on one engine."""

    def __init__(self, folder: Path, engine: EngineName) -> None:
        self.folder, self.engine = folder, engine
        (folder / "in").mkdir(parents=True)
        (folder / "pipeline.yaml").write_text(PIPELINE)

    def run(self, number: int, lines: list[str], settings: KafkaSettings) -> None:
        (self.folder / f"in/{number}.csv").write_text("\n".join(["id,price", *lines, ""]))
        opened = open_pipeline(self.folder / "pipeline.yaml")
        lakehouse = replace(opened.lakehouse, engine=self.engine)
        asked = request(opened.pipeline)
        host.run(opened.pipeline, lakehouse, asked, topics=KafkaTopics(settings))

    def rows(self, table: str) -> list[dict[str, object]]:
        return rows(self.folder, table)


def sell(brokers: Brokers, messages: list[tuple[int, str, object]]) -> None:
    """Put messages on the topic, every second one without a key."""
    producer = brokers.producer()
    for place, (moment, name, price) in enumerate(messages):
        value = json.dumps({"id": name, "price": price})
        producer.produce(TOPIC, value, key=f"till {name}" if place % 2 else None, timestamp=moment)
    assert producer.flush(20) == 0


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("spark")
def test_rows_of_messages_and_of_files_are_ordered_alike(brokers: Brokers, tmp_path: Path) -> None:
    """The latest message stays, in a batch and against Silver; rows of files are older, and none is lost."""
    ours, theirs = (Shop(tmp_path / engine, engine) for engine in (EngineName.DUCKDB, EngineName.SPARK))
    for number, (lines, messages) in enumerate(DELIVERIES):
        sell(brokers, messages)
        for shop in (ours, theirs):
            shop.run(number, lines, brokers.settings)
    for table in ("silver/sales", "quarantine/sales"):
        assert theirs.rows(table) == ours.rows(table), table
    assert {
        row["id"]: (row["price"], row["sold_at"].timestamp() * 1000, row["kafka_offset"])  # type: ignore[attr-defined]
        for row in ours.rows("silver/sales")
    } == LAST
    assert [row["rules"] for row in ours.rows("quarantine/sales")] == [["schema.price"], ["schema.price"]]
