"""Law 7 on plans: one more rule or metric is one more expression; it adds no scan, no shuffle, no join."""

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
from podium_contracts.pipeline import Dataset
from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing import outcome
from podium_lakehouse.cleansing.staging import BRONZE, staging_statement
from podium_lakehouse.engines.engine import ROW_DIALECT
from podium_lakehouse.expressions.dialects import DUCKDB, SPARK
from podium_quality.measures import Measured
from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.integration, pytest.mark.timeout(600)]
COLUMNS = ("id", "a", "b", "c", "d_key", "e_key")
OPERATORS = (
    r"\b(FileScan|Scan|Exchange|BroadcastExchange|SortMergeJoin|BroadcastHashJoin|HashAggregate|Expand)\b"
)


def on_spark(spark: SparkSession, query: str) -> list[str]:
    """Return the operators of a query's physical plan that move or read rows."""
    plan = spark.sql(query)._jdf.queryExecution().executedPlan().toString()
    return sorted(re.findall(OPERATORS, plan))


def on_duckdb(connection: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    """Return the operators of a query's physical plan but for projections."""
    plan = connection.sql(f"EXPLAIN (FORMAT json) {query}").fetchall()[0][1]
    return sorted(name for name in re.findall(r'"name":\s*"(\w+)\s*"', plan) if name != "PROJECTION")


@pytest.mark.parametrize(
    "more", [{"complete": COLUMNS}, {"keys": ("d_key", "e_key")}, {"scored": True}], ids=str
)
def test_one_more_metric_adds_no_operator(spark: SparkSession, tmp_path: Path, more: dict[str, Any]) -> None:
    """Completeness of six columns, unknown members and scores read the rows once, like completeness of one."""
    kinds = ", ".join(f"CAST(id AS STRING) AS {name}" for name in COLUMNS[:4])
    rows = f"SELECT {kinds}, 1 AS d_key, 2 AS e_key, 90.0 AS quality_score, 'HIGH' AS quality_tier, 1 AS _sign FROM range(9)"
    spark.sql(rows).write.parquet(str(tmp_path / "rows"))
    spark.read.parquet(str(tmp_path / "rows")).createOrReplaceTempView("measured_rows")

    def plan(measured: Measured) -> list[str]:
        return on_spark(spark, measured.query("measured_rows", None, SPARK))

    one = plan(Measured(("id",)))
    assert one.count("FileScan") == one.count("Exchange") == 1
    assert plan(Measured(**{"complete": ("id",), **more})) == one


def test_one_more_rule_adds_no_operator() -> None:
    """A dataset with thirty rules is cleansed by the operators of one with a single rule, and its duplicates found by the same text."""

    def dataset(rules: int) -> Dataset:
        return Dataset.model_validate(
            {
                "sources": [{"files": {"path": "x.csv"}}],
                "columns": {name: {"type": "bigint"} for name in COLUMNS},
                "rules": {
                    f"rule_{number}": {"type": "range_check", "column": COLUMNS[number % 6], "min": -number}
                    for number in range(rules)
                },
                "duplicates": {"keys": ["id"], "order": ["a"]},
            }
        )

    with duckdb.connect() as connection:
        shape = dict.fromkeys([*COLUMNS, *names.BRONZE_METADATA, *names.BRONZE_POSITION], "VARCHAR") | {
            names.ROW: "BIGINT"
        }
        columns = ", ".join(f"{name} {kind}" for name, kind in shape.items())
        connection.execute(f"CREATE TABLE {BRONZE} ({columns})")
        source_names = {name: name for name in COLUMNS}

        def plan(rules: int) -> list[str]:
            statement = staging_statement(dataset(rules), {}, source_names, ROW_DIALECT)
            return on_duckdb(connection, DUCKDB.statement(statement))

        assert plan(30) == plan(1) == ["SEQ_SCAN"]
    for dialect in (DUCKDB, SPARK):
        texts = [
            dialect.statement(outcome.exceptions_statement(dataset(rules), dialect, with_base=True))
            for rules in (1, 30)
        ]
        assert texts[0] == texts[1]
