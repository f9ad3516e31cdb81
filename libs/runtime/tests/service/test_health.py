"""Health: whether a service moves, from what it sees of its partitions."""

import asyncio
from dataclasses import dataclass, field

import pytest
from aiokafka.errors import KafkaConnectionError
from faust.types.tuples import TP
from podium_contracts.events import TOPIC
from podium_runtime.service import health, under_way
from podium_runtime.service.health import ANY, SILENT_SECONDS, Motion
from podium_runtime.service.under_way import UnderWay

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
    monkeypatch.setattr(under_way, "time", clock)
    return clock


def moving(*, started: bool = True) -> Motion:
    """Return the motion of a service of which nothing has been seen."""
    return Motion(10, 1000, UnderWay(), UnderWay(), started)


def looked(motion: Motion, partitions: Partitions, *held: TP) -> str | None:
    asyncio.run(motion.look(partitions, set(held)))  # type: ignore[arg-type]
    return motion.trouble()


def test_a_service_is_not_ready_before_it_has_heard_and_started(clock: Clock) -> None:
    """A word from the brokers and the end of its start: both are needed."""
    motion = moving(started=False)
    assert motion.trouble() == "no broker has answered yet"
    clock.now += 1
    assert looked(motion, Partitions()) == "not started yet"
    motion.started = True
    assert motion.trouble() is None


def test_brokers_are_asked_also_where_nothing_is_assigned(clock: Clock) -> None:
    """A worker more than there are partitions is ready only while brokers answer."""
    motion, partitions = moving(), Partitions()
    assert looked(motion, partitions) is None
    assert partitions.asked == ANY
    partitions.silent = True
    clock.now += SILENT_SECONDS + 1
    assert looked(motion, partitions) == "no broker has answered for 16 s"
    partitions.silent = False
    assert looked(motion, partitions) is None


def test_events_that_wait_and_are_not_taken_are_trouble(clock: Clock) -> None:
    """After the time that the settings give, also while a call of the stage is under way."""
    motion, partitions = moving(), Partitions({ONE: 5, TWO: 3}, {ONE: 5, TWO: 9})
    assert looked(motion, partitions) is None
    clock.now += 11
    with motion.calls.during("answer"):
        assert looked(motion, partitions) == f"events wait in {TOPIC}/1, and none is taken"
    partitions.positions[TWO] = 4
    assert looked(motion, partitions) is None


def test_a_partition_without_news_may_rest(clock: Clock) -> None:
    """Nothing to take is no trouble, however long; neither is a partition that was taken away."""
    motion, partitions = moving(), Partitions({ONE: 5, TWO: 3}, {ONE: 5, TWO: 9})
    looked(motion, partitions)
    del partitions.positions[TWO]
    clock.now += 100
    assert looked(motion, partitions) is None


def test_a_partition_that_is_held_may_stand(clock: Clock) -> None:
    """Its events wait on purpose, for hours if a call takes so long; when it is let go, it has its time to move."""
    motion, partitions = moving(), Partitions({ONE: 5}, {ONE: 9})
    for _ in range(3):
        assert looked(motion, partitions, ONE) is None
        clock.now += 100
    assert looked(motion, partitions, ONE) is None
    clock.now += 9
    assert looked(motion, partitions) is None
    clock.now += 2
    assert looked(motion, partitions) == f"events wait in {TOPIC}/0, and none is taken"


def test_a_record_that_kafka_does_not_take_is_trouble(clock: Clock) -> None:
    """Though the brokers answer everything else, and only for as long as it waits."""
    motion, partitions = moving(), Partitions({ONE: 5}, {ONE: 5})
    with motion.waits.during("a record for the topic"):
        assert looked(motion, partitions) is None
        clock.now += 11
        with motion.waits.during("a record that has just come"):
            assert looked(motion, partitions) == "a record for the topic has not been taken for 11 s"
    assert looked(motion, partitions) is None


def test_a_long_call_is_no_trouble_and_one_that_hangs_is(clock: Clock) -> None:
    """A stage may work for as long as the settings say, and its process is at work meanwhile."""
    motion, partitions = moving(), Partitions({ONE: 5}, {ONE: 5})
    with motion.calls.during("answer"):
        clock.now += 999
        assert looked(motion, partitions) is None
        clock.now += 2
        assert looked(motion, partitions) == "a call of the stage (answer) has been at work for 1001 s"
