"""Z-ordering a table: when it is worth it again, as the cost must stay in proportion to the news, and how its files are made anew.

They are ordered in a copy on this machine, by links where the table is here, too, and then take the place of the old ones in one commit.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from deltalake import DeltaTable, WriterProperties
from deltalake.transaction import AddAction, RemoveAction
from podium_contracts.pipeline import is_object

from podium_lakehouse.delta.commits import MAINTENANCE_KEY
from podium_lakehouse.delta.folders import discard, filling, new_folder
from podium_lakehouse.delta.history import history_of
from podium_lakehouse.delta.parquet import COMPRESSION_LEVEL, data_files
from podium_lakehouse.delta.replacing import LiveFile, live_files, partition_folder, replace_files
from podium_lakehouse.store.objects import get

UNORDERED_SHARE = 0.2
"""Of a table's rows; below it, most files still leave out most of what is not asked for."""
ORDERING = {MAINTENANCE_KEY: "ordering"}
"""What such a commit says of itself."""
FILE_BYTES = 64_000_000
SPILL_BYTES = 500_000_000
"""It sorts on disk above this."""
ZSTD = WriterProperties(compression="ZSTD", compression_level=COMPRESSION_LEVEL)
LEAST_BYTES = 128_000_000
"""A smaller table is one file or two, of which nothing can be left out."""


def is_out_of_order(table: DeltaTable) -> bool:
    """Whether so many rows have come since the table was Z-ordered last that it should be again."""
    if sum(file.size for file in live_files(table)) < LEAST_BYTES:
        return False
    return unordered_share(table) > UNORDERED_SHARE


def unordered_share(table: DeltaTable) -> float:
    """Return the share of a table's rows that have come since it was Z-ordered last, 0 to 1."""
    now = live_files(table)
    ordered: set[str] = set()
    last = next(filter(is_ordering, history_of(table)), None)
    if last is not None:
        then = DeltaTable(table.table_uri, version=int(last["version"]))
        ordered = {file.path for file in live_files(then)}
    new = sum(file.rows for file in now if file.path not in ordered)
    return new / max(sum(file.rows for file in now), 1)


def reorder(uri: str, table: DeltaTable, columns: Sequence[str]) -> int | None:
    """Z-order a table by columns; return the version, None where its files were replaced meanwhile."""
    old = live_files(table)
    folder = new_folder(uri)
    with filling(folder) as draft:
        copy = draft.with_name(f"{draft.name}-copy")
        try:
            for file in _ordered(uri, table, old, copy, columns):
                home = partition_folder(draft, file)
                home.mkdir(parents=True, exist_ok=True)
                (copy / unquote(file.path)).rename(home / Path(file.path).name)
        finally:
            discard([str(copy)])
    version = replace_files(uri, table, old, data_files(uri, folder), ORDERING)
    if version is None:
        discard([folder])
    return version


def _ordered(
    uri: str, table: DeltaTable, files: Sequence[LiveFile], copy: Path, columns: Sequence[str]
) -> list[LiveFile]:
    """Z-order a copy of a table on this machine; return the new files."""
    actions: list[AddAction | RemoveAction] = []
    for file in files:
        copied = copy / unquote(file.path)
        copied.parent.mkdir(parents=True, exist_ok=True)
        _copy(file.uri(uri), copied)
        stats = json.dumps({"numRecords": file.rows})
        actions.append(AddAction(file.path, file.size, dict(file.partition), file.modified, True, stats))
    made = DeltaTable.create(str(copy), table.schema(), partition_by=table.metadata().partition_columns)
    made.create_write_transaction(actions, "append", table.schema())
    made.update_incremental()
    made.optimize.z_order(columns, target_size=FILE_BYTES, max_spill_size=SPILL_BYTES, writer_properties=ZSTD)
    before = {file.path for file in files}
    return [file for file in live_files(made) if file.path not in before]


def _copy(uri: str, path: Path) -> None:
    """Bring a file of a table, by a link where it is on this disk: nobody changes it."""
    if is_object(uri):
        path.write_bytes(get(uri))
    else:
        path.hardlink_to(uri)


def is_ordering(entry: Mapping[str, object]) -> bool:
    """Whether a commit of a table's history Z-ordered it, on either engine."""
    by_spark = entry.get("operation") == "OPTIMIZE" and MAINTENANCE_KEY not in entry
    return by_spark or entry.items() >= ORDERING.items()
