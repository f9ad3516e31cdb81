"""Deliveries: an offset says that everything before it is done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from podium_runtime.kafka.records import Origin, Record
from podium_runtime.service.deliveries import Delivery, Partition


def taken(partition: Partition, count: int) -> tuple[list[Delivery], list[int]]:
    """Take records; return their deliveries, and the offsets as they are acknowledged."""
    moved: list[int] = []

    def take(offset: int) -> Delivery:
        record = Record(Origin("events", 0, offset), None, None, ())
        return partition.take(record, lambda: moved.append(offset))

    return [take(offset) for offset in range(count)], moved


@given(st.permutations(range(8)))
def test_records_are_acknowledged_in_their_order(order: list[int]) -> None:
    """However they are settled, an offset moves when all before it are settled, and not later."""
    deliveries, moved = taken(Partition(), len(order))
    for done, offset in enumerate(order, 1):
        deliveries[offset].settle()
        settled = set(order[:done])
        first_open = next((number for number in range(len(order)) if number not in settled), len(order))
        assert moved == list(range(first_open))


@pytest.mark.parametrize("again", [1, 2])
def test_a_record_is_acknowledged_once(again: int) -> None:
    """Settling twice is settling."""
    deliveries, moved = taken(Partition(), 2)
    for _ in range(again):
        deliveries[0].settle()
    assert moved == [0]


def test_what_was_taken_from_a_revoked_partition_is_not_wanted() -> None:
    """Another worker gets it."""
    partition = Partition()
    (delivery,), _ = taken(partition, 1)
    assert delivery.wanted
    partition.revoked = True
    assert not delivery.wanted
