"""The duckdb engine: statements run in DuckDB over the Parquet files of Delta tables; delta-rs makes the commits.

New rows are written by DuckDB straight into the table's folder (on S3: to this machine, and sent there) and become part of it by one commit
that lists the files, so each row is encoded once. Files that no commit lists (a killed try's) are not part of the table; VACUUM removes them.
"""

import glob
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable
from podium_contracts.pipeline import is_object
from sqlglot import exp

from podium_lakehouse.delta.appends import append_files, append_once
from podium_lakehouse.delta.commits import Committed, TransactionId, afterwards, commit_once
from podium_lakehouse.delta.folders import fill, filling, new_folder
from podium_lakehouse.delta.ordering import ZSTD, is_out_of_order, reorder
from podium_lakehouse.delta.parquet import COMPRESSION_LEVEL, ROW_GROUP_ROWS
from podium_lakehouse.delta.tables import Snapshot, data_files
from podium_lakehouse.engines.bounds import bounds, within
from podium_lakehouse.engines.engine import Item, Result, Statement
from podium_lakehouse.engines.scratch import scratch_folder
from podium_lakehouse.expressions.dialects import DUCKDB, Dialect
from podium_lakehouse.store.files import ObjectFile
from podium_lakehouse.store.troubles import unreadable

MEMORY_LIMIT = "1GB"
"""DuckDB spills to disk above this; delta-rs works outside of it."""
FILE_BYTES = "64MB"
PARQUET = f"FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {COMPRESSION_LEVEL}, ROW_GROUP_SIZE {ROW_GROUP_ROWS}"
MERGE_BATCH_ROWS = 100_000
SHARED_DATABASE = "podium.duckdb"
KEPT_COLUMNS = 50_000
"""Files whose columns a process remembers."""


@dataclass(frozen=True)
class DuckDbEngine:
    """A connection, and a folder for what need not outlive it."""

    connection: duckdb.DuckDBPyConnection
    scratch: Path
    dialect: ClassVar[Dialect] = DUCKDB
    database: ClassVar[str] = "main"
    parallelism: ClassVar[int] = 1

    @property
    def workspace(self) -> str:
        """See `Engine`."""
        return str(self.scratch)

    def execute(self, statement: Statement) -> list[tuple[object, ...]]:
        """See `Engine`."""
        return self.connection.execute(_text(statement)).fetchall()

    def records(self, statement: Statement) -> list[dict[str, object]]:
        """See `Engine`."""
        found: list[dict[str, object]] = self.frame(statement).to_pylist()
        return found

    def frame(self, statement: Statement) -> pa.Table:
        """See `Engine`."""
        return self.connection.sql(_text(statement)).to_arrow_table()

    def schema(self, relation: str) -> pa.Schema:
        """See `Engine`."""
        found = self.connection.sql(f"FROM {relation} LIMIT 0").to_arrow_table().schema
        return pa.schema([field.with_nullable(nullable=True) for field in found])

    def offer(
        self,
        name: str,
        files: Sequence[str],
        schema: pa.Schema,
        where: str = "TRUE",
        partitions: Sequence[str] = (),
    ) -> None:
        """Offer the rows of data files as a relation with the columns of `schema`; a column that no file has is null.

        Columns in `partitions` are read from the files' folders.
        """
        self.execute(
            f"CREATE OR REPLACE VIEW {name} AS {self._read(files, schema, partitions)} WHERE {where}"
        )

    def offer_table(
        self, name: str, snapshot: Snapshot, prune: str | None = None, where: str = "TRUE"
    ) -> None:
        """See `Engine`. delta-rs leaves out files by their statistics."""
        table = snapshot.open()
        files = data_files(table, prune)
        schema = pa.schema(table.schema().to_arrow())
        self.offer(name, files, schema, where, table.metadata().partition_columns)

    def offer_feed(self, name: str, now: Snapshot, since: int) -> None:
        """See `Engine`."""
        feed = now.open().load_cdf(starting_version=since + 1, ending_version=now.version)
        self.connection.register("feed", pa.RecordBatchReader.from_stream(feed))
        self.execute(f"CREATE OR REPLACE TABLE {name} AS FROM feed")
        self.connection.unregister("feed")

    def _read(self, files: Sequence[str], schema: pa.Schema, partitions: Sequence[str]) -> str:
        self.reach(files)
        held = {_columns_of(path) for path in files}
        present = {name for names in held for name in names}
        columns = []
        for field in schema:
            name = DUCKDB.identifier(field.name)
            if files and field.name in partitions:
                value = f"regexp_extract(filename, '/{field.name}=([^/]*)/[^/]*$', 1)"
                columns.append(f"TRY_CAST({value} AS {self._type(field.type)}) AS {name}")
                continue
            columns.append(name if field.name in present else f"NULL::{self._type(field.type)} AS {name}")
        options = [
            *(["union_by_name = true"] if len(held) > 1 else []),
            *(["filename = true"] if partitions else []),
        ]
        source = read_parquet(files, *options) if files else "(SELECT 1 WHERE FALSE)"
        return f"SELECT {', '.join(columns)} FROM {source}"

    def reach(self, paths: Sequence[str]) -> None:
        """Let DuckDB read objects, if there are any among these."""
        if not any(map(is_object, paths)) or self.connection.filesystem_is_registered("s3"):
            return
        from podium_lakehouse.store.file_system import (  # noqa: PLC0415 - fsspec takes 0.15 s to import
            ObjectFiles,
        )

        self.connection.register_filesystem(ObjectFiles())

    def _type(self, kind: pa.DataType) -> str:
        empty = pa.table({"x": pa.array([], kind)})
        return str(self.connection.from_arrow(empty).types[0])

    def confine(self, home: str) -> None:
        """Let later statements open files below a folder only: for conditions that a person typed."""
        self.execute(f"SET allowed_directories = [{DUCKDB.text(home)}, {DUCKDB.text(str(self.scratch))}]")
        self.execute("SET enable_external_access = false")
        self.execute("SET lock_configuration = true")

    def materialise(self, name: str, statement: Statement) -> None:
        """See `Engine`. The rows are kept on disk, not in memory."""
        path = self.scratch / f"{name}.parquet"
        codec = f"FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE {ROW_GROUP_ROWS}"
        self.execute(f"COPY ({_text(statement)}) TO {DUCKDB.text(str(path))} ({codec})")
        self.execute(f"CREATE OR REPLACE VIEW {name} AS FROM {read_parquet([path])}")

    def transform(self, name: str, statement: Statement, function: Callable[[Any], Any]) -> None:
        """See `Engine`. The frames are Polars', and are in memory."""
        import polars as pl  # noqa: PLC0415 - it takes a while to import, and few datasets have steps

        made = function(pl.DataFrame(self.connection.sql(_text(statement)).to_arrow_table()))
        if not isinstance(made, pl.DataFrame):
            raise TypeError(f"it returned {type(made).__name__}, not polars.DataFrame")
        path = self.scratch / f"{name}.parquet"
        made.write_parquet(path, compression="lz4")
        self.execute(f"CREATE OR REPLACE VIEW {name} AS FROM {read_parquet([path])}")

    def write(self, table_uri: str, statement: Statement, partition_by: str | None = None) -> str:
        """See `Engine`."""
        folder = new_folder(table_uri)
        with filling(folder) as draft:
            self.copy(statement, draft, partition_by)
        return folder

    def copy(self, statement: Statement, folder: Path, partition_by: str | None = None) -> None:
        """Write a statement's rows as data files into a new folder of this machine."""
        pattern = "part-{i}"
        partitions = f", PARTITION_BY ({DUCKDB.identifier(partition_by)})" if partition_by else ""
        text = _text(statement)
        self.execute(
            f"COPY ({text}) TO {DUCKDB.text(str(folder))} ({PARQUET}, PARQUET_VERSION {self._parquet_version(text)}, "
            f"FILE_SIZE_BYTES '{FILE_BYTES}', FILENAME_PATTERN '{pattern}'{partitions})"
        )

    def _parquet_version(self, text: str) -> str:
        """Return the version whose encodings every reader knows: the second has better ones, but for doubles one that Spark cannot read."""
        kinds = {str(kind) for kind in self.connection.sql(text).types}
        return "v1" if kinds & {"DOUBLE", "FLOAT"} else "v2"

    def draft(self, table_uri: str) -> str:
        """See `Engine`."""
        return new_folder(str(self.scratch / "drafts") if is_object(table_uri) else table_uri)

    def place(self, table_uri: str, draft: str) -> str:
        """See `Engine`."""
        if not is_object(table_uri):
            return draft
        folder = new_folder(table_uri)
        fill(folder, Path(draft))
        return folder

    def materialise_rows(self, name: str, statement: exp.Expr, source: str) -> None:
        """See `Engine`."""
        del source
        self.materialise(name, statement)

    def write_rows(self, table_uri: str, statement: exp.Expr, source: str) -> list[str]:
        """See `Engine`."""
        del source
        return [self.write(table_uri, statement)]

    def merge(
        self,
        table_uri: str,
        statement: Statement,
        keys: Sequence[str],
        transaction: TransactionId,
        *,
        base: int,
        metadata: Mapping[str, str],
        keep: Sequence[str] = (),
        delete_where: str | None = None,
        touched: Sequence[str] = (),
    ) -> Committed:
        """See `Engine`. Only files whose statistics admit the source's range of the first key are read."""
        text = _text(statement)
        low, high = bounds(self, keys[0], f"({text})")
        if low is None:
            return append_once(table_uri, (), transaction, base=base, metadata=metadata)
        named = [self.dialect.identifier(name) for name in keys]
        predicate = [
            *(f"t.{name} = s.{name}" for name in named),
            *within(self, f"t.{named[0]}", low, high),
            *touched,
        ]

        def change(table: DeltaTable, properties: CommitProperties) -> dict[str, object]:
            source = self.connection.sql(text).to_arrow_reader(MERGE_BATCH_ROWS)
            columns = [field.name for field in table.schema().fields]
            merger = table.merge(
                source,
                predicate=" AND ".join(predicate),
                source_alias="s",
                target_alias="t",
                streamed_exec=False,
                commit_properties=properties,
                post_commithook_properties=afterwards(table),
                writer_properties=ZSTD,
            )
            if delete_where:
                merger = merger.when_matched_delete(delete_where)
            live = f"NOT ({delete_where})" if delete_where else None
            inserts = {
                self.dialect.identifier(name): f"s.{self.dialect.identifier(name)}" for name in columns
            }
            kept = {self.dialect.identifier(name) for name in (*keys, *keep)}
            updates = {name: value for name, value in inserts.items() if name not in kept}
            merger = merger.when_matched_update(updates, live)
            version = table.version()
            metrics = dict(merger.when_not_matched_insert(inserts, live).execute())
            if table.version() == version:
                append_files(table, properties, ())
            return metrics

        return commit_once(table_uri, transaction, change, base=base, metadata=metadata)

    def order(self, table_uri: str, columns: Sequence[str]) -> int | None:
        """See `Engine`."""
        table = DeltaTable(table_uri)
        return reorder(table_uri, table, columns) if is_out_of_order(table) else None

    def each(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """See `Engine`."""
        return [function(item) for item in items]


@lru_cache(KEPT_COLUMNS)
def _columns_of(path: str) -> tuple[str, ...]:
    """Return the columns of a table's data file, which never changes: DuckDB would open every file to unite them, for each statement."""
    try:
        return tuple(pq.read_schema(ObjectFile(path) if is_object(path) else path).names)
    except FileNotFoundError as error:
        raise unreadable(path, "it is not there") from error
    except pa.ArrowInvalid as error:
        raise unreadable(path, str(error)) from error


def _text(statement: Statement) -> str:
    return statement if isinstance(statement, str) else DUCKDB.statement(statement)


def literal_path(path: str | Path) -> str:
    """Return a path as an SQL text that names this one file: DuckDB reads `*`, `?` and `[` in a path as a pattern."""
    return DUCKDB.text(glob.escape(str(path)))


def read_parquet(paths: Sequence[str | Path], *options: str) -> str:
    """Return the table function that reads Parquet files; folder names such as `a=1` make no columns."""
    listed = ", ".join(literal_path(path) for path in paths)
    return f"read_parquet({', '.join([f'[{listed}]', 'hive_partitioning = false', *options])})"


@contextmanager
def duckdb_engine(*, shared: bool = False, threads: int = 0) -> Iterator[DuckDbEngine]:
    """Open an engine with so many threads (0: one per core); its scratch folder goes with it.

    A `shared` one is a file, `podium.duckdb` in the scratch folder, which other code of this process may open, too.
    """
    with scratch_folder() as scratch:
        database = str(scratch / SHARED_DATABASE) if shared else ":memory:"
        with duckdb.connect(database) as connection:
            threads = threads or len(os.sched_getaffinity(0))
            connection.execute(
                f"SET TimeZone = 'UTC'; SET threads = {threads}; SET memory_limit = '{MEMORY_LIMIT}'; "
                f"SET temp_directory = {DUCKDB.text(str(scratch / 'spill'))}"
            )
            yield DuckDbEngine(connection, scratch)
