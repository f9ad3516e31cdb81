"""A broker, a topic of its own for each test, and a pipeline that reads it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest
from confluent_kafka.cimpl import NewTopic
from deltalake import DeltaTable
from podium import host
from podium.opening import Opened, open_pipeline
from podium_contracts.events import CloudEvent
from podium_contracts.names import EngineName
from podium_ingest.stage import ingest
from podium_lakehouse.lakehouse import Observer, nobody
from podium_runtime.kafka.clients import Brokers
from podium_runtime.kafka.messages import KafkaTopics
from podium_runtime.requests import request
from podium_runtime.settings import KafkaSettings

from tests.broker import Broker

PIPELINE = """\
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {{name: shop}}
spec:
  lakehouse: {{uri: ./lakehouse}}
  datasets:
    sales:
      sources: [{{kafka: {{{source}}}}}]
      columns:
        id: {{type: string}}
        at: {{type: integer}}
        price: {{type: "decimal(12,2)"}}
      duplicates: {{keys: [id], order: [at]}}
"""
NAMES = (f"sales-events-{number}" for number in count())


@dataclass
class Shop:
    """A pipeline on a topic, and what tests do with both."""

    folder: Path
    settings: KafkaSettings
    topic: str
    engine: EngineName = EngineName.DUCKDB
    brokers: Brokers = field(init=False)

    def __post_init__(self) -> None:
        self.brokers = Brokers(self.settings)
        self.declare(f"topic: {self.topic}")

    def declare(self, source: str) -> None:
        (self.folder / "pipeline.yaml").write_text(PIPELINE.format(source=source))

    def make(self, name: str, partitions: int = 1, **config: str) -> None:
        admin = self.brokers.admin()
        admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(20)

    def sell(self, *values: bytes | dict[str, object] | None, topic: str = "", partition: int = 0) -> None:
        """Put messages on the topic, in this order."""
        producer = self.brokers.producer()
        for value in values:
            text = json.dumps(value).encode() if isinstance(value, dict) else value
            producer.produce(topic or self.topic, text, partition=partition, headers=[("from", b"till 1")])
        assert producer.flush(20) == 0

    def opened(self, observer: Observer = nobody) -> Opened:
        return open_pipeline(self.folder / "pipeline.yaml", observer)

    @property
    def topics(self) -> KafkaTopics:
        return KafkaTopics(self.settings)

    def bring(self, observer: Observer = nobody) -> list[CloudEvent]:
        """Bring one batch into Bronze, as the service does."""
        opened = self.opened(observer)
        event = request(opened.pipeline, executor="resident", datasets=("sales",))
        lakehouse = replace(opened.lakehouse, engine=self.engine)
        return ingest(event, opened.pipeline, lakehouse, self.topics)

    def run(self) -> host.Outcome:
        """Bring all there is through all layers, as `podium run` does."""
        opened = self.opened()
        return host.run(opened.pipeline, opened.lakehouse, request(opened.pipeline), topics=self.topics)

    def rows(self, table: str, columns: Sequence[str], order: str) -> list[tuple[object, ...]]:
        """Return columns of a table, sorted by one of its columns."""
        found = DeltaTable(str(self.folder / "lakehouse" / table)).to_pyarrow_table()
        rows = found.sort_by(order).select(list(columns)).to_pylist()
        return [tuple(row.values()) for row in rows]

    def offsets(self) -> list[int]:
        return [int(str(offset)) for (offset,) in self.rows("bronze/sales", ["kafka_offset"], "kafka_offset")]


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One broker for all tests of topics."""
    broker = Broker(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def shop(broker: Broker, tmp_path: Path) -> Shop:
    """A pipeline on a new topic with one partition."""
    shop = Shop(tmp_path, KafkaSettings(bootstrap_servers=broker.address), next(NAMES))
    shop.make(shop.topic)
    return shop
