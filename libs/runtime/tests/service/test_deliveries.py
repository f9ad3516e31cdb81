"""Deliveries: an offset says that everything before it is done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from podium_runtime.kafka.records import Origin, Record
from podium_runtime.service.deliveries import Delivery, Partition

from libs.runtime.tests.service.conftest import partition


def taken(source: Partition, count: int) -> tuple[list[Delivery], list[int]]:
    """Take records; return their deliveries, and the offsets as they are acknowledged."""
    moved: list[int] = []

    def take(offset: int) -> Delivery:
        record = Record(Origin("events", 0, offset), None, None, ())
        return source.take(record, lambda: moved.append(offset))

    return [take(offset) for offset in range(count)], moved


@given(st.permutations(range(8)))
def test_records_are_acknowledged_in_their_order(order: list[int]) -> None:
    """However they are settled, an offset moves when all before it are settled, and not later."""
    deliveries, moved = taken(partition(), len(order))
    for done, offset in enumerate(order, 1):
        deliveries[offset].settle()
        settled = set(order[:done])
        first_open = next((number for number in range(len(order)) if number not in settled), len(order))
        assert moved == list(range(first_open))


@pytest.mark.parametrize("again", [1, 2])
def test_a_record_is_acknowledged_once(again: int) -> None:
    """Settling twice is settling."""
    deliveries, moved = taken(partition(), 2)
    for _ in range(again):
        deliveries[0].settle()
    assert moved == [0]


def test_what_was_taken_from_a_revoked_partition_is_not_wanted() -> None:
    """Another worker gets it."""
    given = partition()
    (delivery,), _ = taken(given, 1)
    assert delivery.wanted
    given.revoked = True
    assert not delivery.wanted


class Gate:
    """Where a consumer would hear that it is to fetch no more of a partition, and that it may again."""

    def __init__(self, capacity: int) -> None:
        self.said: list[str] = []
        self.partition = partition(
            capacity, lambda: self.said.append("hold"), lambda: self.said.append("let go")
        )


def test_a_full_partition_is_held_until_half_of_it_is_acknowledged() -> None:
    """What had been fetched is still taken, and holds it again: a consumer that was assigned anew has forgotten."""
    gate = Gate(4)
    deliveries, _ = taken(gate.partition, 5)
    assert gate.said == ["hold"] * 2
    for number in (4, 1, 0):
        deliveries[number].settle()
    assert gate.said == ["hold"] * 2
    for number in (2, 3):
        deliveries[number].settle()
        assert gate.said == ["hold"] * 2 + ["let go"]


def test_a_partition_that_never_fills_is_never_held() -> None:
    """As long as records are acknowledged, any number of them may come."""
    gate = Gate(3)
    for _ in range(9):
        deliveries, _ = taken(gate.partition, 2)
        for delivery in deliveries:
            delivery.settle()
    assert gate.said == []


def test_a_partition_of_another_worker_is_left_alone() -> None:
    """Whoever has it now decides what is fetched of it."""
    gate = Gate(2)
    deliveries, _ = taken(gate.partition, 2)
    gate.partition.revoked = True
    for delivery in deliveries:
        delivery.settle()
    assert gate.said == ["hold"]


@pytest.mark.parametrize("capacity", [1, 2])
def test_a_partition_may_be_taken_one_by_one(capacity: int) -> None:
    """The smallest backlogs are held and let go, too."""
    gate = Gate(capacity)
    deliveries, _ = taken(gate.partition, capacity)
    for delivery in deliveries:
        delivery.settle()
    assert gate.said == ["hold", "let go"]
