"""The bus in memory: order, repetition, who hears what, and what happens on an error."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from podium_contracts.errors import BadSource, MalformedEvent
from podium_contracts.events import CloudEvent, encode, envelope
from podium_contracts.events.v1 import LayerCompleted, Run, RunRequested
from podium_contracts.names import Stage
from podium_runtime.bus import InMemoryBus

RUN = Run(pipeline="retail", id="run-1", requested_at=datetime(2026, 11, 3, tzinfo=UTC))
REQUESTED = "dev.podium.run.requested.v1"
COMPLETED = "dev.podium.layer.completed.v1"


def requested() -> CloudEvent:
    """Return the request of a run."""
    return envelope(
        RunRequested(run=RUN), stage=None, subject="retail", sequence=0, traceparent="trace", causation=""
    )


def completed(sequence: int, stage: Stage = Stage.INGEST) -> CloudEvent:
    """Return a completion of a stage."""
    data = LayerCompleted(run=RUN, layer="bronze", subject="sales", sequence=sequence)
    return envelope(
        data, stage=stage, subject="sales", sequence=sequence, traceparent="trace", causation="run-1"
    )


def noting(heard: list[CloudEvent]) -> Callable[[CloudEvent], list[CloudEvent]]:
    """Return a handler that notes what it hears and answers nothing."""

    def handler(event: CloudEvent) -> list[CloudEvent]:
        heard.append(event)
        return []

    return handler


@pytest.fixture
def bus() -> InMemoryBus:
    """An empty bus."""
    return InMemoryBus()


def test_events_arrive_in_the_order_they_were_published(bus: InMemoryBus) -> None:
    """An answer comes after what was published before it."""
    heard: list[CloudEvent] = []
    bus.subscribe({REQUESTED}, lambda _event: [completed(1)])
    bus.subscribe({REQUESTED, COMPLETED}, noting(heard))
    for event in (requested(), completed(2), completed(3)):
        bus.publish(event)
    bus.drain()
    assert heard == [requested(), completed(2), completed(3), completed(1)]


def test_a_handler_hears_only_its_types(bus: InMemoryBus) -> None:
    """An event goes to every handler that subscribed to its type, and nobody else."""
    first: list[CloudEvent] = []
    second: list[CloudEvent] = []
    third: list[CloudEvent] = []
    bus.subscribe({REQUESTED}, noting(first))
    bus.subscribe({REQUESTED, COMPLETED}, noting(second))
    bus.subscribe({COMPLETED}, noting(third))
    bus.publish(requested())
    bus.drain()
    assert (first, second, third) == ([requested()], [requested()], [])


def test_a_repeated_event_is_dropped(bus: InMemoryBus) -> None:
    """The same source and id are the same event, in one drain or a later one, whatever else differs."""
    heard: list[CloudEvent] = []
    bus.subscribe({COMPLETED}, noting(heard))
    again = completed(1).model_copy(update={"causationid": "another"})
    bus.publish(completed(1))
    bus.publish(again)
    bus.drain()
    bus.publish(completed(1))
    bus.drain()
    assert heard == [completed(1)]


def test_the_same_id_of_another_source_is_another_event(bus: InMemoryBus) -> None:
    """Stages count for themselves, so that only both together identify an event."""
    heard: list[CloudEvent] = []
    bus.subscribe({COMPLETED}, noting(heard))
    bus.publish(completed(1))
    bus.publish(completed(1, Stage.CLEANSE))
    bus.drain()
    assert [event.source for event in heard] == ["/podium/retail/ingest", "/podium/retail/cleanse"]


def test_listeners_hear_every_event_before_its_handlers(bus: InMemoryBus) -> None:
    """Progress is shown before the work begins, also for events that no handler wants."""
    order: list[str] = []

    def handler(event: CloudEvent) -> list[CloudEvent]:
        order.append(f"handled {event.type}")
        return []

    bus.subscribe({REQUESTED}, handler)
    bus.listen(lambda event: order.append(f"heard {event.type}"))
    bus.publish(requested())
    bus.publish(completed(1))
    bus.drain()
    assert order == [f"heard {REQUESTED}", f"handled {REQUESTED}", f"heard {COMPLETED}"]


def test_an_error_ends_the_drain_and_reaches_the_caller(bus: InMemoryBus) -> None:
    """The error is not swallowed, and nothing after it is delivered before the next drain."""
    heard: list[CloudEvent] = []

    def failing(_event: CloudEvent) -> list[CloudEvent]:
        raise BadSource("sales.csv is empty")

    bus.subscribe({REQUESTED}, failing)
    bus.subscribe({REQUESTED, COMPLETED}, noting(heard))
    bus.publish(requested())
    bus.publish(completed(1))
    with pytest.raises(BadSource, match=r"sales\.csv is empty"):
        bus.drain()
    assert heard == []
    bus.drain()
    assert heard == [completed(1)]


def test_what_is_delivered_was_read_from_bytes(bus: InMemoryBus) -> None:
    """Handlers never get the object that was published, so that nothing travels that Kafka could not carry."""
    heard: list[CloudEvent] = []
    bus.subscribe({REQUESTED}, noting(heard))
    published = requested()
    bus.publish(published)
    bus.drain()
    assert heard == [published]
    assert heard[0] is not published
    assert heard[0].data is not published.data
    assert encode(heard[0]) == encode(published)


def test_an_event_that_kafka_could_not_carry_is_not_delivered(bus: InMemoryBus) -> None:
    """A type that the codec does not know fails here as it would there."""
    bus.publish(requested().model_copy(update={"type": "dev.podium.unheard.of.v1"}))
    with pytest.raises(MalformedEvent, match="unknown event type"):
        bus.drain()


def test_an_empty_bus_has_nothing_to_deliver(bus: InMemoryBus) -> None:
    """Draining without news does nothing."""
    heard: list[CloudEvent] = []
    bus.listen(heard.append)
    bus.drain()
    assert heard == []
