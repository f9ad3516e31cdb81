"""One local Spark session for the whole suite, and the same question put to both engines."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping

import duckdb
import pyarrow as pa
import pytest
from podium_lakehouse.engines.spark_session import spark_session
from podium_lakehouse.expressions.dialects import DUCKDB, SPARK, Dialect
from pyspark.sql import SparkSession
from sqlglot import exp

CASES = "cases"

Lowered = Callable[[Dialect], str]
"""What makes a column's SQL for an engine."""


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """Return the suite's one Spark session, Podium's own; it takes some seconds to start."""
    session = spark_session()
    logging.getLogger("py4j").setLevel(logging.ERROR)
    yield session
    session.stop()


class Engines:
    """DuckDB and Spark over the same rows, asked in statements built and printed as Podium's own are."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark
        self.duckdb = duckdb.connect()
        self.duckdb.execute("SET TimeZone = 'UTC'")

    def both(self, rows: pa.Table, columns: Mapping[str, Lowered]) -> tuple[pa.Table, pa.Table]:
        """Return DuckDB's and Spark's values of the columns, one SELECT each."""
        self.duckdb.register(CASES, rows)
        self.spark.createDataFrame(rows).createOrReplaceTempView(CASES)
        ours = self.duckdb.sql(_select(columns.values(), DUCKDB)).to_arrow_table()
        theirs = self.spark.sql(_select(columns.values(), SPARK)).toArrow()
        return ours.rename_columns(list(columns)), theirs.rename_columns(list(columns))

    def same(self, rows: pa.Table, columns: Mapping[str, Lowered]) -> pa.Table:
        """Return the columns' values, once both engines agree on every type and row."""
        ours, theirs = self.both(rows, columns)
        differences = [
            f"{name} is {ours[name].type} in DuckDB, {theirs[name].type} in Spark"
            for name in columns
            if ours[name].type != theirs[name].type
        ]
        for name in columns:
            values = zip(ours[name].to_pylist(), theirs[name].to_pylist(), strict=True)
            differences += [
                f"{name} is {one!r} in DuckDB, {other!r} in Spark for {rows.slice(index, 1).to_pylist()[0]}"
                for index, (one, other) in enumerate(values)
                if one != other
            ]
        assert not differences, "\n".join(differences[:20])
        return ours


def _select(columns: Iterable[Lowered], dialect: Dialect) -> str:
    selected = [exp.alias_(dialect.build(sql(dialect)), f"c{place}") for place, sql in enumerate(columns)]
    return dialect.statement(exp.select(*selected).from_(CASES))


@pytest.fixture
def engines(spark: SparkSession) -> Iterator[Engines]:
    """Return both engines."""
    made = Engines(spark)
    yield made
    made.duckdb.close()
