"""How many events a second of CPU time brings into Bronze: Podium's ingest service on both engines beside two programs by hand.

A backlog waits in the topic when each of them starts. Podium is the ingest service as it runs anywhere, started and idle when it gets the
pipeline; what is counted is what it and its stage's process take until Bronze has all of it, with intents, commits and completions in
between. The others are counted from their start to their end. What the broker takes meanwhile is said beside, and counted for nobody.
"""

import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from podium.opening import Opened
from podium_contracts.names import Stage
from rich.table import Table

from tests.benchmarks.measuring import LAYERS, Run, below, emptied, measured, size, tree_seconds
from tests.benchmarks.running import HERE, SALES, Heard, Running, Services, declare, rows_in
from tests.integration.services.stack import eventually

ROOT = HERE.parents[1]
JARS = ROOT / ".tools" / "kafka-source"
PATIENCE_SECONDS = 900


@dataclass(frozen=True)
class Taken:
    """What one side took, and the CPU seconds of the broker meanwhile."""

    run: Run
    broker_seconds: float


@dataclass(frozen=True)
class Backlog:
    """A broker with so many events in its topic, and a folder for what is made of them."""

    running: Running
    events: int
    scratch: Path

    def bare(self, *options: str) -> Run:
        """Run the consumer by hand."""
        return self._measured("bare_consumer.py", *options)

    def spark_by_hand(self) -> Run:
        """Run the Spark job by hand."""
        return self._measured("handwritten_spark_stream.py", *map(str, sorted(JARS.glob("*.jar"))))

    def _measured(self, program: str, *options: str) -> Run:
        lakehouse = emptied(self.scratch / "by-hand") / "lakehouse"
        return measured(
            [sys.executable, HERE / program, self.running.broker.address, SALES, lakehouse, *options],
            lakehouse,
        )

    def podium(self, engine: str) -> Run:
        """Let the ingest service bring all there is, in batches of a stream."""
        folder = emptied(self.scratch / "podium")
        with ThreadPoolExecutor() as pool, Services(folder, self.running.broker, [Stage.INGEST]) as services:
            pid = services.pids[Stage.INGEST]
            watch = pool.submit(below, pid)
            before = tree_seconds(pid)
            opened = declare(services.pipelines, trigger_seconds=0.1, engine=engine)
            eventually(
                lambda: sum(rows_in(each.event) for each in self._completed(opened)) >= self.events,
                PATIENCE_SECONDS,
            )
            seconds = tree_seconds(pid) - before
            services.stop()
            _, peak = watch.result()
        completed = self._completed(opened)
        wall = completed[-1].at / 1000 - completed[0].event.time.timestamp()
        lakehouse = opened.lakehouse.path
        return Run(seconds, wall, peak, **{f"{layer}_bytes": size(lakehouse / layer) for layer in LAYERS})

    def _completed(self, opened: Opened) -> list[Heard]:
        of = opened.pipeline.name
        found = {each.event.id: each for each in self.running.events.heard if each.event.partitionkey == of}
        return list(found.values())


def measure(scratch: Path, csv: Path, events: int) -> dict[str, Taken]:
    """Put a backlog on the topic, and let each side read all of it, one after the other; the bare consumer first, the Spark job by hand last."""
    subprocess.run(
        [ROOT / "scripts" / "maven", "tests/benchmarks/kafka_source", JARS.relative_to(ROOT)], check=True
    )
    with Running(scratch / "backlog") as running:
        with running.sell(csv, events) as seller:
            if seller.wait():
                raise SystemExit(seller.returncode)
        backlog = Backlog(running, events, scratch)
        sides: dict[str, Callable[[], Run]] = {
            "bare consumer": backlog.bare,
            "podium, duckdb": partial(backlog.podium, "duckdb"),
            "bare consumer, undecoded": partial(backlog.bare, "raw"),
            "podium, spark": partial(backlog.podium, "spark"),
            "Spark by hand": backlog.spark_by_hand,
        }
        taken = {}
        for name, side in sides.items():
            before = running.seconds()
            run = side()
            taken[name] = Taken(run, running.seconds() - before)
            print(f"{name}: {events / run.cpu_seconds:,.0f} events per CPU second", flush=True)
        return taken


def table(taken: Mapping[str, Taken], events: int, title: str) -> Table:
    """Return the figures of each side."""
    found = Table(title=title)
    for head in (
        "",
        "events per CPU s",
        "events per s",
        "CPU s",
        "wall s",
        "peak MiB",
        "Bronze, MB",
        "broker, CPU s",
    ):
        found.add_column(head, justify="right" if head else "left")
    for name, each in taken.items():
        run = each.run
        found.add_row(
            name,
            f"{events / run.cpu_seconds:,.0f}",
            f"{events / run.wall_seconds:,.0f}",
            f"{run.cpu_seconds:,.1f}",
            f"{run.wall_seconds:,.1f}",
            f"{run.peak_bytes / (1 << 20):,.0f}",
            f"{run.bronze_bytes / 1e6:,.1f}",
            f"{each.broker_seconds:,.1f}",
        )
    return found
