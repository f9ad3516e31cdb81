"""Maintenance: what was done to the files of tables, with its columns or its retention."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from podium_lakehouse.records.table import RecordTable

KEY = "maintenance"
SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("table", pa.string()),
        ("action", pa.string()),
        ("columns", pa.list_(pa.string())),
        ("retention_hours", pa.float64()),
        ("version", pa.int64()),
        ("files_before", pa.int64()),
        ("files_after", pa.int64()),
        ("bytes_freed", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Action:
    """One thing that was done to a table."""

    time: datetime
    table: str
    action: str
    """`z_order`, `vacuum`, `statistics` or `compaction`."""
    version: int
    """The table's newest version afterwards."""
    files_before: int
    files_after: int
    """Of the data files that the action was about."""
    columns: tuple[str, ...] = ()
    retention_hours: float | None = None
    bytes_freed: int = 0


@dataclass(frozen=True)
class Maintenance:
    """The table of maintenance."""

    table: RecordTable

    def put(self, actions: list[Action]) -> None:
        """Record actions, in their order."""
        self.table.append(KEY, lambda number: [_row(number, action) for action in actions])

    def all(self) -> list[Action]:
        """Return every action, the oldest first."""
        rows = self.table.rows()
        return sorted((_action(row) for row in rows), key=lambda action: action.time)


def _row(number: int, action: Action) -> dict[str, object]:
    return {"number": number, **vars(action), "columns": list(action.columns)}


def _action(row: Mapping[str, Any]) -> Action:
    kept = {name: value for name, value in row.items() if name != "number"}
    return Action(**{**kept, "columns": tuple(row["columns"])})
