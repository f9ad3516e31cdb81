"""Law 5 for what looks at other rows of a file: both engines fill in the same values, to the last digit."""

import random

import pyarrow as pa
import pytest
from podium_contracts.pipeline import Dataset
from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing.interpolation import interpolation_statement
from podium_lakehouse.cleansing.staging import BRONZE
from podium_lakehouse.expressions.dialects import DUCKDB, SPARK

from tests.conformance.conftest import Engines

pytestmark = [pytest.mark.spark, pytest.mark.integration, pytest.mark.timeout(600)]
METHODS = ("linear", "forward", "backward", "mean", "median")
ORDERS = {"moment": "timestamp", "day": "date", "place": "integer", "depth": "decimal(9,3)"}
VALUES = {
    "small": "decimal(5,5)",
    "price": "decimal(12,3)",
    "wide": "decimal(18,2)",
    "whole": "integer",
    "big": "bigint",
}


def dataset() -> Dataset:
    """Return a dataset that interpolates a column for each method, type of value and measure of distance."""
    nulls, columns = {}, {name: {"type": kind} for name, kind in {"room": "string", **ORDERS}.items()}
    for number, method in enumerate(METHODS):
        for place, (value, kind) in enumerate(VALUES.items()):
            column, order = f"{value}_{method}", list(ORDERS)[(number + place) % len(ORDERS)]
            columns[column] = {"type": kind, "from": value}
            rule: dict[str, object] = {"strategy": "interpolate", "method": method, "partition_by": ["room"]}
            nulls[column] = rule if method in {"mean", "median"} else {**rule, "order_by": [order]}
    for column, kind, method in (
        ("note", "string", "forward"),
        ("seen", "date", "backward"),
        ("on", "boolean", "forward"),
    ):
        columns[column] = {"type": kind}
        nulls[column] = {"strategy": "interpolate", "method": method, "order_by": ["moment", "place"]}
    return Dataset.model_validate({"sources": [{"files": {"path": "*"}}], "columns": columns, "nulls": nulls})


def bronze(rows: int) -> pa.Table:
    """Return rows of two files with missing, unreadable and extreme values, and repeated moments."""
    chance = random.Random(7)
    texts = {
        "room": ["a", "b", None],
        "moment": [
            "2024-02-29 10:00",
            "2024-02-29T10:00:00.000001Z",
            "0100-01-01",
            "9999-12-31 23:59:59.999999",
            None,
        ],
        "day": ["2024-02-29", "1582-10-10", "1969-12-31", "2024-02-30", None],
        "place": [*map(str, range(-5, 6)), "999999999", None],
        "depth": ["0.001", "-0.5", "7", "999999.999", None],
        "small": ["0.00001", "-0.99999", "0.5", None, None],
        "price": ["0.005", "-0.001", "999999999.999", "2.5", None, None],
        "wide": ["9999999999999999.99", "-9999999999999999.99", "0.01", "0", None, None],
        "whole": ["999999999", "-999999999", "1", "2", "x", None, None],
        "big": ["999999999999999999", "-999999999999999999", "3", "4", None, None],
        "note": ["ß", "😀", "", None],
        "seen": ["2024-02-29", "1900-01-01", None],
        "on": ["true", "FALSE", None],
    }
    found = {
        name: pa.array([chance.choice(held) for _ in range(rows)], pa.string())
        for name, held in texts.items()
    }
    own = {
        "source_file": pa.array([chance.choice(["one.csv", "two.csv"]) for _ in range(rows)]),
        "ingestion_batch_id": pa.array(["shop.sales.000001"] * rows),
        names.ROW: pa.array(range(rows), pa.int64()),
        names.CORRUPT_RECORD: pa.array(
            [None if chance.random() < 0.95 else "broken" for _ in range(rows)], pa.string()
        ),
    }
    return pa.table({**found, **own})


def test_both_engines_fill_in_the_same(engines: Engines) -> None:
    """Every method over every type, along every measure: the same rows, values and types."""
    rows, declared = bronze(400), dataset()
    stored = {name: name for name in rows.column_names}
    engines.duckdb.register(BRONZE, rows)
    engines.spark.createDataFrame(rows).createOrReplaceTempView(BRONZE)
    printed = {
        dialect: dialect.statement(interpolation_statement(declared, stored, dialect, BRONZE))
        for dialect in (DUCKDB, SPARK)
    }
    ours = engines.duckdb.sql(printed[DUCKDB]).to_arrow_table()
    theirs = engines.spark.sql(printed[SPARK]).toArrow()
    assert [field.type for field in theirs.schema] == [field.type for field in ours.schema]
    assert sorted(map(repr, theirs.to_pylist())) == sorted(map(repr, ours.to_pylist()))
    assert all(ours[name].null_count < ours.num_rows for name in ours.column_names)
