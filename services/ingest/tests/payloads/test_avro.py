"""Avro: the text of each type, and what is refused."""

import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from podium_contracts.pipeline.types import BOOLEAN, DATE_TYPE, TIMESTAMP, ColumnType
from podium_ingest.payloads import BadSchema
from podium_ingest.payloads.avro import records

Field = Callable[..., Any]
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
COLOUR = {"type": "enum", "name": "Colour", "symbols": ["RED", "GREEN"]}
LINE = {
    "type": "record",
    "name": "Line",
    "fields": [{"name": "n", "type": "int"}, {"name": "m", "type": MONEY}],
}


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("null", None, None),
        ("boolean", True, "true"),
        ("boolean", False, "false"),
        ("int", -(2**31), "-2147483648"),
        ("long", 2**63 - 1, "9223372036854775807"),
        ("float", 0.1, "0.1"),
        ("float", 16_777_216.0, "16777216.0"),
        ("double", 0.1, "0.1"),
        ("double", 2.0, "2.0"),
        ("double", -0.0, "-0.0"),
        ("double", 1e-7, "0.0000001"),
        ("double", 1.5e17, "150000000000000000.0"),
        ("double", 123456789.12345679, "123456789.12345679"),
        ("double", float("nan"), "NaN"),
        ("double", float("-inf"), "-Infinity"),
        ("string", "", ""),
        ("string", 'a "b"\n\0é😀', 'a "b"\n\0é😀'),
        ("bytes", b"\xff\0", "/wA="),
        ({"type": "fixed", "name": "F", "size": 2}, b"\xff\0", "/wA="),
        (COLOUR, "GREEN", "GREEN"),
        (["null", "string"], None, None),
        (["null", "string"], "a", "a"),
        (["string", "null"], "a", "a"),
    ],
)
def test_the_text_of_a_type(avro_field: Field, kind: Any, value: Any, text: str | None) -> None:
    """Numbers have all their digits and no exponent, which Silver does not take; bytes are base64, symbols themselves."""
    assert avro_field(kind).text(value) == text


@pytest.mark.parametrize(
    ("kind", "value", "text", "silver"),
    [
        (MONEY, Decimal("-0.05"), "-0.05", ColumnType.decimal(9, 2)),
        (MONEY, Decimal("1234567.80"), "1234567.80", ColumnType.decimal(9, 2)),
        ({**MONEY, "type": "fixed", "name": "F", "size": 8}, Decimal(7), "7.00", ColumnType.decimal(9, 2)),
        ({**MONEY, "scale": 0}, Decimal(-12), "-12", ColumnType.decimal(9, 0)),
        ({**MONEY, "scale": 9}, Decimal("1e-9"), "0.000000001", ColumnType.decimal(9, 9)),
        ({"type": "int", "logicalType": "date"}, date(2009, 12, 1), "2009-12-01", DATE_TYPE),
        ({"type": "int", "logicalType": "date"}, date(1969, 12, 31), "1969-12-31", DATE_TYPE),
        (MILLIS, datetime(2009, 12, 1, 7, 45, tzinfo=UTC), "2009-12-01T07:45:00Z", TIMESTAMP),
        (MILLIS, datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC), "1969-12-31T23:59:59.999Z", TIMESTAMP),
        (MICROS, datetime(2009, 12, 1, 7, 45, 0, 120_000, UTC), "2009-12-01T07:45:00.120Z", TIMESTAMP),
        (MICROS, datetime(2009, 12, 1, 7, 45, 0, 1, UTC), "2009-12-01T07:45:00.000001Z", TIMESTAMP),
        (
            {"type": "long", "logicalType": "local-timestamp-millis"},
            datetime(2009, 12, 1, 7, 45, 0, 5_000),  # noqa: DTZ001 - local means without a zone
            "2009-12-01T07:45:00.005",
            TIMESTAMP,
        ),
        (
            {"type": "long", "logicalType": "local-timestamp-micros"},
            datetime(2009, 12, 1, 7, 45),  # noqa: DTZ001 - as above
            "2009-12-01T07:45:00",
            TIMESTAMP,
        ),
        ({"type": "int", "logicalType": "time-millis"}, time(7, 45, 0, 250_000), "07:45:00.250", None),
        ({"type": "long", "logicalType": "time-micros"}, time(23, 59, 59, 999_999), "23:59:59.999999", None),
        ({"type": "string", "logicalType": "uuid"}, uuid.UUID(int=7), str(uuid.UUID(int=7)), None),
        ("boolean", True, "true", BOOLEAN),
    ],
)
def test_the_text_of_a_logical_type_is_one_that_silver_accepts(
    avro_field: Field, kind: Any, value: Any, text: str, silver: ColumnType | None
) -> None:
    """Decimals with all their digits, points in time in ISO 8601: with `Z` where they are in UTC, without where they are local."""
    assert avro_field(kind).text(value) == text
    if silver:
        assert re.fullmatch(silver.accepts or "", text)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (
            {"type": "fixed", "name": "F", "size": 16, "logicalType": "uuid"},
            b"\1" * 16,
            str(uuid.UUID("01" * 16)),
        ),
        ({"type": "long", "logicalType": "timestamp-nanos"}, 1_000_000_001, "1970-01-01T00:00:01.000000001Z"),
        ({"type": "long", "logicalType": "local-timestamp-nanos"}, -1_000, "1969-12-31T23:59:59.999999"),
        ({"type": "bytes", "logicalType": "decimal"}, b"\7", "Bw=="),
        ({"type": "int", "logicalType": "weekday"}, 3, "3"),
        ({"type": "fixed", "name": "F", "size": 12, "logicalType": "duration"}, b"\0" * 12, "A" * 16),
    ],
)
def test_what_the_library_does_not_know_by_itself(
    avro_field: Field, kind: Any, value: Any, text: str
) -> None:
    """Newer logical types have their texts, too; those that nobody knows are what they annotate."""
    assert avro_field(kind).text(value) == text


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("date", 2_932_897, "2932897"),
        ("date", -(2**31), "-2147483648"),
        ("timestamp-millis", 253_402_300_800_000, "253402300800000"),
        ("timestamp-micros", -(2**63), "-9223372036854775808"),
        ("time-micros", 86_400_000_000, "86400000000"),
        ("time-micros", -1, "-1"),
    ],
)
def test_a_number_that_is_no_time_stays_a_number(avro_field: Field, kind: str, value: int, text: str) -> None:
    """It is not lost: Silver refuses it, and shows it."""
    base = "int" if kind == "date" else "long"
    plain = avro_field(base).encode({"a": value})
    decoded = avro_field({"type": base, "logicalType": kind}).decode(plain)
    assert decoded.columns["a"].to_pylist() == [text]


def test_a_decimal_of_too_many_digits_stays_bytes(avro_field: Field) -> None:
    """A million of its bytes are no number that anybody would print."""
    for value in ((10**9).to_bytes(8, "big"), b"\7" * 1_000_000):
        decoded = avro_field(MONEY, max_bytes=2_000_000).decode(avro_field("bytes").encode({"a": value}))
        assert decoded.columns["a"][0].as_py().endswith("=")


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ({"type": "array", "items": "double"}, [1.5, 2.0, float("nan")], '[1.5,2.0,"NaN"]'),
        ({"type": "array", "items": ["null", "string"]}, ['a"\n', None], '["a\\"\\n",null]'),
        ({"type": "array", "items": "long"}, [], "[]"),
        ({"type": "map", "values": "boolean"}, {'k"': True}, '{"k\\"":true}'),
        ({"type": "map", "values": LINE}, {}, "{}"),
        (LINE, {"n": 1, "m": Decimal("0.50")}, '{"n":1,"m":0.50}'),
        (
            {"type": "array", "items": LINE},
            [{"n": 1, "m": Decimal(2)}] * 2,
            '[{"n":1,"m":2.00},{"n":1,"m":2.00}]',
        ),
        ({"type": "record", "name": "None", "fields": []}, {}, "{}"),
        (
            {"type": "array", "items": {"type": "array", "items": MILLIS}},
            [[0], []],
            '[["1970-01-01T00:00:00Z"],[]]',
        ),
        ({"type": "array", "items": ["bytes", COLOUR]}, [b"\xff", "RED"], '["/w==","RED"]'),
        (["null", LINE], None, None),
    ],
)
def test_what_holds_others_is_json(avro_field: Field, kind: Any, value: Any, text: str | None) -> None:
    """Numbers are numbers with all their digits; inside, the text of any other type is a text of JSON."""
    found = avro_field(kind).text(value)
    assert found == text
    if found:
        json.loads(found)


def test_a_branch_of_a_union_is_written_as_what_it_is(avro: Any) -> None:
    """Branches that decode to the same kind of value are told apart, and named types keep their names in other namespaces."""
    item = {**LINE, "namespace": "shop.parts"}
    sale = avro(
        {
            "type": "record",
            "name": "Sale",
            "namespace": "shop",
            "fields": [
                {
                    "name": "a",
                    "type": ["null", "string", {"type": "int", "logicalType": "date"}, MONEY, item],
                },
                {"name": "b", "type": ["shop.parts.Line", "float", "double"]},
            ],
        }
    )
    line = {"n": 1, "m": Decimal("0.50")}
    values: list[tuple[Any, Any, Any, Any]] = [
        (None, ("float", 0.1), None, "0.1"),
        (date(2009, 12, 1), ("double", 0.1), "2009-12-01", "0.1"),
        ("a", ("double", 1e9), "a", "1000000000.0"),
        (Decimal("0.01"), ("shop.parts.Line", line), "0.01", '{"n":1,"m":0.50}'),
        (("shop.parts.Line", line), ("float", 0.1), '{"n":1,"m":0.50}', "0.1"),
    ]
    decoded = sale.decode(*(sale.encode({"a": a, "b": b}) for a, b, _, _ in values))
    assert decoded.columns["a"].to_pylist() == [a for _, _, a, _ in values]
    assert decoded.columns["b"].to_pylist() == [b for _, _, _, b in values]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "ends too early"),
        (b"\x06ab", "ends too early"),
        (b"\x05ab", "ends too early"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "ends too early"),
        (b"\x04a\xff", "a text in it is not UTF-8"),
        (b"\x04abc", "1 byte(s) follow it"),
        (b'{"a": "b"}', "ends too early"),
    ],
)
def test_a_refused_message_has_a_reason_and_harms_no_other(
    avro_field: Field, value: bytes, reason: str
) -> None:
    """Its fields are null; those beside it are what they were."""
    sale = avro_field("string")
    decoded = sale.decode(sale.encode({"a": "1"}), value, sale.encode({"a": "2"}))
    assert decoded.columns["a"].to_pylist() == ["1", None, "2"]
    assert list(decoded.refused) == [1]
    assert decoded.refused[1].startswith("not a Sale in Avro: ")
    assert reason in decoded.refused[1]


@given(st.binary(max_size=80))
def test_whatever_bytes_come_there_is_a_row(avro: Any, value: bytes) -> None:
    """Nothing but a value or a reason comes of them; what is nested is JSON."""
    branches = ["null", "string", MILLIS, {"type": "array", "items": LINE}]
    fields = {"a": MONEY, "b": branches, "c": {"type": "map", "values": COLOUR}, "d": "double"}
    sale = avro(
        {
            "type": "record",
            "name": "S",
            "fields": [{"name": name, "type": kind} for name, kind in fields.items()],
        }
    )
    decoded = sale.decode(value)
    assert [len(column) for column in decoded.columns.values()] == [1] * 4
    if not decoded.refused:
        json.loads(decoded.columns["c"][0].as_py())


def test_a_batch_of_nothing_has_the_columns_of_the_schema(avro_field: Field) -> None:
    """They do not depend on what messages hold."""
    decoded = avro_field("int").decode()
    assert {name: len(column) for name, column in decoded.columns.items()} == {"a": 0}


def test_a_large_batch_keeps_its_order(avro_field: Field) -> None:
    """It is decoded in parts."""
    sale = avro_field("int")
    values = [sale.encode({"a": number}) for number in range(10_000)]
    values[5_000] = b""
    decoded = sale.decode(*values)
    assert list(decoded.refused) == [5_000]
    texts = decoded.columns["a"].to_pylist()
    assert texts.pop(5_000) is None
    assert texts == [str(number) for number in range(10_000) if number != 5_000]


def of_fields(*fields: Any) -> Any:
    return {"type": "record", "name": "Sale", "fields": list(fields)}


def of_type(kind: Any) -> Any:
    return of_fields({"name": "a", "type": kind})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "s/sale.avsc:1:2: not JSON: Expecting property name enclosed in double quotes"),
        (b"\xff", "s/sale.avsc: not an Avro schema: 'utf-8' codec can't decode"),
        (3, "s/sale.avsc: not an Avro schema: "),
        ([], "s/sale.avsc: there is no record at its top"),
        ("string", "s/sale.avsc: there is no record at its top"),
        ({"type": "array", "items": "int"}, "s/sale.avsc: there is no record at its top"),
        ({"type": "record", "fields": []}, 's/sale.avsc: not an Avro schema: "name" is a required field'),
        (of_fields(), "s/sale.avsc has 0 fields"),
        (of_fields({"name": "a"}), "s/sale.avsc: not an Avro schema: Record field 'a' is missing 'type'"),
        (of_fields({"name": "a b", "type": "int"}), "s/sale.avsc: not an Avro schema: 'a b' is no name"),
        (
            of_fields(*[{"name": "a", "type": "int"}] * 2),
            "s/sale.avsc: not an Avro schema: 'a' is no name, or the name of two",
        ),
        (
            of_fields({"name": "a", "type": "int"}, {"name": "A", "type": "int"}),
            "'a' and 'A' would be the same column",
        ),
        (of_fields({"name": "_row", "type": "int"}), "Podium's own with the names '_row'"),
        (of_type("strng"), "s/sale.avsc: there is no type strng"),
        (of_type({"type": "enum", "name": "E"}), "s/sale.avsc: not an Avro schema: 'symbols' is missing"),
        (
            of_type({"type": "fixed", "name": "F", "size": "x"}),
            "s/sale.avsc: not an Avro schema: 'x' is no size",
        ),
        (of_type(["null", "Sale"]), "s/sale.avsc: Sale is a part of itself"),
        (of_type({"type": "array", "items": "null"}), "s/sale.avsc: an array of values without bytes"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(content: Any, message: str) -> None:
    """The message says where and why, the hint what would be right."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(BadSchema) as refused:
        records("s/sale.avsc", text)
    assert message in str(refused.value)
    assert (refused.value.place, bool(refused.value.hint)) == ("schema", True)
