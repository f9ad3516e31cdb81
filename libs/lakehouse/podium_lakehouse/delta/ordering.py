"""When a table is worth Z-ordering again: the cost must stay in proportion to the news."""

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable, WriterProperties
from deltalake.transaction import AddAction, RemoveAction

from podium_lakehouse.delta.commits import MAINTENANCE_KEY
from podium_lakehouse.delta.folders import discard, link, move, new_folder
from podium_lakehouse.delta.parquet import data_files
from podium_lakehouse.delta.replacing import LiveFile, live_files, place_of, replace_files

UNORDERED_SHARE = 0.2
"""Of a table's rows; below it, most files still leave out most of what is not asked for."""
ORDERING = {MAINTENANCE_KEY: "ordering"}
"""What such a commit says of itself."""
FILE_BYTES = 64_000_000
SPILL_BYTES = 500_000_000
"""It sorts on disk above this."""
ZSTD = WriterProperties(compression="ZSTD", compression_level=3)
LEAST_BYTES = 128_000_000
"""A smaller table is one file or two, of which nothing can be left out."""


def is_out_of_order(table: DeltaTable) -> bool:
    """Whether so many rows have come since the table was Z-ordered last that it should be again."""
    now = _files(table)
    if sum(now["size_bytes"].to_pylist()) < LEAST_BYTES:
        return False
    ordered: set[str] = set()
    last = next(filter(is_ordering, table.history()), None)
    if last is not None:
        ordered = set(_files(DeltaTable(table.table_uri, version=int(last["version"])))["path"].to_pylist())
    rows = dict(zip(now["path"].to_pylist(), now["num_records"].to_pylist(), strict=True))
    new: int = sum(count for path, count in rows.items() if path not in ordered)
    return bool(new > UNORDERED_SHARE * sum(rows.values()))


def reorder(table: DeltaTable, columns: Sequence[str]) -> int | None:
    """Z-order a table by columns; return the version, None where its files were replaced meanwhile."""
    uri = place_of(table)
    old = live_files(table)
    folder = new_folder(uri)
    copy, ordered = f"{folder}/copy", f"{folder}/ordered"
    try:
        for file in _ordered(table, old, copy, columns):
            path = unquote(file.path)
            move(f"{copy}/{path}", f"{ordered}/{file.folder}{PurePath(path).name}")
        version = replace_files(uri, old, data_files(uri, ordered), ORDERING)
    finally:
        discard([copy])
    if version is None:
        discard([folder])
    return version


def _ordered(
    table: DeltaTable, files: Sequence[LiveFile], copy: str, columns: Sequence[str]
) -> list[LiveFile]:
    """Z-order a copy of a table, made of links to its files, or by the store; return the new files."""
    actions: list[AddAction | RemoveAction] = []
    for file in files:
        link(file.location(table), f"{copy}/{unquote(file.path)}")
        stats = json.dumps({"numRecords": file.rows})
        actions.append(AddAction(file.path, file.size, dict(file.partition), file.modified, True, stats))
    copied = DeltaTable.create(copy, table.schema(), partition_by=table.metadata().partition_columns)
    copied.create_write_transaction(actions, "append", table.schema())
    copied.update_incremental()
    copied.optimize.z_order(
        columns, target_size=FILE_BYTES, max_spill_size=SPILL_BYTES, writer_properties=ZSTD
    )
    before = {file.path for file in files}
    return [file for file in live_files(copied) if file.path not in before]


def is_ordering(entry: Mapping[str, object]) -> bool:
    """Whether a commit of a table's history Z-ordered it, on either engine."""
    by_spark = entry.get("operation") == "OPTIMIZE" and MAINTENANCE_KEY not in entry
    return by_spark or entry.items() >= ORDERING.items()


def _files(table: DeltaTable) -> pa.Table:
    return pa.table(table.get_add_actions(flatten=True))
