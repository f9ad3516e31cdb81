"""Encoders for messages, and the columns that a reader makes of them."""

import io
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, settings
from podium_contracts.pipeline import KafkaSource
from podium_ingest.payloads import Decoded, reader
from podium_ingest.payloads.protobuf_schemas import find

settings.register_profile("podium", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("podium")


class Avro:
    """Messages of an Avro schema."""

    def __init__(self, schema: Any, **source: Any) -> None:
        self.schema = schema
        declared = {"topic": "sales", "format": "avro", "schema": "sale.avsc", **source}
        self.source = KafkaSource.model_validate(declared)
        self.schemas = {"sale.avsc": json.dumps(schema).encode()}
        self.reader = reader(self.source, self.schemas, {})

    def encode(self, record: Any) -> bytes:
        stream = io.BytesIO()
        schemaless_writer(stream, parse_schema(self.schema), record)
        return stream.getvalue()

    def decode(self, *values: bytes | None) -> Decoded:
        return self.reader.decode(values)

    def text(self, value: Any) -> str | None:
        """Return what becomes of the value of the only field."""
        decoded = self.decode(self.encode({"a": value}))
        assert decoded.refused == {}
        found: str | None = decoded.columns["a"][0].as_py()
        return found


class Protobuf:
    """Messages of a Protobuf schema."""

    def __init__(self, text: str, message: str = "shop.Sale", **source: Any) -> None:
        declared = {"topic": "sales", "format": "protobuf", "schema": "s/sale.proto", "message": message}
        self.source = KafkaSource.model_validate({**declared, **source})
        self.schemas = {"s/sale.proto": text.encode()}
        self.reader = reader(self.source, self.schemas, {})
        self.type = GetMessageClass(find("s/sale.proto", self.schemas, message).message)

    def new(self, **fields: Any) -> Message:
        return self.type(**fields)

    def decode(self, *values: bytes | None) -> Decoded:
        return self.reader.decode(values)

    def texts(self, message: Message) -> dict[str, str | None]:
        """Return what becomes of a message's fields."""
        decoded = self.decode(message.SerializeToString())
        assert decoded.refused == {}
        return {name: column[0].as_py() for name, column in decoded.columns.items()}


@pytest.fixture(scope="session")
def avro() -> type[Avro]:
    """Return the maker of Avro messages."""
    return Avro


@pytest.fixture(scope="session")
def avro_field() -> Callable[..., Avro]:
    """Return the maker of Avro messages with one field `a`."""

    def make(kind: Any, **source: Any) -> Avro:
        return Avro({"type": "record", "name": "Sale", "fields": [{"name": "a", "type": kind}]}, **source)

    return make


@pytest.fixture(scope="session")
def protobuf() -> type[Protobuf]:
    """Return the maker of Protobuf messages."""
    return Protobuf


@pytest.fixture(scope="session")
def protobuf_fields() -> Callable[..., Protobuf]:
    """Return the maker of Protobuf messages with some fields."""

    @cache  # protoc takes its time
    def make(fields: str, *imports: str, syntax: str = "proto3") -> Protobuf:
        imported = "".join(f'import "google/protobuf/{name}.proto";' for name in imports)
        text = f'syntax = "{syntax}"; package shop; {imported} message Sale {{ {fields} }}'
        return Protobuf(text)

    return make
