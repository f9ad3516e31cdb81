"""A broker and services while something is measured: the topic, the pipeline, what was announced, and the CPU time of each process."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.cimpl import NewTopic
from podium.opening import Opened, open_pipeline
from podium_contracts.errors import MalformedEvent
from podium_contracts.events import TOPIC, CloudEvent, decode
from podium_contracts.names import Stage
from podium_runtime.kafka.clients import Brokers
from podium_runtime.kafka.topics import ensure_topics
from podium_runtime.settings import KafkaSettings
from ruamel.yaml import YAML

from tests.benchmarks.measuring import tree_seconds
from tests.broker import Broker
from tests.integration.services.stack import Service, eventually

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "examples"
SALES = "sales-events"
PARTITIONS = 4
STOP_SECONDS = 60


@dataclass(frozen=True)
class Heard:
    """An event, and when it was announced: milliseconds since 1970, as its record says."""

    event: CloudEvent
    at: int


class Events(threading.Thread):
    """What is announced on a new topic, each event once, as it comes."""

    def __init__(self, brokers: str) -> None:
        super().__init__(daemon=True)
        self.heard: list[Heard] = []
        self.last = time.monotonic()
        self._known: set[tuple[str, str]] = set()
        self._ended = threading.Event()
        settings = {"bootstrap.servers": brokers, "group.id": "bench", "enable.auto.commit": False}
        self._consumer = Consumer({**settings, "fetch.wait.max.ms": 50, "log_level": 0})
        partitions = self._consumer.list_topics(TOPIC, 10).topics[TOPIC].partitions
        self._consumer.assign([TopicPartition(TOPIC, number, 0) for number in partitions])

    def run(self) -> None:
        while not self._ended.is_set():
            message = self._consumer.poll(0.2)
            if message is None or message.error():
                continue
            try:
                event = decode(message.headers() or [], message.value())
            except MalformedEvent:
                continue
            if (event.source, event.id) not in self._known:
                self._known.add((event.source, event.id))
                self.heard.append(Heard(event, message.timestamp()[1]))
                self.last = time.monotonic()
        self._consumer.close()

    def stop(self) -> None:
        self._ended.set()
        self.join()


@dataclass
class Running:
    """A broker with a topic of sales, and the services of some stages, which look for pipelines in `pipelines`. A context manager."""

    folder: Path
    stages: tuple[Stage, ...] = tuple(Stage)
    broker: Broker = field(init=False)
    services: dict[Stage, Service] = field(init=False)

    def __post_init__(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.pipelines.mkdir(parents=True)
        self.broker = Broker(self.folder / "broker")
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self.broker.start()
            undo.callback(self.broker.stop)
            self.kafka = KafkaSettings(bootstrap_servers=self.broker.address)
            admin = Brokers(self.kafka).admin()  # kept: the future fails when it is gone
            admin.create_topics([NewTopic(SALES, PARTITIONS, 1)])[SALES].result(20)
            ensure_topics(self.kafka)
            environment = {
                "PODIUM_KAFKA__BOOTSTRAP_SERVERS": self.broker.address,
                "PODIUM_PIPELINES": str(self.pipelines),
            }
            self.services = {stage: Service(stage, self.folder, environment) for stage in self.stages}
            self.events = Events(self.broker.address)
            self.events.start()
            undo.callback(self.events.stop)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    @property
    def pipelines(self) -> Path:
        """The folder that the services search."""
        return self.folder / "pipelines"

    def start(self) -> None:
        """Start the services and wait until they are ready."""
        for service in self.services.values():
            service.start()
            self._undo.callback(service.kill)
        for service in self.services.values():
            eventually(service.is_ready)

    def stop(self) -> None:
        """Tell the services to stop, and wait for them."""
        for service in self.services.values():
            assert service.process
            service.process.send_signal(signal.SIGTERM)
        for service in self.services.values():
            assert service.process
            service.process.wait(STOP_SECONDS)

    def declare(self, trigger_seconds: float, engine: str = "duckdb") -> Opened:
        """Put the streaming example among the pipelines, with another trigger and engine; return it."""
        return declare(self.pipelines, trigger_seconds, engine)

    def sell(self, csv: Path, lines: int, rate: float | None = None) -> subprocess.Popen[bytes]:
        """Start to put lines of a CSV file on the topic."""
        program = [sys.executable, HERE / "selling.py", self.broker.address, SALES, csv, str(lines)]
        return subprocess.Popen([*program, *([str(rate)] if rate else [])])

    def seconds(self) -> dict[str, float]:
        """Return the CPU seconds that the broker and each service have taken so far."""
        pids = {"broker": int((self.broker.folder / "pid").read_text())}
        pids |= {stage: service.process.pid for stage, service in self.services.items() if service.process}
        return {name: tree_seconds(pid) for name, pid in pids.items()}


def declare(folder: Path, trigger_seconds: float, engine: str) -> Opened:
    """Copy the streaming example below a folder, with another trigger and engine; return it."""
    for part in ("dbt", "lookups"):
        ignored = shutil.ignore_patterns("target", "logs")
        shutil.copytree(EXAMPLES / "retail" / part, folder / "retail" / part, ignore=ignored)
    yaml = YAML()
    pipeline = yaml.load(EXAMPLES / "streaming" / "pipeline.yaml")
    pipeline["spec"]["engine"] = engine
    pipeline["spec"]["datasets"]["sales"]["sources"][0]["kafka"]["trigger_seconds"] = trigger_seconds
    home = folder / "streaming"
    home.mkdir()
    draft = home / "pipeline.draft"
    yaml.dump(pipeline, draft)
    draft.rename(home / "pipeline.yaml")
    return open_pipeline(home / "pipeline.yaml")


def difference(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """Return what each process has taken in between."""
    return {name: after[name] - before.get(name, 0.0) for name in after}


def load() -> str:
    """Return the machine's cores and its load, to be said beside every figure."""
    averages = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    return f"{len(os.sched_getaffinity(0))} cores, load {averages}"
