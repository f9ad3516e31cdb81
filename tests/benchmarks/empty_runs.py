"""How long a run with nothing to do takes through five services: request, Bronze, Silver, verdict, Gold, verdict, published.

Each stage finds that all is done and announces its last completion again, which the next one answers the same way: what is measured is the
way, six events and five services, each with a look into the lakehouse. From the request's record to that of the last event.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from confluent_kafka import Producer
from podium.opening import Opened
from podium_contracts.events import encode
from podium_contracts.events.v1 import Published
from podium_runtime.kafka.clients import Brokers
from podium_runtime.requests import request
from podium_runtime.settings import KafkaSettings

from tests.benchmarks.running import Running, Services, declare
from tests.integration.services.stack import eventually

LINES = 2_000
PAUSE_SECONDS = 0.25


@dataclass(frozen=True)
class EmptyRuns:
    """Seconds of so many runs, shortest first, and their quantiles."""

    seconds: list[float]

    @property
    def quantiles(self) -> dict[str, float]:
        """The quantiles that are said."""
        parts = quantiles(self.seconds, n=100, method="inclusive")
        return {"p50": parts[49], "p95": parts[94], "p99": parts[98], "max": self.seconds[-1]}


def measure(folder: Path, csv: Path, count: int) -> EmptyRuns:
    """Bring some lines to published Gold, then request runs, one after the other."""
    with Running(folder) as running, Services(folder / "services", running.broker) as services:
        opened = declare(services.pipelines, trigger_seconds=30)
        with running.sell(csv, LINES) as seller:
            if seller.wait():
                raise SystemExit(seller.returncode)
        eventually(lambda: any(isinstance(each.event.data, Published) for each in running.events.heard))
        brokers = Brokers(KafkaSettings(bootstrap_servers=running.broker.address))
        producer = brokers.producer({"linger.ms": 0})
        seconds = sorted(_run(running, brokers, producer, opened) for _ in range(count))
        services.stop()
    return EmptyRuns(seconds)


def _run(running: Running, brokers: Brokers, producer: Producer, opened: Opened) -> float:
    """Request a run; return the seconds until it is published."""
    time.sleep(PAUSE_SECONDS)
    before = len(running.events.heard)
    brokers.deliver(producer, encode(request(opened.pipeline)))
    published = eventually(
        lambda: [each for each in running.events.heard[before:] if isinstance(each.event.data, Published)]
    )
    return (published[0].at - running.events.heard[before].at) / 1000
