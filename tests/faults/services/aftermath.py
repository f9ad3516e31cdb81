"""What must be true of a shop when a storm is over: nothing lost, nothing doubled, every event announced, the tables of a quiet day."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import podium
from deltalake import DeltaTable
from podium.opening import Opened
from podium_contracts.errors import MissingEvents
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import StageFailed
from podium_contracts.names import Layer, Stage
from podium_lakehouse.hosting import scopes
from podium_lakehouse.records.intents import Input, Scope

from tests.faults.account import completed, differences, miscounted, misnumbered
from tests.faults.services.shop import undisturbed
from tests.integration.services.stack import Stack, Topic, events, eventually

Place = tuple[int, int]
"""A partition and an offset."""
LISTENING_SECONDS = 60


def settle(shops: Sequence[Opened], sold: Sequence[Place], stack: Stack, seconds: float) -> None:
    """Wait until all that was sold is published, and every stage has answered every event."""
    eventually(lambda: all(is_settled(shop, len(sold)) for shop in shops), seconds)
    eventually(lambda: stack.lag() == 0, seconds)


def is_settled(shop: Opened, sold: int) -> bool:
    """Whether so many messages are in Bronze, and each stage's last completion answers the last one before it."""
    every = [scope for stage in Stage for scope in scopes(stage, shop.pipeline)]
    last = [shop.lakehouse.completions.last(scope) for scope in every]
    if not all(last):
        return False
    bronze, silver, gold, silver_verdict, gold_verdict, published = last
    return (
        bronze.data.tables[0].rows == sold
        and _input(shop, silver).to_batch == bronze.number
        and _input(shop, silver_verdict).to_batch == silver.number
        and _input(shop, gold).to_version == silver_verdict.data.tables[0].to_version
        and _input(shop, gold_verdict).to_batch == gold.number
        and _input(shop, published).to_batch == gold_verdict.number
    )


def check(shop: Opened, sold: Sequence[Place], stack: Stack, announced: Topic, quiet: Path) -> None:
    """Check a shop that has settled; `announced` has been watched since before the first sale, `quiet` is a new folder."""
    assert misplaced(shop, sold) == {}
    assert misnumbered(shop) == []
    assert miscounted(shop, len(sold)) == []
    wrong = misannounced(shop, stack, announced)
    assert wrong == [], wrong
    assert differences(shop, undisturbed(shop, quiet, stack.kafka)) == []


def misplaced(shop: Opened, sold: Sequence[Place]) -> dict[Place, int]:
    """Return the messages that Bronze has not exactly once, and by how many it has each too often."""
    bronze = DeltaTable(shop.lakehouse.table_uri(Layer.BRONZE, "sales"))
    rows = bronze.to_pyarrow_table(columns=["kafka_partition", "kafka_offset"]).to_pylist()
    there = Counter((row["kafka_partition"], row["kafka_offset"]) for row in rows)
    there.subtract(Counter(sold))
    return {place: times for place, times in there.items() if times}


def misannounced(shop: Opened, stack: Stack, announced: Topic) -> list[str]:
    """Return what is wrong with the events.

    A consumer hears of each completion once, in order; nothing else is announced as one, and no failure.
    """
    wanted = {_identity(event) for found in completed(shop).values() for event in found}
    mistakes: list[str] = []
    try:
        heard = asyncio.run(_listen(shop, stack, wanted))
        mistakes += [f"{name} came {times} times" for name, times in Counter(heard).items() if times > 1]
    except (MissingEvents, TimeoutError) as error:
        mistakes.append(str(error))
    for event in events(announced, shop.pipeline.name):
        if isinstance(event.data, StageFailed):
            mistakes.append(f"{event.source} failed: {event.data.message}")
        elif event.number and _identity(event) not in wanted:
            mistakes.append(f"{_identity(event)} was announced, and never completed")
    return mistakes


async def _listen(shop: Opened, stack: Stack, wanted: set[str]) -> list[str]:
    """Follow the events as any consumer does, until each that is wanted has come.

    Raises:
        MissingEvents: there is a gap.
        TimeoutError: not all have come.
    """
    heard: list[str] = []
    left = set(wanted)
    try:
        async with (
            asyncio.timeout(LISTENING_SECONDS),
            aclosing(podium.events(stack.kafka, pipeline=shop.pipeline.name)) as following,
        ):
            async for event in following:
                heard += [_identity(event)] if event.number else []
                left.discard(_identity(event))
                if not left:
                    break
    except TimeoutError:
        raise TimeoutError(f"never announced: {sorted(left)}") from None
    return heard


def _input(shop: Opened, event: CloudEvent) -> Input:
    """Return the first table that the intent behind a completion reads."""
    (stage,) = (stage for stage in Stage if event.source.endswith(f"/{stage}"))
    scope = Scope(pipeline=shop.pipeline.name, stage=stage, subject=event.subject)
    return next(iter(shop.lakehouse.intents.read(scope, event.number).inputs.values()))


def _identity(event: CloudEvent) -> str:
    return f"{event.source} {event.id}"
