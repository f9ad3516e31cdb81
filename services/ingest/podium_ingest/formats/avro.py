"""Avro's container files: the schema that they carry says how their records are read, as it does of messages."""

import json
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any, BinaryIO

import pyarrow as pa
from fastavro import block_reader, parse_schema, schemaless_reader
from fastavro.schema import SchemaParseException
from podium_contracts.errors import BadSource
from podium_contracts.names import storable_name
from podium_lakehouse.schemas.kinds import Kinds

from podium_ingest.formats.portions import AT_ONCE, Portion, check_names
from podium_ingest.payloads.avro_schemas import find

_DAMAGED = (ValueError, EOFError, IndexError, KeyError, OSError, TypeError, StopIteration, MemoryError)

_KINDS = {"int": "integer", "long": "bigint", "bytes": "binary", "enum": "string"}
_LOGICAL = {"date": "date", "uuid": "string"}


class Container:
    """The records of a file; each of its blocks says how many it has."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._name = name
        try:
            self._blocks = block_reader(file)
            schema = self._blocks.metadata["avro.schema"].encode()
        except SchemaParseException as error:
            raise BadSource(
                f"{name} cannot be read as an Avro file: the schema in it says what Avro does not allow: {error}",
                hint="correct the schema where the file is written",
            ) from error
        except _DAMAGED as error:
            raise self._unreadable(error) from error
        found = find(name, schema)
        check_names(name, list(found.members))
        self._kinds = found.members
        self._bare = parse_schema(found.bare)
        self.columns: Mapping[str, str] = {storable_name(column): column for column in found.members}
        self.kinds: Kinds = {
            storable_name(field["name"]): _kind(field["type"]) for field in json.loads(schema)["fields"]
        }
        self.rows = 0

    def portions(self) -> Iterator[Portion]:
        """See `Records`."""
        place, records = 1, list[tuple[Any, ...]]()
        for record in self._records():
            records.append(record)
            if len(records) == AT_ONCE:
                yield self._portion(records, place)
                place, records = place + len(records), []
        if records:
            yield self._portion(records, place)

    def _records(self) -> Iterator[tuple[Any, ...]]:
        try:
            for block in self._blocks:
                self.rows += block.num_records
                yield from self._of_block(block)
        except BadSource:
            raise
        except _DAMAGED as error:
            raise self._unreadable(error) from error

    def _of_block(self, block: Any) -> Iterator[tuple[Any, ...]]:
        stream: BytesIO = block.bytes_
        for _ in range(block.num_records):
            value: Any = schemaless_reader(stream, self._bare, None)
            yield tuple(value.values())
        if stream.read(1):
            raise ValueError("bytes are left over after the records of a block")

    def _portion(self, records: list[tuple[Any, ...]], place: int) -> Portion:
        values = zip(*records, strict=True)
        columns: dict[str, pa.Array] = {
            name: kind.texts(column)
            for name, kind, column in zip(self.columns, self._kinds.values(), values, strict=True)
        }
        return Portion(columns, range(place, place + len(records)))

    def _unreadable(self, error: BaseException) -> BadSource:
        reason = str(error) or "it ends too early"
        return BadSource(
            f"{self._name} cannot be read as an Avro file: {reason}",
            hint="check `format` in the source, and that the file is complete",
        )


def _kind(written: Any) -> str:
    """Return the kind of a field by its type in a schema; one of several types beside null is named as it is written."""
    if isinstance(written, list):
        others = [item for item in written if item != "null"]
        return _kind(others[0]) if len(others) == 1 else json.dumps(written)
    if not isinstance(written, dict):
        return _KINDS.get(written, str(written))
    logical = str(written.get("logicalType", ""))
    if logical == "decimal" and written.get("precision"):
        return f"decimal({written['precision']},{written.get('scale', 0)})"
    if logical in _LOGICAL:
        return _LOGICAL[logical]
    if logical.startswith(("timestamp-", "local-timestamp-")):
        return "timestamp"
    plain = written["type"] not in {"record", "array", "map", "fixed"}
    return _kind(written["type"]) if plain else json.dumps(written, sort_keys=True)
