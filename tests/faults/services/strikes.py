"""A storm: kill -9 of services, of their processes and of the broker in an order that the seed decides, and how long each takes to recover."""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median

import psutil
from deltalake import DeltaTable
from podium.opening import Opened
from podium_contracts.names import Stage
from podium_lakehouse.delta.commits import TRANSACTION_KEY

from tests.integration.services.stack import PATIENCE_SECONDS, Service, Stack, eventually

LIMITS = {"service": 30, "process": 30, "broker": 60}
"""Seconds in which each must be back at work."""
WAY = (
    "",
    "ingest/bronze.sales",
    "cleanse/silver.sales",
    "quality/silver.sales",
    "model/gold",
    "quality/gold",
    "publish/duckdb",
)
"""Each answers what the one before it completes."""
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

    def __str__(self) -> str:
        """As people look for it in a log."""
        return f"{datetime.fromtimestamp(self.at, UTC):%H:%M:%S} {self.kind} {self.stage or ''}"


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
        servers = [child for child in children if "forkserver" in " ".join(child.cmdline())]
        return [child for server in servers for child in server.children()]
    return []


@dataclass(frozen=True)
class Recovery:
    """How long a kind took to be back at work: the strikes that were not followed by another one meanwhile, with their seconds."""

    kind: str
    strikes: int
    felt: list[tuple[Strike, float]]

    @property
    def slowest(self) -> float:
        """The longest, in seconds."""
        return max(seconds for _, seconds in self.felt)

    def __str__(self) -> str:
        """A row of a table in Markdown."""
        seconds = [seconds for _, seconds in self.felt]
        figures = f"{median(seconds):.1f} | {max(seconds):.1f}" if seconds else "|"
        return f"| {self.kind} | {self.strikes} | {self.strikes - len(seconds)} | {figures} | {LIMITS[self.kind]} |"


def recoveries(strikes: Sequence[Strike], shop: Opened) -> list[Recovery]:
    """Return how long each kind took until the stage that was struck, of a broker every stage, completed something again."""
    steps = _steps(shop)
    found: dict[str, list[tuple[Strike, float]]] = {kind: [] for kind in LIMITS}
    for strike in strikes:
        if seconds := _seconds(strike, strikes, steps):
            found[strike.kind].append((strike, seconds))
    counts = Counter(strike.kind for strike in strikes)
    return [Recovery(kind, counts[kind], felt) for kind, felt in found.items()]


def _seconds(strike: Strike, strikes: Sequence[Strike], steps: Sequence["_Step"]) -> float | None:
    """Return how long a strike was felt, None where whatever it struck was struck again before it was back."""
    felt = []
    for step in steps:
        if strike.stage in {step.stage, None} and (back := step.back(strike.over)):
            again = (other.stage in {step.stage, None} for other in strikes if strike.at < other.at < back)
            since = max(strike.at, step.waiting(strike.over)) if strike.stage else strike.at
            felt += [] if any(again) else [back - since]
    return max(felt, default=None)


@dataclass(frozen=True)
class _Step:
    """What a stage has done of one kind, and what it answers."""

    stage: Stage
    pinned: Mapping[int, float]
    completed: Sequence[tuple[float, int]]
    upstream: Sequence[tuple[float, int]]

    def back(self, moment: float) -> float | None:
        """Return when something was completed after a moment."""
        return next((time for time, _ in self.completed if time > moment), None)

    def waiting(self, moment: float) -> float:
        """Return since when something waited to be answered at a moment, or when that came: an upstream that was struck, too, has nothing to offer."""
        done = [number for time, number in self.completed if time < moment]
        last = self.pinned[done[-1]] if done else 0.0
        return next((time for time, _ in self.upstream if time > last), last)


def _steps(shop: Opened) -> list[_Step]:
    """Return the steps of a shop, with the times of their commits in seconds since 1970."""
    pinned, completed = _commits(shop, "intents"), _commits(shop, "completions")
    return [
        _Step(
            Stage(name.split("/")[0]),
            {number: time for time, number in pinned[name]},
            completed[name],
            completed[upstream],
        )
        for upstream, name in pairwise(WAY)
    ]


def _commits(shop: Opened, records: str) -> defaultdict[str, list[tuple[float, int]]]:
    """Return the times and numbers of records, oldest first, by the stage and subject that they are counted for."""
    found: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
    for entry in reversed(DeltaTable(shop.lakehouse.record_uri(records)).history()):
        if transaction := entry.get(TRANSACTION_KEY):
            scope, _, number = transaction.partition("#")
            found[scope.partition("/")[2]].append((entry["timestamp"] / 1000, int(number)))
    return found
