"""Services that are killed, stopped and cut off: what they had to do is done in the end, and nothing twice."""

import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from aiokafka.partitioner import DefaultPartitioner
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import LayerCompleted, Published, QualityEvaluated, RunRequested
from podium_contracts.names import Stage
from podium_runtime.kafka.dead_letters import DEAD_LETTERS
from podium_runtime.requests import request
from podium_runtime.settings import KafkaSettings
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.conftest import FIRST, SECOND
from tests.integration.conftest import Line, Shop
from tests.integration.services.conftest import Stall
from tests.integration.services.stack import (
    PATIENCE_SECONDS,
    Broker,
    Service,
    Stack,
    events,
    eventually,
    letters,
)
from tests.integration.services.test_answers import plain, without_repeats

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(300)]
DISTURBED = str(Path(__file__).with_name("disturbed.py"))
PARTITIONS = KafkaSettings().events_partitions
ENDING_SECONDS = 5.0
"""What a service needs to leave its group and end, when its calls have."""


@pytest.mark.parametrize(
    "stage",
    [
        Stage.CLEANSE,
        pytest.param(Stage.INGEST, marks=pytest.mark.slow),
        pytest.param(Stage.QUALITY, marks=pytest.mark.slow),
    ],
)
def test_what_was_completed_and_not_announced_is_announced_after_a_restart(
    stack: Stack, stall: Callable[[], Stall], stage: Stage, tmp_path: Path
) -> None:
    """Killed in between, the service announces it when it starts again: the events are those of an undisturbed run, without gaps."""
    shop, service, mark = stall(), stack.services[stage], tmp_path / "mark"
    shop.deliver("one.csv", "a,1,1.00")
    shop.wait_for("quality.evaluated", shop.request())
    assert service.end(signal.SIGTERM) == 0
    shop.deliver("two.csv", "b,1,1.00")
    service.start(DISTURBED, stage, "kill", str(mark))
    run = shop.request()
    assert service.process
    assert service.process.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    assert mark.exists()
    service.start()
    shop.wait_for("quality.evaluated", run)
    eventually(service.is_ready)
    own = [item for item in without_repeats(shop.events()) if item.correlationid == run.id]
    kinds = [type(item.data) for item in own]
    assert kinds == [RunRequested, LayerCompleted, LayerCompleted, QualityEvaluated]
    assert [item.sequence for item in own[1:]] == ["000000000002"] * 3
    completed = [
        item for item in shop.opened().lakehouse.completions.all(shop.name) if item.correlationid == run.id
    ]
    assert plain(own[1:], shop.folder) == plain(completed, shop.folder)


@pytest.mark.slow
@pytest.mark.parametrize("stage", [Stage.MODEL, Stage.PUBLISH])
def test_gold_that_was_completed_and_not_announced_is_announced_after_a_restart(
    stack: Stack, stage: Stage, tmp_path: Path
) -> None:
    """As above, of the stages behind Silver."""
    shop, service, mark = Shop(stack.pipelines / f"gold-{stage}"), stack.services[stage], tmp_path / "mark"
    shop.file.write_text(shop.file.read_text().replace("name: retail", f"name: gold-{stage}"))
    topic = stack.watch()

    def told(run: CloudEvent) -> list[CloudEvent]:
        found = without_repeats(events(topic, f"gold-{stage}"))
        return [item for item in found if item.correlationid == run.id]

    def deliver(name: str, lines: Sequence[Line]) -> CloudEvent:
        shop.deliver(name, lines)
        stack.put(run := request(shop.open().pipeline))
        return run

    run = deliver("one.csv", FIRST)
    eventually(lambda: isinstance(told(run)[-1].data, Published))
    assert service.end(signal.SIGTERM) == 0
    service.start(DISTURBED, stage, "kill", str(mark))
    run = deliver("two.csv", SECOND)
    assert service.process
    assert service.process.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    assert mark.exists()
    service.start()
    eventually(lambda: isinstance(told(run)[-1].data, Published))
    eventually(service.is_ready)
    own = told(run)
    assert [type(item.data) for item in own] == [
        RunRequested,
        *(LayerCompleted, LayerCompleted, QualityEvaluated),
        *(LayerCompleted, QualityEvaluated, Published),
    ]
    assert [item.sequence for item in own[1:]] == ["000000000002"] * 6
    completed = shop.open().lakehouse.completions.all(f"gold-{stage}")
    expected = [item for item in completed if item.correlationid == run.id]
    assert plain(own[1:], shop.folder) == plain(expected, shop.folder)


def test_a_service_ends_when_it_is_told_to_and_gives_up_what_takes_too_long(
    stack: Stack, stall: Callable[[], Stall], tmp_path: Path
) -> None:
    """SIGTERM: idle it ends at once; in the middle of a call within the time it was given; always with 0. The event is answered later."""
    shop, service, mark = stall(), stack.services[Stage.CLEANSE], tmp_path / "mark"
    started = time.monotonic()
    assert service.end(signal.SIGTERM) == 0
    assert time.monotonic() - started < ENDING_SECONDS
    service.start(DISTURBED, Stage.CLEANSE, "sleep", str(mark), PODIUM_STOP_SECONDS="1")
    shop.deliver("one.csv", "a,1,1.00")
    run = shop.request()
    eventually(mark.exists)
    started = time.monotonic()
    assert service.end(signal.SIGTERM) == 0
    assert 1 <= time.monotonic() - started < 1 + ENDING_SECONDS
    service.start()
    shop.wait_for("quality.evaluated", run)
    eventually(service.is_ready)


def test_a_busy_pipeline_does_not_delay_another(
    stack: Stack, stall: Callable[[], Stall], tmp_path: Path
) -> None:
    """While one call takes for ever and more events wait for it than are taken, a pipeline in another partition is answered."""
    busy, service, mark = stall(), stack.services[Stage.INGEST], tmp_path / "mark"
    other = next(shop for shop in iter(stall, None) if partition_of(shop.name) != partition_of(busy.name))
    service.end(signal.SIGTERM)
    service.start(
        *(DISTURBED, Stage.INGEST, "sleep", str(mark)),
        PODIUM_PROCESSES="2",
        PODIUM_BACKLOG="4",
        PODIUM_STOP_SECONDS="0.1",
    )
    busy.deliver("one.csv", "a,1,1.00")
    runs = {busy.request().id for _ in range(30)}
    eventually(mark.exists)
    eventually(lambda: open_events(service) >= 4)
    other.deliver("one.csv", "a,1,1.00")
    other.wait_for("quality.evaluated", other.request())
    assert 4 <= open_events(service) <= 5
    service.end(signal.SIGTERM)
    service.start()
    eventually(service.is_ready)
    eventually(lambda: answered(service) >= runs)


def test_an_event_that_a_stage_dies_of_is_given_up_and_its_partition_moves_on(
    stack: Stack, stall: Callable[[], Stall], tmp_path: Path
) -> None:
    """The process crashes in every call for a pipeline: one letter; another pipeline of the partition is answered meanwhile."""
    crashing, service, mark = stall(), stack.services[Stage.INGEST], tmp_path / "mark"
    beside = (f"beside-{number}" for number in count())
    name = next(name for name in beside if partition_of(name) == partition_of(crashing.name))
    other, dead = Stall(stack, name), stack.watch(DEAD_LETTERS)
    mark.write_text(crashing.name)
    service.end(signal.SIGTERM)
    service.start(DISTURBED, Stage.INGEST, "crash", str(mark), PODIUM_PROCESSES="2")
    eventually(service.is_ready)
    crashing.deliver("one.csv", "a,1,1.00")
    other.deliver("one.csv", "a,1,1.00")
    poison, run = crashing.request(), other.request()
    other.wait_for("layer.completed", run)
    crashing.wait_for("stage.failed", poison)
    (letter,) = [item for item in letters(dead) if item.key == crashing.name.encode()]
    assert (letter.stage, letter.reason, letter.attempts) == (Stage.INGEST, "StageProcessDied", 3)
    mark.write_text("")
    crashing.wait_for("quality.evaluated", crashing.request())
    service.end(signal.SIGTERM)
    service.start()
    eventually(service.is_ready)


def answered(service: Service) -> set[object]:
    """Return the runs of which a service has answered events."""
    return {line["run"] for line in service.said() if line["event"] == "answered"}


def partition_of(pipeline: str) -> int:
    """Return the partition of a pipeline's events."""
    return int(DefaultPartitioner()(pipeline.encode(), list(range(PARTITIONS)), []))


def open_events(service: Service) -> float:
    """Return how many events a service has taken and not answered."""
    for family in text_string_to_metric_families(service.page("metrics")[1]):
        for sample in family.samples:
            if sample.name == "podium_open_events":
                return sample.value
    return 0


def test_a_service_that_waits_for_kafka_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """Nobody answers at its address: it says so and tries again; SIGTERM ends it with 0."""
    service = Service(Stage.QUALITY, tmp_path, {"PODIUM_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9"})
    service.start()
    try:
        eventually(service.said)
        assert service.said()[0]["event"] == "waiting for Kafka"
        started = time.monotonic()
        assert service.end(signal.SIGTERM) == 0
        assert time.monotonic() - started < ENDING_SECONDS
    finally:
        service.kill()


class Doorway:
    """What stands before a broker: it lets every client through, except that it shuts out faust once."""

    def __init__(self, broker: str) -> None:
        host, port = broker.split(":")
        self.behind = (host, int(port))
        self.shut_out = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._meet, args=self.listener.accept()[:1], daemon=True).start()

    def _meet(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            first = client.recv(4096)
            if b"faust" in first and not self.shut_out:
                self.shut_out += 1
                return
            with socket.create_connection(self.behind) as broker:
                broker.sendall(first)
                threading.Thread(target=_carry, args=(client, broker), daemon=True).start()
                _carry(broker, client)


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while taken := source.recv(65_536):
            target.sendall(taken)


def test_a_broker_that_goes_away_as_a_service_starts_is_waited_for(stack: Stack, tmp_path: Path) -> None:
    """The topics have been looked up, and then nobody answers: the service begins again instead of ending."""
    doorway = Doorway(stack.kafka.bootstrap_servers)
    settings = {
        **stack.environment,
        "PODIUM_KAFKA__BOOTSTRAP_SERVERS": doorway.address,
        "PODIUM_GROUP": "doorway",
    }
    service = Service(Stage.PUBLISH, tmp_path, settings)
    service.start()
    try:
        eventually(service.is_ready)
    finally:
        service.kill()
        doorway.listener.close()
    assert doorway.shut_out == 1
    assert "starting again: the brokers went away" in [line["event"] for line in service.said()]


def test_metrics_are_for_prometheus(stack: Stack, stall: Callable[[], Stall]) -> None:
    """The page parses, and counts what was done; the log is JSON, line by line, with the run and the trace."""
    shop = stall()
    shop.deliver("one.csv", "a,1,1.00")
    run = shop.request()
    shop.wait_for("quality.evaluated", run)
    for stage in (Stage.INGEST, Stage.CLEANSE, Stage.QUALITY):
        service = stack.services[stage]
        status, text = service.page("metrics")
        assert status == 200
        families = {family.name: family for family in text_string_to_metric_families(text)}
        answered = [
            sample
            for sample in families["podium_events"].samples
            if sample.labels.get("outcome") == "answered"
        ]
        assert sum(sample.value for sample in answered) >= 1
        assert {sample.labels["stage"] for sample in families["podium_stage_seconds"].samples} == {stage}
        (line,) = [
            said for said in service.said() if said["event"] == "answered" and said.get("run") == run.id
        ][:1]
        assert (line["trace_id"], line["stage"]) == (run.traceparent.split("-")[1], stage)
        assert service.page("healthz")[0] == 200


@pytest.mark.slow
def test_a_service_is_not_ready_while_the_broker_is_away(
    stack: Stack, stall: Callable[[], Stall], broker: Broker
) -> None:
    """Cut off, services live and are not ready; when the broker is back they go on by themselves."""
    shop = stall()
    shop.deliver("one.csv", "a,1,1.00")
    broker.stop()
    for service in stack.services.values():
        assert "no broker has answered" in eventually(
            lambda service=service: _trouble(service.page("readyz"))
        )
        assert service.page("healthz")[0] == 200
    broker.start()
    for service in stack.services.values():
        eventually(service.is_ready)
    shop.wait_for("quality.evaluated", shop.request())


@pytest.mark.slow
def test_a_service_ends_in_time_while_the_broker_is_away(
    stack: Stack, stall: Callable[[], Stall], broker: Broker
) -> None:
    """SIGTERM after it was cut off: its clients wait for the broker, its process does not, and ends with 0."""
    shop, service = stall(), stack.services[Stage.INGEST]
    assert service.end(signal.SIGTERM) == 0
    service.start(PODIUM_STOP_SECONDS="1")
    eventually(service.is_ready)
    broker.stop()
    eventually(lambda: _trouble(service.page("readyz")))
    started = time.monotonic()
    assert service.end(signal.SIGTERM) == 0
    assert time.monotonic() - started < 1 + 2 * ENDING_SECONDS
    broker.start()
    service.start()
    for service in stack.services.values():
        eventually(service.is_ready)
    shop.deliver("one.csv", "a,1,1.00")
    shop.wait_for("quality.evaluated", shop.request())


def _trouble(answer: tuple[int, str]) -> str:
    return answer[1] if answer[0] == 503 else ""
