"""A broker and the five services as processes of their own, and what tests say to them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from podium_contracts.events import TOPIC, CloudEvent, KafkaRecord, MalformedEvent, decode, encode
from podium_contracts.names import Stage
from podium_runtime.kafka.clients import Brokers
from podium_runtime.kafka.dead_letters import REPLAYED, DeadLetter
from podium_runtime.kafka.reading import Reading, partitions, reader
from podium_runtime.kafka.records import Record
from podium_runtime.settings import KafkaSettings

from tests.broker import Broker

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 60
START_SECONDS = 150
"""Five processes begin at once, and load what they need."""
Found = TypeVar("Found")


def eventually(look: Callable[[], Found], seconds: float = PATIENCE_SECONDS) -> Found:
    """Look until there is something, and return it."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)
    return found


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Service:
    """The service of a stage as a process; its log is a file with a line of JSON per thing that happened."""

    def __init__(self, stage: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.stage = stage
        self.log = folder / f"{stage}.log"
        self.errors = folder / f"{stage}.err"
        self.port = free_port()
        scratch = mkdtemp(prefix="podium-")  # a short path: sockets lie in it
        weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)
        self.environment = {
            **os.environ,
            **environment,
            "PODIUM_HTTP_PORT": str(self.port),
            "TMPDIR": scratch,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *command: str, **environment: str) -> None:
        """Start the service, or another command in its place."""
        with self.log.open("ab") as out, self.errors.open("ab") as err:
            self.process = subprocess.Popen(
                [sys.executable, *(command or ("-m", f"podium_{self.stage}.service"))],
                env={**self.environment, **environment},
                cwd=ROOT,
                stdout=out,
                stderr=err,
            )

    def end(self, number: int, patience: float = PATIENCE_SECONDS) -> int:
        """Send a signal; return the exit code."""
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(patience)

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.end(signal.SIGKILL)

    def said(self) -> list[dict[str, object]]:
        """Return the lines of the log: every one of them is JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def page(self, name: str) -> tuple[int, str]:
        """Return the status and the text of a page; 0 where nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{name}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def is_ready(self) -> bool:
        assert self.process
        assert self.process.poll() is None, self._last_words()
        return self.page("readyz")[0] == 200

    def _last_words(self) -> str:
        lines = [*self.log.read_text().splitlines()[-20:], *self.errors.read_text().splitlines()]
        return "\n".join(line for line in lines if "leaked" not in line)


class Topic:
    """A topic read from where it ended when the test began."""

    def __init__(self, settings: KafkaSettings, name: str) -> None:
        self.brokers, self.name = Brokers(settings), name
        self.starts = dict(self._ends())

    def records(self) -> list[Record]:
        """Return what has been written since, partition by partition."""
        with reader(self.brokers) as consumer:
            return [
                record
                for number, start in self.starts.items()
                for record in Reading(
                    self.brokers, consumer, TopicPartition(self.name, number, start)
                ).until_end()
            ]

    def _ends(self) -> Iterator[tuple[int, int]]:
        with reader(self.brokers) as consumer:
            for number in partitions(self.brokers, consumer, self.name):
                yield number, _end(consumer, TopicPartition(self.name, number))


def _end(consumer: Consumer, partition: TopicPartition) -> int:
    """Return where a partition ends; one that was just made may have no leader yet."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return int(consumer.get_watermark_offsets(partition, 10)[1])
        except KafkaException as error:
            if error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


QUICK = {
    "PODIUM_PROCESSES": "1",
    "PODIUM_RETRY__ATTEMPTS": "3",
    "PODIUM_RETRY__FIRST_SECONDS": "0.1",
}
"""Settings of services that give up soon."""


class Stack:
    """A broker, five services on it, and the folder where they look for pipelines."""

    def __init__(
        self,
        folder: Path,
        broker: Broker,
        kafka: Mapping[str, str] | None = None,
        settings: Mapping[str, str] = QUICK,
    ) -> None:
        self.folder, self.broker = folder, broker
        self.pipelines = folder / "pipelines"
        self.pipelines.mkdir(parents=True)
        given = {"bootstrap_servers": broker.address, **(kafka or {})}
        self.kafka = KafkaSettings.model_validate(given)
        self.environment = {
            **{f"PODIUM_KAFKA__{name.upper()}": value for name, value in given.items()},
            "PODIUM_PIPELINES": str(self.pipelines),
            **settings,
        }
        self.services = {stage: Service(stage, folder, self.environment) for stage in Stage}

    def start(self) -> None:
        for service in self.services.values():
            service.start()
        for service in self.services.values():
            eventually(service.is_ready, START_SECONDS)

    def kill(self) -> None:
        for service in self.services.values():
            service.kill()

    def lag(self) -> int:
        """Return how many events no offset of a stage's group has passed, summed over the stages."""
        brokers = Brokers(self.kafka)
        admin = brokers.admin()
        with reader(brokers) as consumer:
            ends = {
                number: consumer.get_watermark_offsets(TopicPartition(TOPIC, number), 10)[1]
                for number in partitions(brokers, consumer, TOPIC)
            }
        passed = 0
        for stage in Stage:
            group = ConsumerGroupTopicPartitions(f"podium.{stage}")
            found = admin.list_consumer_group_offsets([group])[group.group_id].result(20).topic_partitions
            passed += sum(max(place.offset, 0) for place in found or ())
        return len(Stage) * sum(ends.values()) - passed

    def watch(self, topic: str = TOPIC) -> Topic:
        return Topic(self.kafka, topic)

    def put(self, *records: KafkaRecord | CloudEvent) -> None:
        """Write records, and wait until the broker has them."""
        brokers = Brokers(self.kafka)
        producer = brokers.producer()
        for given in records:
            brokers.deliver(producer, given if isinstance(given, KafkaRecord) else encode(given))


def events(topic: Topic, pipeline: str) -> list[CloudEvent]:
    """Return the events of a pipeline."""
    found = []
    for record in topic.records():
        try:
            event = decode(record.headers, record.value)
        except MalformedEvent:
            continue
        if event.partitionkey == pipeline:
            found.append(event)
    return found


def letters(topic: Topic) -> list[DeadLetter]:
    """Return the dead letters in a topic, those that have been replayed among them."""
    return [
        DeadLetter.decode(record.key, record.value, record.headers)
        for record in topic.records()
        if REPLAYED not in dict(record.headers)
    ]
