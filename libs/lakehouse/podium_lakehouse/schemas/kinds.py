"""The kinds of values that a source's columns have, in words, and which kind holds all values of another.

The words are those of the pipeline file (`integer`, `decimal(14,2)`), with a few more for sources that name their types: `tinyint`,
`smallint`, `float`, `double`, `binary`, and whatever else as Arrow calls it. `null` is a column in which no value was seen.
"""

import re

import pyarrow as pa

NULL = "null"
TEXT = "string"
Kinds = dict[str, str]
"""By column, as the source calls it: its kind."""

_DIGITS = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19}
_FLOATS = {
    "float": frozenset({"tinyint", "smallint"}),
    "double": frozenset({"tinyint", "smallint", "integer", "float"}),
}
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
_ARROW = (
    (pa.types.is_null, NULL),
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_int8, "tinyint"),
    (lambda kind: pa.types.is_int16(kind) or pa.types.is_uint8(kind), "smallint"),
    (lambda kind: pa.types.is_int32(kind) or pa.types.is_uint16(kind), "integer"),
    (lambda kind: pa.types.is_int64(kind) or pa.types.is_uint32(kind), "bigint"),
    (pa.types.is_uint64, "decimal(20,0)"),
    (lambda kind: pa.types.is_float32(kind) or pa.types.is_float16(kind), "float"),
    (pa.types.is_float64, "double"),
    (
        lambda kind: (
            pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
        ),
        TEXT,
    ),
    (lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind), "binary"),
    (pa.types.is_date, "date"),
    (pa.types.is_timestamp, "timestamp"),
)


def kind_of(arrow: pa.DataType) -> str:
    """Return the word for an Arrow type."""
    if pa.types.is_decimal(arrow):
        return f"decimal({arrow.precision},{arrow.scale})"
    return next((word for matches, word in _ARROW if matches(arrow)), str(arrow))


def widens(old: str, new: str) -> bool:
    """Whether every value of the old kind is one of the new kind, too: numbers to wider ones, dates to timestamps."""
    if old in {new, NULL} or (old, new) == ("date", "timestamp"):
        return True
    if old in _FLOATS.get(new, ()):
        return True
    whole, scale = _places(old)
    wider, finer = _places(new)
    return bool(whole) and whole <= wider and scale <= finer


def holds(kind: str, seen: str) -> bool:
    """Whether values that look like one kind are values of another: any are text."""
    return kind == TEXT or widens(seen, kind)


def reads(declared: str, seen: str) -> bool:
    """Whether values that look like one kind may be read as a declared one; how many digits before the point is for each value to say."""
    (whole, scale), (digits, places) = _places(declared), _places(seen)
    return holds(declared, seen) or bool(whole and digits and places <= scale)


def _places(kind: str) -> tuple[int, int]:
    """Return the digits before and after the point of an exact number's kind; none for any other."""
    if found := _DECIMAL.fullmatch(kind):
        precision, scale = int(found[1]), int(found[2])
        return precision - scale, scale
    return _DIGITS.get(kind, 0), 0
