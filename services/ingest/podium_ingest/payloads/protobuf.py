"""Messages in Protobuf, by a schema file: a `.proto`, or a compiled descriptor set.

Fields become the texts of Protobuf's own mapping to JSON, under the names that the schema gives them. Google's library decodes;
fields that hold other fields are written by its `json_format`, all others a column at a time (`texts.py`).
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.unknown_fields import UnknownFieldSet

from podium_ingest.payloads import protobuf_schemas, texts
from podium_ingest.payloads.decoded import BadSchema
from podium_ingest.payloads.protobuf_schemas import Schema
from podium_ingest.payloads.records import Records, check_fields
from podium_ingest.payloads.texts import Texts

TIMESTAMP = "google.protobuf.Timestamp"
BILLION = 1_000_000_000

_WRITTEN: Mapping[int, Texts] = {
    FieldDescriptor.TYPE_BOOL: texts.booleans,
    FieldDescriptor.TYPE_BYTES: texts.binaries,
    FieldDescriptor.TYPE_DOUBLE: texts.doubles,
    FieldDescriptor.TYPE_FLOAT: texts.singles,
    FieldDescriptor.TYPE_STRING: texts.strings,
    FieldDescriptor.TYPE_FIXED32: texts.integers,
    FieldDescriptor.TYPE_INT32: texts.integers,
    FieldDescriptor.TYPE_INT64: texts.integers,
    FieldDescriptor.TYPE_SFIXED32: texts.integers,
    FieldDescriptor.TYPE_SFIXED64: texts.integers,
    FieldDescriptor.TYPE_SINT32: texts.integers,
    FieldDescriptor.TYPE_SINT64: texts.integers,
    FieldDescriptor.TYPE_UINT32: texts.integers,
    FieldDescriptor.TYPE_FIXED64: texts.naturals,
    FieldDescriptor.TYPE_UINT64: texts.naturals,
}


@lru_cache(maxsize=16)
def records(path: str, files: tuple[tuple[str, bytes], ...], name: str) -> Records:
    """Return how the messages of a name in a schema are read.

    Raises:
        BadSchema: the schema cannot be used, has no such message, or one that is not supported.
    """
    schema = protobuf_schemas.find(path, dict(files), name)
    message = schema.message
    check_fields(name, [field.name for field in message.fields])
    if name.startswith("google.protobuf."):
        raise BadSchema(f"{name} is no record", hint="name a message with fields of its own", place="message")
    if schema.pool.FindAllExtensions(message):
        raise BadSchema(
            f"{name} has extensions, which are not supported", hint="make them fields", place="message"
        )
    written = {field.name: _written(field) for field in message.fields}
    return Records(written, _Reading(schema).read, _indexes(message))


def _written(field: FieldDescriptor) -> Texts:
    if _is_nested(field):
        return texts.strings
    if field.message_type:
        return texts.instants
    if field.enum_type:
        return texts.symbols({value.number: value.name for value in reversed(field.enum_type.values)})
    return _WRITTEN[field.type]


def _is_nested(field: FieldDescriptor) -> bool:
    """Whether a field holds others, or several values; a point in time is one value."""
    message = field.message_type
    return field.is_repeated or (message is not None and message.full_name != TIMESTAMP)


class _Reading:
    """How a payload becomes the value of each field, in the order of the schema."""

    def __init__(self, schema: Schema) -> None:
        message, fields = schema.message, list(enumerate(schema.message.fields))
        self._name = message.full_name
        self._pool = schema.pool
        self._parse = GetMessageClass(message).FromString
        self._names = [field.name for _, field in fields]
        self._values = _getter(self._names)
        self._nested = [(place, field.name) for place, field in fields if _is_nested(field)]
        flat = [(place, field) for place, field in fields if not _is_nested(field)]
        self._flat = [field.name for _, field in flat]
        self._optional = [(place, field.name) for place, field in flat if field.has_presence]
        self._instants = [place for place, field in flat if field.message_type]
        self._checks_texts = schema.checks_texts

    def read(self, payload: bytes) -> list[Any]:
        """Return the values; those of nested fields are texts already.

        Raises:
            ValueError: the payload is no such message.
        """
        message = self._known(payload)
        values = list(self._values(message))
        for place, name in self._optional:
            if not message.HasField(name):
                values[place] = None
        for place in self._instants:
            values[place] = self._instant(values[place], place)
        if self._nested:
            self._write_nested(message, values)
        return values

    def _known(self, payload: bytes) -> Message:
        """Return a message without fields that the schema does not have.

        One that has some is refused: to leave them out would lose them, and bytes that follow a message look like a field.
        """
        try:
            message = self._parse(payload)
        except DecodeError as error:
            raise ValueError(f"not a {self._name} in Protobuf: its bytes mean something else") from error
        size = message.ByteSize()
        message.DiscardUnknownFields()
        if message.ByteSize() != size:
            raise ValueError(f"not a {self._name} in Protobuf: {self._unknown(payload)} is not in its schema")
        if not (self._checks_texts or _has_texts(message)):
            raise ValueError(f"not a {self._name} in Protobuf: a text in it is not UTF-8")
        return message

    def _unknown(self, payload: bytes) -> str:
        found = UnknownFieldSet(self._parse(payload))
        numbers = sorted({found[place].field_number for place in range(len(found))})
        return f"field {', '.join(map(str, numbers))}" if numbers else "a field inside another"

    def _instant(self, value: Any, place: int) -> tuple[int, int] | None:
        if value is None:
            return None
        seconds, nanos = value.seconds, value.nanos
        if not (texts.FIRST_SECOND <= seconds <= texts.LAST_SECOND and 0 <= nanos < BILLION):
            raise ValueError(f"{self._names[place]} of {self._name} is not in the years 1 to 9999")
        return seconds, nanos

    def _write_nested(self, message: Message, values: list[Any]) -> None:
        for name in self._flat:
            message.ClearField(name)
        try:
            written = json_format.MessageToDict(
                message,
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
                descriptor_pool=self._pool,
            )
            for place, name in self._nested:
                values[place] = _document(written.get(name))
        except (json_format.Error, DecodeError, TypeError, ValueError) as error:
            raise ValueError(f"a {self._name} that cannot be written as JSON: {error}") from error


def _getter(names: Sequence[str]) -> Callable[[Message], Sequence[Any]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda message: [getattr(message, name) for name in names]


def _document(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)  # maps have no order


def _has_texts(message: Message) -> bool:
    """Whether all texts of a message, and of those inside it, are UTF-8: else they are bytes where texts belong."""
    for field, value in message.ListFields():
        for part, values in _parts(field, value):
            if part.type == FieldDescriptor.TYPE_STRING and any(isinstance(text, bytes) for text in values):
                return False
            if part.message_type and not all(map(_has_texts, values)):
                return False
    return True


def _parts(field: FieldDescriptor, value: Any) -> list[tuple[FieldDescriptor, Iterable[Any]]]:
    """Return the values that a field holds; a map has two kinds of them."""
    if field.message_type and field.message_type.GetOptions().map_entry:
        key, item = field.message_type.fields
        return [(key, value.keys()), (item, value.values())]
    return [(field, value if field.is_repeated else [value])]


def _indexes(message: Descriptor) -> tuple[bytes, ...]:
    """Return what Confluent's serializers write to say which message of the schema it is: how many indexes lead to it, and these."""
    path: list[int] = []
    inner, outer = message, message.containing_type
    while outer:
        path.insert(0, [nested.name for nested in outer.nested_types].index(inner.name))
        inner, outer = outer, outer.containing_type
    path.insert(0, list(message.file.message_types_by_name).index(inner.name))
    spelled = b"".join(map(_zigzag, [len(path), *path]))
    return (
        (b"\0", spelled) if path == [0] else (spelled,)
    )  # the first message is so common that it has a short form


def _zigzag(number: int) -> bytes:
    """Return a varint of a number, 0 or more, that might have been below 0."""
    digits = [number * 2 >> shift & 0x7F for shift in range(0, (number * 2).bit_length() or 1, 7)]
    return bytes([*(digit | 0x80 for digit in digits[:-1]), digits[-1]])
