"""The column types: which texts each accepts, and that what it accepts is cast to exactly what the text says."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from podium_contracts.model import Model
from podium_contracts.pipeline.types import (
    BIGINT,
    BOOLEAN,
    DATE_TYPE,
    INTEGER,
    STRING,
    TIMESTAMP,
    ColumnType,
    TypeName,
)
from pydantic import ValidationError

MONEY = ColumnType.decimal(12, 2)
FRACTION = ColumnType.decimal(3, 3)
WIDE = ColumnType.decimal(38, 0)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Holder(Model):
    """A model with a type in it."""

    type: TypeName


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("string", STRING),
        ("boolean", BOOLEAN),
        ("integer", INTEGER),
        ("bigint", BIGINT),
        ("date", DATE_TYPE),
        ("timestamp", TIMESTAMP),
        ("decimal(12,2)", MONEY),
        ("decimal(12, 2)", MONEY),
        ("decimal(38,38)", ColumnType("decimal", 38, 38)),
    ],
)
def test_a_type_is_read_from_its_name_and_written_as_it(text: str, kind: ColumnType) -> None:
    """The pipeline file names a type, and JSON made of it names the same one."""
    assert ColumnType.parse(text) == kind
    written = Holder(type=kind).model_dump_json()
    assert Holder.model_validate_json(written).type == kind
    assert written == f'{{"type":"{text.replace(" ", "")}"}}'


@pytest.mark.parametrize("text", ["", "text", "String", "decimal", "decimal(3)", "decimal(12,2) ", "int", 3])
def test_another_type_is_refused(text: object) -> None:
    """The message lists what there is."""
    message = (
        f"'{text}' is no type; use one of string, boolean, integer, bigint, date, timestamp, decimal(p,s)"
    )
    with pytest.raises(ValidationError, match=re.escape(message)):
        Holder.model_validate({"type": text})


@pytest.mark.parametrize("text", ["decimal(39,2)", "decimal(0,0)", "decimal(2,3)"])
def test_a_decimal_has_1_to_38_digits(text: str) -> None:
    """Both engines stop there, and no more digits follow the point than there are."""
    with pytest.raises(ValueError, match="1 to 38 digits, and no more of them after the point"):
        ColumnType.parse(text)


def test_numbers_take_part_in_arithmetic() -> None:
    """Nothing else does: no text is added up by accident."""
    numeric = [kind.numeric for kind in (INTEGER, BIGINT, MONEY)]
    others = [kind.numeric for kind in (STRING, BOOLEAN, DATE_TYPE, TIMESTAMP)]
    assert (numeric, others) == ([True] * 3, [False] * 4)
    assert (MONEY.whole, FRACTION.whole) == (10, 0)


ACCEPTED = {
    BOOLEAN: ["true", "FALSE", " True "],
    INTEGER: ["0", "-7", "+7", " 12 ", "000000000012", "7.", "7.00", "999999999"],
    BIGINT: ["999999999999999999", "-1.0"],
    MONEY: ["1", "-1.5", "+0.05", "1.", "1.5000", "00001", " 9999999999.99 "],
    FRACTION: ["0.125", "00.1", "-0", "0."],
    WIDE: ["9" * 38, "1.000"],
    DATE_TYPE: ["2009-12-01", "0001-01-01", "0099-12-31", "9999-12-31", "2009-02-31"],
    TIMESTAMP: [
        "2009-12-01",
        "2009-12-01 07:45",
        "2009-12-01T07:45:00",
        "2009-12-01 23:59:59.999999",
        "2009-12-01 07:45Z",
        "2009-12-01 07:45+00:00",
        "2009-12-01 07:45+0000",
    ],
}
REFUSED = {
    BOOLEAN: ["", "1", "t", "yes", "true\n"],
    INTEGER: [
        "",
        "1.5",
        "1e2",
        "1,000",
        "0x1",
        "--1",
        "- 1",
        "1000000000",
        "12abc",
        "٣",
        "1\n",
        "\t1",
        "1_0",
    ],
    BIGINT: ["1000000000000000000", "1.01"],
    MONEY: ["", ".", ".5", "1.005", "10000000000", "1e2", "1,5", "NaN", "inf", "£1", "1 2"],
    FRACTION: ["1", "0.1251", "1.0"],
    WIDE: ["1" + "0" * 38, "0.5"],
    DATE_TYPE: [
        "",
        "2009-13-01",
        "2009-1-1",
        "2009-12-32",
        "0000-12-31",
        "99-01-01",
        "10000-01-01",
        "01/12/2009",
        "2009-12-01 ",
        "20091201",
    ],
    TIMESTAMP: [
        "2009-12-01 24:00",
        "2009-12-01 07:60",
        "2009-12-01 07",
        "2009-12-01 07:45+01:00",
        "2009-12-01 07:45:00.1234567",
        "2009-12-01  07:45",
        "infinity",
        "now",
    ],
}


def cases(texts: dict[ColumnType, list[str]]) -> list[Any]:
    """Return each pair of a type and a text, with a readable id."""
    return [
        pytest.param(kind, text, id=f"{kind}-{text!a}")
        for kind, examples in texts.items()
        for text in examples
    ]


@pytest.mark.parametrize(("kind", "text"), cases(ACCEPTED))
def test_a_text_that_means_one_value_is_accepted(kind: ColumnType, text: str) -> None:
    """Spaces around numbers, signs, leading zeros and zeros after the point change no value."""
    assert kind.accepts
    assert re.fullmatch(kind.accepts, text)


@pytest.mark.parametrize(("kind", "text"), cases(REFUSED))
def test_a_text_that_would_be_rounded_or_guessed_is_refused(kind: ColumnType, text: str) -> None:
    """What engines read differently, or only by losing something, goes to quarantine."""
    assert kind.accepts
    assert not re.fullmatch(kind.accepts, text)


def test_every_text_is_a_string() -> None:
    """A string needs no pattern."""
    assert STRING.accepts is None


# What is accepted is cast exactly.


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB, in UTC as Podium runs it."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def cast(engine: duckdb.DuckDBPyConnection, text: str, kind: ColumnType) -> Any:
    """Return an accepted text as DuckDB reads it; integers by way of a decimal, moments as microseconds."""
    trimmed = "trim($text)"
    if kind in {INTEGER, BIGINT}:
        trimmed = f"try_cast({trimmed} AS DECIMAL(38,0))"
    value = f"try_cast({trimmed} AS {'TIMESTAMPTZ' if kind == TIMESTAMP else kind})"
    if kind == TIMESTAMP:
        value = f"epoch_us({value})"
    accepted, result = engine.execute(
        f"SELECT regexp_full_match($text, $pattern), {value}", {"text": text, "pattern": kind.accepts}
    ).fetchall()[0]
    assert accepted
    return result


def reading(kind: ColumnType, text: str) -> Any:
    """Return an accepted text as Python reads it; None for a date that no calendar has."""
    match kind.name:
        case "boolean":
            return text.strip().lower() == "true"
        case "decimal" | "integer" | "bigint":
            return Decimal(text.strip())
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment.date() if kind == DATE_TYPE else (moment - EPOCH) // timedelta(microseconds=1)


decimals = st.integers(1, 38).flatmap(
    lambda precision: st.builds(ColumnType.decimal, st.just(precision), st.integers(0, precision))
)
accepted = (st.sampled_from([BOOLEAN, INTEGER, BIGINT, DATE_TYPE, TIMESTAMP]) | decimals).flatmap(
    lambda kind: st.tuples(st.just(kind), st.from_regex(kind.accepts or "", fullmatch=True))
)


@pytest.mark.parametrize(("kind", "text"), cases(ACCEPTED))
def test_an_accepted_text_is_cast_to_its_value(
    engine: duckdb.DuckDBPyConnection, kind: ColumnType, text: str
) -> None:
    """DuckDB's value is Python's own reading of the same text."""
    assert cast(engine, text, kind) == reading(kind, text)


@given(accepted)
@settings(max_examples=500)
def test_whatever_is_accepted_is_cast_to_its_value(
    engine: duckdb.DuckDBPyConnection, typed: tuple[ColumnType, str]
) -> None:
    """No accepted text is rounded, overflows or becomes null, save dates that no calendar has."""
    kind, text = typed
    assert cast(engine, text, kind) == reading(kind, text)


@given(st.integers(-(10**9) + 1, 10**9 - 1))
@example(10**9 - 1)
def test_every_integer_of_nine_digits_is_accepted(number: int) -> None:
    """The pattern leaves no hole below its limit."""
    assert re.fullmatch(INTEGER.accepts or "", str(number))


@given(st.datetimes())
def test_every_moment_is_accepted(moment: datetime) -> None:
    """What ISO 8601 writes of a moment of the years 1 to 9999 is a timestamp."""
    assert re.fullmatch(TIMESTAMP.accepts or "", moment.isoformat())
    assert re.fullmatch(DATE_TYPE.accepts or "", moment.date().isoformat())
