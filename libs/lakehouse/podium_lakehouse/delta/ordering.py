"""When a table is worth Z-ordering again: the cost must stay in proportion to the news."""

from collections.abc import Mapping

import pyarrow as pa
from deltalake import DeltaTable

from podium_lakehouse.delta.compaction import COMPACTION

UNORDERED_SHARE = 0.2
"""Of a table's rows; below it, most files still leave out most of what is not asked for."""
LEAST_BYTES = 128_000_000
"""A smaller table is one file or two, of which nothing can be left out."""


def is_out_of_order(table: DeltaTable) -> bool:
    """Whether so many rows have come since the table was Z-ordered last that it should be again."""
    now = _files(table)
    if sum(now["size_bytes"].to_pylist()) < LEAST_BYTES:
        return False
    ordered: set[str] = set()
    last = next(filter(_orders, table.history()), None)
    if last is not None:
        ordered = set(_files(DeltaTable(table.table_uri, version=int(last["version"])))["path"].to_pylist())
    rows = dict(zip(now["path"].to_pylist(), now["num_records"].to_pylist(), strict=True))
    new: int = sum(count for path, count in rows.items() if path not in ordered)
    return bool(new > UNORDERED_SHARE * sum(rows.values()))


def _orders(entry: Mapping[str, object]) -> bool:
    return entry.get("operation") == "OPTIMIZE" and not entry.items() >= COMPACTION.items()


def _files(table: DeltaTable) -> pa.Table:
    return pa.table(table.get_add_actions(flatten=True))
