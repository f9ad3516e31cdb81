#!/usr/bin/env python3
"""Sell real retail lines as events at a given rate, and show live how they reach Bronze, Silver and Gold. `make demo-stream` calls it.

What a line tells anew of its customer or product is an event, too, on a topic of its own.

scripts/demo_stream.py --rate 3000 --seconds 60
"""

import argparse
import asyncio
import csv
import gzip
import itertools
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import podium
from confluent_kafka import Consumer, Producer, TopicPartition
from podium_contracts.events.v1 import TableVersion
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
LINES = ROOT / "examples" / "retail" / "data" / "online_retail_2009_2010.csv.gz"
ADDRESS = ROOT / ".podium" / "broker" / "bootstrap"
SALES = "sales-events"
PIPELINE = "retail-stream"
PINNED_SECONDS = 2
"""After so long a batch that was asked for has decided which messages it takes."""
SILENT_SECONDS = 30
"""Nothing more is waited for when no event has come for so long."""
NEXT = """
next:
  .venv/bin/podium ledger -f examples/streaming/pipeline.yaml                             where each row went
  .venv/bin/podium show gold.agg_daily_sales_summary -f examples/streaming/pipeline.yaml  what was sold, by day
  .venv/bin/podium show silver.customers -f examples/streaming/customers-and-products.yaml  who bought, by topics of their own
  make demo-stream                                                                        sells the lines that come next
  make down"""


@dataclass
class Layer:
    """How far a layer is. `delay` is how long its last batch took to get there, in seconds from the reading of its messages."""

    holds: str
    table: str
    rows: int = 0
    batches: int = 0
    delay: float = 0.0

    def advance(self, tables: tuple[TableVersion, ...], event: podium.CloudEvent) -> None:
        """Note a batch that has arrived."""
        self.rows = next(table.rows for table in tables if table.name == self.table)
        self.batches += 1
        self.delay = time.time() - event.time.timestamp()


def layers() -> dict[str, Layer]:
    """Return the layers before anything is heard of them."""
    return {
        "bronze": Layer("every message, as it came", "bronze.sales"),
        "silver": Layer("clean sales, each once", "silver.sales"),
        "gold": Layer("the star schema: rows of fact_sale", "gold.fact_sale"),
        "published": Layer("the same in retail-stream.duckdb", "gold.fact_sale"),
    }


@dataclass
class Scene:
    """What is shown: lines sold, and how far each layer is."""

    before: int
    """Messages that were in the topic when it began."""
    sold: int = 0
    layers: dict[str, Layer] = field(default_factory=layers)
    account: Counter[str] = field(default_factory=Counter)
    """What became of the messages since it began, the ledgers of Silver added up."""
    verdicts: dict[str, str] = field(default_factory=dict)
    heard_at: float = field(default_factory=time.monotonic)

    def hear(self, event: podium.CloudEvent) -> None:
        """Note what an event says."""
        self.heard_at = time.monotonic()
        match event.data:
            case podium.LayerCompleted(layer=name, tables=tables, ledger=ledger):
                self.layers[name].advance(tables, event)
                if name == "silver" and ledger and ledger.flow:
                    counted = ledger.flow.model_dump(exclude={"dropped"})
                    self.account.update(counted | {"dropped": sum(ledger.flow.dropped.values())})
            case podium.QualityEvaluated(layer=name, verdict=verdict, checks=checks):
                why = "; ".join(check.message for check in checks if not check.passed)
                self.verdicts[name] = f"{verdict} ({why})" if why else verdict
            case podium.Published(tables=tables):
                self.layers["published"].advance(tables, event)

    @property
    def waiting(self) -> dict[str, int]:
        """Rows of the layer before that each layer does not have yet."""
        rows = {name: layer.rows for name, layer in self.layers.items()}
        cleansed = self.before + self.account["rows_in"]
        missing = {
            "bronze": self.before + self.sold - rows["bronze"],
            "silver": rows["bronze"] - cleansed,
            "gold": rows["silver"] - rows["gold"],
            "published": rows["gold"] - rows["published"],
        }
        return {name: max(count, 0) for name, count in missing.items()}

    def view(self, seconds: float) -> Group:
        """Return what the terminal shows."""
        shown = Table(title=f"{self.sold:,} lines sold in {seconds:.0f} s", title_justify="left")
        for heading in ("layer", "what it holds"):
            shown.add_column(heading)
        for heading in ("rows", "waiting", "batches", "delay"):
            shown.add_column(heading, justify="right")
        for name, layer in self.layers.items():
            figures = (
                (f"{layer.rows:,}", f"{self.waiting[name]:,}", f"{layer.batches}", f"{layer.delay:.1f} s")
                if layer.batches
                else ("", "", "0", "")
            )
            shown.add_row(name, layer.holds, *figures)
        fates = [f"{count:,} {fate}" for fate, count in self.account.items() if count and fate != "rows_in"]
        ledger = f"{self.account['rows_in']:,} messages = {' + '.join(fates)}" if fates else "nothing yet"
        verdicts = ", ".join(f"{name} {verdict}" for name, verdict in self.verdicts.items()) or "none yet"
        return Group(
            shown,
            Text("waiting: rows of the layer above; delay: of the last batch, from the topic to the layer"),
            Text(f"ledger of Silver: {ledger}"),
            Text(f"verdicts: {verdicts}"),
        )


def lines() -> Iterator[dict[str, str | None]]:
    """Yield real lines, again and again; an empty value is null."""
    for _ in itertools.count():
        with gzip.open(LINES, "rt", newline="", encoding="utf-8-sig") as file:
            for line in csv.DictReader(file):
                yield {name: value or None for name, value in line.items()}


def changes(
    line: dict[str, str | None], known: dict[str, object]
) -> Iterator[tuple[str, str, dict[str, str | None]]]:
    """Yield what a line tells anew of its customer and its product, each with its topic and key."""
    about = (
        ("customer-events", "customer_id", {"customer_id": line["Customer ID"], "country": line["Country"]}),
        (
            "product-events",
            "stock_code",
            {
                "stock_code": line["StockCode"],
                "description": line["Description"],
                "unit_price": line["Price"],
            },
        ),
    )
    for topic, name, told in about:
        if (key := told[name]) and known.get(key) != told:
            known[key] = told
            yield topic, key, {**told, "changed_at": line["InvoiceDate"]}


def sell(address: str, rate: float, seconds: float, scene: Scene) -> None:
    """Put lines on the topic, so many a second, from where the topic ends."""
    producer = Producer({"bootstrap.servers": address, "linger.ms": 20, "partitioner": "murmur2_random"})
    ahead = itertools.islice(lines(), scene.before, None)
    line, known = next(ahead), dict[str, object]()
    started = time.monotonic()
    while (due := scene.sold / rate) < seconds:
        if (early := due - (time.monotonic() - started)) > 0:
            producer.poll(0)
            time.sleep(early)
        producer.produce(SALES, json.dumps(line), key=line["Invoice"])
        for topic, key, event in changes(line, known):
            producer.produce(topic, json.dumps(event), key=key)
        scene.sold += 1
        line = next(ahead)
    producer.flush(30)


async def follow(address: str, scene: Scene, since: datetime) -> None:
    """Hear what the platform announces of the example's pipeline about runs since a time, however late the brokers let it listen."""
    async with aclosing(podium.events(address, pipeline=PIPELINE)) as events:
        async for event in events:
            if event.time >= since:
                scene.hear(event)


def messages_in(address: str) -> int:
    """Return how many messages have been put on the topic of sales."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "podium.demo"})
    partitions = consumer.list_topics(SALES, 10).topics[SALES].partitions
    ends = [consumer.get_watermark_offsets(TopicPartition(SALES, number), 10)[1] for number in partitions]
    consumer.close()
    return sum(ends)


async def show(address: str, rate: float, seconds: float) -> bool:
    """Sell and show until all is published; return False where it did not come to that."""
    scene = Scene(messages_in(address))
    following = asyncio.create_task(follow(address, scene, datetime.now(UTC)))
    await asyncio.sleep(PINNED_SECONDS)
    selling = threading.Thread(target=sell, args=(address, rate, seconds, scene), daemon=True)
    selling.start()
    started = time.monotonic()
    with Live(scene.view(0), refresh_per_second=4) as live:
        while selling.is_alive() or any(scene.waiting.values()):
            await asyncio.wait([following], timeout=0.25)
            live.update(scene.view(time.monotonic() - started))
            if following.done() or (
                not selling.is_alive() and time.monotonic() - scene.heard_at > SILENT_SECONDS
            ):
                break
    if following.done():
        following.result()
    following.cancel()
    await asyncio.wait([following])
    return not any(scene.waiting.values())


def main() -> None:
    """Sell, listen and show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=3000, help="lines a second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60, help="how long (%(default)s)")
    options = parser.parse_args()
    address = os.environ.get("PODIUM_KAFKA__BOOTSTRAP_SERVERS") or ADDRESS.read_text().strip()
    if asyncio.run(show(address, options.rate, options.seconds)):
        print(f"\nevery line is published{NEXT}")
    else:
        print(
            f"\nno event for {SILENT_SECONDS} s, and rows still wait: look at\n"
            "  .venv/bin/podium dead-letters ls\n  .podium/*.log"
        )


if __name__ == "__main__":
    main()
