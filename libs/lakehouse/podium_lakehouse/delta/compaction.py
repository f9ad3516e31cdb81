"""Putting the small files of many commits into fewer. No row changes: for readers, ledgers and change feeds it is no news."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from zlib import crc32

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from podium_lakehouse.delta.commits import MAINTENANCE_KEY
from podium_lakehouse.delta.folders import discard, filling, new_folder, opened
from podium_lakehouse.delta.parquet import COMPRESSION_LEVEL, ROW_GROUP_ROWS, data_files
from podium_lakehouse.delta.replacing import LiveFile, live_files, partition_folder, replace_files
from podium_lakehouse.delta.tables import current

EVERY_COMMITS = 64
SMALL_BYTES = 4_000_000
"""Of a file. Larger ones are left alone, so that what a batch costs does not grow with the table, and none has to wait for much."""
COMPACTION = {MAINTENANCE_KEY: "compaction"}
"""What such a commit says of itself."""


def compact(uri: str, since: int, small_bytes: int = SMALL_BYTES) -> None:
    """Compact a table that has had its next 64 commits since a version; where another process is at it, it is left to that one.

    Tables that grow by the same batches do not have theirs at the same batch.
    """
    table = current(uri)
    if table is None or since < 0 or _turn(uri, table.version()) == _turn(uri, since):
        return
    put_together(uri, small_bytes)


def put_together(uri: str, small_bytes: int = SMALL_BYTES) -> tuple[int, int]:
    """Put a table's small files together; return how many there were and how many they are now, nothing where another process was faster."""
    table = DeltaTable(uri)
    groups = list(_groups(live_files(table), small_bytes))
    if not groups:
        return 0, 0
    folder = new_folder(uri)
    with filling(folder) as draft:
        for number, files in enumerate(groups):
            _merge(uri, table, files, draft, number)
    old = [file for files in groups for file in files]
    new = data_files(uri, folder)
    if replace_files(uri, table, old, new, COMPACTION) is None:
        discard([folder])
        return 0, 0
    return len(old), len(new)


def _turn(uri: str, version: int) -> int:
    """Return how often a table was due up to a version: first after 64 to 127 commits, as its name decides."""
    return max(version - crc32(uri.encode()) % EVERY_COMMITS, 0) // EVERY_COMMITS


def _groups(files: Sequence[LiveFile], small_bytes: int) -> Iterator[list[LiveFile]]:
    """Yield the small files of each partition that together make one that is not small any more; fewer than two are left alone."""
    small = sorted((file for file in files if file.size < small_bytes), key=lambda file: repr(file.partition))
    for _, alike in groupby(small, key=lambda file: file.partition):
        group: list[LiveFile] = []
        size = 0
        for file in alike:
            group.append(file)
            size += file.size
            if size >= small_bytes:
                yield from [group] if len(group) > 1 else []
                group, size = [], 0
        yield from [group] if len(group) > 1 else []


def _merge(uri: str, table: DeltaTable, files: Sequence[LiveFile], folder: Path, number: int) -> None:
    """Write the rows of files into one, in their order, in full row groups: many small ones would take twice the bytes."""
    home = partition_folder(folder, files[0])
    home.mkdir(parents=True, exist_ok=True)
    outside = {column for column, _ in files[0].partition}
    schema = pa.schema([field for field in pa.schema(table.schema().to_arrow()) if field.name not in outside])
    with ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        for rows in _row_groups(uri, files, schema):
            writer = writer or stack.enter_context(_writer(home / f"part-{number}.parquet", rows))
            writer.write_table(rows, ROW_GROUP_ROWS)


def _row_groups(uri: str, files: Sequence[LiveFile], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of files, so many at a time as fill a row group, or somewhat more."""
    held: list[pa.RecordBatch] = []
    for file in files:
        with opened(file.uri(uri)) as parquet:
            for batch in parquet.iter_batches(ROW_GROUP_ROWS):
                held.append(_as_declared(batch, schema))
                if sum(map(len, held)) >= ROW_GROUP_ROWS:
                    yield pa.Table.from_batches(held)
                    held = []
    if held:
        yield pa.Table.from_batches(held)


def _writer(path: Path, rows: pa.Table) -> pq.ParquetWriter:
    """Open a file for rows such as these: without a dictionary for numbers that count up, of which it would hold each."""
    counting = [field.name for field in rows.schema if _counts_up(rows.column(field.name))]
    coded = [path for path in _leaves(rows.schema) if path not in counting]
    encodings = dict.fromkeys(counting, "DELTA_BINARY_PACKED")
    return pq.ParquetWriter(
        path,
        rows.schema,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        use_dictionary=coded,
        column_encoding=encodings,
    )


def _counts_up(column: pa.ChunkedArray) -> bool:
    """Whether most values are the one before plus 1, as the numbers of lines are."""
    if not pa.types.is_integer(column.type) or len(column) == 0:
        return False
    steps = pc.pairwise_diff(column.combine_chunks())
    return int(pc.sum(pc.equal(steps, 1)).as_py() or 0) > len(column) / 2


def _leaves(schema: pa.Schema) -> list[str]:
    """Return the paths of the columns that Parquet has for these: of a list those of its elements."""
    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    footer = pq.read_metadata(pa.BufferReader(sink.getvalue()))
    return [footer.schema.column(index).path for index in range(footer.num_columns)]


def _as_declared(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return rows with a table's columns, as it has them now: an older file lacks those that came later."""
    there = set(batch.schema.names)
    columns = [
        batch.column(field.name).cast(field.type) if field.name in there else pa.nulls(len(batch), field.type)
        for field in schema
    ]
    return pa.record_batch(columns, schema=schema)
