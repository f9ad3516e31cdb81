"""What a stage asks of an engine: relations to read, statements to run, files to write, one merge.

A statement is a sqlglot tree built with the engine's dialect, or SQL that both engines read alike. Relations are views of the engine
and go with it.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pyarrow as pa
from sqlglot import exp

from podium_lakehouse.delta.commits import Committed, TransactionId
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.expressions.dialects import DUCKDB, Dialect

ROW_DIALECT = DUCKDB
"""The SQL of statements that look at a row by itself, on either engine."""
Statement = str | exp.Expr
Item = TypeVar("Item")
Result = TypeVar("Result")


class Engine(Protocol):
    """An open engine; `scratch` is a folder of this machine that goes with it."""

    @property
    def dialect(self) -> Dialect:
        """The SQL that it reads."""

    @property
    def database(self) -> str:
        """The schema of its catalogue that holds its relations."""

    @property
    def scratch(self) -> Path:
        """A folder for what need not outlive the engine."""

    @property
    def workspace(self) -> str:
        """The path or URI of a folder that its tasks reach, too, and that goes with it."""

    @property
    def parallelism(self) -> int:
        """How many calls of `each` run at the same time."""

    def execute(self, statement: Statement) -> list[tuple[object, ...]]:
        """Run a statement and return its few rows."""

    def records(self, statement: Statement) -> list[dict[str, object]]:
        """Run a statement and return its few rows by column."""

    def frame(self, statement: Statement) -> object:
        """Return a statement's rows for a library that computes by itself: Arrow's table of all of them, or Spark's data frame."""

    def schema(self, relation: str) -> pa.Schema:
        """Return the columns of a relation; all are nullable."""

    def offer_table(
        self, name: str, snapshot: Snapshot, prune: str | None = None, where: str = "TRUE"
    ) -> None:
        """Offer a Delta table at one version; rows that `prune` rules out may be left out, those that `where` does are."""

    def offer_feed(self, name: str, now: Snapshot, since: int) -> None:
        """Offer the change feed of a table: what versions after `since` changed."""

    def materialise(self, name: str, statement: Statement) -> None:
        """Run a statement once and offer its rows as a relation."""

    def transform(self, name: str, statement: Statement, function: Callable[[Any], Any]) -> None:
        """Call a function with a statement's rows as a frame of the engine's, and offer the rows of the frame that it returns as a relation.

        Raises:
            TypeError: it returned something else.
        """

    def write(self, table_uri: str, statement: Statement, partition_by: str | None = None) -> str:
        """Write a statement's rows as data files into a table's folder, for a commit to list; return their folder, a path or a URI.

        A partition column has a folder for each of its values, and is not in the files.
        No row may make the statement fail: DuckDB can hang when one does (docs/decisions/0007).
        """

    def draft(self, table_uri: str) -> str:
        """Return a new folder that other code which shares the engine writes data files for a table into."""

    def place(self, table_uri: str, draft: str) -> str:
        """Bring the files of a draft into the table's folder, unless they are in it; return their folder."""

    def materialise_rows(self, name: str, statement: exp.Expr, source: str) -> None:
        """As `materialise`, for a statement in `ROW_DIALECT` that looks at each row of `source` by itself; other relations in it are small.

        Relations must have been offered by `offer_table`, or been materialised.
        """

    def write_rows(self, table_uri: str, statement: exp.Expr, source: str) -> list[str]:
        """As `write`, for a statement such as `materialise_rows` takes; return the folders."""

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
        """Bring a statement's rows into a table by key, in one commit with change data.

        Matching rows are updated but for the columns in `keep`, the others inserted. Rows for which `delete_where` (over the
        source `s`) holds are deleted; the column it names is not part of the table. Where nothing changes there is still a commit.
        `touched` are conditions (over the table `t`) that hold for every row with a key of the source: they leave out files.
        """

    def order(self, table_uri: str, columns: Sequence[str]) -> int | None:
        """Z-order a table by columns if enough of it is out of order; return the version that this made, if it did."""

    def each(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Call a function with each item, in this process or where the engine has its tasks."""
