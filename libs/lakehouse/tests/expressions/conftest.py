"""Columns to write expressions about, and DuckDB to evaluate them."""

from collections.abc import Callable, Iterator

import duckdb
import pytest
from podium_contracts.pipeline import ColumnType
from podium_lakehouse.expressions.compiler import compile_expression
from podium_lakehouse.expressions.dialects import DUCKDB
from sqlglot import exp

Evaluate = Callable[[str], object]


@pytest.fixture
def columns() -> dict[str, ColumnType]:
    """Return a column of each kind."""
    kinds = {
        "flag": "boolean",
        "quantity": "integer",
        "big": "bigint",
        "price": "decimal(12,3)",
        "share": "decimal(5,5)",
        "widest": "decimal(38,0)",
        "day": "date",
        "moment": "timestamp",
        "text": "string",
    }
    return {name: ColumnType.parse(kind) for name, kind in kinds.items()}


@pytest.fixture
def evaluate() -> Iterator[Evaluate]:
    """Return what computes the value of an expression without columns, as the engine would."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")

        def value(text: str) -> object:
            select = exp.select(DUCKDB.build(compile_expression(text, {}, DUCKDB).sql))
            [[found]] = connection.execute(DUCKDB.statement(select)).fetchall()
            return found

        yield value
