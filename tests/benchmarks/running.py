"""A broker and services while something is measured: the topic, the pipeline, what is announced, and the CPU time of each process."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.cimpl import NewTopic
from podium.opening import Opened, open_pipeline
from podium_contracts.errors import MalformedEvent
from podium_contracts.events import TOPIC, CloudEvent, decode
from podium_contracts.events.v1 import LayerCompleted
from podium_contracts.names import Layer, Stage
from podium_runtime.kafka.clients import Brokers
from podium_runtime.kafka.topics import ensure_topics
from podium_runtime.settings import KafkaSettings
from ruamel.yaml import YAML

from scripts.local_platform import GIVE_WAY
from tests.benchmarks.measuring import emptied, tree_seconds
from tests.broker import Broker
from tests.integration.services.stack import Service, eventually

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "examples"
SALES = "sales-events"
PARTITIONS = 4
REAL_ROWS = 525_461
STOP_SECONDS = 60


@dataclass(frozen=True)
class Heard:
    """An event, and when it was announced: milliseconds since 1970, as its record says."""

    event: CloudEvent
    at: int


class Events(threading.Thread):
    """All that is announced on a new broker, as it comes."""

    def __init__(self, brokers: str) -> None:
        super().__init__(daemon=True)
        self.heard: list[Heard] = []
        self._ended = threading.Event()
        settings = {"bootstrap.servers": brokers, "group.id": "bench", "enable.auto.commit": False}
        self._consumer = Consumer({**settings, "log_level": 0})
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
            self.heard.append(Heard(event, message.timestamp()[1]))
        self._consumer.close()

    def stop(self) -> None:
        self._ended.set()
        self.join()


class Running:
    """A broker with a topic of sales, and what is announced on it. A context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = emptied(folder)
        self.broker = Broker(folder / "broker")

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self.broker.start()
            undo.callback(self.broker.stop)
            kafka = KafkaSettings(bootstrap_servers=self.broker.address)
            admin = Brokers(kafka).admin()  # kept: the future fails when it is gone
            admin.create_topics([NewTopic(SALES, PARTITIONS, 1)])[SALES].result(20)
            ensure_topics(kafka)
            self.events = Events(self.broker.address)
            self.events.start()
            undo.callback(self.events.stop)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def sell(self, csv: Path, lines: int, rate: float | None = None) -> subprocess.Popen[bytes]:
        """Start to put lines of a CSV file on the topic."""
        program = [sys.executable, HERE / "selling.py", self.broker.address, SALES, csv, str(lines)]
        return subprocess.Popen([*program, *([str(rate)] if rate else [])])

    def seconds(self) -> float:
        """Return the CPU seconds that the broker has taken so far."""
        return tree_seconds(int((self.broker.folder / "pid").read_text()))


class Services:
    """The services of some stages on a broker, ready, with a folder of pipelines of their own. A context manager."""

    def __init__(self, folder: Path, broker: Broker, stages: Iterable[Stage] = Stage) -> None:
        self.pipelines = folder / "pipelines"
        self.pipelines.mkdir(parents=True)
        environment = {
            "PODIUM_KAFKA__BOOTSTRAP_SERVERS": broker.address,
            "PODIUM_PIPELINES": str(self.pipelines),
        }
        self.by_stage = {stage: Service(stage, folder, environment) for stage in stages}

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            for stage, service in self.by_stage.items():
                undo.callback(service.kill)
                service.start()
                if stage in GIVE_WAY:
                    os.setpriority(os.PRIO_PROCESS, self.pids[stage], GIVE_WAY[stage])
            for service in self.by_stage.values():
                eventually(service.is_ready)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def stop(self) -> None:
        """Tell the services to stop, and wait for them."""
        for pid in self.pids.values():
            os.kill(pid, signal.SIGTERM)
        for service in self.by_stage.values():
            assert service.process
            service.process.wait(STOP_SECONDS)

    @property
    def pids(self) -> Mapping[Stage, int]:
        """The process of each service."""
        return {stage: service.process.pid for stage, service in self.by_stage.items() if service.process}

    def seconds(self) -> dict[str, float]:
        """Return the CPU seconds that each service has taken so far, with its stage's processes."""
        return {stage: tree_seconds(pid) for stage, pid in self.pids.items()}


def declare(folder: Path, trigger_seconds: float, engine: str = "duckdb") -> Opened:
    """Put a copy of the streaming example into a folder of pipelines, with another trigger and engine; return it."""
    for part in ("dbt", "lookups"):
        ignored = shutil.ignore_patterns("target", "logs")
        shutil.copytree(EXAMPLES / "retail" / part, folder / "retail" / part, ignore=ignored)
    yaml = YAML()
    pipeline = yaml.load(EXAMPLES / "streaming" / "pipeline.yaml")
    pipeline["metadata"]["name"] = f"retail-{engine}"
    pipeline["spec"]["engine"] = engine
    pipeline["spec"]["datasets"]["sales"]["sources"][0]["kafka"]["trigger_seconds"] = trigger_seconds
    home = folder / "streaming"
    home.mkdir()
    draft = home / "pipeline.draft"
    yaml.dump(pipeline, draft)
    draft.rename(home / "pipeline.yaml")
    return open_pipeline(home / "pipeline.yaml")


def rows_in(event: CloudEvent) -> int:
    """Return the rows that an event says Bronze got: none but its completions do."""
    data = event.data
    is_bronze = isinstance(data, LayerCompleted) and data.layer == Layer.BRONZE
    return data.ledger.flow.inserted if is_bronze and data.ledger and data.ledger.flow else 0


def lines(count: int, scratch: Path) -> Path:
    """Return a CSV file with so many lines: the real one, as often as it takes, made unless an earlier bench did."""
    copies = -(-count // REAL_ROWS)
    csv = scratch / f"online_retail_x{copies}.csv"
    if not csv.exists():
        real = EXAMPLES / "retail" / "data" / "online_retail_2009_2010.csv.gz"
        subprocess.run([sys.executable, HERE / "scaled.py", real, str(copies), csv], check=True)
    return csv


def load() -> str:
    """Return the machine's cores and its load, to be said beside every figure."""
    averages = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    return f"{len(os.sched_getaffinity(0))} cores, load {averages}"
