"""A steady stream of sales while services, their processes and the broker are killed: nothing is lost, doubled or left out.

PODIUM_STORM_SEED=… repeats a storm. `make faults` runs the long one: ten minutes, 66 kills.
"""

import os
import random
from pathlib import Path

import pytest
from podium_runtime.kafka.clients import Brokers
from podium_runtime.kafka.dead_letters import DEAD_LETTERS

from tests.faults.services import aftermath
from tests.faults.services.shop import Seller, open_shop
from tests.faults.services.strikes import HEADER, LIMITS, Recovery, Storm, recoveries
from tests.integration.services.stack import Stack, eventually, letters

pytestmark = [pytest.mark.integration, pytest.mark.faults]
SETTLING_SECONDS = 120


def drawn_seed() -> int:
    seed = int(os.environ.get("PODIUM_STORM_SEED", random.randrange(10**6)))
    print(f"PODIUM_STORM_SEED={seed}")
    return seed


@pytest.mark.timeout(300)
def test_a_storm_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    """Every message is in Bronze once, the ledgers balance and follow one on the other, every completion is announced, and all
    tables are those of an undisturbed run.
    """
    storm(stack, tmp_path, seconds=12, rate=100, services=2, processes=2, brokers=1)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_long_storm_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    """The same, and whatever was killed is back at work within its limit."""
    for recovery in storm(stack, tmp_path, seconds=600, rate=500, services=30, processes=30, brokers=6):
        assert recovery.slowest < LIMITS[recovery.kind], recovery


def storm(
    stack: Stack, folder: Path, *, seconds: float, rate: int, services: int, processes: int, brokers: int
) -> list[Recovery]:
    """Let a storm pass over a shop that sells, and check what is left; return how long what was killed took to recover."""
    seed = drawn_seed()
    shop = open_shop(stack.pipelines / "shop", "shop")
    announced, dead = stack.watch(), stack.watch(DEAD_LETTERS)
    storm = Storm(stack, seed, services, processes, brokers)
    with Seller(Brokers(stack.kafka), seed, rate) as seller:
        storm.rage(seconds)
        eventually(lambda: all(service.is_ready() for service in stack.services.values()))
    aftermath.settle([shop], seller.sold, stack, SETTLING_SECONDS)
    found = recoveries(storm.strikes, shop)
    print(f"{len(seller.sold):,} messages, {len(storm.strikes)} kills", HEADER, *found, sep="\n")
    print(
        *(f"{strike}: {seconds:.1f} s" for recovery in found for strike, seconds in recovery.felt), sep="\n"
    )
    assert letters(dead) == []
    aftermath.check(shop, seller.sold, stack, announced, folder / "quiet")
    return found
