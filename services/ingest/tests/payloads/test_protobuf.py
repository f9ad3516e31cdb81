"""Protobuf: the text of each type, what an unset field is, and what is refused."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from hypothesis import given
from hypothesis import strategies as st
from podium_contracts.pipeline.types import TIMESTAMP
from podium_ingest.payloads import BadSchema
from podium_ingest.payloads.protobuf import records

Fields = Callable[..., Any]
PARTS = """
    syntax = "proto3"; package shop;
    message Refund { int32 n = 1; }
    message Sale { string id = 1; message Line { int32 n = 1; } repeated Line lines = 2; map<string, int32> counts = 3; }
"""


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("bool", True, "true"),
        ("int32", -(2**31), "-2147483648"),
        ("sint64", -(2**63), "-9223372036854775808"),
        ("uint32", 2**32 - 1, "4294967295"),
        ("uint64", 2**64 - 1, "18446744073709551615"),
        ("fixed64", 2**64 - 1, "18446744073709551615"),
        ("sfixed32", -1, "-1"),
        ("float", 0.1, "0.1"),
        ("double", 2.0, "2.0"),
        ("double", 1e-7, "0.0000001"),
        ("double", float("inf"), "Infinity"),
        ("string", 'a "b"\n\0é😀', 'a "b"\n\0é😀'),
        ("bytes", b"\xff\0", "/wA="),
    ],
)
def test_the_text_of_a_type(protobuf_fields: Fields, kind: str, value: Any, text: str) -> None:
    """Numbers have all their digits and no exponent; bytes are base64."""
    sale = protobuf_fields(f"{kind} a = 1;")
    assert sale.texts(sale.new(a=value)) == {"a": text}


def test_enums_are_their_names(protobuf: Any) -> None:
    """A number that has no name yet stays a number; of two names of one number the first counts."""
    sale = protobuf(
        """syntax = "proto3"; package shop;
        enum Colour { option allow_alias = true; RED = 0; GREEN = 1; GRASS = 1; }
        message Sale { Colour a = 1; optional Colour b = 2; }"""
    )
    assert sale.texts(sale.new(a=1, b=7)) == {"a": "GREEN", "b": "7"}
    assert sale.texts(sale.new()) == {"a": "RED", "b": None}


@pytest.mark.parametrize(
    ("seconds", "nanos", "text"),
    [
        (1_259_653_500, 0, "2009-12-01T07:45:00Z"),
        (-1, 120_000_000, "1969-12-31T23:59:59.120Z"),
        (0, 1_000, "1970-01-01T00:00:00.000001Z"),
        (253_402_300_799, 999_999_000, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_point_in_time_is_one_that_silver_accepts(
    protobuf_fields: Fields, seconds: int, nanos: int, text: str
) -> None:
    """ISO 8601 in UTC with as many digits as there are, as Protobuf itself writes it."""
    sale = protobuf_fields("google.protobuf.Timestamp a = 1;", "timestamp")
    message = sale.new(a={"seconds": seconds, "nanos": nanos})
    assert sale.texts(message) == {"a": text}
    assert message.a.ToJsonString() == text
    assert re.fullmatch(TIMESTAMP.accepts or "", text)


def test_a_field_that_is_not_set_is_null_or_its_default(protobuf_fields: Fields) -> None:
    """Null where the schema can tell that it is not set, and else the default, which the producer may have meant."""
    sale = protobuf_fields(
        "int32 a = 1; optional int32 b = 2; string c = 3; bool d = 4; repeated int32 e = 5; map<string, int32> f = 6;"
        "Sale g = 7; oneof x { string h = 8; int32 i = 9; } google.protobuf.Timestamp j = 10;",
        "timestamp",
    )
    unset = {"a": "0", "b": None, "c": "", "d": "false", "e": "[]", "f": "{}", **dict.fromkeys("ghij")}
    assert sale.texts(sale.new()) == unset
    assert sale.texts(sale.new(b=0, h="")) == {**unset, "b": "0", "h": ""}


def test_what_holds_others_is_json_with_the_names_of_the_schema(protobuf_fields: Fields) -> None:
    """As Protobuf's mapping has it: whole numbers of 64 bits are texts there. Names are sorted, and defaults are written, too."""
    sale = protobuf_fields(
        "repeated double a = 1; map<int32, bool> b = 2; Sale unit_price = 3; int64 d = 4; bytes e = 5;"
    )
    message = sale.new(
        a=[1.5, float("nan")], b={9: False, 7: True}, unit_price={"d": 2**53 + 1, "e": b"\xff"}
    )
    assert sale.texts(message) == {
        "a": '[1.5,"NaN"]',
        "b": '{"7":true,"9":false}',
        "unit_price": '{"a":[],"b":{},"d":"9007199254740993","e":"/w=="}',
        "d": "0",
        "e": "",
    }


def test_well_known_types_are_written_as_protobuf_has_it(protobuf_fields: Fields) -> None:
    """Wrappers are their values, structures are JSON, durations and masks are texts."""
    sale = protobuf_fields(
        "google.protobuf.StringValue a = 1; google.protobuf.Int64Value b = 2; google.protobuf.Struct c = 3;"
        "google.protobuf.Duration d = 4; google.protobuf.Any e = 5; google.protobuf.Value f = 6;",
        "wrappers",
        "struct",
        "duration",
        "any",
    )
    message = sale.new(a={"value": "x"}, b={"value": 2**53 + 1}, d={"seconds": 5})
    message.c["k"] = [True, None, "é"]
    message.e.Pack(message.d)
    message.f.string_value = "x"
    texts = sale.texts(message)
    assert json.loads(texts.pop("e")) == {
        "@type": "type.googleapis.com/google.protobuf.Duration",
        "value": "5s",
    }
    assert texts == {"a": "x", "b": str(2**53 + 1), "c": '{"k":[true,null,"é"]}', "d": "5s", "f": "x"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\x0a\x05ab", "its bytes mean something else"),
        (b"\xff", "its bytes mean something else"),
        (b"\x0a\x02a\xff", "its bytes mean something else"),
        (b"\x0a\x01a\x38\x01", "field 7 is not in its schema"),
        (b"\x0a\x01a\x12\x02\x38\x01", "a field inside another is not in its schema"),
        (b"\x1a\x09\x08\xff\xff\xff\xff\xff\xff\xff\x7f", "not in the years 1 to 9999"),
        (b"\x22\x03\x0a\x01x", "cannot be written as JSON"),
    ],
)
def test_a_refused_message_has_a_reason_and_harms_no_other(
    protobuf_fields: Fields, value: bytes, reason: str
) -> None:
    """Also one with fields that the schema does not have: to read it without them would lose them."""
    sale = protobuf_fields(
        "string a = 1; Sale b = 2; google.protobuf.Timestamp c = 3; google.protobuf.Any d = 4;",
        "timestamp",
        "any",
    )
    decoded = sale.decode(b"\x0a\x011", value, b"\x0a\x012")
    assert decoded.columns["a"].to_pylist() == ["1", None, "2"]
    assert list(decoded.refused) == [1]
    assert "shop.Sale" in decoded.refused[1]
    assert reason in decoded.refused[1]


def test_the_same_message_in_other_bytes_is_taken(protobuf_fields: Fields) -> None:
    """A default may be written out, a list packed or not, and fields may come in any order: nothing of that is unknown."""
    sale = protobuf_fields("int32 a = 1; repeated int32 b = 2;")
    decoded = sale.decode(b"\x10\x01\x08\x00\x10\x02", b"\x12\x02\x01\x02")
    assert decoded.refused == {}
    assert decoded.columns["b"].to_pylist() == ["[1,2]", "[1,2]"]


@pytest.mark.parametrize(
    "value",
    [
        b"\x0a\x01\xff",
        b"\x12\x03\x0a\x01\xff",
        b"\x1a\x01\xff",
        b"\x22\x03\x0a\x01\xff",
        b"\x22\x03\x12\x01\xff",
    ],
)
def test_texts_of_proto2_are_checked(protobuf_fields: Fields, value: bytes) -> None:
    """There the decoder takes any bytes for a text, wherever it stands."""
    sale = protobuf_fields(
        "optional string a = 1; optional Sale b = 2; repeated string c = 3; map<string, string> d = 4; optional bytes e = 5;",
        syntax="proto2",
    )
    good = sale.new(a="é", b={"a": "é"}, c=["é"], d={"é": "é"}, e=b"\xff").SerializeToString()
    decoded = sale.decode(value, good)
    assert list(decoded.refused) == [0]
    assert "a text in it is not UTF-8" in decoded.refused[0]


@given(st.binary(max_size=60) | st.integers(0, 120).map(lambda depth: b"\x12\x7f" * depth))
def test_whatever_bytes_come_there_is_a_row(protobuf_fields: Fields, value: bytes) -> None:
    """Nothing but a value or a reason comes of them; what is nested is JSON."""
    sale = protobuf_fields(
        "optional string a = 1; optional Sale b = 2; repeated Sale c = 3; optional google.protobuf.Struct d = 4;"
        "optional google.protobuf.Timestamp e = 5; optional google.protobuf.Any f = 6;",
        "struct",
        "timestamp",
        "any",
        syntax="proto2",
    )
    decoded = sale.decode(value)
    assert [len(column) for column in decoded.columns.values()] == [1] * 6
    if not decoded.refused:
        json.loads(decoded.columns["c"][0].as_py())


@pytest.mark.parametrize(
    ("message", "indexes"),
    [("Refund", [b"\0", b"\2\0"]), ("Sale", [b"\2\2"]), ("Sale.Line", [b"\4\2\0"])],
)
def test_confluents_header_says_which_message_it_is(
    protobuf: Any, message: str, indexes: list[bytes]
) -> None:
    """The first message of a file has a short form; another message of the same schema is refused."""
    sale = protobuf(PARTS, f"shop.{message}", framing="confluent")
    payload = sale.new().SerializeToString()
    decoded = sale.decode(*(b"\0\0\0\0\1" + index + payload for index in [*indexes, b"\2\4", b"\6\2\0\0"]))
    assert list(decoded.refused) == [len(indexes), len(indexes) + 1]


def test_the_two_hundredth_message_of_a_file_has_an_index_of_two_bytes(protobuf: Any) -> None:
    """Indexes are varints."""
    text = 'syntax = "proto3"; package shop;' + "".join(
        f"message M{n} {{ int32 a = 1; }}" for n in range(200)
    )
    decoded = protobuf(text, "shop.M199", framing="confluent").decode(b"\0\0\0\0\1\2\x8e\3\x08\7")
    assert (decoded.columns["a"].to_pylist(), decoded.refused) == (["7"], {})


# Schemas.


def of_message(text: str) -> str:
    return f'syntax = "proto3"; package shop; {text}'


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("message Sale {", "s/sale.proto:1:48: Reached end of input in message definition", "schema"),
        ("message Sale { strng a = 1; }", 's/sale.proto:1:49: "strng" is not defined.', "schema"),
        ('import "nowhere.proto";', "s/nowhere.proto: File not found.", "schema"),
        ("message Sales { int32 a = 1; }", "s/sale.proto has no message shop.Sale", "message"),
        ("message Sale {}", "shop.Sale has 0 fields", "schema"),
        (
            "message Sale { int32 source_file = 1; }",
            "Podium's own with the names 'source_file'",
            "schema",
        ),
        ("message Sale { int32 aB = 1; int32 Ab = 2; }", "'aB' and 'Ab' would be the same column", "schema"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(text: str, message: str, place: str) -> None:
    """The message says where and why, the hint what would be right."""
    with pytest.raises(BadSchema) as refused:
        records("s/sale.proto", (("s/sale.proto", of_message(text).encode()),), "shop.Sale")
    assert message in str(refused.value)
    assert (refused.value.place, bool(refused.value.hint)) == (place, True)


def test_a_misspelt_message_has_a_suggestion() -> None:
    """Messages inside others are among them, the entries of maps are not."""
    files = (("s/sale.proto", PARTS.encode()),)
    with pytest.raises(BadSchema) as refused:
        records("s/sale.proto", files, "shop.Sale.Lines")
    assert refused.value.hint == "did you mean shop.Sale.Line?"
    with pytest.raises(BadSchema) as refused:
        records("s/sale.proto", files, "x")
    assert refused.value.hint == "possible here: shop.Refund, shop.Sale, shop.Sale.Line"


def test_what_has_no_fields_of_its_own_is_refused() -> None:
    """A message of Google's is no record, and extensions would be lost."""
    text = 'syntax = "proto2"; package shop; import "google/protobuf/struct.proto"; message Sale { optional int32 a = 1; extensions 5; } extend Sale { optional int32 b = 5; }'
    files = (("s/sale.proto", text.encode()),)
    with pytest.raises(BadSchema, match=r"google\.protobuf\.Struct is no record"):
        records("s/sale.proto", files, "google.protobuf.Struct")
    with pytest.raises(BadSchema, match=r"shop\.Sale has extensions"):
        records("s/sale.proto", files, "shop.Sale")


IMPORTING = {
    "s/sale.proto": of_message('import "parts/line.proto"; message Sale { parts.Line a = 1; }').encode(),
    "s/parts/line.proto": b'syntax = "proto3"; package shop.parts; message Line { int32 n = 1; }',
    "s/../../elsewhere.proto": b"",
}


def test_files_beside_a_schema_are_imported() -> None:
    """Those of other folders are not even written."""
    found = records("s/sale.proto", tuple(IMPORTING.items()), "shop.Sale")
    assert found.decode([b"\x0a\x02\x08\x01"]).columns["a"].to_pylist() == ['{"n":1}']


def test_a_compiled_schema_does_without_protoc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A descriptor set is read as it is; where protoc is missing, a `.proto` file says what to do."""
    for name in ("sale.proto", "parts/line.proto"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(IMPORTING[f"s/{name}"])
    options = [f"-I{tmp_path}", "--include_imports", f"--descriptor_set_out={tmp_path / 'sale.desc'}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *options, "sale.proto"], check=True)
    whole = (tmp_path / "sale.desc").read_bytes()
    monkeypatch.setitem(sys.modules, "grpc_tools", None)
    found = records("s/sale.desc", (("s/sale.desc", whole),), "shop.Sale")
    assert found.decode([b"\x0a\x02\x08\x01"]).columns["a"].to_pylist() == ['{"n":1}']
    with pytest.raises(BadSchema, match="protoc is not installed") as refused:
        records("s/sale.proto", (("s/sale.proto", b"other"),), "shop.Sale")
    assert "pip install 'podium[protobuf]', or compile it: protoc --include_imports" in refused.value.hint
    part = FileDescriptorSet.FromString(whole)
    del part.file[0]
    with pytest.raises(BadSchema, match="lacks files that it imports"):
        records("s/sale.desc", (("s/sale.desc", part.SerializeToString()),), "shop.Sale")
    with pytest.raises(BadSchema, match="is no descriptor set"):
        records("s/sale.desc", (("s/sale.desc", b"syntax"),), "shop.Sale")
