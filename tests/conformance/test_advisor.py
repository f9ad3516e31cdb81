"""Spark's plans are told by their objects: before and after a run, of Delta tables with partitions and without."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from podium_contracts.names import EngineName
from podium_lakehouse.advisor import analysis
from podium_lakehouse.advisor.analysis import Analysis, analyse
from podium_lakehouse.advisor.explaining import explain_statement
from podium_lakehouse.advisor.operators import Join
from podium_lakehouse.advisor.spark_plans import spark_plan
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.reading.asking import Statement
from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.integration, pytest.mark.timeout(600)]
ROWS = 6000
FACT = pa.table(
    {
        "id": range(ROWS),
        "country": [number % 3 for number in range(ROWS)],
        "day": ["a", "b", "c"] * (ROWS // 3),
    }
)
DIM = pa.table({"country": [0, 1, 2], "name": ["x", "y", "z"]})
THRESHOLD = "spark.sql.autoBroadcastJoinThreshold"
JOINED = "select name, count(*) from fact join dim using (country) group by name"


class Asked:
    """A partitioned fact and a dimension in Spark."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark, self.places = spark, {}
        write_deltalake(str(folder / "gold" / "fact"), FACT, partition_by=["day"])
        write_deltalake(str(folder / "gold" / "dim"), DIM)
        for name in ("fact", "dim"):
            uri = str(folder / "gold" / name)
            self.places[uri] = f"gold.{name}"
            spark.read.format("delta").load(uri).createOrReplaceTempView(name)

    def analysis(self, statement: str, *, run: bool = False) -> Analysis:
        return analyse(spark_plan(self.spark.sql(statement), self.places, run=run))


@pytest.fixture
def asked(spark: SparkSession, tmp_path: Path) -> Iterator[Asked]:
    """Return them; the session is as it was afterwards."""
    threshold = spark.conf.get(THRESHOLD)
    yield Asked(spark, tmp_path)
    spark.conf.set(THRESHOLD, str(threshold))
    spark.conf.unset("spark.sql.adaptive.coalescePartitions.enabled")


@pytest.mark.parametrize("run", [False, True])
def test_a_broadcast_join_is_told(asked: Asked, *, run: bool) -> None:
    """A broadcast is no exchange by a key."""
    found = asked.analysis(JOINED, run=run)
    report = found.report()
    assert (report["has_broadcast_join"], report["has_sort_merge_join"]) == (True, False)
    assert (report["scan_operations"], report["exchange_operations"]) == (2, 1)
    assert report["recommendations"] == []
    if run:
        assert {operator.rows for operator in found.plan.root.walk() if operator.join} == {ROWS}


@pytest.mark.parametrize("run", [False, True])
def test_a_sort_merge_join_is_told(asked: Asked, *, run: bool) -> None:
    """Both sides are moved by the key, and the groups once more."""
    asked.spark.conf.set(THRESHOLD, "-1")
    report = asked.analysis(JOINED, run=run).report()
    assert (report["has_broadcast_join"], report["has_sort_merge_join"]) == (False, True)
    assert (report["scan_operations"], report["exchange_operations"]) == (2, 3)


def test_more_than_three_exchanges_are_a_finding(asked: Asked) -> None:
    """As the reference has it: performance, HIGH."""
    asked.spark.conf.set(THRESHOLD, "-1")
    (found,) = asked.analysis(f"{JOINED} order by name").report()["recommendations"]  # type: ignore[misc]
    assert (found["type"], found["priority"]) == ("performance", "HIGH")
    assert "4 exchanges" in found["evidence"]


def test_a_condition_on_partitions_prunes(asked: Asked) -> None:
    """Delta says how many files are left; a plan names PartitionFilters even where there are none."""
    found = asked.analysis("select sum(id) from fact where day = 'b' and id > 5")
    (scan,) = [operator.scan for operator in found.plan.root.walk() if operator.scan]
    assert (scan.table, scan.partition_columns) == ("gold.fact", ("day",))
    assert (scan.files_read, scan.files_total) == (1, 3)
    assert found.report()["has_partition_pruning"]
    assert found.findings == ()
    assert not asked.analysis("select sum(id) from fact").report()["has_partition_pruning"]


def test_a_condition_on_others_does_not(asked: Asked) -> None:
    """As the reference has it: partitioning, MEDIUM; the conditions that Spark adds for a join are none."""
    (found,) = asked.analysis("select sum(id) from fact where id % 7 = 5").findings
    assert (found.kind, found.priority) == ("partitioning", "MEDIUM")
    assert "filter on day" in found.message
    assert found.evidence == "3 of 3 files are read for ((id % 7) = 5)"


def test_a_product_and_a_subquery_are_told(asked: Asked) -> None:
    """Nested loops are named so, and a subquery's scan counts."""
    assert asked.analysis("select count(*) from fact a cross join dim b").joins == [Join.NESTED_LOOP]
    within = asked.analysis("select count(*) from fact where id > (select max(country) from dim)")
    assert within.report()["scan_operations"] == 2


def test_a_comparison_with_one_row_is_no_product(asked: Asked) -> None:
    """Where one side is an aggregate without groups, computed or known of Delta; with groups it is a product."""
    for most, kinds in (
        ("max(country) as most from dim", []),
        ("avg(country) as most from dim", []),
        ("avg(country) as most from dim group by name", ["join"]),
    ):
        found = asked.analysis(f"select count(*) from fact join (select {most}) on id > most")
        assert found.joins == [Join.NESTED_LOOP]
        assert [finding.kind for finding in found.findings] == kinds


def test_skew_is_told_of_a_run(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the bytes that each task got."""
    monkeypatch.setattr(analysis, "SKEW_BYTES", 1000)
    asked.spark.conf.set("spark.sql.shuffle.partitions", "8")
    skewed = (
        "select /*+ repartition(8, k) */ * from (select if(id < 5900, 1, id) as k, uuid() as u from fact)"
    )
    found = {finding.kind for finding in asked.analysis(skewed, run=True).findings}
    asked.spark.conf.set("spark.sql.shuffle.partitions", "2")
    assert found == {"skew"}


def test_a_statement_is_translated(spark: SparkSession, tmp_path: Path) -> None:
    """It is written once, as for DuckDB, and tables have their own names."""
    Asked(spark, tmp_path)
    tables = {f"gold.{name}": Snapshot(str(tmp_path / "gold" / name), 0) for name in ("fact", "dim")}
    text = (
        "select name, gold.fact.id from gold.fact join gold.dim d on fact.country = d.country where day = 'a'"
    )
    found = explain_statement(Lakehouse(str(tmp_path)), Statement(text, tables), EngineName.SPARK)
    tables_read = {operator.scan.table for operator in found.plan.root.walk() if operator.scan}
    assert tables_read == {"gold.fact", "gold.dim"}
    assert found.report()["has_partition_pruning"]
