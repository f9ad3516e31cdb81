"""Law 5: the whole cleansing of the retail example gives the same rows on Spark as on DuckDB."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from podium.opening import Opened
from podium_cleanse.stage import cleanse
from podium_contracts.names import Layer
from podium_ingest.stage import ingest
from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing import outcome
from podium_lakehouse.cleansing.dispatch import Dispatch
from podium_lakehouse.cleansing.judging import lookup_relation
from podium_lakehouse.cleansing.staging import BRONZE, staging_statement
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.engines.duckdb import duckdb_engine
from podium_lakehouse.expressions.dialects import DUCKDB, SPARK, Dialect
from podium_runtime.requests import request
from pyspark.sql import SparkSession
from sqlglot import exp

from tests.integration.conftest import Line, Shop
from tests.integration.test_batches import real_lines

pytestmark = [pytest.mark.spark, pytest.mark.integration, pytest.mark.timeout(600)]
TIME = datetime(2026, 11, 1, 12, tzinfo=UTC)
LOOKUP = "countries"
GOOD: Line = ["489434", "85048", "LIGHTS", "12", "2009-12-01 07:45:00", "6.95", "13085.0", "United Kingdom"]
DIRT: list[dict[int, str]] = [
    {}, {}, {0: " c489434 "}, {0: "48943"}, {0: "A489438-1"}, {0: ""}, {1: "79323p"}, {1: "?"}, {1: "bank charges"}, {1: ""},
    {2: ""}, {2: " \u00a0ßtraße "}, {2: 'FRAME 7" "SINGLE'}, {2: "two\nlines"}, {2: "\\ $1 ${x} '"}, {2: "😀\x01"},
    {3: "-12"}, {3: "1.0"}, {3: "1.5"}, {3: "abc"}, {3: ""}, {3: "99999999999"}, {3: "100001"}, {3: "999999999"}, {3: " 7 "},
    {4: "2010-02-28 10:00"}, {4: "2010-02-28T10:00Z"}, {4: "2010-02-29 10:00:00"}, {4: "yesterday"}, {4: ""},
    {4: "9999-12-31 23:59:59.999999"}, {5: "0"}, {5: "-11.5"}, {5: "0.001"}, {5: "1e3"}, {5: "6,95"}, {5: ""}, {5: "6.9500"},
    {5: "999999999.999", 3: "100000"}, {5: "999999999.999", 3: "999999999"}, {6: ""}, {6: "13085"}, {6: "13085.5"},
    {7: "EIRE"}, {7: "Atlantis"}, {7: ""}, {3: "x", 5: "y", 7: "Atlantis"},
]  # fmt: skip
"""What differs from a good line, by column."""


def dirty_lines() -> list[Line]:
    """Return lines with one fault or oddity each, and one that does not parse."""
    lines = [[odd.get(place, value) for place, value in enumerate(GOOD)] for odd in DIRT]
    return [*lines, [*GOOD, "one value too many"]]


@dataclass(frozen=True)
class Cleansed:
    """What one engine made of a batch."""

    counts: pa.Table
    accepted: pa.Table
    refused: pa.Table


@dataclass(frozen=True)
class Batch:
    """The new rows of Bronze, and Silver before them; None where there is none yet."""

    opened: Opened
    bronze: Snapshot
    news: str
    silver: Snapshot | None

    def staging(self, dialect: Dialect) -> str:
        source_names = self.opened.lakehouse.catalogue.source_names(Layer.BRONZE, "sales")
        spec = self.opened.pipeline.spec
        return dialect.statement(
            staging_statement(spec.datasets["sales"], spec.lookups, source_names, dialect)
        )

    def exceptions(self, dialect: Dialect) -> str:
        dataset = self.opened.pipeline.spec.datasets["sales"]
        return dialect.statement(
            outcome.exceptions_statement(dataset, dialect, with_base=self.silver is not None)
        )

    def dispatch(self, dialect: Dialect) -> dict[str, str]:
        made = Dispatch(self.opened.pipeline.spec.datasets["sales"], dialect, TIME)
        parts: dict[str, exp.Select] = {
            "counts": made.counts(),
            "accepted": made.accepted(),
            "refused": made.refused(),
        }
        return {name: dialect.statement(tree) for name, tree in parts.items()}

    @property
    def lookup(self) -> Snapshot:
        table = self.opened.lakehouse.lookup(LOOKUP)
        return Snapshot(table.uri, self.opened.lakehouse.load_lookup(LOOKUP, self.opened.pipeline))


@contextmanager
def on_duckdb(batch: Batch) -> Iterator[Cleansed]:
    """Cleanse with the duckdb engine."""
    with duckdb_engine() as engine:
        engine.offer_table(BRONZE, batch.bronze, where=batch.news)
        engine.offer_table(lookup_relation(LOOKUP), batch.lookup)
        if batch.silver:
            engine.offer_table(outcome.BASE, batch.silver)
        engine.materialise(outcome.STAGED, batch.staging(DUCKDB))
        engine.materialise(outcome.REPEATED, outcome.repeated_statement(DUCKDB))
        engine.materialise(outcome.EXCEPTIONS, batch.exceptions(DUCKDB))
        parts = batch.dispatch(DUCKDB)
        yield Cleansed(**{name: engine.connection.sql(sql).to_arrow_table() for name, sql in parts.items()})


def on_spark(batch: Batch, spark: SparkSession) -> Cleansed:
    """Cleanse the same tables on Spark."""

    def offer(name: str, snapshot: Snapshot, where: str = "TRUE") -> None:
        reader = spark.read.format("delta").option("versionAsOf", snapshot.version)
        reader.load(snapshot.uri).where(where).createOrReplaceTempView(name)

    offer(BRONZE, batch.bronze, batch.news)
    offer(lookup_relation(LOOKUP), batch.lookup)
    if batch.silver:
        offer(outcome.BASE, batch.silver)
    staged = spark.sql(batch.staging(SPARK)).cache()
    staged.createOrReplaceTempView(outcome.STAGED)
    spark.sql(SPARK.statement(outcome.repeated_statement(SPARK))).createOrReplaceTempView(outcome.REPEATED)
    exceptions = spark.sql(batch.exceptions(SPARK)).cache()
    exceptions.createOrReplaceTempView(outcome.EXCEPTIONS)
    made = Cleansed(**{name: spark.sql(sql).toArrow() for name, sql in batch.dispatch(SPARK).items()})
    staged.unpersist()
    exceptions.unpersist()
    return made


def shown(table: pa.Table) -> list[str]:
    """Return a table's rows in one order, each as text with its columns' names."""
    return sorted(map(repr, table.to_pylist()))


def equal(ours: Cleansed, theirs: Cleansed) -> None:
    """Hold two engines' rows against each other."""
    assert shown(theirs.counts) == shown(ours.counts)
    assert shown(theirs.accepted) == shown(ours.accepted)
    assert shown(theirs.refused) == shown(ours.refused)
    assert [field.type for field in theirs.accepted.schema] == [field.type for field in ours.accepted.schema]


RULES = {
    "csv.corrupt",
    "schema.quantity",
    "schema.invoice_date",
    "schema.unit_price",
    "lookup.country",
    "rule.invoice_format",
    "rule.stock_code_format",
    "rule.quantity_range",
    "rule.price_not_negative",
    "key.invoice_date",
}
AS_SHIPPED = {outcome.INSERT, outcome.UNCHANGED, outcome.DEDUPLICATED, outcome.QUARANTINED}


@pytest.mark.parametrize(
    ("keys", "dispositions"),
    [
        pytest.param("sale_id", AS_SHIPPED, id="as shipped"),
        pytest.param(
            "invoice_no, stock_code", AS_SHIPPED | {outcome.UPDATE, outcome.LATE}, id="keyed by line"
        ),
    ],
)
def test_the_retail_example_is_cleansed_alike(
    spark: SparkSession, tmp_path: Path, keys: str, dispositions: set[str]
) -> None:
    """Real and dirty lines, first into an empty Silver, then against one that holds their keys, go the same ways on both engines."""
    lines = real_lines(3000)
    shop = Shop(tmp_path / "shop", gold=False)
    shop.file.write_text(shop.file.read_text().replace("keys: [sale_id]", f"keys: [{keys}]"))
    shop.deliver("one.csv", [*lines[:2000], *dirty_lines(), *lines[:50]])
    opened = shop.open()
    pipeline, lakehouse = opened.pipeline, opened.lakehouse
    [ingested] = ingest(request(pipeline), pipeline, lakehouse)
    bronze = lakehouse.table_uri(Layer.BRONZE, "sales")
    first = Batch(opened, Snapshot(bronze, lakehouse.version(bronze)), f"{names.BATCH} = 1", None)
    with on_duckdb(first) as ours:
        equal(ours, on_spark(first, spark))
        assert {rule for row in ours.refused.to_pylist() for rule in row["rules"]} >= RULES

    cleanse(ingested, pipeline, lakehouse)
    moments = ["2009-11-30 07:45", "2010-12-24T18:00Z"]
    moved = [[*line[:4], moments[place % 2], *line[5:]] for place, line in enumerate(lines[:150])]
    shop.deliver("two.csv", [*lines[1900:], *dirty_lines()[::-1], *moved])
    ingest(request(pipeline), pipeline, lakehouse)
    silver = lakehouse.table_uri(Layer.SILVER, "sales")
    before = Snapshot(silver, lakehouse.version(silver))
    second = Batch(opened, Snapshot(bronze, lakehouse.version(bronze)), f"{names.BATCH} = 2", before)
    with on_duckdb(second) as ours:
        equal(ours, on_spark(second, spark))
        assert {row["disposition"] for row in ours.counts.to_pylist()} == dispositions
