"""Opening, creating and reading Delta tables."""

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Field, Schema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from podium_contracts.errors import TerminalError, TransientError
from podium_contracts.pipeline import ColumnType

from podium_lakehouse.delta import stamps
from podium_lakehouse.delta.history import history_of
from podium_lakehouse.delta.stamps import Stamp, stamp
from podium_lakehouse.store.files import place
from podium_lakehouse.store.troubles import ANEW, in_words

CHANGE_FEED = {"delta.enableChangeDataFeed": "true"}
_NULLS = "null_count."
RACES = 20
"""Lost races to widen a table before giving up."""

_ARROW = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def arrow_type(column: ColumnType) -> pa.DataType:
    """Return the Arrow type that a column type is stored as."""
    return pa.decimal128(column.precision, column.scale) if column.name == "decimal" else _ARROW[column.name]


def arrow_schema(columns: Mapping[str, ColumnType]) -> pa.Schema:
    """Return the Arrow schema of columns; all are nullable, as Delta's writers agree on."""
    return pa.schema([pa.field(name, arrow_type(kind), nullable=True) for name, kind in columns.items()])


@dataclass(frozen=True)
class Snapshot:
    """A table at one version."""

    uri: str
    version: int

    def open(self) -> DeltaTable:
        """Return the table at this version, on a handle that is to be used at once; see `current`."""
        found = stamp(self.uri, self.version)
        kept = _handles.by_uri.get(self.uri)
        if found and kept and kept.stamp == found and kept.table.version() == self.version:
            return kept.table
        with _log_of(self.uri):
            return _at(self.uri, self.version, found) if found else DeltaTable(self.uri, version=self.version)

    def files(self, predicate: str | None = None) -> list[str]:
        """See `data_files`."""
        return data_files(self.open(), predicate)

    def replaced_since(self, version: int) -> bool:
        """Whether a commit after a version has replaced every row, then the changes are twice the table; or may have, by a restore."""
        commits = history_of(self.open(), self.version - version)
        return any(
            entry.get("operation") == "RESTORE"
            or (entry.get("operation") == "WRITE" and entry["operationParameters"].get("mode") == "Overwrite")
            for entry in commits
        )

    def rows(self) -> int:
        """Return the number of rows, from the files' statistics."""
        return int(self.open().count())

    def nulls(self) -> dict[str, int]:
        """Return how many rows have null in a column, from the files' statistics; columns of which a file does not tell are left out."""
        told = pa.table(self.open().get_add_actions(flatten=True))
        counts = {
            name.removeprefix(_NULLS): told[name] for name in told.column_names if name.startswith(_NULLS)
        }
        return {name: sum(count.to_pylist()) for name, count in counts.items() if not count.null_count}


def data_files(table: DeltaTable, predicate: str | None = None) -> list[str]:
    """Return where a table's data files are, without those that the predicate's column statistics rule out; delta-rs encodes them as URIs."""
    return list(map(place, table.file_uris(file_pruning_predicate=predicate)))


@contextmanager
def _log_of(uri: str) -> Iterator[None]:
    """Tell which table it is, and what to do, where its log cannot be read."""
    try:
        with in_words(uri):
            yield
    except TableNotFoundError:
        raise
    except DeltaError as error:
        raise TerminalError(
            f"{uri}: its Delta log cannot be read: {str(error).splitlines()[0]}",
            hint=f"bring the files in {uri}/_delta_log back as they were; {ANEW}",
        ) from error


def find(uri: str) -> DeltaTable | None:
    """Return the table as it is now, on a handle of the caller's own, or None where there is none.

    Raises:
        TerminalError: there is one, and its log cannot be read.
    """
    try:
        with _log_of(uri):
            return DeltaTable(uri)
    except TableNotFoundError:
        return None


def current(uri: str) -> DeltaTable | None:
    """Return the table as it is now, or None where there is none.

    The handle is this thread's own and moves on with every call for the same table, so it is to be used at once: that saves reading
    the whole log again (15 ms). While the next version's file is not there, nothing is read: delta-rs would list all of the log, which
    grows with every commit.
    """
    kept = _handles.by_uri.get(uri)
    if kept is None or kept.stamp is None or kept.stamp != stamp(uri, kept.table.version()):
        table = find(uri)
    else:
        table = kept.table
        if stamp(uri, table.version() + 1):
            with _log_of(uri):
                table.update_incremental()
    if table:
        _handles.by_uri[uri] = _Handle(table, stamp(uri, table.version()))
    return table


@contextmanager
def borrowed(uri: str) -> Iterator[DeltaTable]:
    """Lend the handle for a check and a commit that belong together: until it is back, nobody else moves it on.

    Raises:
        TableNotFoundError: there is no table.
    """
    stamps.forget()
    table = current(uri) or DeltaTable(uri)
    _handles.by_uri.pop(uri, None)
    yield table
    _handles.by_uri[uri] = _Handle(table, stamp(uri, table.version()))


@dataclass(frozen=True)
class _Handle:
    """A table, and the stamp of its last commit."""

    table: DeltaTable
    stamp: Stamp | None


class _Handles(threading.local):
    """The handles of one thread: a handle must not move on while another thread commits with it."""

    def __init__(self) -> None:
        self.by_uri: dict[str, _Handle] = {}


_handles = _Handles()


@lru_cache(maxsize=64)
def _at(uri: str, version: int, _as_committed: Stamp) -> DeltaTable:
    return DeltaTable(uri, version=version)


def ensure(
    uri: str,
    schema: pa.Schema,
    configuration: Mapping[str, str] | None = None,
    partition_by: Sequence[str] = (),
) -> DeltaTable:
    """Return the table, created empty as version 0 where there is none; safe when several writers try at once.

    A writer that comes too late must not try again: delta-rs would create the table once more, as a later version.

    Raises:
        TerminalError: nothing may be written there.
        TransientError: there is no room, or other writers have been faster each time.
    """
    stamps.forget()
    for _ in range(3):
        if table := current(uri):
            return table
        try:
            with in_words(uri):
                DeltaTable.create(
                    uri,
                    Schema.from_arrow(schema),
                    mode="ignore",
                    partition_by=list(partition_by),
                    configuration=dict(configuration or {}),
                    commit_properties=CommitProperties(max_commit_retries=0),
                )
        except DeltaError:
            continue
    raise TransientError(f"{uri}: the table could not be created", hint="run it again")


def add_columns(uri: str, schema: pa.Schema) -> None:
    """Add the columns of `schema` that the table lacks, as nullable ones; safe when several writers try at once.

    Raises:
        TransientError: other writers have changed the table each time.
    """
    for _ in range(RACES):
        table = current(uri)
        assert table
        present = {field.name for field in table.schema().fields}
        missing = [Field.from_arrow(field) for field in schema if field.name not in present]
        if not missing:
            return
        try:
            table.alter.add_columns(missing)
        except CommitFailedError:
            continue
    raise TransientError(f"{uri}: columns could not be added", hint="run it again")


def column_names(table: DeltaTable) -> list[str]:
    """Return the table's columns in order."""
    return [field.name for field in table.schema().fields]


def schema_fingerprint(table: DeltaTable) -> str:
    """Return a SHA-256 over the names and types of the columns, in order."""
    text = "\n".join(f"{field.name} {field.type}" for field in table.schema().fields)
    return hashlib.sha256(text.encode()).hexdigest()
