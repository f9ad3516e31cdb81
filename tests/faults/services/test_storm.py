"""A steady stream of sales while services, stage processes and the broker are killed: nothing is lost, doubled or left out.

PODIUM_STORM_SEED=… repeats a storm. `make faults` runs the long one: ten minutes, at least 60 kills.
"""

import json
import os
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from confluent_kafka.cimpl import NewTopic
from deltalake import DeltaTable
from podium.opening import Opened, open_pipeline
from podium_contracts.events import CloudEvent
from podium_contracts.names import Stage
from podium_lakehouse.records.intents import Scope
from podium_runtime.kafka.clients import Brokers
from podium_runtime.kafka.dead_letters import DEAD_LETTERS
from podium_runtime.kafka.topics import ensure_topics

from tests.broker import Broker
from tests.faults.lakehouse_comparison import unbalanced
from tests.integration.services.stack import Service, Stack, events, eventually, letters

pytestmark = [pytest.mark.integration, pytest.mark.faults]

PIPELINE = """
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {name: shop}
spec:
  lakehouse: {uri: lakehouse}
  datasets:
    sales:
      sources: [{kafka: {topic: sales-events, trigger_seconds: 1}}]
      columns:
        id: {type: string}
        at: {type: integer}
        price: {type: "decimal(12,2)"}
      duplicates: {keys: [id], order: [at]}
"""
PARTITIONS = 3
RECOVERY_SECONDS, BROKER_RECOVERY_SECONDS = 30, 60


@dataclass
class Seller:
    """Sells so many a second until it is told to stop; what the broker has acknowledged is what was sold."""

    brokers: Brokers
    rate: int
    sold: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def sell(self) -> None:
        producer = self.brokers.producer({"delivery.timeout.ms": 300_000, "linger.ms": 5})
        number, started = 0, time.monotonic()
        while not self.ended.is_set():
            value = json.dumps({"id": str(number), "at": number, "price": number / 4})
            producer.produce(
                "sales-events",
                value,
                key=str(number),
                on_delivery=lambda error, message: error or self.sold.append(message.key().decode()),
            )
            number += 1
            producer.poll(max(0.0, started + number / self.rate - time.monotonic()))
        assert producer.flush(300) == 0


@dataclass
class Storm:
    """Kills something every few seconds, as the seed has it, and sees to it that it comes back."""

    stack: Stack
    seed: int
    pause: float
    chance: random.Random = field(init=False)
    struck: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def rage(self, kills: int) -> None:
        for _ in range(kills):
            time.sleep(self.chance.uniform(self.pause / 2, self.pause))
            kind = self.chance.choices(["service", "process", "broker"], [5, 5, 1])[0]
            service = self.stack.services[self.chance.choice(list(Stage))]
            {"service": self._service, "process": self._process, "broker": self._broker}[kind](service)
            self.struck[kind] += 1

    def _service(self, service: Service) -> None:
        service.kill()
        service.start()
        eventually(service.is_ready, RECOVERY_SECONDS)

    def _process(self, service: Service) -> None:
        assert service.process
        for child in psutil.Process(service.process.pid).children():
            if "spawn_main" in " ".join(child.cmdline()):
                child.kill()

    def _broker(self, _service: Service) -> None:
        self.stack.broker.kill()
        self.stack.broker.start()
        for service in self.stack.services.values():
            eventually(service.is_ready, BROKER_RECOVERY_SECONDS)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Five services and a broker of their own, which may die."""
    broker = Broker(tmp_path / "broker")
    broker.start()
    stack = Stack(tmp_path / "services", broker, {"events_partitions": "4"})
    stack.environment["PODIUM_RETRY__ATTEMPTS"] = "20"
    for service in stack.services.values():
        service.environment["PODIUM_RETRY__ATTEMPTS"] = "20"
    ensure_topics(stack.kafka)
    admin = Brokers(stack.kafka).admin()
    admin.create_topics([NewTopic("sales-events", PARTITIONS, 1)])["sales-events"].result(20)
    (stack.pipelines / "pipeline.yaml").write_text(PIPELINE)
    try:
        stack.start()
        yield stack
    finally:
        stack.kill()
        broker.stop()


@pytest.mark.parametrize(
    ("kills", "pause", "rate"),
    [
        pytest.param(4, 2.0, 100, id="short"),
        pytest.param(66, 9.0, 500, id="long", marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)
@pytest.mark.timeout(300)
def test_a_storm_changes_nothing(stack: Stack, kills: int, pause: float, rate: int) -> None:
    """Every acknowledged sale is in Bronze and in Silver once; ledgers balance, no dead letter, no gap in any sequence."""
    seed = int(os.environ.get("PODIUM_STORM_SEED", random.randrange(10**6)))
    print(f"PODIUM_STORM_SEED={seed}")
    heard, dead = stack.watch(), stack.watch(DEAD_LETTERS)
    seller, storm = Seller(Brokers(stack.kafka), rate), Storm(stack, seed, pause)
    selling = threading.Thread(target=seller.sell)
    selling.start()
    try:
        storm.rage(kills)
    finally:
        seller.ended.set()
        selling.join(360)
    opened = open_pipeline(stack.pipelines / "pipeline.yaml")
    eventually(lambda: _is_judged(opened, len(set(seller.sold))), 120)

    bronze = DeltaTable(f"{opened.lakehouse.uri}/bronze/sales").to_pyarrow_table()
    places = Counter(
        zip(bronze["kafka_partition"].to_pylist(), bronze["kafka_offset"].to_pylist(), strict=True)
    )
    assert [place for place, times in places.items() if times > 1] == []
    assert set(bronze["id"].to_pylist()) == set(seller.sold)
    silver = DeltaTable(f"{opened.lakehouse.uri}/silver/sales").to_pyarrow_table()
    assert sorted(silver["id"].to_pylist()) == sorted(set(seller.sold))
    assert unbalanced(stack.pipelines, "shop") == []
    assert letters(dead) == []
    eventually(lambda: _gaps(events(heard, "shop"), opened) == {}, 60)
    print(f"{len(seller.sold):,} sales, {dict(storm.struck)}")


def _is_judged(opened: Opened, sold: int) -> bool:
    """Whether the verdict on Silver is about as many rows as were sold."""
    verdict = opened.lakehouse.completions.last(
        Scope(pipeline="shop", stage=Stage.QUALITY, subject="silver.sales")
    )
    tables = getattr(verdict.data, "tables", ()) if verdict else ()
    return any(table.rows == sold for table in tables)


def _gaps(found: list[CloudEvent], opened: Opened) -> dict[str, set[int]]:
    """Return by source and subject the completions that were never announced."""
    heard: dict[tuple[str, str], set[int]] = defaultdict(set)
    for event in found:
        heard[event.source, event.subject].add(int(event.sequence))
    missing = {}
    for stage, subject in (
        (Stage.INGEST, "bronze.sales"),
        (Stage.CLEANSE, "silver.sales"),
        (Stage.QUALITY, "silver.sales"),
    ):
        last = opened.lakehouse.completions.last(Scope(pipeline="shop", stage=stage, subject=subject))
        wanted = set(range(1, int(last.sequence) + 1)) if last else set()
        if lost := wanted - heard[f"/podium/shop/{stage}", subject]:
            missing[f"{stage} {subject}"] = lost
    return missing
