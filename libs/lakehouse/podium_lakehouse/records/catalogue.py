"""The catalogue: each table as its last completion left it: whose it is, where it lies, its columns, rows, and how fresh it is."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from podium_lakehouse.records.table import RecordTable
from podium_lakehouse.schemas.kinds import Kinds

COLUMN = pa.struct(
    [
        ("name", pa.string()),
        ("type", pa.string()),
        ("source_name", pa.string()),
        ("description", pa.string()),
    ]
)
FIELD = pa.struct([("column", pa.string()), ("type", pa.string())])
SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("layer", pa.string()),
        ("pipeline", pa.string()),
        ("owner", pa.string()),
        ("uri", pa.string()),
        ("version", pa.int64()),
        ("rows", pa.int64()),
        ("columns", pa.list_(COLUMN)),
        ("source_schemas", pa.list_(pa.struct([("source", pa.int32()), ("fields", pa.list_(FIELD))]))),
        ("schema_fingerprint", pa.string()),
        ("sources", pa.list_(pa.string())),
        ("subject", pa.string()),
        ("sequence", pa.int64()),
        ("run_id", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
    ]
)


@dataclass(frozen=True)
class TableColumn:
    """A column of a table: its type in words, and, of Bronze, what the source calls it."""

    name: str
    type: str
    source_name: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class Entry:
    """A table as a completion left it; `sources` are the files, topics or tables that it was made of then, `time` is the intent's.

    `source_schemas`, of Bronze, has the current schema of each of the dataset's sources by its place in the pipeline file: the kinds of
    its fields, by the columns that they became.
    """

    name: str
    layer: str
    pipeline: str
    owner: str | None
    uri: str
    version: int
    rows: int
    columns: tuple[TableColumn, ...]
    source_schemas: Mapping[int, Kinds]
    schema_fingerprint: str
    sources: tuple[str, ...]
    subject: str
    sequence: int
    run_id: str
    time: datetime

    @property
    def source_names(self) -> dict[str, str]:
        """What the source calls each of its columns."""
        return {column.name: column.source_name for column in self.columns if column.source_name is not None}


@dataclass(frozen=True)
class Catalogue:
    """The table of tables: a row for each table of each completion of a layer."""

    table: RecordTable

    def put(self, entries: Iterable[Entry]) -> None:
        """Record the tables of one completion, once."""
        found = list(entries)
        if found:
            self.table.put(found[0].subject, found[0].sequence, [_row(entry) for entry in found])

    def last(self, subject: str) -> list[Entry]:
        """Return the tables of a subject (`bronze.sales`, `gold.retail`) as its last completion left them."""
        number = self.table.last(subject)
        return self.at(subject, number) if number else []

    def at(self, subject: str, sequence: int) -> list[Entry]:
        """Return the tables of a subject as the completion of an intent's number left them; none for one before the catalogue."""
        return [_entry(row) for row in self.table.rows(subject=subject, sequence=sequence)]

    def source_names(self, layer: str, dataset: str) -> dict[str, str]:
        """Return the source name of every stored column, as last recorded."""
        return {
            name: source
            for entry in self.last(f"{layer}.{dataset}")
            for name, source in entry.source_names.items()
        }


def _row(entry: Entry) -> dict[str, object]:
    schemas = [
        {"source": source, "fields": [{"column": name, "type": kind} for name, kind in kinds.items()]}
        for source, kinds in entry.source_schemas.items()
    ]
    return {**asdict(entry), "source_schemas": schemas}


def _entry(row: Mapping[str, Any]) -> Entry:
    columns = tuple(TableColumn(**column) for column in row["columns"])
    schemas = {
        int(schema["source"]): {field["column"]: field["type"] for field in schema["fields"]}
        for schema in row["source_schemas"]
    }
    return Entry(**{**row, "columns": columns, "source_schemas": schemas, "sources": tuple(row["sources"])})
