"""A statement over certified tables, run by DuckDB: it reads these tables, no file and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count

import duckdb
import pyarrow as pa
from podium_contracts.errors import TerminalError

from podium_lakehouse.delta.tables import Snapshot, column_names
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine
from podium_lakehouse.reading.recording import Recording, Warn
from podium_lakehouse.reading.statements import tables_of
from podium_lakehouse.reading.usage import told
from podium_lakehouse.reading.versions import Reader, kept
from podium_lakehouse.store.troubles import in_words

MOST_NAMED = 12
"""Tables that a hint lists."""


@dataclass(frozen=True)
class Statement:
    """A statement that may be run, and the versions of the tables that it names."""

    text: str
    tables: Mapping[str, Snapshot]

    def columns(self) -> dict[str, list[str]]:
        """Return the columns of its tables."""
        return {name: column_names(snapshot.open()) for name, snapshot in self.tables.items()}


def prepared(reader: Reader, text: str, at: datetime | None = None) -> Statement:
    """Return a statement with the certified version of each of its tables, now or at a time.

    Raises:
        TerminalError: it is no SELECT, or it names something that is no certified table.
    """
    certified = reader.certified(at)
    named = tables_of(text)
    for name in named:
        if name not in certified:
            known = ", ".join(sorted(certified)[:MOST_NAMED]) or "none yet"
            raise TerminalError(
                f"there is no certified table {name}", hint=f"the certified tables are: {known}"
            )
    return Statement(text, {name: certified[name] for name in named})


def ask(reader: Reader, text: str, warn: Warn, at: datetime | None = None) -> pa.Table:
    """Return the rows of a SELECT over certified tables, as they are or as they were at a time, and record that they were read.

    Columns that would have the same name are numbered: `key`, `key_1`.

    Raises:
        TerminalError: DuckDB or we refuse the statement.
        VersionGone: files of one of these versions were vacuumed.
    """
    statement = prepared(reader, text, at)
    recording = Recording(
        reader.lakehouse, "sql", "duckdb", statement.tables, warn, told(text, statement.columns())
    )
    with kept(statement.tables), duckdb_engine() as engine:
        offer(engine, statement, reader.lakehouse.uri)
        try:
            with in_words(reader.lakehouse.uri):
                found: pa.Table = engine.connection.sql(text).to_arrow_table()
        except duckdb.IOException:
            raise
        except duckdb.Error as error:
            raise TerminalError(str(error), hint="`podium show TABLE` has a table's columns") from error
    recording.end(found.num_rows)
    return found.rename_columns(_distinct(found.column_names))


def _distinct(names: Sequence[str]) -> list[str]:
    given: dict[str, None] = {}
    for name in names:
        numbered = (f"{name}_{number}" for number in count(1))
        free = (
            new for new in chain([name], numbered) if new not in given and (new == name or new not in names)
        )
        given[next(free)] = None
    return [*given]


def offer(engine: DuckDbEngine, statement: Statement, lakehouse: str) -> None:
    """Offer the tables of a statement under their names, and let the statement reach nothing else."""
    for layer in sorted({name.partition(".")[0] for name in statement.tables}):
        engine.execute(f"CREATE SCHEMA {layer}")
    for name, snapshot in statement.tables.items():
        engine.offer_table(name, snapshot)
    engine.execute("SET python_enable_replacements = false")
    engine.confine(lakehouse)
