"""Messages in Avro's binary encoding, by a schema file (`.avsc`). fastavro decodes, and a column at a time becomes text (`kinds.py`)."""

from functools import lru_cache
from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_reader

from podium_ingest.payloads.avro_schemas import find
from podium_ingest.payloads.records import Records, check_fields


@lru_cache(maxsize=16)
def records(path: str, content: bytes) -> Records:
    """Return how the messages of a schema are read.

    Raises:
        BadSchema: the file is no schema of a record, or has what is not supported.
    """
    found = find(path, content)
    check_fields(path, list(found.members))
    bare = parse_schema(found.bare)
    wrong = f"not a {found.name} in Avro"

    def read(payload: bytes) -> tuple[Any, ...]:
        stream = BytesIO(payload)
        try:
            value: Any = schemaless_reader(stream, bare, None)
        except UnicodeDecodeError as error:
            raise ValueError(f"{wrong}: a text in it is not UTF-8") from error
        except (EOFError, IndexError) as error:
            raise ValueError(f"{wrong}: it ends too early, or its bytes mean something else") from error
        if left := len(payload) - stream.tell():
            raise ValueError(f"{wrong}: {left:,} byte(s) follow it")
        return tuple(value.values())

    return Records({name: kind.texts for name, kind in found.members.items()}, read)
