"""The type that each expression has, and that nothing in it can overflow."""

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from podium_contracts.pipeline import ColumnType
from podium_lakehouse.expressions.compiler import compile_expression
from podium_lakehouse.expressions.dialects import DUCKDB, SPARK
from podium_lakehouse.expressions.typed import product_type, sum_type


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("quantity", "integer"),
        ('"quantity"', "integer"),
        ("'a'", "string"),
        ("true", "boolean"),
        ("1", "bigint"),
        ("999999999999999999", "bigint"),
        ("1000000000000000000", "decimal(19,0)"),
        ("0.50", "decimal(3,2)"),
        ("7.", "bigint"),
        ("date '2024-02-29'", "date"),
        ("timestamp '2024-02-29'", "timestamp"),
        ("+quantity", "integer"),
        ("-quantity", "integer"),
        ("- -1", "bigint"),
        ("quantity + 1", "decimal(11,0)"),
        ("quantity - price", "decimal(14,3)"),
        ("quantity * price", "decimal(22,3)"),
        ("big + big", "decimal(20,0)"),
        ("price * share", "decimal(17,8)"),
        ("share + 1", "decimal(7,5)"),
        ("abs(price)", "decimal(12,3)"),
        ("coalesce(quantity, 0)", "integer"),
        ("coalesce(quantity, -999999999)", "integer"),
        ("coalesce(quantity, 9999999999)", "bigint"),
        ("case when flag then 0 when true then 9999999999 else quantity end", "bigint"),
        ("coalesce(0, quantity) + 1", "decimal(11,0)"),
        ("case when flag then 0 when true then 300 else share end", "decimal(8,5)"),
        ("case when flag then 5 when true then big else share end", "decimal(24,5)"),
        ("coalesce(quantity, big)", "bigint"),
        ("coalesce(price, 0)", "decimal(12,3)"),
        ("coalesce(null, text)", "string"),
        ("nullif(price, share)", "decimal(14,5)"),
        ("case when flag then quantity else 0.5 end", "decimal(11,1)"),
        ("case when flag then null else day end", "date"),
        ("case when flag then 0 else quantity end", "integer"),
        ("nullif(quantity, 0)", "integer"),
        ("quantity > 0 and not flag or text is null", "boolean"),
        ("price between 0 and 1", "boolean"),
        ("text in ('a', 'b')", "boolean"),
        ("text || 'a'", "string"),
        ("cast(price as string)", "string"),
        ("moment::text", "string"),
        ("UPPER(text)", "string"),
        ("length(text)", "integer"),
        ("starts_with(text, 'a')", "boolean"),
        ("year(moment)", "integer"),
        ("content_hash(text, null)", "string"),
        ("hash60(day)", "bigint"),
    ],
)
def test_an_expression_has_one_type(columns: dict[str, ColumnType], text: str, kind: str) -> None:
    """The type follows from the columns and the operators, and is the same for both engines."""
    assert compile_expression(text, columns, DUCKDB).type == ColumnType.parse(kind)
    assert compile_expression(text, columns, SPARK).type == ColumnType.parse(kind)


def test_a_bare_null_has_no_type(columns: dict[str, ColumnType]) -> None:
    """A null takes the type of the column it is written for."""
    assert compile_expression("null", columns, DUCKDB).type is None


@st.composite
def narrow_decimals(draw: st.DrawFn) -> ColumnType:
    """Return a decimal type of at most 18 digits."""
    precision = draw(st.integers(1, 18))
    return ColumnType.decimal(precision, draw(st.integers(0, precision)))


@given(narrow_decimals(), narrow_decimals())
def test_no_sum_and_no_product_is_too_wide(one: ColumnType, other: ColumnType) -> None:
    """The types of results hold the sum and the product of the values farthest from zero, and of those nearest to it."""
    for left, right in product(extremes(one), extremes(other)):
        assert holds(sum_type(one, other, ""), left + right)
        assert holds(product_type(one, other, ""), left * right)


def extremes(kind: ColumnType) -> list[Fraction]:
    """Return a type's values farthest from zero, and nearest to it."""
    digits = [10**kind.precision - 1, 1 - 10**kind.precision, 1, -1]
    return [Fraction(value, 10**kind.scale) for value in digits]


def holds(kind: ColumnType, value: Fraction) -> bool:
    """Whether a decimal type has a value exactly."""
    digits = value * 10**kind.scale
    return digits.denominator == 1 and abs(digits) < 10**kind.precision
