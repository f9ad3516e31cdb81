"""A Delta table of Podium's own records: each record is put once, under a key and a number, and never changed."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake

from podium_lakehouse.delta.commits import TransactionId, commit_once
from podium_lakehouse.delta.tables import ensure, find

Row = Mapping[str, object]


@dataclass(frozen=True)
class RecordTable:
    """Records by `(key, number)`. The numbers of a key only grow; the last one is read from the log, not from the data."""

    uri: str
    schema: pa.Schema

    def put(self, key: str, number: int, rows: list[Row]) -> bool:
        """Write the rows of a record unless the record is there; return whether this call wrote them."""
        ensure(self.uri, self.schema)

        def append(table: DeltaTable, properties: CommitProperties) -> None:
            batch = pa.Table.from_pylist([dict(row) for row in rows], schema=self.schema)
            write_deltalake(table, batch, mode="append", commit_properties=properties)

        return not commit_once(self.uri, TransactionId(key, number), append).repeated

    def last(self, key: str) -> int | None:
        """Return the largest number put under a key, or None."""
        table = find(self.uri)
        return table.transaction_version(key) if table else None

    def rows(self, *, above: tuple[str, int] | None = None, **equals: object) -> list[dict[str, object]]:
        """Return the rows whose columns have the given values, and one a number above; files that cannot hold any are not opened."""
        table = find(self.uri)
        if table is None:
            return []
        filters: list[tuple[str, str, object]] = [(name, "=", value) for name, value in equals.items()]
        if above:
            filters.append((above[0], ">", above[1]))
        found: list[dict[str, object]] = table.to_pyarrow_table(filters=filters or None).to_pylist()
        return found
