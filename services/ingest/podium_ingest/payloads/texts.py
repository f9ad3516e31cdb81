"""Values of a schema's types as text: the texts that a message in JSON would have had, so that Silver types them alike.

A column of values becomes a column of texts at once; None stays null. Numbers have all their digits and no exponent, bytes are
base64, and points in time are ISO 8601 with as many digits of a second (0, 3, 6 or 9) as they need. A value that its logical type
does not allow, as a date in the year 20,000, is written as what it is underneath: a number, or bytes.
"""

import base64
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

Values = Sequence[Any]
Texts = Callable[[Values], pa.Array]

FIRST_SECOND, LAST_SECOND = -62_135_596_800, 253_402_300_799
"""0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, in seconds since 1970."""
DAY_SECONDS = 86_400
_DATE_LENGTH = len("1970-01-01T")
_SPELLED = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def strings(values: Values) -> pa.Array:
    """Return texts as they are."""
    return pa.array(values, pa.string())


def booleans(values: Values) -> pa.Array:
    """Return `true` and `false`."""
    return pa.array(values, pa.bool_()).cast(pa.string())


def integers(values: Values) -> pa.Array:
    """Return whole numbers of up to 64 bits with a sign."""
    return pa.array(values, pa.int64()).cast(pa.string())


def naturals(values: Values) -> pa.Array:
    """Return whole numbers of up to 64 bits without a sign."""
    return pa.array(values, pa.uint64()).cast(pa.string())


def doubles(values: Values) -> pa.Array:
    """Return the fewest digits that mean the same number of 64 bits."""
    return fractions(pa.array(values, pa.float64()))


def singles(values: Values) -> pa.Array:
    """Return the fewest digits that mean the same number of 32 bits."""
    return fractions(pa.array(values, pa.float32()))


def fractions(numbers: pa.Array) -> pa.Array:
    """Return the fewest digits that mean the same number of this width."""
    texts = numbers.cast(pa.string())
    if pc.any(pc.match_substring_regex(texts, "[a-z]")).as_py():
        texts = pa.array([None if text is None else _plain(text) for text in texts.to_pylist()], pa.string())
    whole = pc.match_substring_regex(texts, "^-?[0-9]+$")
    return pc.if_else(whole, pc.binary_join_element_wise(texts, "0", "."), texts)


def _plain(text: str) -> str:
    """Return a number's text without an exponent; what is no number as JSON's users write it."""
    return _SPELLED.get(text) or f"{Decimal(text):f}"


def binaries(values: Values) -> pa.Array:
    """Return bytes as base64."""
    return pa.array([None if value is None else base64.b64encode(value) for value in values], pa.string())


def uuids(values: Values) -> pa.Array:
    """Return 16 bytes each as a UUID."""
    return pa.array([None if value is None else str(uuid.UUID(bytes=value)) for value in values], pa.string())


def symbols(names: Mapping[int, str]) -> Texts:
    """Return what names numbers; one without a name stays a number."""
    return lambda values: pa.array(
        [None if value is None else names.get(value) or str(value) for value in values], pa.string()
    )


def decimals(precision: int, scale: int) -> Texts:
    """Return what writes unscaled numbers, big-endian bytes, with `scale` digits after the point."""
    bound = 10**precision

    def text(value: bytes) -> str:
        number = int.from_bytes(value, "big", signed=True)
        if not -bound < number < bound:
            return base64.b64encode(value).decode()
        digits = f"{abs(number):0{scale + 1}d}"
        sign = "-" if number < 0 else ""
        return f"{sign}{digits[:-scale]}.{digits[-scale:]}" if scale else f"{sign}{digits}"

    return lambda values: pa.array([None if value is None else text(value) for value in values], pa.string())


def dates(values: Values) -> pa.Array:
    """Return days since 1970 as `2009-12-01`."""
    numbers = pa.array(values, pa.int64())
    valid = _within(numbers, FIRST_SECOND // DAY_SECONDS, LAST_SECOND // DAY_SECONDS)
    days = pc.if_else(valid, numbers, None).cast(pa.int32()).cast(pa.date32())
    return pc.coalesce(days.cast(pa.string()), numbers.cast(pa.string()))


def times(per_second: int) -> Texts:
    """Return what writes parts of a second since midnight as `07:45:00.250`."""
    return _written(per_second, 0, DAY_SECONDS - 1, start=_DATE_LENGTH)


def moments(per_second: int, mark: str) -> Texts:
    """Return what writes parts of a second since 1970 as `2009-12-01T07:45:00.250`, with a mark behind it: `Z` for UTC."""
    return _written(per_second, FIRST_SECOND, LAST_SECOND, mark)


def _written(per_second: int, first: int, last: int, mark: str = "", start: int = 0) -> Texts:
    def texts(values: Values) -> pa.Array:
        numbers = pa.array(values, pa.int64())
        quotient = pc.divide(numbers, per_second)  # rounds towards zero
        floored = pc.less_equal(pc.multiply(quotient, per_second), numbers)
        seconds = pc.if_else(floored, quotient, pc.subtract(quotient, 1))
        rest = pc.subtract(numbers, pc.multiply(seconds, per_second))
        valid = _within(seconds, first, last)
        nanos = pc.multiply(rest, 1_000_000_000 // per_second)
        found = _instants(pc.if_else(valid, seconds, None), nanos, mark)
        return pc.coalesce(pc.utf8_slice_codeunits(found, start), numbers.cast(pa.string()))

    return texts


def instants(values: Values) -> pa.Array:
    """Return pairs of seconds since 1970 and nanoseconds as points in time in UTC; the seconds are within years 1 to 9999."""
    seconds = pa.array([None if value is None else value[0] for value in values], pa.int64())
    nanos = pa.array([None if value is None else value[1] for value in values], pa.int64())
    return _instants(seconds, nanos, "Z")


def _instants(seconds: pa.Array, nanos: pa.Array, mark: str) -> pa.Array:
    text = pc.replace_substring(
        seconds.cast(pa.timestamp("s")).cast(pa.string()), " ", "T", max_replacements=1
    )
    digits = pc.utf8_lpad(nanos.cast(pa.string()), 9, "0")
    fraction = pc.replace_substring_regex(pc.binary_join_element_wise("", digits, "."), "[.]?(000)*$", "")
    return pc.binary_join_element_wise(text, fraction, mark, "")


def _within(numbers: pa.Array, first: int, last: int) -> pa.Array:
    return pc.and_(pc.greater_equal(numbers, first), pc.less_equal(numbers, last))
