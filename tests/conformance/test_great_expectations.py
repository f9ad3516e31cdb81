"""A suite of Great Expectations finds the same on both engines: in pandas' rows of DuckDB, in Spark's own."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from podium_contracts.pipeline import Pipeline, PipelineDocument
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.engines.duckdb import duckdb_engine
from podium_lakehouse.engines.spark import spark_engine
from podium_quality.expecting import expected

pytestmark = [
    pytest.mark.spark,
    pytest.mark.integration,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),  # Great Expectations' and pyspark's own
]
COUNT = 40
NUMBERS = range(COUNT)
ROWS = pa.table(
    {
        "id": [f"ß{number % 35}" for number in NUMBERS],
        "town": [None if number % 3 == 0 else f"town {number % 5}" for number in NUMBERS],
        "price": pa.array(
            [Decimal(number) / 10 if number % 7 else None for number in NUMBERS], pa.decimal128(12, 2)
        ),
        "pieces": pa.array([None if number % 4 == 0 else number for number in NUMBERS], pa.int64()),
        "sold": pa.array(
            [datetime(2024, 2, 29, 23, number, tzinfo=UTC) for number in NUMBERS],
            pa.timestamp("us", tz="UTC"),
        ),
        "day": pa.array([date(2024, 3, 1 + number % 20) for number in NUMBERS]),
        "paid": [[True, False, None][number % 3] for number in NUMBERS],
    }
)
COLUMNS: list[tuple[str, dict[str, Any]]] = [
    ("values_to_not_be_null", {"column": "town", "mostly": 0.6}),
    ("values_to_be_null", {"column": "town"}),
    ("values_to_be_unique", {"column": "id"}),
    ("values_to_be_unique", {"column": "pieces"}),
    ("values_to_be_in_set", {"column": "town", "value_set": ["town 1", "town 2"]}),
    ("values_to_be_in_set", {"column": "price", "value_set": [0.1, 0.3, 1.1]}),
    ("values_to_be_in_set", {"column": "paid", "value_set": [True]}),
    ("values_to_not_be_in_set", {"column": "pieces", "value_set": [1, 2]}),
    ("values_to_be_between", {"column": "price", "min_value": 0.3, "max_value": 1.1}),
    ("values_to_be_between", {"column": "price", "min_value": 0.3, "strict_min": True}),
    ("values_to_be_between", {"column": "sold", "min_value": "2024-02-29T23:10:00"}),
    ("values_to_be_between", {"column": "sold", "max_value": "2024-03-01T00:10:00+01:00"}),
    ("values_to_be_between", {"column": "day", "min_value": "2024-03-05"}),
    ("values_to_match_regex", {"column": "id", "regex": "^ß[0-9]$"}),
    ("value_lengths_to_equal", {"column": "id", "value": 2}),
    ("min_to_be_between", {"column": "price", "min_value": 0.1, "max_value": 0.1}),
    ("max_to_be_between", {"column": "price", "max_value": 3}),
    ("sum_to_be_between", {"column": "price", "min_value": 1}),
    ("mean_to_be_between", {"column": "pieces", "max_value": 20}),
    ("unique_value_count_to_be_between", {"column": "town", "min_value": 5, "max_value": 5}),
    ("distinct_values_to_be_in_set", {"column": "town", "value_set": ["town 1"]}),
    ("pair_values_to_be_equal", {"column_A": "id", "column_B": "town"}),
    ("pair_values_a_to_be_greater_than_b", {"column_A": "pieces", "column_B": "price"}),
    ("min_to_be_between", {"column": "sold", "min_value": "2024-02-29T23:00:00"}),
    ("max_to_be_between", {"column": "sold", "max_value": "2024-03-01T00:38:00+01:00"}),
    ("to_exist", {"column": "colour"}),
]
TABLE: list[tuple[str, dict[str, Any]]] = [
    ("compound_columns_to_be_unique", {"column_list": ["id", "town"]}),
    ("table_row_count_to_equal", {"value": COUNT}),
    ("table_row_count_to_be_between", {"min_value": 41}),
    ("table_column_count_to_equal", {"value": 7}),
    ("table_columns_to_match_set", {"column_set": ["id", "town"]}),
]


def pipeline() -> Pipeline:
    """Return a pipeline with a suite of every kind of expectation that both engines have."""
    asked = [(f"expect_column_{kind}", arguments) for kind, arguments in COLUMNS]
    asked += [(f"expect_{kind}", arguments) for kind, arguments in TABLE]
    suite = {"name": "sales", "expectations": [{"type": kind, "kwargs": kwargs} for kind, kwargs in asked]}
    dataset = {
        "sources": [{"files": {"path": "*.csv"}}],
        "columns": {"id": {"type": "string"}},
        "duplicates": {"keys": ["id"]},
    }
    spec = {
        "lakehouse": {"uri": "lakehouse"},
        "datasets": {"sales": dataset},
        "quality": {"expectations": {"sales": "sales.json"}},
    }
    document = {"apiVersion": "podium.dev/v1alpha1", "kind": "Pipeline", "metadata": {"name": "shop"}}
    parsed = PipelineDocument.model_validate({**document, "spec": spec}).spec
    return Pipeline("shop", parsed, Path(), "", expectations={"sales": json.dumps(suite).encode()})


@pytest.mark.slow
def test_both_engines_find_the_same(tmp_path: Path) -> None:
    """Every number, bound and word."""
    uri = str(tmp_path / "sales")
    write_deltalake(uri, ROWS)
    found = []
    for opened in (duckdb_engine, spark_engine):
        with opened() as engine:
            found.append(expected("silver.sales", Decimal(COUNT), Snapshot(uri, 0), pipeline(), engine))
    ours, theirs = found
    assert len(ours) == len(COLUMNS) + len(TABLE)
    assert [(one, other) for one, other in zip(ours, theirs, strict=True) if one != other] == []
    assert {check.passed for check in ours} == {True, False}
