"""Replicas come and go while pipelines are at work: 1 → 4 → 1, ended with SIGTERM or SIGKILL. Whoever holds a partition, the tables are the same.

While partitions move, two replicas may answer one event: their intents and commits decide.
"""

import itertools
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from podium_contracts.names import Stage
from podium_runtime.kafka.clients import Brokers
from podium_runtime.kafka.dead_letters import DEAD_LETTERS

from tests.faults.services import aftermath
from tests.faults.services.shop import Seller, open_shop
from tests.faults.services.test_storm import SETTLING_SECONDS, drawn_seed
from tests.integration.services.stack import Service, Stack, eventually, letters

pytestmark = [pytest.mark.integration, pytest.mark.faults]
REPLICAS = 4
GROWING_SECONDS = 180
"""Six processes that begin beside a crowd at work take their time on two cores; how long is not what is shown here."""


class Crowd:
    """The replicas of some services; when it is small, there is one of each, whichever that is."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self.stack = stack
        self.chance = random.Random(seed)
        self.running = {stage: [service] for stage, service in stack.services.items()}
        self.started = 0

    def grow(self, stages: Sequence[Stage]) -> None:
        """Start more of these at once, until there are four of each and all are ready."""
        for stage in stages:
            while len(self.running[stage]) < REPLICAS:
                self.running[stage].append(self._replica(stage))
        eventually(
            lambda: all(service.is_ready() for stage in stages for service in self.running[stage]),
            GROWING_SECONDS,
        )

    def shrink(self, stages: Sequence[Stage], seconds: float) -> None:
        """End all but one of each, within so many seconds, one after the other, in an order and by signals that the seed decides."""
        leaving = [
            service
            for stage in stages
            for service in self.chance.sample(self.running[stage], len(self.running[stage]) - 1)
        ]
        self.chance.shuffle(leaving)
        for service in leaving:
            time.sleep(self.chance.random() * 2 * seconds / len(leaving))
            number = self.chance.choice([signal.SIGTERM, signal.SIGKILL])
            code = service.end(number)
            assert code == (0 if number == signal.SIGTERM else -number), service.errors.read_text()
            self.running[Stage(service.stage)].remove(service)
        for stage in stages:
            (self.stack.services[stage],) = self.running[stage]

    def kill(self) -> None:
        for services in self.running.values():
            for service in services:
                service.kill()

    def _replica(self, stage: Stage) -> Service:
        self.started += 1
        folder = self.stack.folder / f"replica-{self.started}"
        folder.mkdir()
        service = Service(stage, folder, {**self.stack.environment, "PODIUM_MEMBER": str(self.started)})
        service.start()
        return service


def rebalance(
    stack: Stack, folder: Path, *, rounds: Sequence[Sequence[Stage]], shops: int, seconds: float, rate: int
) -> None:
    """Let replicas of some stages come and go in each round while several shops read the same sales, and check what is left."""
    seed = drawn_seed()
    opened = [open_shop(stack.pipelines / f"shop-{number}", f"shop-{number}") for number in range(shops)]
    announced, dead = stack.watch(), stack.watch(DEAD_LETTERS)
    crowd = Crowd(stack, seed)
    try:
        with Seller(Brokers(stack.kafka), seed, rate) as seller:
            for stages in rounds:
                crowd.grow(stages)
                crowd.shrink(stages, seconds)
        aftermath.settle(opened, seller.sold, stack, SETTLING_SECONDS)
    finally:
        crowd.kill()
    print(f"{len(seller.sold):,} messages, {crowd.started} replicas")
    assert letters(dead) == []
    for shop in opened:
        aftermath.check(shop, seller.sold, stack, announced, folder / f"quiet-{shop.pipeline.name}")


@pytest.mark.timeout(400)
def test_replicas_come_and_go(stack: Stack, tmp_path: Path) -> None:
    """Of ingest and cleanse, once: no row is lost or doubled, no event left out, no dead letter."""
    rebalance(stack, tmp_path, rounds=[(Stage.INGEST, Stage.CLEANSE)], shops=2, seconds=6, rate=50)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_replicas_of_every_stage_come_and_go(stack: Stack, tmp_path: Path) -> None:
    """The same with every stage in its turn, for some six minutes."""
    pairs = list(itertools.combinations(Stage, 2))
    rebalance(stack, tmp_path, rounds=pairs, shops=2, seconds=20, rate=100)
