"""A shop that sells without a pause: its pipeline as far as published Gold, its sales, and what an undisturbed run makes of them."""

import json
import random
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, Message
from podium import host
from podium.opening import Opened, open_pipeline
from podium_runtime.kafka.clients import Brokers
from podium_runtime.kafka.messages import KafkaTopics
from podium_runtime.requests import request
from podium_runtime.settings import KafkaSettings

from tests.integration.test_gold import Stall

TOPIC, PARTITIONS = "sales-events", 3
PIPELINE = """
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {{name: {name}}}
spec:
  lakehouse: {{uri: lakehouse}}
  lookups:
    towns: {{path: towns.csv, key: variant, value: town}}
  datasets:
    sales:
      sources: [{{kafka: {{topic: sales-events, trigger_seconds: 1}}}}]
      columns:
        id: {{type: string}}
        at: {{type: integer}}
        town: {{type: string}}
        price: {{type: "decimal(9,2)"}}
      standardise: {{town: {{lookup: towns}}}}
      rules: {{not_negative: {{type: range_check, column: price, min: 0}}}}
      duplicates: {{keys: [id], order: [at]}}
  model: {{dbt: dbt}}
  publish: {{duckdb: {{path: shop.duckdb}}}}
"""
KINDS = {"new": 86, "correction": 6, "late": 2, "repeat": 2, "refused": 2, "broken": 1, "empty": 1}
"""What is sold, by how often."""
RECENT = 5_000
"""A correction is of one of so many sales before it."""
TOWNS = ("Bath", "BTH", "Wells")


def open_shop(folder: Path, name: str) -> Opened:
    """Set up a shop's pipeline, and open it."""
    Stall(folder)
    (folder / "pipeline.yaml").write_text(PIPELINE.format(name=name))
    return open_pipeline(folder / "pipeline.yaml")


def undisturbed(shop: Opened, folder: Path, kafka: KafkaSettings) -> Opened:
    """Run a shop's pipeline once, over the same messages, on a lakehouse of its own."""
    shutil.copytree(shop.file.parent, folder, ignore=shutil.ignore_patterns("lakehouse", "*.duckdb*"))
    alone = open_pipeline(folder / "pipeline.yaml")
    host.run(alone.pipeline, alone.lakehouse, request(alone.pipeline), topics=KafkaTopics(kafka))
    return alone


def sales(seed: int) -> Iterator[tuple[str, bytes | None]]:
    """Yield keys and messages without end: new sales, corrections, late ones, repeats, and some that are refused."""
    chance = random.Random(seed)
    for number in count():
        (kind,) = chance.choices(list(KINDS), list(KINDS.values()))
        old = max(0, number - chance.randrange(1, RECENT))
        yield {
            "new": _sale(number, number),
            "correction": _sale(old, number, price=number / 2),
            "late": _sale(old, -number),
            "repeat": _sale(old, old),
            "refused": _sale(number, number, price=-1),
            "broken": (str(number), b'{"id": '),
            "empty": (str(number), None),
        }[kind]


def _sale(which: int, at: int, price: float | None = None) -> tuple[str, bytes]:
    town = TOWNS[which % len(TOWNS)]
    sold = {"id": str(which), "at": at, "town": town, "price": which / 4 if price is None else price}
    return str(which), json.dumps(sold).encode()


@dataclass
class Seller:
    """Sells so many a second from when it is entered to when it is left; `sold` is where the brokers have put each message."""

    brokers: Brokers
    seed: int
    rate: int
    sold: list[tuple[int, int]] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _selling: Future[None] = field(init=False)

    def __enter__(self) -> Self:
        self._selling = self._thread.submit(self._sell)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.shutdown()
        if error is None:
            self._selling.result()

    def _sell(self) -> None:
        producer = self.brokers.producer({"delivery.timeout.ms": 300_000, "linger.ms": 5})
        started = time.monotonic()
        for number, (key, value) in enumerate(sales(self.seed), start=1):
            if self._ended.is_set():
                break
            producer.produce(TOPIC, value, key=key, on_delivery=self._delivered)
            while (early := started + number / self.rate - time.monotonic()) > 0:
                producer.poll(early)
        assert producer.flush(120) == 0

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        assert offset is not None
        self.sold.append((partition, offset))
