"""Avro's schemas: each type in a *bare* form for the decoder, and with the kind that writes its values as text.

The bare form has the same bytes and loses nothing on the way. It has no logical types: numbers and bytes stay what they are until a
column of them is written. And each branch of a union is in a record of its own, a *box*, which says what branch a value is of. Its
types have names of its own, without namespaces, as a box would change the namespace of what is in it.
"""

import json
import re
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from fastavro import parse_schema
from fastavro.schema import SchemaParseException, UnknownType

from podium_ingest.payloads import kinds, texts
from podium_ingest.payloads.decoded import BadSchema
from podium_ingest.payloads.kinds import Kind, plain

MILLIS, MICROS, NANOS = 1_000, 1_000_000, 1_000_000_000
"""Parts of a second."""
UUID_BYTES = 16

_PRIMITIVES = {
    "null": plain(texts.strings),
    "boolean": plain(texts.booleans, bare=True),
    "int": plain(texts.integers, bare=True),
    "long": plain(texts.integers, bare=True),
    "float": plain(texts.singles, bare=True),
    "double": plain(texts.doubles, bare=True),
    "bytes": plain(texts.binaries),
    "string": plain(texts.strings),
}
_LOGICAL = {
    ("int", "date"): plain(texts.dates),
    ("int", "time-millis"): plain(texts.times(MILLIS)),
    ("long", "time-micros"): plain(texts.times(MICROS)),
    ("long", "timestamp-millis"): plain(texts.moments(MILLIS, "Z")),
    ("long", "timestamp-micros"): plain(texts.moments(MICROS, "Z")),
    ("long", "timestamp-nanos"): plain(texts.moments(NANOS, "Z")),
    ("long", "local-timestamp-millis"): plain(texts.moments(MILLIS, "")),
    ("long", "local-timestamp-micros"): plain(texts.moments(MICROS, "")),
    ("long", "local-timestamp-nanos"): plain(texts.moments(NANOS, "")),
}
"""By type and logical type. `decimal` and the `uuid` of 16 bytes come beside them; any other is read as what it annotates, as the
specification wants it."""
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_MALFORMED = (SchemaParseException, LookupError, TypeError, AttributeError, ValueError)
"""What is raised for JSON that is no schema."""


@dataclass(frozen=True)
class Schema:
    """The record at the top of a schema: its name, its bare form, and the kind of each field."""

    name: str
    bare: Any
    members: dict[str, Kind]


def find(path: str, content: bytes) -> Schema:
    """Return the record that a schema file describes.

    Raises:
        BadSchema: the file is no schema of a record, or has what is not supported.
    """
    try:
        schema = parse_schema(json.loads(content))
        if isinstance(schema, dict) and schema["type"] in {"record", "error"}:
            top = _Walk(path).type_of(schema)
            return Schema(schema["name"], top.bare, top.members)
    except json.JSONDecodeError as error:
        place = f"{path}:{error.lineno}:{error.colno}"
        raise BadSchema(f"{place}: not JSON: {error.msg}", hint="an Avro schema is JSON") from error
    except UnknownType as error:
        raise BadSchema(
            f"{path}: there is no type {error.name}", hint="define it in this file, before it is used"
        ) from error
    except _MALFORMED as error:
        said = f"{error} is missing" if isinstance(error, KeyError) else error
        raise BadSchema(f"{path}: not an Avro schema: {said}", hint="correct it") from error
    raise BadSchema(f"{path}: there is no record at its top", hint="a message is one record")


@dataclass(frozen=True)
class _Type:
    """A type: its bare form, its kind, and the kinds of its fields if it is a record. Values of a `weightless` one may have no bytes."""

    bare: Any
    kind: Kind
    members: dict[str, Kind] = field(default_factory=dict)
    weightless: bool = False


class _Walk:
    """A walk through a schema in its order, in which each named type is defined before it is used."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._named: dict[str, _Type] = {}
        self._names = (f"Type{number}" for number in count())
        self._composed = {
            "record": self._record,
            "error": self._record,
            "array": self._array,
            "map": self._map,
            "enum": self._enum,
            "fixed": self._fixed,
        }

    def type_of(self, schema: Any) -> _Type:
        """Return the type that a part of a schema describes.

        Raises:
            BadSchema: it is not supported.
        """
        if isinstance(schema, list):
            return self._union(schema)
        if isinstance(schema, str):
            return self._reference(schema)
        return self._composed.get(schema["type"], self._annotated)(schema)

    def _reference(self, name: str) -> _Type:
        if name in _PRIMITIVES:
            return _Type(name, _PRIMITIVES[name], weightless=name == "null")
        if name not in self._named:  # the decoder would follow a hostile message until the process dies
            raise BadSchema(
                f"{self._path}: {name} is a part of itself, and that is not supported",
                hint="give each level a type of its own, or write the part as a text",
            )
        return self._named[name]

    def _annotated(self, schema: Any) -> _Type:
        found = self._reference(schema["type"])
        return _Type(found.bare, _logical(schema) or found.kind, weightless=found.weightless)

    def _record(self, schema: Any) -> _Type:
        names = [member["name"] for member in schema["fields"]]
        if wrong := [name for name in names if not _NAME.fullmatch(name) or names.count(name) > 1]:
            raise ValueError(f"{wrong[0]!r} is no name, or the name of two fields of {schema['name']}")
        types = {member["name"]: self.type_of(member["type"]) for member in schema["fields"]}
        bare = {
            "type": "record",
            "fields": [{"name": name, "type": found.bare} for name, found in types.items()],
        }
        members = {name: found.kind for name, found in types.items()}
        weightless = all(found.weightless for found in types.values())
        return self._defined(schema, _Type(bare, kinds.record(members), members, weightless))

    def _enum(self, schema: Any) -> _Type:
        bare = {"type": "enum", "symbols": schema["symbols"]}
        return self._defined(schema, _Type(bare, plain(texts.strings)))

    def _fixed(self, schema: Any) -> _Type:
        size = schema["size"]
        if not isinstance(size, int) or size < 0:
            raise ValueError(f"{size!r} is no size of {schema['name']}")
        kind = _logical(schema) or plain(texts.binaries)
        return self._defined(schema, _Type({"type": "fixed", "size": size}, kind, weightless=size == 0))

    def _defined(self, schema: Any, found: _Type) -> _Type:
        """Name a type; from now on its name stands for it."""
        name = next(self._names)
        self._named[schema["name"]] = replace(found, bare=name)
        return replace(found, bare={"name": name, **found.bare})

    def _array(self, schema: Any) -> _Type:
        items = self.type_of(schema["items"])
        if items.weightless:  # a hostile message could ask for more of them than memory holds
            raise BadSchema(
                f"{self._path}: an array of values without bytes is not supported",
                hint="write how many there are",
            )
        return _Type({"type": "array", "items": items.bare}, kinds.array(items.kind))

    def _map(self, schema: Any) -> _Type:
        items = self.type_of(schema["values"])
        return _Type({"type": "map", "values": items.bare}, kinds.mapping(items.kind))

    def _union(self, schemas: list[Any]) -> _Type:
        branches = [self.type_of(schema) for schema in schemas]
        values = [branch for branch in branches if branch.bare != "null"]
        if len(values) <= 1:
            kind = values[0].kind if values else _PRIMITIVES["null"]
            return _Type([branch.bare for branch in branches], kind)
        keys = [f"branch_{number}" for number in range(len(values))]
        boxes = iter([self._box(key, value.bare) for key, value in zip(keys, values, strict=True)])
        bare = [branch.bare if branch.bare == "null" else next(boxes) for branch in branches]
        return _Type(bare, kinds.choice({key: value.kind for key, value in zip(keys, values, strict=True)}))

    def _box(self, key: str, bare: Any) -> Any:
        return {"type": "record", "name": next(self._names), "fields": [{"name": key, "type": bare}]}


def _logical(schema: Any) -> Kind | None:
    base, logical = schema["type"], schema.get("logicalType")
    if logical == "decimal" and base in {"bytes", "fixed"} and schema.get("precision"):
        return plain(texts.decimals(schema["precision"], schema.get("scale") or 0), bare=True)
    if logical == "uuid" and base == "fixed" and schema["size"] == UUID_BYTES:
        return plain(texts.uuids)
    return _LOGICAL.get((base, logical))
