"""The kinds of text columns, from their values."""

from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from podium_contracts.pipeline import ColumnType
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine
from podium_lakehouse.expressions.dialects import DUCKDB
from podium_lakehouse.schemas.detection import detect


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDbEngine]:
    """Return an open engine."""
    with duckdb_engine() as opened:
        yield opened


def kind(engine: DuckDbEngine, *values: str | None) -> str:
    """Return the kind of a column with these values."""
    table = pa.table({"source_file": ["f"] * len(values), "a b": pa.array(values, pa.string())})
    engine.connection.register("given", table)
    return detect(engine, "given", ["a b"])["f"]["a b"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((None, None), "null"),
        (("1", "-20", None), "integer"),
        (("17850.0", "13085.0"), "integer"),
        (("1", "1234567890"), "bigint"),
        (("1.00", "2"), "decimal(14,2)"),
        (("1.5", "2.125", ".25"), "decimal(15,3)"),
        (("1234567890", "2.5"), "decimal(19,1)"),
        (("1234567890123.5",), "decimal(19,1)"),
        (("true", "FALSE"), "boolean"),
        (("2026-01-31", "0999-01-01"), "date"),
        (("2026-01-31", "2009-12-01 07:45:00"), "timestamp"),
        (("2009-12-01T07:45:00Z",), "timestamp"),
        (("01/12/2009",), "string"),
        (("0012",), "string"),
        (("1e5",), "string"),
        (("1,234.50",), "string"),
        (("NaN",), "string"),
        (("1", "x"), "string"),
        (("1", "true"), "string"),
        (("1.5", "2026-01-31"), "string"),
        (("12345678901234567890",), "string"),
        (("",), "string"),
        (("²",), "string"),
    ],
)
def test_a_column_has_the_narrowest_kind_of_its_values(
    engine: DuckDbEngine, values: tuple[str | None, ...], expected: str
) -> None:
    """Text, where no other holds all of them."""
    assert kind(engine, *values) == expected


def test_each_file_has_its_own(engine: DuckDbEngine) -> None:
    """In one pass over all of them."""
    table = pa.table({"source_file": ["a", "b", "a"], "x": ["1", "x", "2"], "y": ["1.5", None, None]})
    engine.connection.register("given", table)
    assert detect(engine, "given", ["x", "y"]) == {
        "a": {"x": "integer", "y": "decimal(13,1)"},
        "b": {"x": "string", "y": "null"},
    }


numbers = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9).map(
        str
    ),
    st.dates().map(str),
    st.datetimes().map(str),
    st.booleans().map(str),
    st.text(alphabet="0123456789.-+eE ,x", max_size=12),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(numbers, min_size=1, max_size=4))
def test_silver_accepts_every_value_of_a_detected_kind(engine: DuckDbEngine, values: list[str]) -> None:
    """So a column declared with the type that was detected refuses none of the values that it was detected by."""
    found = kind(engine, *values)
    accepts = ColumnType.parse(found).accepts
    if accepts:
        for value in values:
            text = DUCKDB.text(value.strip())
            assert engine.execute(f"SELECT regexp_full_match({text}, {DUCKDB.text(accepts)})") == [(True,)]
