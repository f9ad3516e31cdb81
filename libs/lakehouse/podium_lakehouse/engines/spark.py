"""The spark engine: statements run on Apache Spark; the files that it writes are committed by delta-rs, a merge by Delta itself.

An append needs no Delta on Spark's side: Spark writes the data files, and the same commit that the duckdb engine makes lists them,
under the same fence. A merge is Delta's own. Its transaction identifiers are settings of the session, shared by every thread, so
they are set, used and unset under a lock; Delta skips a merge whose identifier the table already has.
"""

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError
from podium_contracts.pipeline import is_object
from sqlglot import exp

from podium_lakehouse.delta.appends import append_once
from podium_lakehouse.delta.commits import Committed, TransactionId, commit_metadata, commit_once
from podium_lakehouse.delta.folders import new_folder, parquet_files
from podium_lakehouse.delta.ordering import is_out_of_order
from podium_lakehouse.delta.tables import Snapshot, column_names, data_files
from podium_lakehouse.engines.bounds import bounds, within
from podium_lakehouse.engines.engine import Item, Result, Statement
from podium_lakehouse.engines.rows import Files, Rows
from podium_lakehouse.engines.scratch import scratch_folder
from podium_lakehouse.engines.spark_session import loss, spark_session
from podium_lakehouse.expressions.dialects import DUCKDB, SPARK, Dialect

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_MERGING = Lock()
TASKS_PER_CORE = 4
"""Parts of a table's files for DuckDB in the tasks: more than one, so that large files do not hold up the others."""


@dataclass(frozen=True)
class SparkEngine:
    """The session of this process, a database of it for this engine's relations, and a folder."""

    session: "SparkSession"
    database: str
    scratch: Path
    workspace: str
    _files: dict[str, Callable[[], Files]] = field(default_factory=dict)
    """The data files of relations, for DuckDB in the tasks."""
    dialect: ClassVar[Dialect] = SPARK

    @property
    def parallelism(self) -> int:
        """See `Engine`."""
        return self.session.sparkContext.defaultParallelism

    def execute(self, statement: Statement) -> list[tuple[object, ...]]:
        """See `Engine`."""
        return [tuple(row) for row in self.frame(statement).collect()]

    def records(self, statement: Statement) -> list[dict[str, object]]:
        """See `Engine`."""
        return [row.asDict() for row in self.frame(statement).collect()]

    def frame(self, statement: Statement) -> "DataFrame":
        """See `Engine`."""
        return self.session.sql(
            statement if isinstance(statement, str) else self.dialect.statement(statement)
        )

    def schema(self, relation: str) -> pa.Schema:
        """See `Engine`."""
        from pyspark.sql.pandas.types import to_arrow_schema  # noqa: PLC0415 - see `spark_session`

        schema = to_arrow_schema(self.session.table(relation).schema, timezone="UTC")
        return pa.schema([field.with_nullable(nullable=True) for field in schema])

    def offer_table(
        self, name: str, snapshot: Snapshot, prune: str | None = None, where: str = "TRUE"
    ) -> None:
        """See `Engine`."""
        source = f"delta.{self.dialect.identifier(snapshot.uri)} VERSION AS OF {snapshot.version}"
        conditions = [where, *([prune] if prune else [])]
        self.execute(
            f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM {source} WHERE {' AND '.join(conditions)}"
        )
        self._files[name] = partial(_table_files, snapshot, prune, where)

    def offer_feed(self, name: str, now: Snapshot, since: int) -> None:
        """See `Engine`."""
        feed = f"table_changes_by_path({self.dialect.text(now.uri)}, {since + 1}, {now.version})"
        self.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM {feed}")

    def materialise(self, name: str, statement: Statement) -> None:
        """See `Engine`. The rows go to files: the session's cache costs more to fill, and would copy every column for each use."""
        folder = self._new_scratch()
        self.frame(statement).write.option("compression", "lz4_raw").parquet(folder)
        self._offer_folders(name, [folder])

    def transform(self, name: str, statement: Statement, function: Callable[[Any], Any]) -> None:
        """See `Engine`. Spark calls what is in the function when the rows are written.

        Raises:
            OutOfMemory: it took more memory than Spark has.
            ExecutorLost: Spark's executors were lost more often than it goes on.
        """
        from pyspark.sql import DataFrame  # noqa: PLC0415 - see `spark_session`

        folder = self._new_scratch()
        with _losses():
            made = function(self.frame(statement))
            if not isinstance(made, DataFrame):
                raise TypeError(f"it returned {type(made).__name__}, not pyspark.sql.DataFrame")
            made.write.option("compression", "lz4_raw").parquet(folder)
        self._offer_folders(name, [folder])

    def materialise_rows(self, name: str, statement: exp.Expr, source: str) -> None:
        """See `Engine`."""
        self._offer_folders(name, self.write_rows(self._new_scratch(), statement, source))

    def write(self, table_uri: str, statement: Statement, partition_by: str | None = None) -> str:
        """See `Engine`."""
        folder = new_folder(table_uri)
        writer = self.frame(statement).write
        (writer.partitionBy(partition_by) if partition_by else writer).parquet(folder)
        if not is_object(folder):
            for checksum in Path(folder).rglob(".*.crc"):
                checksum.unlink()
        return folder

    def draft(self, table_uri: str) -> str:
        """See `Engine`."""
        return new_folder(table_uri)

    def place(self, table_uri: str, draft: str) -> str:
        """See `Engine`. What Spark's tasks write is where they write it."""
        del table_uri
        return draft

    def write_rows(self, table_uri: str, statement: exp.Expr, source: str) -> list[str]:
        """See `Engine`. A task takes some of the source's files."""
        names = {table.name for table in statement.find_all(exp.Table)} & self._files.keys()
        relations = {name: self._files[name]() for name in names}
        rows = Rows(DUCKDB.statement(statement), source, relations, table_uri)
        parts = rows.parts(TASKS_PER_CORE * self.parallelism)
        return self.each(partial(rows.write, max(self.parallelism // len(parts), 1)), parts)

    def _new_scratch(self) -> str:
        return f"{self.workspace}/{uuid.uuid4().hex[:12]}"

    def _offer_folders(self, name: str, folders: Sequence[str]) -> None:
        """Offer the Parquet files of folders as a relation."""
        self.session.read.parquet(*folders).createOrReplaceTempView(name)
        paths = [file.uri for folder in folders for file in parquet_files(folder)]
        self._files[name] = partial(Files, tuple(paths), self.schema(name))

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
        """See `Engine`."""
        self.frame(statement).createOrReplaceTempView("merged")
        low, high = bounds(self, keys[0], "merged")
        if low is None:
            return append_once(table_uri, (), transaction, base=base, metadata=metadata)
        on = [f"t.{self.dialect.identifier(key)} = s.{self.dialect.identifier(key)}" for key in keys]
        on += [*within(self, f"t.{self.dialect.identifier(keys[0])}", low, high), *touched]

        def change(table: DeltaTable, _properties: CommitProperties) -> dict[str, object]:
            columns = column_names(table)
            written = {name: f"s.{self.dialect.identifier(name)}" for name in columns}
            updates = ", ".join(
                f"{self.dialect.identifier(name)} = {value}"
                for name, value in written.items()
                if name not in {*keys, *keep}
            )
            live = f" AND NOT {delete_where}" if delete_where else ""
            clauses = [f"WHEN MATCHED AND {delete_where} THEN DELETE"] if delete_where else []
            clauses += [f"WHEN MATCHED{live} THEN UPDATE SET {updates}"]
            names = ", ".join(self.dialect.identifier(name) for name in written)
            clauses += [
                f"WHEN NOT MATCHED{live} THEN INSERT ({names}) VALUES ({', '.join(written.values())})"
            ]
            merge = f"MERGE INTO delta.{self.dialect.identifier(table_uri)} t USING merged s ON {' AND '.join(on)} "
            return self._merged(merge + " ".join(clauses), transaction, metadata)

        return commit_once(table_uri, transaction, change, base=base, metadata=metadata)

    def _merged(
        self, merge: str, transaction: TransactionId, metadata: Mapping[str, str]
    ) -> dict[str, object]:
        """Run a merge under its identifier; return its counts under delta-rs's names."""
        from delta import exceptions as conflicts  # noqa: PLC0415 - see `spark_session`

        settings = {
            "spark.databricks.delta.write.txnAppId": transaction.app_id,
            "spark.databricks.delta.write.txnVersion": str(transaction.number),
            "spark.databricks.delta.commitInfo.userMetadata": json.dumps(
                commit_metadata(transaction, metadata)
            ),
        }
        with _MERGING:
            try:
                for key, value in settings.items():
                    self.session.conf.set(key, value)
                rows = self.session.sql(merge).collect()
            except tuple(getattr(conflicts, name) for name in conflicts.__all__) as error:
                raise CommitFailedError(str(error)) from error  # in Python they have no base of their own
            finally:
                for key in settings:
                    self.session.conf.unset(key)
        if not rows:
            raise CommitFailedError(f"{transaction} was committed by another writer meanwhile")
        (row,) = rows
        return {
            "num_target_rows_inserted": row["num_inserted_rows"],
            "num_target_rows_updated": row["num_updated_rows"],
            "num_target_rows_deleted": row["num_deleted_rows"],
        }

    def order(self, table_uri: str, columns: Sequence[str]) -> int | None:
        """See `Engine`."""
        if not is_out_of_order(DeltaTable(table_uri)):
            return None
        names = ", ".join(self.dialect.identifier(column) for column in columns)
        self.session.sql(f"OPTIMIZE delta.{self.dialect.identifier(table_uri)} ZORDER BY ({names})")
        return DeltaTable(table_uri).version()

    def each(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """See `Engine`."""
        tasks = self.session.sparkContext.parallelize(items, max(len(items), 1))
        return tasks.map(function).collect()


def _table_files(snapshot: Snapshot, prune: str | None, where: str) -> Files:
    table = snapshot.open()
    return Files(tuple(data_files(table, prune)), pa.schema(table.schema().to_arrow()), where)


@contextmanager
def spark_engine(lakehouse: str = "") -> Iterator[SparkEngine]:
    """Open an engine in the session of this process; its relations and its folders go with it.

    Where its tasks run on other machines and the lakehouse is in a store, what they share is there, too.

    Raises:
        OutOfMemory: what was asked of it took more memory than its driver has.
        ExecutorLost: its executors were lost more often than it goes on.
    """
    with _losses(), _opened(spark_session(), lakehouse) as engine:
        yield engine


@contextmanager
def _losses() -> Iterator[None]:
    """Let an error through as the loss of the driver or of executors that it means, if it means one."""
    try:
        yield
    except Exception as error:
        if lost := loss(error):
            raise lost from error
        raise


@contextmanager
def _opened(session: "SparkSession", lakehouse: str) -> Iterator[SparkEngine]:
    database = f"podium_{uuid.uuid4().hex[:12]}"
    with scratch_folder() as scratch:
        apart = is_object(lakehouse) and not re.match(r"local(\[|$)", session.sparkContext.master or "")
        workspace = f"{lakehouse}/_podium/scratch/{database}" if apart else str(scratch)
        session.sql(f"CREATE DATABASE {database} LOCATION '{workspace}/warehouse'")
        session.sql(f"USE {database}")
        _drop_temporary_views(session)
        try:
            yield SparkEngine(session, database, scratch, workspace)
        finally:
            session.sql("USE default")
            session.sql(f"DROP DATABASE {database} CASCADE")
            if apart:
                _remove(session, workspace)


def _remove(session: "SparkSession", folder: str) -> None:
    """Remove a folder as Spark makes folders: in a store it marks each by an object that only Hadoop's own client can name."""
    jvm, context = session._jvm, session._jsc  # noqa: SLF001 - pyspark has no other way to Hadoop's file systems
    path = jvm.org.apache.hadoop.fs.Path(folder)  # type: ignore[union-attr]
    path.getFileSystem(context.hadoopConfiguration()).delete(path, True)


def _drop_temporary_views(session: "SparkSession") -> None:
    """Drop what others have left in the session: a temporary view hides this engine's relation of the same name."""
    for table in session.catalog.listTables():
        if table.isTemporary:
            session.catalog.dropTempView(table.name)
