"""A storm: kill -9 of services, of their processes and of the broker in an order that the seed decides, and how long each takes to recover."""

import random
import time
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median

import psutil
from deltalake import DeltaTable
from podium.opening import Opened
from podium_contracts.names import Stage
from podium_lakehouse.delta.commits import TRANSACTION_KEY

from tests.integration.services.stack import PATIENCE_SECONDS, Service, Stack, eventually

LIMITS = {"service": 30, "process": 30, "broker": 60}
"""Seconds in which each must be back at work."""
HEADER = """\
| killed | strikes | struck again before | p50, s | max, s | limit, s |
|---|---:|---:|---:|---:|---:|"""


@dataclass(frozen=True)
class Strike:
    """What was killed and when; from `over` on, whatever is done is not its work any more. Times are seconds since 1970."""

    kind: str
    stage: Stage | None
    at: float
    over: float


@dataclass
class Storm:
    """Strikes at a steady pace, as many of each kind as the seed's shuffle lays down; stages are struck in turn, in an order of its own."""

    stack: Stack
    seed: int
    services: int
    processes: int
    brokers: int
    strikes: list[Strike] = field(default_factory=list)

    def rage(self, seconds: float) -> None:
        """Strike evenly over so many seconds; a strike that takes longer than its share is followed by the next at once."""
        chance = random.Random(self.seed)
        kinds = ["service"] * self.services + ["process"] * self.processes + ["broker"] * self.brokers
        chance.shuffle(kinds)
        turns = {kind: _turns(chance) for kind in ("service", "process")}
        started = time.monotonic()
        for number, kind in enumerate(kinds):
            moment = started + (number + chance.random()) * seconds / len(kinds)
            time.sleep(max(0.0, moment - time.monotonic()))
            stage = next(turns[kind]) if kind in turns else None
            at = time.time()
            self._strike(kind, stage)
            self.strikes.append(Strike(kind, stage, at, time.time()))

    def _strike(self, kind: str, stage: Stage | None) -> None:
        if stage is None:
            self.stack.broker.kill()
            self.stack.broker.start()
            return
        service = self.stack.services[stage]
        processes = eventually(lambda: _processes(service))
        if kind == "service":
            service.kill()
            service.start()
        else:
            for process in processes:
                process.kill()
        gone, _ = psutil.wait_procs(processes, PATIENCE_SECONDS)
        assert len(gone) == len(processes)


def _turns(chance: random.Random) -> Iterator[Stage]:
    while True:
        yield from chance.sample(list(Stage), len(Stage))


def _processes(service: Service) -> list[psutil.Process]:
    """Return the processes in which a service calls its stage; just after its start it has none yet."""
    assert service.process
    assert service.process.poll() is None, service.errors.read_text()[-2000:]
    with suppress(psutil.NoSuchProcess):  # one that ends while it is looked at
        children = psutil.Process(service.process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    return []


@dataclass(frozen=True)
class Recovery:
    """How long a kind took to be back at work: seconds of every strike that was not followed by another one meanwhile."""

    kind: str
    strikes: int
    seconds: list[float]

    def __str__(self) -> str:
        """A row of a table in Markdown."""
        again = self.strikes - len(self.seconds)
        figures = f"{median(self.seconds):.1f} | {max(self.seconds):.1f}" if self.seconds else "|"
        return f"| {self.kind} | {self.strikes} | {again} | {figures} | {LIMITS[self.kind]} |"


def recoveries(strikes: Sequence[Strike], shops: Sequence[Opened]) -> list[Recovery]:
    """Return how long each kind took until the stage that was struck, of a broker every stage, completed something again."""
    work = _work(shops)
    found = {
        kind: [_seconds(strike, strikes, work) for strike in strikes if strike.kind == kind]
        for kind in LIMITS
    }
    return [
        Recovery(kind, len(times), [time for time in times if time is not None])
        for kind, times in found.items()
    ]


def _seconds(
    strike: Strike, strikes: Sequence[Strike], work: Mapping[Stage, Sequence[float]]
) -> float | None:
    """Return how long a strike was felt, None where whatever it struck was struck again before it was back."""
    felt = []
    for stage in [strike.stage] if strike.stage else Stage:
        back = work[stage][bisect(work[stage], strike.over)]
        again = [other for other in strikes if strike.at < other.at < back and other.stage in {stage, None}]
        felt += [] if again else [back - strike.at]
    return max(felt, default=None)


def _work(shops: Sequence[Opened]) -> dict[Stage, list[float]]:
    """Return when each stage completed something, as the commits of the completions say."""
    found: dict[Stage, list[float]] = {stage: [] for stage in Stage}
    for shop in shops:
        for entry in DeltaTable(shop.lakehouse.record_uri("completions")).history():
            if key := entry.get(TRANSACTION_KEY):
                found[Stage(key.split("/")[1])].append(entry["timestamp"] / 1000)
    return {stage: sorted(times) for stage, times in found.items()}
