"""A Delta table of Podium's own records: each record is put once, under a key and a number, and never changed."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, write_deltalake
from podium_contracts.errors import CommitConflict
from podium_contracts.pipeline import is_object

from podium_lakehouse.delta.commits import TransactionId, afterwards, commit_once
from podium_lakehouse.delta.compaction import compact
from podium_lakehouse.delta.tables import current, data_files, ensure
from podium_lakehouse.delta.transactions import last_number
from podium_lakehouse.expressions.dialects import DUCKDB
from podium_lakehouse.store.objects import THREADS, get

SMALL_BYTES = 1_000_000
"""Of a file of records: a record is found by the statistics of the files."""
KEPT_FILES = 128
"""Files of records in a store whose content a process remembers."""
ATTEMPTS = 20
"""Of writers that append in the same moment."""
LOG = {"delta.logRetentionDuration": "interval 1 hours"}
"""What a record says is in its row, not in the history of its table: some thirteen commits for every batch would make a log that takes
longer to list than a batch takes."""

Row = Mapping[str, object]


@dataclass(frozen=True)
class RecordTable:
    """Records by `(key, number)`. The numbers of a key only grow; the last one is read from the log, not from the data."""

    uri: str
    schema: pa.Schema

    def put(self, key: str, number: int, rows: list[Row], *, after: int | None = None) -> bool:
        """Write the rows of a record unless the record is there; return whether this call wrote them.

        Raises:
            CommitConflict: the record is not there, and a later one is; or the last one is not the one that it should come `after`.
        """
        ensure(self.uri, self.schema, LOG)

        def append(table: DeltaTable, properties: CommitProperties) -> None:
            last = last_number(table, key) or 0
            if after is not None and last != after:
                raise CommitConflict(
                    f"{key}: {number} was to come after {after}, and {last} has", hint="run it again"
                )
            batch = pa.Table.from_pylist([dict(row) for row in rows], schema=self.schema)
            write_deltalake(
                table,
                batch,
                mode="append",
                schema_mode="merge",  # an older lakehouse may lack columns, and have others
                commit_properties=properties,
                post_commithook_properties=afterwards(table),
            )

        committed = commit_once(self.uri, TransactionId(key, number), append)
        if not committed.repeated:
            compact(self.uri, since=committed.version - 1, small_bytes=SMALL_BYTES)
        return not committed.repeated

    def append(self, key: str, rows: Callable[[int], list[Row]]) -> None:
        """Write rows under the next number of a key, whoever else does so at the same time; `rows` makes them for a number.

        Raises:
            CommitConflict: others were faster each time.
        """
        for _ in range(ATTEMPTS):
            number = (self.last(key) or 0) + 1
            if self.put(key, number, rows(number)):
                return
        raise CommitConflict(f"{self.uri}: lost {ATTEMPTS} races to append to {key}", hint="run it again")

    def last(self, key: str) -> int | None:
        """Return the largest number put under a key, or None."""
        table = current(self.uri)
        return last_number(table, key) if table else None

    def here(self, uri: str) -> str:
        """Return where the table at a URI in a record lies, by its name: beside these records, wherever their lakehouse has been moved."""
        return f"{self.uri.removesuffix(table_name(self.uri))}{table_name(uri)}"

    def rows(self, *, above: tuple[str, int] | None = None, **equals: object) -> list[dict[str, object]]:
        """Return the rows whose columns have the given values, and one a number above; files that cannot hold any are not opened."""
        table = current(self.uri)
        if table is None:
            return []
        filters: list[tuple[str, str, object]] = [(name, "=", value) for name, value in equals.items()]
        if above:
            filters.append((above[0], ">", above[1]))
        files = data_files(table, _sql(filters))
        if not files:
            return []
        read = partial(pq.read_table, schema=self.schema, filters=filters or None)
        if is_object(self.uri):
            parts = [read(BytesIO(content)) for content in _contents(files)]
        else:
            parts = [read(files)]
        found: list[dict[str, object]] = pa.concat_tables(parts).to_pylist()
        return found


def table_name(uri: str) -> str:
    """Return the name of the table at a URI: `silver/sales`."""
    return "/".join(uri.rstrip("/").split("/")[-2:])


def _contents(uris: list[str]) -> list[bytes]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(_content, uris))


@lru_cache(KEPT_FILES)
def _content(uri: str) -> bytes:
    """Return the content of a file of records in a store: it is small, never changes, and is asked for again by the next stage."""
    return get(uri)


def _sql(filters: list[tuple[str, str, object]]) -> str | None:
    """Return conditions as delta-rs reads them; values are names and numbers of Podium's own."""
    texts = [
        f"{name} {operator} {value if isinstance(value, int) else DUCKDB.text(str(value))}"
        for name, operator, value in filters
    ]
    return " AND ".join(texts) or None
