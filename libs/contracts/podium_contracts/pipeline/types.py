"""The column types of the pipeline file, and the pattern a text must match before it is cast to one.

A pattern accepts only texts that every engine casts to the same value, without rounding and without overflow (a date that no
calendar has is left to the cast); anything else is refused, never a silent null. So an integer has at most 9 digits and a bigint
at most 18, leading zeros aside.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import GetPydanticSchema
from pydantic_core import core_schema

MAX_DIGITS = 38
SPACE = " *"
YEAR = "000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3}"
"""0001 to 9999: the calendar has no year 0, and Python none after 9999."""
DATE = f"(?:{YEAR})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,6})?)?"
_DECIMAL = re.compile(r"decimal\(([0-9]{1,2}), ?([0-9]{1,2})\)")


@dataclass(frozen=True)
class ColumnType:
    """A type of the closed list: string, boolean, integer, bigint, date, timestamp, decimal(p, s).

    `timestamp` is a point in time in UTC, to the microsecond.
    """

    name: str
    precision: int = 0
    scale: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the type that a text names.

        Raises:
            ValueError: the text names none, or a decimal wider than 38 digits.
        """
        if text in _PLAIN:
            return cls(text)
        match = _DECIMAL.fullmatch(text)
        if not match:
            raise ValueError(f"{text!r} is no type; use one of {', '.join(_PLAIN)}, decimal(p,s)")
        return cls.decimal(int(match[1]), int(match[2]))

    @classmethod
    def decimal(cls, precision: int, scale: int) -> Self:
        """Return the decimal of so many digits, `scale` of them after the point.

        Raises:
            ValueError: more than 38 digits, or a scale above the precision.
        """
        if not 1 <= precision <= MAX_DIGITS or scale > precision:
            raise ValueError(
                f"decimal({precision},{scale}): 1 to 38 digits, and no more of them after the point"
            )
        return cls("decimal", precision, scale)

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})" if self.name == "decimal" else self.name

    @property
    def numeric(self) -> bool:
        """Whether the type takes part in arithmetic."""
        return self.name in {"integer", "bigint", "decimal"}

    @property
    def whole(self) -> int:
        """The digits before a decimal's point."""
        return self.precision - self.scale

    @property
    def accepts(self) -> str | None:
        """The pattern for the whole of a text that may be cast to this type; None where every text may."""
        if self.name == "decimal":
            digits = f"0*[0-9]{{1,{self.whole}}}" if self.whole else "0+"
            tail = f"(?:[.][0-9]{{0,{self.scale}}}0*)?"
            return f"{SPACE}[+-]?(?:{digits}){tail}{SPACE}"
        return _PATTERNS[self.name]


_PLAIN = ("string", "boolean", "integer", "bigint", "date", "timestamp")
_PATTERNS = {
    "string": None,
    "boolean": f"{SPACE}(?:[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])" + SPACE,
    "integer": f"{SPACE}[+-]?0*[0-9]{{1,9}}(?:[.]0*)?{SPACE}",
    "bigint": f"{SPACE}[+-]?0*[0-9]{{1,18}}(?:[.]0*)?{SPACE}",
    "date": DATE,
    "timestamp": f"{DATE}(?:[ T]{TIME}(?:Z|[+]00:?00)?)?",
}
_WRITTEN = rf"^({'|'.join(_PLAIN)}|decimal\([0-9]{{1,2}}, ?[0-9]{{1,2}}\))$"
STRING = ColumnType("string")
BOOLEAN = ColumnType("boolean")
INTEGER = ColumnType("integer")
BIGINT = ColumnType("bigint")
DATE_TYPE = ColumnType("date")
TIMESTAMP = ColumnType("timestamp")

TypeName = Annotated[
    ColumnType,
    GetPydanticSchema(
        lambda _source, _handler: core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, ColumnType) else ColumnType.parse(str(value)),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        ),
        lambda _schema, _handler: {"type": "string", "pattern": _WRITTEN, "maxLength": 20},
    ),
]
"""A `ColumnType` in a pydantic model, written as its name."""
