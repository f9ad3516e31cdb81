"""The same lines of sale in JSON, Avro and Protobuf: the same columns of text, by the schemas of the streaming example."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from podium_contracts.pipeline import KafkaSource
from podium_ingest.payloads import Reader, reader

from tests.sales import ENCODERS, SCHEMAS, SOURCES, Sale, real_sales

PRICES = st.integers(-10_000_000, 10_000_000).map(lambda mills: mills / 1_000)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 - given one
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
SALES = st.fixed_dictionaries(
    {
        "Invoice": st.text(),
        "StockCode": st.text(),
        "Description": st.none() | st.text(),
        "Quantity": st.integers(-(2**31), 2**31 - 1),
        "InvoiceDate": MOMENTS,
        "Price": PRICES,
        "Customer_ID": st.none() | st.text(),
        "Country": st.text(),
    }
)


def read_as(name: str, **source: Any) -> Reader:
    return reader(KafkaSource.model_validate({"topic": "t", **SOURCES[name], **source}), SCHEMAS, {})


def columns(sales: list[Sale]) -> list[dict[str, list[str | None]]]:
    """Return what each format makes of the same sales."""
    found = []
    for name, encode in ENCODERS.items():
        decoded = read_as(name).decode(list(map(encode, sales)))
        assert decoded.refused == {}
        found.append({column: texts.to_pylist() for column, texts in decoded.columns.items()})
    return found


@given(st.lists(SALES, min_size=1, max_size=5))
def test_any_sale_has_the_same_texts_in_every_format(sales: list[Sale]) -> None:
    """Bronze does not show in which format a message came."""
    in_json, in_avro, in_protobuf = columns(sales)
    assert in_json == in_avro == in_protobuf


def test_real_lines_have_the_same_texts_in_every_format() -> None:
    """The first lines of the retail file."""
    in_json, in_avro, in_protobuf = columns(real_sales(5_000))
    assert in_json == in_avro == in_protobuf
    assert in_avro["Price"][0] == "6.95"
    assert in_avro["InvoiceDate"][0] == "2009-12-01T07:45:00Z"


@pytest.mark.parametrize("name", SOURCES)
def test_a_refused_message_is_kept_so_that_its_bytes_can_be_had_back(name: str) -> None:
    """JSON is kept as text, for people; anything else as base64."""
    plain, framed = read_as(name), read_as(name, framing="confluent")
    assert plain.kept(b"\xff{") == ("\\xff{" if name == "json" else "/3s=")
    assert framed.kept(b"\xff{") == "/3s="
    assert (plain.kept(None), framed.kept(None)) == ("", "")


@pytest.mark.parametrize("name", SOURCES)
def test_confluents_header_comes_off_in_every_format(name: str) -> None:
    """What is left is the same message."""
    [sale] = real_sales(1)
    payload = ENCODERS[name](sale)
    header = b"\0\0\0\0\1" + (b"\0" if name == "protobuf" else b"")
    decoded = read_as(name, framing="confluent").decode([header + payload, payload])
    assert list(decoded.refused) == [1]
    assert "Confluent's header" in decoded.refused[1]
    assert decoded.columns["Price"].to_pylist() == ["6.95", None]
