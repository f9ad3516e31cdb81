"""`podium.events` on a real broker."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import podium
import pytest
from contract.golden import read_all
from podium_contracts.errors import TransientError
from podium_contracts.events import CloudEvent

from tests.events.conftest import EventsBroker, bronze, verdict

pytestmark = [pytest.mark.integration, pytest.mark.timeout(200)]

SECONDS = 60
"""Of patience."""
FOREIGN = [golden.record() for golden in read_all().values() if golden.attributes is None]


async def take(broker: EventsBroker, count: int, **options: Any) -> list[CloudEvent]:
    """Return so many events; the last of them is still in hand when the consumer ends."""
    found: list[CloudEvent] = []
    async with asyncio.timeout(SECONDS), aclosing(podium.events(broker.settings, **options)) as events:
        async for event in events:
            found.append(event)
            if len(found) == count:
                break
    return found


async def follow(broker: EventsBroker, found: list[CloudEvent], **options: Any) -> None:
    """Put events into a list, for ever."""
    async for event in podium.events(broker.settings, **options):
        found.append(event)  # noqa: PERF401 - what was found stays where it ends with an error


async def until(met: Callable[[], bool]) -> None:
    """Wait for something to be so."""
    async with asyncio.timeout(SECONDS):
        while not met():  # noqa: ASYNC110 - a list tells nobody that it grows
            await asyncio.sleep(0.05)


def test_events_come_in_order_once_and_nothing_else_does(broker: EventsBroker) -> None:
    """Repeats are dropped; tombstones, other CloudEvents and whatever else is in the topic are skipped."""
    events = [bronze(1), bronze(2), verdict(1, layer="silver"), verdict(1)]
    sent = [*FOREIGN, *events[:2], bronze(1), *FOREIGN, bronze(2), *events[2:]]
    broker.send(*sent)
    assert asyncio.run(take(broker, 4)) == events


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"pipeline": "wholesale"}, [bronze(1, "wholesale")]),
        ({"layer": "bronze"}, [bronze(1), bronze(2)]),
        ({"layer": "gold"}, [verdict(1), verdict(2, "failed")]),
        ({"types": [podium.LayerCompleted]}, [bronze(1), bronze(2)]),
        ({"certified": True}, [bronze(1), verdict(1, "warned", layer="silver"), verdict(1), bronze(2)]),
        ({"certified": True, "layer": "gold"}, [verdict(1), verdict(3)]),
        ({"types": [podium.QualityEvaluated], "layer": "silver"}, [verdict(1, "warned", layer="silver")]),
    ],
    ids=["pipeline", "layer", "gold", "type", "certified", "certified gold", "silver verdicts"],
)
def test_filters_leave_out_the_rest(
    broker: EventsBroker, options: dict[str, Any], expected: list[CloudEvent]
) -> None:
    """What is asked for comes; the events between do not count as missing."""
    retail = [
        bronze(1),
        verdict(1, "warned", layer="silver"),
        verdict(1),
        bronze(2),
        verdict(2, "failed"),
        verdict(3),
    ]
    broker.send(*retail, bronze(1, "wholesale"))
    options.setdefault("pipeline", "retail")
    assert asyncio.run(take(broker, len(expected), **options)) == expected


def test_an_event_is_done_when_the_next_is_asked_for(broker: EventsBroker) -> None:
    """A consumer that ends with an event in hand gets it again, and none before it; another group begins at the beginning."""
    broker.send(*(bronze(number) for number in range(1, 6)))
    assert asyncio.run(take(broker, 3, group="reports"))[-1] == bronze(3)
    assert broker.committed("reports") == 2
    assert asyncio.run(take(broker, 3, group="reports")) == [bronze(3), bronze(4), bronze(5)]
    assert asyncio.run(take(broker, 1, group="accounts")) == [bronze(1)]


def test_a_consumer_that_dies_gets_its_event_again(broker: EventsBroker) -> None:
    """Killed with an event in hand, however long it was held: nothing of it is committed behind the caller's back."""
    broker.send(bronze(1), bronze(2))
    program = (
        "import asyncio, os, time, podium\n"
        "async def main():\n"
        "    async for event in podium.events(group='dying'):\n"
        "        if event.sequence.endswith('2'):\n"
        "            await asyncio.sleep(2)\n"
        "            os._exit(9)\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "PODIUM_KAFKA__BOOTSTRAP_SERVERS": broker.settings.bootstrap_servers}
    died = subprocess.run([sys.executable, "-c", program], env=environment, timeout=SECONDS, check=False)
    assert died.returncode == 9
    assert broker.committed("dying") <= 1


def test_latest_begins_with_what_comes_next(broker: EventsBroker) -> None:
    """What was announced before does not come, and does not count as missing."""
    broker.send(bronze(1), bronze(2))

    async def scene() -> list[CloudEvent]:
        taking = asyncio.create_task(take(broker, 1, start="latest"))
        number = 2
        while not taking.done():  # whenever it has begun, the next one is the first it gets
            number += 1
            await asyncio.to_thread(broker.send, bronze(number))
            await asyncio.wait([taking], timeout=0.3)
        return taking.result()

    assert asyncio.run(scene())[0] not in {bronze(1), bronze(2)}


def test_a_missing_event_is_an_error(broker: EventsBroker) -> None:
    """Before the event that shows it, and with what to do; the ones before have come."""
    broker.send(bronze(1), bronze(2), bronze(5))
    found: list[CloudEvent] = []

    with pytest.raises(
        podium.MissingEvents, match=r"/podium/retail/ingest announced 3 to 4 of bronze.sales"
    ) as error:
        asyncio.run(asyncio.wait_for(follow(broker, found), SECONDS))
    assert "on_gap" in error.value.hint
    assert found == [bronze(1), bronze(2)]


def test_a_hook_hears_of_gaps_and_goes_on(broker: EventsBroker) -> None:
    """Also of one among events that a filter leaves out; the first number may be any."""
    broker.send(bronze(2), verdict(1), verdict(4), bronze(4))
    gaps: list[podium.Gap] = []
    events = asyncio.run(take(broker, 2, layer="bronze", on_gap=gaps.append))
    assert events == [bronze(2), bronze(4)]
    assert gaps == [
        podium.Gap("/podium/retail/quality", "gold", 2, 4),
        podium.Gap("/podium/retail/ingest", "bronze.sales", 3, 4),
    ]


def test_a_group_that_goes_on_does_not_miss_what_it_has_had(broker: EventsBroker) -> None:
    """A process of a group that begins in the middle knows no number before; from then on it counts."""
    broker.send(*(bronze(number) for number in range(1, 4)))
    asyncio.run(take(broker, 3, group="going-on"))
    broker.send(bronze(4), bronze(6))
    gaps: list[podium.Gap] = []
    events = asyncio.run(take(broker, 3, group="going-on", on_gap=gaps.append))
    assert events == [bronze(3), bronze(4), bronze(6)]
    assert gaps == [podium.Gap("/podium/retail/ingest", "bronze.sales", 5, 6)]


def test_a_broker_that_restarts_is_waited_for(broker: EventsBroker) -> None:
    """A consumer that is in the middle of things goes on after it, without a loss and without a repeat."""
    broker.send(bronze(1), bronze(2))

    async def scene() -> list[CloudEvent]:
        async with (
            asyncio.timeout(2 * SECONDS),
            aclosing(podium.events(broker.settings, group="restarted")) as events,
        ):
            found = [await anext(events), await anext(events)]
            waiting = asyncio.create_task(anext(events))
            await asyncio.to_thread(broker.stop)
            await asyncio.to_thread(broker.start)
            await asyncio.to_thread(broker.send, bronze(2), bronze(3), bronze(4))
            return [*found, await waiting, await anext(events)]

    assert asyncio.run(scene()) == [bronze(number) for number in range(1, 5)]


def test_a_consumer_ends_although_the_broker_is_gone(broker: EventsBroker) -> None:
    """What could not be committed is read again; nothing hangs for it."""
    broker.send(bronze(1), bronze(2))

    async def scene() -> None:
        events = podium.events(broker.settings, group="gone")
        await anext(events)
        await anext(events)
        await asyncio.to_thread(broker.stop)
        async with asyncio.timeout(SECONDS):
            await events.aclose()

    try:
        asyncio.run(scene())
    finally:
        broker.start()
    assert broker.committed("gone") <= 1


def test_a_program_ends_although_it_has_not_closed_its_consumer(broker: EventsBroker) -> None:
    """The event loop then cancels aiokafka's own tasks first: nothing answers any more, and nothing is waited for as long as that would be."""
    broker.send(bronze(1))
    program = (
        "import asyncio, podium\n"
        "async def follow(begun):\n"
        "    async for event in podium.events(group='left'):\n"
        "        begun.set()\n"
        "async def main():\n"
        "    begun = asyncio.Event()\n"
        "    asyncio.create_task(follow(begun))\n"
        "    await begun.wait()\n"
        "    await asyncio.sleep(0.3)\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "PODIUM_KAFKA__BOOTSTRAP_SERVERS": broker.settings.bootstrap_servers}
    subprocess.run([sys.executable, "-c", program], env=environment, timeout=30, check=True)


def test_members_of_a_group_share_the_pipelines(broker: EventsBroker) -> None:
    """While members come and go, every event comes to one of them, and to each of them in order and once."""
    pipelines = [f"shop{number}" for number in range(8)]
    first: list[CloudEvent] = []
    second: list[CloudEvent] = []
    gaps: list[podium.Gap] = []

    def join(found: list[CloudEvent]) -> asyncio.Task[None]:
        return asyncio.create_task(follow(broker, found, group="shared", on_gap=gaps.append))

    announced: set[CloudEvent] = set()

    async def announce() -> None:
        number = len(announced) // len(pipelines) + 1
        events = [bronze(number, pipeline) for pipeline in pipelines]
        await asyncio.to_thread(broker.send, *events)
        announced.update(events)
        await asyncio.sleep(0.5)

    async def scene() -> None:
        one = join(first)
        await announce()
        await until(lambda: len(first) == len(pipelines))
        two = join(second)
        async with asyncio.timeout(SECONDS):
            while not second:  # it may take some announcements until the group has shared itself anew
                await announce()
        await until(lambda: {*first, *second} == announced)
        one.cancel()
        await asyncio.wait([one])
        await announce()
        await until(lambda: {*first, *second} == announced)
        two.cancel()
        await asyncio.wait([two])

    asyncio.run(scene())
    assert gaps == []
    for found in (first, second):
        for pipeline in pipelines:
            own = [int(event.sequence) for event in found if event.partitionkey == pipeline]
            assert own == sorted(set(own))


def test_a_member_that_comes_and_goes_costs_nothing(broker: EventsBroker) -> None:
    """What is done is committed before the partitions move; and whoever gets a partition back goes on where it was in it."""
    broker.send(bronze(1), bronze(2), bronze(3))

    async def members(count: int) -> None:
        async with asyncio.timeout(SECONDS):
            while await asyncio.to_thread(broker.members, "visited") != count:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.1)

    async def scene() -> CloudEvent:
        async with aclosing(podium.events(broker.settings, group="visited")) as events:
            for number in (1, 2, 3):
                assert await anext(events) == bronze(number)
            visitor = asyncio.create_task(follow(broker, [], group="visited"))
            await members(2)
            assert broker.committed("visited") >= 2  # the third may have been the visitor's
            visitor.cancel()
            await asyncio.wait([visitor])
            await members(1)
            await asyncio.to_thread(broker.send, bronze(4))
            async with asyncio.timeout(SECONDS):
                return await anext(events)

    assert asyncio.run(scene()) == bronze(4)


def test_a_large_event_comes(broker: EventsBroker) -> None:
    """An event may be larger than what a client fetches at once by default."""
    large = bronze(1, notes=("x" * 3_000_000,))
    broker.send(large, bronze(2))
    assert asyncio.run(take(broker, 2)) == [large, bronze(2)]


@pytest.mark.parametrize(
    ("there", "said"),
    [(True, "there is no topic podium.events.v1"), (False, "no Kafka broker answers at 127.0.0.1:1")],
)
def test_without_a_topic_or_a_broker_it_says_so(server: EventsBroker, there: bool, said: str) -> None:  # noqa: FBT001
    """At once, and with the next step, instead of waiting for ever."""
    kafka = server.settings if there else "127.0.0.1:1"

    async def ask() -> Awaitable[CloudEvent]:
        async with asyncio.timeout(SECONDS):
            return await anext(podium.events(kafka))

    with pytest.raises(TransientError, match=said) as error:
        asyncio.run(ask())
    assert error.value.hint
