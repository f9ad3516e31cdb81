"""What a consumer remembers: repeats and gaps, within bounds."""

from datetime import UTC, datetime, timedelta

import pytest
from podium_contracts.events import CloudEvent, envelope
from podium_contracts.events.v1 import LayerCompleted, Run, RunRequested
from podium_contracts.names import Stage
from podium_runtime.kafka import memory as module
from podium_runtime.kafka.memory import IDS, Gap, Memory

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def completion(number: int, subject: str = "bronze.sales", run: int = 1) -> CloudEvent:
    """Return the completion of that number, in the run of that number."""
    at = NOON + timedelta(hours=run)
    data = LayerCompleted(run=Run(pipeline="retail", id=f"run-{run}", requested_at=at))
    return envelope(
        data, stage=Stage.INGEST, subject=subject, sequence=number, traceparent="00", causation="1"
    )


def request(number: int) -> CloudEvent:
    """Return the request of the run of that number."""
    data = RunRequested(run=Run(pipeline="retail", id=f"run-{number}", requested_at=NOON))
    return envelope(data, stage=None, subject="retail", sequence=0, traceparent="00", causation="")


def heard(memory: Memory, *events: CloudEvent) -> list[Gap | None]:
    """Let a memory hear events, none of them a repeat; return the gap before each."""
    gaps = []
    for event in events:
        assert not memory.repeats(event)
        gaps.append(memory.gap(event))
        memory.note(event)
    return gaps


def test_what_was_heard_is_a_repeat() -> None:
    """By source and id, whether it is a completion or not; the same id from another source is another event."""
    memory = Memory()
    other = completion(1).model_copy(update={"source": "/podium/retail/cleanse"})
    assert heard(memory, completion(1), request(1), other) == [None, None, None]
    assert memory.repeats(completion(1))
    assert memory.repeats(request(1))
    assert not memory.repeats(request(2))


def test_a_number_that_is_left_out_is_a_gap() -> None:
    """The gap says whose numbers are missing and which, and ends when the next has come."""
    memory = Memory()
    found = heard(memory, completion(1), completion(4), completion(5))
    assert found == [None, Gap("/podium/retail/ingest", "bronze.sales", 2, 4), None]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (3, "/p announced 2 of gold, which never came; next came 3"),
        (5, "/p announced 2 to 4 of gold, which never came; next came 5"),
    ],
)
def test_a_gap_is_told_in_words(found: int, said: str) -> None:
    """One number, or the first and the last."""
    assert str(Gap("/p", "gold", 2, found)) == said


def test_subjects_are_counted_apart() -> None:
    """Each source and subject has its own numbers, and a request has none."""
    memory = Memory()
    events = (completion(1), completion(1, "bronze.customers"), request(1), completion(2), request(2))
    assert heard(memory, *events) == [None] * 5


def test_the_first_number_may_be_any() -> None:
    """Who begins in the middle, or where the services found a lakehouse, knows nothing of what was before."""
    missing = Gap("/podium/retail/ingest", "bronze.sales", 4, 5)
    assert heard(Memory(), completion(3), completion(5)) == [None, missing]


def test_after_requests_the_first_number_is_still_the_first() -> None:
    """An event that is no completion says nothing about numbers."""
    memory = Memory()
    failed = completion(0)
    assert heard(memory, failed, completion(7), completion(8)) == [None, None, None]


def test_numbers_begin_anew_with_a_new_lakehouse() -> None:
    """A lower number of a newer run is no repeat; from there it is counted again."""
    memory = Memory()
    again = [completion(1, run=9), completion(2, run=9), completion(4, run=9)]
    gaps = heard(memory, completion(1), completion(2), completion(3), *again)
    assert gaps == [None] * 5 + [Gap("/podium/retail/ingest", "bronze.sales", 3, 4)]


def test_a_repeat_that_is_forgotten_comes_as_a_new_event_and_is_no_gap() -> None:
    """At least once allows it; neither it nor what comes after it is taken for missing."""
    memory = Memory()
    heard(memory, *(completion(number) for number in range(1, IDS + 2)))
    assert memory.repeats(completion(2))
    assert heard(memory, completion(1), completion(IDS + 2)) == [None, None]


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The subject that was silent the longest is forgotten, and its next number is taken as it is."""
    monkeypatch.setattr(module, "SCOPES", 2)
    memory = Memory()
    heard(memory, completion(1, "bronze.a"), completion(1, "bronze.b"), completion(2, "bronze.a"))
    heard(memory, completion(1, "bronze.c"))
    assert len(memory._scopes) == 2
    assert memory.repeats(completion(2, "bronze.a"))
    assert heard(memory, completion(7, "bronze.b")) == [None]
    for number in range(1, 3 * IDS):
        memory.note(completion(number, "bronze.d"))
    assert len(memory._scopes["/podium/retail/ingest", "bronze.d"].ids) == IDS
