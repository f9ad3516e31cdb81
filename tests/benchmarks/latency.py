"""How long a sold line takes to certified Silver, and to certified and published Gold, at a steady rate.

Nothing is sampled. A message was produced at its Kafka timestamp. The intents say which offsets a batch of Bronze holds, which batches a
version of Silver has, and which version of Silver is in what was published; the record of the event that certified or published it says
when. So every message has its two latencies, computed when all is over.
"""

import os
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
from podium.opening import Opened
from podium_contracts.events.routing import origin
from podium_contracts.events.v1 import LayerCompleted, Published, QualityEvaluated
from podium_contracts.names import Layer, Stage, Verdict
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine
from podium_lakehouse.records.intents import Intent, Scope

from tests.benchmarks.running import Heard, Running, Services, declare, rows_in
from tests.integration.services.stack import eventually

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
GOALS = ("silver", "gold")
TAKEN = """
    CREATE TABLE taken AS
    SELECT epoch_ms(kafka_timestamp) AS produced, (silver - produced) / 1000 AS silver, (gold - produced) / 1000 AS gold
    FROM bronze JOIN batches
      ON bronze.kafka_partition = batches.kafka_partition AND kafka_offset >= start AND kafka_offset < stop
"""
"""Every message with when it was produced (milliseconds since 1970), and its latencies in seconds."""
LOOK_SECONDS, PATIENCE_SECONDS = 0.5, 300


@dataclass(frozen=True)
class Latencies:
    """Latencies in seconds: of each goal its quantiles, and the longest of every second of production; and what all of it took."""

    trigger_seconds: float
    messages: int
    quantiles: dict[str, dict[str, float]]
    course: dict[str, list[float]]
    cpu_seconds: dict[str, float]
    """Of each service, the broker and the producer, from the first message to the last event."""
    wall_seconds: float
    batches: dict[str, int]
    """Events that each stage announced, each counted once however often it came."""


def measure(folder: Path, csv: Path, rate: float, minutes: float, trigger_seconds: float) -> Latencies:
    """Sell at a rate, wait until all is published, and compute the latencies."""
    lines = round(rate * minutes * 60)
    with Running(folder) as running, Services(folder / "services", running.broker) as services:
        opened = declare(services.pipelines, trigger_seconds)
        before, started = {**services.seconds(), "broker": running.seconds()}, time.monotonic()
        seller = running.sell(csv, lines, rate)
        _, status, usage = os.wait4(seller.pid, 0)
        seller.returncode = os.waitstatus_to_exitcode(status)
        if seller.returncode:
            raise SystemExit(seller.returncode)
        eventually(lambda: _all_published(opened, running.events.heard, lines), PATIENCE_SECONDS)
        after, wall = {**services.seconds(), "broker": running.seconds()}, time.monotonic() - started
        services.stop()
        heard = list(running.events.heard)
    once = {(each.event.source, each.event.id): each.event for each in heard}
    taken = {name: after[name] - before[name] for name in after}
    taken["producer"] = usage.ru_utime + usage.ru_stime
    return Latencies(
        trigger_seconds,
        lines,
        *latencies(opened, heard, lines),
        cpu_seconds={name: round(seconds, 1) for name, seconds in taken.items()},
        wall_seconds=round(wall, 1),
        batches=dict(Counter(map(origin, once.values()))),
    )


def _all_published(opened: Opened, heard: Sequence[Heard], lines: int) -> bool:
    """Whether all lines are in Bronze, and something published has their last batch."""
    time.sleep(LOOK_SECONDS)
    bronze = [each.event for each in heard if origin(each.event) == Stage.INGEST]
    published = any(isinstance(each.event.data, Published) for each in heard)
    if sum(map(rows_in, bronze)) < lines or not published:
        return False
    return reached(list(Chain(opened).published(heard)), bronze[-1].number) is not None


@dataclass(frozen=True)
class Moment:
    """From when on (milliseconds since 1970) all batches of Bronze up to one are there."""

    at: int
    batch: int


def latencies(
    opened: Opened, heard: Sequence[Heard], messages: int
) -> tuple[dict[str, dict[str, float]], dict[str, list[float]]]:
    """Return the quantiles and the course of each goal.

    Raises:
        SystemExit: not every message has its latencies.
    """
    chain = Chain(opened)
    moments = {"silver": list(chain.certified(heard)), "gold": list(chain.published(heard))}
    rows = [
        {
            "kafka_partition": part.partition,
            "start": part.start,
            "stop": part.end,
            **{goal: reached(moments[goal], intent.sequence) for goal in GOALS},
        }
        for intent in chain.intents[Stage.INGEST, "bronze.sales"].values()
        for part in intent.offsets
        if part.span
    ]
    bronze = opened.lakehouse.table_uri(Layer.BRONZE, "sales")
    with duckdb_engine() as engine:
        engine.offer_table("bronze", Snapshot(bronze, opened.lakehouse.version(bronze)))
        engine.connection.register("batches", pa.Table.from_pylist(rows))
        engine.execute(TAKEN)
        ((count, measured),) = engine.execute(
            "SELECT count(*), count(*) FILTER (WHERE silver IS NOT NULL AND gold IS NOT NULL) FROM taken"
        )
        if (count, measured) != (messages, messages):
            raise SystemExit(f"{messages} were sold, {count} are in Bronze, {measured} have been published")
        return {goal: _quantiles(engine, goal) for goal in GOALS}, {
            goal: _course(engine, goal) for goal in GOALS
        }


def _quantiles(engine: DuckDbEngine, goal: str) -> dict[str, float]:
    """Return the quantiles of a goal's latencies: each is one that a message has."""
    parts = ", ".join(map(str, QUANTILES.values()))
    found = engine.connection.sql(f"SELECT unnest(quantile_disc({goal}, [{parts}])) FROM taken").fetchall()
    return dict(zip(QUANTILES, (round(seconds, 3) for (seconds,) in found), strict=True))


def _course(engine: DuckDbEngine, goal: str) -> list[float]:
    """Return the longest latency among the messages of every second."""
    second = "produced // 1000 - (SELECT min(produced) // 1000 FROM taken)"
    found = engine.connection.sql(
        f"SELECT {second} AS second, max({goal}) FROM taken GROUP BY second ORDER BY second"
    )
    return [seconds for _, seconds in found.fetchall()]


def reached(moments: Sequence[Moment], batch: int) -> int | None:
    """Return when a batch was there."""
    furthest = list(accumulate((moment.batch for moment in moments), max))
    index = bisect_left(furthest, batch)
    return moments[index].at if index < len(moments) else None


class Chain:
    """Which batches of Bronze are in what was certified and published, as the intents have it."""

    def __init__(self, opened: Opened) -> None:
        self.intents = {
            (stage, subject): _intents(opened, stage, subject)
            for stage, subject in (
                (Stage.INGEST, "bronze.sales"),
                (Stage.CLEANSE, "silver.sales"),
                (Stage.QUALITY, "silver.sales"),
                (Stage.MODEL, "gold"),
                (Stage.QUALITY, "gold"),
                (Stage.PUBLISH, "duckdb"),
            )
        }

    def certified(self, heard: Sequence[Heard]) -> Iterator[Moment]:
        """Yield when Silver was certified, and how far it went."""
        for each in heard:
            data = each.event.data
            if (
                isinstance(data, QualityEvaluated)
                and data.layer == Layer.SILVER
                and data.verdict != Verdict.FAILED
            ):
                judged = self._answered(Stage.QUALITY, "silver.sales", data.sequence)
                yield Moment(each.at, self._batch(judged))

    def published(self, heard: Sequence[Heard]) -> Iterator[Moment]:
        """Yield when Gold was published, and how far it went."""
        versions = {
            each.event.data.tables[0].to_version: each.event.data.sequence
            for each in heard
            if isinstance(each.event.data, LayerCompleted) and each.event.data.layer == Layer.SILVER
        }
        for each in heard:
            if isinstance(each.event.data, Published):
                verdict = self._answered(Stage.PUBLISH, "duckdb", each.event.data.sequence)
                built = self._answered(Stage.QUALITY, "gold", verdict)
                silver = self.intents[Stage.MODEL, "gold"][built].inputs["sales"].to_version
                yield Moment(each.at, self._batch(versions[silver]))

    def _answered(self, stage: Stage, subject: str, sequence: int) -> int:
        """Return the number of what a stage judged or published."""
        inputs = self.intents[stage, subject][sequence].inputs
        return next(iter(inputs.values())).to_batch

    def _batch(self, cleansed: int) -> int:
        """Return the last batch of Bronze that a cleansing took."""
        return self.intents[Stage.CLEANSE, "silver.sales"][cleansed].inputs["bronze"].to_batch


def _intents(opened: Opened, stage: Stage, subject: str) -> dict[int, Intent]:
    scope = Scope(pipeline=opened.pipeline.name, stage=stage, subject=subject)
    return {intent.sequence: intent for intent in opened.lakehouse.intents.all(scope)}
