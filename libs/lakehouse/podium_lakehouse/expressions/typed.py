"""The type of a lowered expression, and the types in which numbers meet: wide enough for every value, never rounded."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial, reduce

from podium_contracts.pipeline import ColumnType
from podium_contracts.pipeline.types import BIGINT, INTEGER, MAX_DIGITS

MAX_PRODUCT_DIGITS = 37
"""Spark counts one digit more than a product can have, and rounds where that is more than 38."""
MAX_SIGNED_DIGITS = 34
"""Spark changes the sign of a wider decimal with 34 digits of precision, rounding the rest away."""
INTEGER_DIGITS = 10
BIGINT_DIGITS = 19


class ExpressionError(ValueError):
    """An expression that means nothing here; `hint` says what would be right."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UnknownColumn(ExpressionError):
    """An expression that names a column which is not among those `known` where it stands."""

    def __init__(self, column: str, known: Iterable[str]) -> None:
        super().__init__(f"no column {column!r} here", f"the columns are: {', '.join(known) or 'none'}")
        self.column = column


@dataclass(frozen=True)
class Typed:
    """A lowered expression: SQL text in the engine's dialect, and its type; None is the type of a bare null.

    `literal` is the narrowest decimal that holds a number written as a literal: with it, `quantity > 0` stays in the type of the
    column.
    """

    sql: str
    type: ColumnType | None
    literal: ColumnType | None = None

    @property
    def as_decimal(self) -> ColumnType:
        """The decimal that holds every value of a number."""
        kind = self.literal or self.type or ColumnType.decimal(1, 0)
        if kind.name == "decimal":
            return kind
        return ColumnType.decimal(INTEGER_DIGITS if kind.name == "integer" else BIGINT_DIGITS, 0)

    @property
    def is_integer(self) -> bool:
        """Whether every value is an integer: a column's, or a literal of so few digits."""
        if self.literal and not self.literal.scale:
            return self.literal.precision < INTEGER_DIGITS
        return self.type == INTEGER


def common_type(values: list[Typed], text: str) -> ColumnType:
    """Return the type that holds every value of all of them; `text` is what an error quotes.

    Raises:
        ExpressionError: they are all null, or mix what is not a number with something else.
    """
    typed = [value for value in values if value.type is not None]
    kind = reduce(partial(_common, text=text), typed, Typed("", None)).type
    if kind is None:
        raise ExpressionError(f"{text!r} is always null")
    return kind


def _common(one: Typed, other: Typed, text: str) -> Typed:
    """Return the type of two, and the digits of both where both are literals: what they meet next must hold each of them."""
    if one.type is None:
        return other
    kind = one.type if one.type == other.type else _common_number(one, other, text)
    if not (one.literal and other.literal):
        return Typed("", kind)
    return Typed("", kind, literal=_common_decimal(one.literal, other.literal, text))


def _common_number(one: Typed, other: Typed, text: str) -> ColumnType:
    if not (one.type and other.type and one.type.numeric and other.type.numeric):
        raise ExpressionError(f"{text!r} mixes {one.type} and {other.type}")
    if "decimal" not in {one.type.name, other.type.name}:
        return INTEGER if one.is_integer and other.is_integer else BIGINT
    return _common_decimal(one.as_decimal, other.as_decimal, text)


def _common_decimal(one: ColumnType, other: ColumnType, text: str) -> ColumnType:
    return _decimal(max(one.whole, other.whole), max(one.scale, other.scale), MAX_DIGITS, text)


def product_type(one: ColumnType, other: ColumnType, text: str) -> ColumnType:
    """Return the type of a product of two decimals.

    Raises:
        ExpressionError: it may need too many digits.
    """
    return _decimal(one.whole + other.whole, one.scale + other.scale, MAX_PRODUCT_DIGITS, text)


def sum_type(one: ColumnType, other: ColumnType, text: str) -> ColumnType:
    """Return the type of a sum or difference of two decimals.

    Raises:
        ExpressionError: it may need too many digits.
    """
    return _decimal(max(one.whole, other.whole) + 1, max(one.scale, other.scale), MAX_DIGITS, text)


def _decimal(whole: int, scale: int, most: int, text: str) -> ColumnType:
    if whole + scale > most:
        raise ExpressionError(
            f"{text!r} may need {whole + scale} digits, more than {most}", "declare narrower decimals"
        )
    return ColumnType.decimal(whole + scale, scale)
