"""The reader of a source's messages: envelope and format in one, and what is kept of a message that is refused."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from podium_contracts.pipeline import KafkaSource

from podium_ingest.payloads.decoded import BadSchema, Decoded, Format, Value
from podium_ingest.payloads.envelope import Envelope
from podium_ingest.payloads.json_objects import Fields
from podium_ingest.payloads.records import Records
from podium_ingest.rows import RESERVED


@dataclass(frozen=True)
class Reader:
    """How the messages of a source are read. `kept` is what stays of one that is refused, as text."""

    envelope: Envelope
    format: Format
    kept: Callable[[Value], str]

    @property
    def columns(self) -> Mapping[str, str]:
        """By column of Bronze: what messages call it."""
        return self.format.columns

    def decode(self, values: Sequence[Value]) -> Decoded:
        """Return the fields of messages as columns of text, and why some are refused."""
        payloads, refused = self.envelope.open(values)
        decoded = self.format.decode(payloads)
        return Decoded(decoded.columns, decoded.refused | refused)


def reader(source: KafkaSource, schemas: Mapping[str, bytes], known: Mapping[str, str]) -> Reader:
    """Return the reader of a source. JSON learns its fields from messages, and begins with the columns that Bronze knows.

    Raises:
        BadSchema: the source's schema cannot be used, or what reads it is not installed.
    """
    framed = source.framing == "confluent"
    if source.format == "json":
        fields = Fields(known.values(), RESERVED)
        return Reader(Envelope(source.max_bytes, framed), fields, kept_bytes if framed else kept_text)
    found = records(source, schemas)
    return Reader(Envelope(source.max_bytes, framed, found.indexes), found, kept_bytes)


def records(source: KafkaSource, schemas: Mapping[str, bytes]) -> Records:
    """Return how the messages of a source with a schema are read.

    Raises:
        BadSchema: as `reader` does.
    """
    assert source.schema_path
    if source.schema_path not in schemas:
        raise BadSchema(f"{source.schema_path} does not exist", hint="put it there, or correct the path")
    found: Records
    if source.format == "avro":
        found = _module("avro").records(source.schema_path, schemas[source.schema_path])
    else:
        files = tuple(sorted(schemas.items()))
        found = _module("protobuf").records(source.schema_path, files, source.message)
    return found


def _module(name: str) -> ModuleType:
    """Import what reads a format: its library is an extra."""
    try:
        return import_module(f"podium_ingest.payloads.{name}")
    except ModuleNotFoundError as error:
        raise BadSchema(
            f"format {name} needs {error.name}, which is not installed",
            hint=f"pip install 'podium[{name}]'",
            place="format",
        ) from error


def kept_text(value: Value) -> str:
    r"""Return a message as text; bytes of it that are not UTF-8 as `\xff`."""
    return (value or b"").decode("utf-8", "backslashreplace")


def kept_bytes(value: Value) -> str:
    """Return a message as base64, from which its bytes can be had back."""
    return base64.b64encode(value or b"").decode()
