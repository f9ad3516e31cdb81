"""A real broker, and the events that a pipeline would announce on it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaError, KafkaException
from podium_contracts.events import TOPIC, CloudEvent, KafkaRecord, encode, envelope
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated, Run, TableVersion
from podium_contracts.names import Stage
from podium_runtime.kafka.clients import Brokers
from podium_runtime.kafka.dead_letters import DEAD_LETTERS
from podium_runtime.kafka.topics import ensure_topics
from podium_runtime.settings import KafkaSettings

from tests.broker import Broker

REQUESTED = datetime(2026, 11, 3, 7, 45, tzinfo=UTC)


class EventsBroker(Broker):
    """A broker, and what tests put into the topic of events and ask about it."""

    @property
    def settings(self) -> KafkaSettings:
        return KafkaSettings(bootstrap_servers=self.address, events_partitions=4)

    def committed(self, group: str) -> int:
        """Return how many records of the topic of events a group is done with, as soon as a broker that has just started knows."""
        admin = Brokers(self.settings).admin()  # kept: the futures fail when it is gone
        end = time.monotonic() + 20
        while True:
            asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
            try:
                found = asked[group].result(20).topic_partitions or []
            except KafkaException as error:
                if error.args[0].code() != KafkaError.COORDINATOR_LOAD_IN_PROGRESS or time.monotonic() > end:
                    raise
                time.sleep(0.1)
            else:
                return sum(place.offset for place in found if place.topic == TOPIC)

    def members(self, group: str) -> int:
        """Return how many consumers share the topic in a group, 0 while they are about to share it anew."""
        admin = Brokers(self.settings).admin()
        found = admin.describe_consumer_groups([group])[group].result(20)
        return len(found.members) if found.state == ConsumerGroupState.STABLE else 0

    def send(self, *what: CloudEvent | KafkaRecord) -> None:
        """Put events, or records that are none, on the topic of events, in this order."""
        producer = Brokers(self.settings).producer()
        for item in what:
            record = encode(item) if isinstance(item, CloudEvent) else item
            producer.produce(TOPIC, record.value, record.key, headers=list(record.headers))
        assert producer.flush(20) == 0


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventsBroker]:
    """One broker for all tests."""
    broker = EventsBroker(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def broker(server: EventsBroker) -> Iterator[EventsBroker]:
    """The broker with Podium's topics, without a record in them."""
    ensure_topics(server.settings)
    yield server
    admin = Brokers(server.settings).admin()
    for future in admin.delete_topics([TOPIC, DEAD_LETTERS]).values():
        future.result(20)
    while TOPIC in admin.list_topics(timeout=20).topics:
        time.sleep(0.05)


def run(pipeline: str = "retail", number: int = 1) -> Run:
    """Return the run of that number, an hour after the one before it."""
    at = REQUESTED + timedelta(hours=number)
    return Run(
        pipeline=pipeline, id=f"{pipeline}-{number}", executor="job", requested_at=at, datasets=("sales",)
    )


def bronze(number: int, pipeline: str = "retail", notes: tuple[str, ...] = ()) -> CloudEvent:
    """Return the completion of that number of a Bronze table."""
    table = TableVersion(name="bronze.sales", uri="/lake/bronze/sales", to_version=number, rows=100 * number)
    data = LayerCompleted(
        run=run(pipeline, number),
        layer="bronze",
        subject="sales",
        sequence=number + 10,
        tables=(table,),
        notes=notes,
    )
    return _announced(data, Stage.INGEST, "bronze.sales", number)


def verdict(
    number: int, said: str = "passed", pipeline: str = "retail", layer: str = "gold", of_run: int = 0
) -> CloudEvent:
    """Return the verdict of that number on Gold or Silver, of the run of that number if none is named."""
    subject = "gold" if layer == "gold" else "silver.sales"
    name = "gold.fact_sale" if layer == "gold" else "silver.sales"
    table = TableVersion(name=name, uri=f"/lake/{name}", to_version=number, rows=1000 + number)
    data = QualityEvaluated(
        run=run(pipeline, of_run or number),
        layer=layer,
        subject=pipeline if layer == "gold" else "sales",
        sequence=number + 10,
        tables=(table,),
        verdict=said,
    )
    return _announced(data, Stage.QUALITY, subject, number)


def _announced(
    data: LayerCompleted | QualityEvaluated, stage: Stage, subject: str, number: int
) -> CloudEvent:
    assert data.run
    return envelope(
        data,
        stage=stage,
        subject=subject,
        sequence=number,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        causation=data.run.id,
    )
