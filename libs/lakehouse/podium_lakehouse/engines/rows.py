"""Statements that look at a row by itself: DuckDB runs them on either engine, in Spark's tasks there (docs/decisions/0008)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from podium_lakehouse.engines.duckdb import duckdb_engine


@dataclass(frozen=True)
class Files:
    """A relation as data files: `where` holds for the rows that count, a column of `schema` that no file has is null."""

    paths: tuple[str, ...]
    schema: pa.Schema
    where: str = "TRUE"


@dataclass(frozen=True)
class Rows:
    """A statement over the relation `source` and small ones beside it, in DuckDB's SQL, and the folder its rows go below."""

    statement: str
    source: str
    relations: Mapping[str, Files]
    home: str

    def parts(self, most: int) -> list[tuple[str, ...]]:
        """Return the source's files in at most so many parts; at least one, even without files."""
        paths = self.relations[self.source].paths
        count = max(min(most, len(paths)), 1)
        return [paths[start::count] for start in range(count)]

    def write(self, threads: int, paths: Sequence[str]) -> str:
        """Run the statement over some of the source's files; return the folder with its rows."""
        with duckdb_engine(threads=threads) as engine:
            for name, files in self.relations.items():
                engine.offer(name, paths if name == self.source else files.paths, files.schema, files.where)
            return engine.write(self.home, self.statement)
