"""How long a sold line takes to certified Silver, and to certified and published Gold, at a steady rate.

Nothing is sampled. A message was produced at its Kafka timestamp. The intents say which offsets a batch of Bronze holds, which batches a
version of Silver has, and which version of Silver is in what was published; the record of the event that certified or published it says
when. So every message has its two latencies, computed when all is over.
"""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import duckdb
import pyarrow as pa
from podium.opening import Opened
from podium_contracts.events.v1 import LayerCompleted, Published, QualityEvaluated
from podium_contracts.names import Layer, Stage, Verdict
from podium_lakehouse.records.intents import Intent, Scope

from tests.benchmarks.running import Heard, Running, difference, load

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
GOALS = ("silver", "gold")
BIN_SECONDS = 1
SETTLED_SECONDS, PATIENCE_SECONDS = 10, 300


@dataclass(frozen=True)
class Latencies:
    """Latencies in seconds: of each goal its quantiles, and the longest of every second of production; what it cost, and the load before."""

    trigger_seconds: float
    rate: float
    messages: int
    quantiles: dict[str, dict[str, float]]
    course: dict[str, list[float]]
    cpu_seconds: dict[str, float]
    wall_seconds: float
    batches: dict[str, int]
    load: str


def measure(
    folder: Path, csv: Path, rate: float, minutes: float, trigger_seconds: float, engine: str
) -> Latencies:
    """Sell at a rate, wait until all is published, and compute the latencies."""
    lines = round(rate * minutes * 60)
    before = load()
    with Running(folder) as running:
        opened = running.declare(trigger_seconds, engine)
        running.start()
        seconds, started = running.seconds(), time.monotonic()
        with running.sell(csv, lines, rate) as seller:
            selling = seller.wait()
            if selling:
                raise SystemExit(selling)
        _settle(running, opened, trigger_seconds)
        taken, wall = difference(running.seconds(), seconds), time.monotonic() - started
        running.stop()
        heard = list(running.events.heard)
    found = latencies(opened, heard, lines)
    stages = {stage: sum(each.event.source.endswith(f"/{stage}") for each in heard) for stage in Stage}
    return Latencies(
        trigger_seconds,
        rate,
        lines,
        *found,
        {name: round(each, 1) for name, each in taken.items()},
        round(wall, 1),
        stages,
        before,
    )


def _settle(running: Running, opened: Opened, trigger_seconds: float) -> None:
    """Wait until nothing more is announced after what was published last."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        time.sleep(1)
        quiet = time.monotonic() - running.events.last
        last = running.events.heard[-1].event.data if running.events.heard else None
        if quiet > trigger_seconds + SETTLED_SECONDS and isinstance(last, Published):
            return
    raise SystemExit(f"{opened.pipeline.name} is not done; the logs are in {running.folder}")


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
            **{goal: _reached(moments[goal], intent.sequence) for goal in GOALS},
        }
        for intent in chain.intents[Stage.INGEST, "bronze.sales"].values()
        for part in intent.offsets
        if part.span
    ]
    with duckdb.connect() as db:
        db.register("batches", pa.Table.from_pylist(rows))
        db.execute(
            "CREATE TABLE taken AS SELECT epoch_ms(kafka_timestamp) AS produced, "
            + ", ".join(f"({goal} - epoch_ms(kafka_timestamp)) / 1000 AS {goal}" for goal in GOALS)
            + f" FROM read_parquet('{opened.lakehouse.uri}/bronze/sales/data/*/*.parquet') AS rows JOIN batches "
            "ON rows.kafka_partition = batches.kafka_partition AND kafka_offset >= start AND kafka_offset < stop"
        )
        ((count, measured),) = db.execute(
            f"SELECT count(*), count(*) FILTER (WHERE {' AND '.join(f'{goal} IS NOT NULL' for goal in GOALS)}) FROM taken"
        ).fetchall()
        if (count, measured) != (messages, messages):
            raise SystemExit(f"{messages} were sold, {count} are in Bronze, {measured} have been published")
        quantiles = {
            goal: {
                name: round(
                    float(db.execute(f"SELECT quantile_disc({goal}, {part}) FROM taken").fetchall()[0][0]), 3
                )
                for name, part in QUANTILES.items()
            }
            for goal in GOALS
        }
        longest = ", ".join(f"max({goal})" for goal in GOALS)
        course = db.execute(
            f"SELECT (produced - (SELECT min(produced) FROM taken)) // {BIN_SECONDS * 1000} AS second, {longest} FROM taken "
            "GROUP BY second ORDER BY second"
        ).fetchall()
    return quantiles, {goal: [float(row[1 + index]) for row in course] for index, goal in enumerate(GOALS)}


def _reached(moments: Sequence[Moment], batch: int) -> int | None:
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
