"""A table as a Polars LazyFrame, which reads what is asked of it when it is asked, and records that."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl
from deltalake import DeltaTable
from podium_contracts.pipeline import is_object
from polars.io.plugins import register_io_source

from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.reading.recording import Recording, Warn
from podium_lakehouse.reading.usage import Told
from podium_lakehouse.reading.versions import kept
from podium_lakehouse.records.queries import Usage

STORE = "AWS_"
"""How the variables begin that say where a store is and who asks: delta-rs, obstore and Polars know the same."""


@dataclass(frozen=True)
class Source:
    """A table at one version, as Polars asks for it."""

    lakehouse: Lakehouse
    name: str
    snapshot: Snapshot
    warn: Warn

    def frame(self) -> pl.LazyFrame:
        """Return the table. What filters and selects it reaches the files: they are left out by their statistics, columns unread."""
        with kept({self.name: self.snapshot}):
            schema = self._files().collect_schema()
        return register_io_source(self._batches, schema=schema, validate_schema=False, is_pure=True)

    def _files(self) -> pl.LazyFrame:
        table = DeltaTable(self.snapshot.uri, version=self.snapshot.version)
        if not is_object(self.snapshot.uri):
            return pl.scan_delta(table)
        return pl.scan_delta(table, storage_options=store_options(os.environ), credential_provider=None)

    def _batches(
        self, columns: list[str] | None, condition: pl.Expr | None, rows: int | None, batch: int | None
    ) -> Iterator[pl.DataFrame]:
        filtered = condition.meta.root_names() if condition is not None else []
        usage = Usage(filtered=tuple(sorted({f"{self.name}.{column}" for column in filtered})))
        recording = Recording(
            self.lakehouse, "scan", "polars", {self.name: self.snapshot}, self.warn, Told(usage=usage)
        )
        frame = self._files()
        frame = frame if condition is None else frame.filter(condition)
        frame = frame if columns is None else frame.select(columns)
        frame = frame if rows is None else frame.head(rows)
        handed = 0
        with kept({self.name: self.snapshot}):
            for part in frame.collect_batches(chunk_size=batch):
                handed += part.height
                yield part
        recording.end(handed)


def store_options(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what Polars is to know of a store, as the AWS_… variables say it to the other clients."""
    return {name.lower(): value for name, value in environment.items() if name.startswith(STORE)}
