"""Health: whether a service moves, from what it sees of its partitions."""

import asyncio
from dataclasses import dataclass, field

import pytest
from aiokafka.errors import KafkaConnectionError
from faust.types.tuples import TP
from podium_contracts.events import TOPIC
from podium_runtime.service import health
from podium_runtime.service.health import ANY, SILENT_SECONDS, Motion

ONE, TWO = TP(TOPIC, 0), TP(TOPIC, 1)


@dataclass
class Partitions:
    """What a consumer says of its partitions."""

    positions: dict[TP, int] = field(default_factory=dict)
    ends: dict[TP, int] = field(default_factory=dict)
    silent: bool = False
    asked: tuple[TP, ...] = ()

    def assignment(self) -> set[TP]:
        return set(self.positions)

    async def highwaters(self, *partitions: TP) -> dict[TP, int]:
        if self.silent:
            raise KafkaConnectionError
        self.asked = partitions
        return {tp: self.ends.get(tp, 0) for tp in partitions}

    async def position(self, tp: TP) -> int:
        return self.positions[tp]


class Clock:
    """A monotonic clock that goes when it is told to."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(health, "time", clock)
    return clock


def looked(motion: Motion, partitions: Partitions) -> str | None:
    asyncio.run(motion.look(partitions))  # type: ignore[arg-type]
    return motion.trouble(working=False)


def test_a_service_is_not_ready_before_it_has_heard_and_started(clock: Clock) -> None:
    """A word from the brokers and the end of its start: both are needed."""
    motion = Motion(60)
    assert motion.trouble(working=False) == "no broker has answered yet"
    clock.now += 1
    assert looked(motion, Partitions()) == "not started yet"
    motion.started = True
    assert motion.trouble(working=False) is None


def test_brokers_are_asked_also_where_nothing_is_assigned(clock: Clock) -> None:
    """A worker more than there are partitions is ready only while brokers answer."""
    motion, partitions = Motion(60, started=True), Partitions()
    assert looked(motion, partitions) is None
    assert partitions.asked == ANY
    partitions.silent = True
    clock.now += SILENT_SECONDS + 1
    assert looked(motion, partitions) == "no broker has answered for 16 s"
    partitions.silent = False
    assert looked(motion, partitions) is None


def test_events_that_wait_and_are_not_taken_are_trouble(clock: Clock) -> None:
    """After the time that the settings give, and not while a call of the stage is under way."""
    motion, partitions = Motion(10, started=True), Partitions({ONE: 5, TWO: 3}, {ONE: 5, TWO: 9})
    assert looked(motion, partitions) is None
    clock.now += 11
    assert looked(motion, partitions) == f"events wait in {TOPIC}/1, and none is taken"
    assert motion.trouble(working=True) is None
    partitions.positions[TWO] = 4
    assert looked(motion, partitions) is None


def test_a_partition_without_news_may_rest(clock: Clock) -> None:
    """Nothing to take is no trouble, however long; neither is a partition that was taken away."""
    motion, partitions = Motion(10, started=True), Partitions({ONE: 5, TWO: 3}, {ONE: 5, TWO: 9})
    looked(motion, partitions)
    del partitions.positions[TWO]
    clock.now += 100
    assert looked(motion, partitions) is None
