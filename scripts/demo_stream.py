#!/usr/bin/env python3
"""Sell real retail lines as events at a given rate, and show live how they reach Bronze, Silver and Gold. `make demo-stream` calls it.

scripts/demo_stream.py --rate 3000 --seconds 60
"""

import argparse
import csv
import gzip
import itertools
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from podium_contracts.errors import MalformedEvent
from podium_contracts.events import TOPIC, CloudEvent, decode
from podium_contracts.events.v1 import LayerCompleted, Published, QualityEvaluated
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
LINES = ROOT / "examples" / "retail" / "data" / "online_retail_2009_2010.csv.gz"
ADDRESS = ROOT / ".podium" / "broker" / "bootstrap"
PIPELINE = "retail-stream"
SETTLED_SECONDS = 60
"""How long the last lines may take to be published."""


@dataclass
class Layer:
    """How far a layer is."""

    rows: int = 0
    batches: int = 0
    last: str = ""
    at: float = 0.0


@dataclass
class Scene:
    """What is shown: lines sold, and how far each layer is."""

    before: int = 0
    """Messages that were in the topic when it began."""
    sold: int = 0
    layers: dict[str, Layer] = field(
        default_factory=lambda: {name: Layer() for name in ("bronze", "silver", "gold", "published")}
    )
    ledger: str = ""
    verdict: str = ""

    def hear(self, event: CloudEvent) -> None:
        """Note what an event says."""
        match event.data:
            case LayerCompleted(layer=name, tables=tables, ledger=ledger):
                rows = sum(table.rows for table in tables if not table.name.startswith("quarantine."))
                self._advance(name, rows, event)
                if ledger and ledger.flow and name == "silver":
                    flow = ledger.flow
                    parts = {
                        key: value
                        for key, value in flow.model_dump().items()
                        if isinstance(value, int) and value
                    }
                    rest = " + ".join(f"{value:,} {key}" for key, value in parts.items() if key != "rows_in")
                    self.ledger = f"{flow.rows_in:,} in = {rest}"
            case QualityEvaluated(layer=name, verdict=verdict):
                self.verdict = f"{name}: {verdict}"
            case Published():
                rows = sum(table.rows for table in event.data.tables)
                self._advance("published", rows, event)

    def _advance(self, name: str, rows: int, event: CloudEvent) -> None:
        layer = self.layers[name]
        layer.rows, layer.batches, layer.last, layer.at = (
            rows,
            layer.batches + 1,
            event.correlationid,
            time.time(),
        )

    def view(self, started: float) -> Group:
        """Return what the terminal shows."""
        shown = Table(
            title=f"{self.sold:,} lines sold in {time.time() - started:.0f} s", title_justify="left"
        )
        for heading, justify in (
            ("layer", "left"),
            ("rows", "right"),
            ("lag", "right"),
            ("batches", "right"),
            ("age", "right"),
        ):
            shown.add_column(heading, justify="right" if justify == "right" else "left")
        for name, layer in self.layers.items():
            lag = f"{self.before + self.sold - layer.rows:,}" if name == "bronze" and layer.at else ""
            age = f"{time.time() - layer.at:.1f} s" if layer.at else ""
            shown.add_row(name, f"{layer.rows:,}", lag, str(layer.batches), age)
        return Group(
            shown, Text(f"last batch into Silver: {self.ledger}"), Text(f"last verdict: {self.verdict}")
        )


def lines() -> Iterator[dict[str, str | None]]:
    """Yield real lines, again and again; an empty value is null."""
    for _ in itertools.count():
        with gzip.open(LINES, "rt", newline="", encoding="utf-8-sig") as file:
            for line in csv.DictReader(file):
                yield {name: value or None for name, value in line.items()}


def sell(address: str, rate: float, seconds: float, scene: Scene) -> None:
    """Put lines on the topic, so many a second."""
    producer = Producer({"bootstrap.servers": address, "linger.ms": 20, "partitioner": "murmur2_random"})
    started = time.monotonic()
    for line in lines():
        due = scene.sold / rate
        if due >= seconds:
            break
        if (early := due - (time.monotonic() - started)) > 0:
            producer.poll(0)
            time.sleep(early)
        producer.produce("sales-events", json.dumps(line), key=line["Invoice"])
        scene.sold += 1
    producer.flush(30)


def listen(address: str, scene: Scene, done: threading.Event) -> None:
    """Follow what the platform announces of the example's pipeline."""
    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": "podium.demo", "enable.auto.commit": False}
    )
    partitions = consumer.list_topics(TOPIC, 10).topics[TOPIC].partitions
    ends = [consumer.get_watermark_offsets(TopicPartition(TOPIC, number), 10)[1] for number in partitions]
    consumer.assign(
        [TopicPartition(TOPIC, number, end) for number, end in zip(partitions, ends, strict=True)]
    )
    while not done.is_set():
        message = consumer.poll(0.2)
        if message is None or message.error():
            continue
        try:
            event = decode(message.headers() or [], message.value())
        except MalformedEvent:
            continue
        if event.partitionkey == PIPELINE:
            scene.hear(event)
    consumer.close()


def messages_in(address: str, topic: str) -> int:
    """Return how many messages a topic holds."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "podium.demo"})
    partitions = consumer.list_topics(topic, 10).topics[topic].partitions
    extents = [consumer.get_watermark_offsets(TopicPartition(topic, number), 10) for number in partitions]
    consumer.close()
    return sum(high - low for low, high in extents)


def main() -> None:
    """Sell, listen and show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=3000, help="lines a second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60, help="how long (%(default)s)")
    options = parser.parse_args()
    address = os.environ.get("PODIUM_KAFKA__BOOTSTRAP_SERVERS") or ADDRESS.read_text().strip()
    scene, done = Scene(messages_in(address, "sales-events")), threading.Event()
    listener = threading.Thread(target=listen, args=(address, scene, done), daemon=True)
    seller = threading.Thread(target=sell, args=(address, options.rate, options.seconds, scene), daemon=True)
    started = time.time()
    listener.start()
    seller.start()
    with Live(scene.view(started), refresh_per_second=4) as live:
        while seller.is_alive() or not _all_published(scene, time.time() - started - options.seconds):
            live.update(scene.view(started))
            time.sleep(0.25)
        live.update(scene.view(started))
    done.set()
    listener.join(5)
    print("\nnext:\n  .venv/bin/podium ledger -f examples/streaming/pipeline.yaml\n  make down")


def _all_published(scene: Scene, since: float) -> bool:
    """Whether nothing has come for a while after the last batch, or it has taken too long."""
    layers = scene.layers.values()
    newest = max(layer.at for layer in layers)
    published = scene.layers["published"].at
    return since > SETTLED_SECONDS or (published > 0 and published >= newest and time.time() - newest > 5)  # noqa: PLR2004


if __name__ == "__main__":
    main()
