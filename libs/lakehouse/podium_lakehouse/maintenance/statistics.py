"""Bringing a table's statistics up to date: by them files are left out unread, and rows are counted."""

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction

from podium_lakehouse.delta.commits import MAINTENANCE_KEY, MAX_ATTEMPTS, afterwards, back_off
from podium_lakehouse.delta.folders import NewFile
from podium_lakehouse.delta.parquet import listed

STATISTICS = {MAINTENANCE_KEY: "statistics"}
"""What such a commit says of itself."""


def refresh(uri: str) -> int:
    """Read the statistics of files that were committed without any from their footers, and write a checkpoint, so that the table is opened faster.

    Returns the number of those files. A file that goes meanwhile is left alone.
    """
    for attempt in range(MAX_ATTEMPTS):
        table = DeltaTable(uri)
        bare = _without_statistics(uri, table)
        if not bare:
            break
        try:
            table.create_write_transaction(
                list(bare),
                mode="append",
                schema=table.schema(),
                commit_properties=CommitProperties(custom_metadata=STATISTICS, max_commit_retries=0),
                post_commithook_properties=afterwards(table),
            )
        except CommitFailedError:
            back_off(attempt)
            continue
        DeltaTable(uri).create_checkpoint()
        return len(bare)
    DeltaTable(uri).create_checkpoint()
    return 0


def _without_statistics(uri: str, table: DeltaTable) -> Sequence[AddAction]:
    actions = pa.table(table.get_add_actions(flatten=False)).to_pylist()
    found = []
    for action in actions:
        if action["num_records"] is not None:
            continue
        file = NewFile(uri, str(action["path"]), int(action["size_bytes"]), int(action["modification_time"]))
        partition = {
            name: None if value is None else str(value)
            for name, value in (action.get("partition") or {}).items()
        }
        found.append(replace(listed(uri, file), partition_values=partition, data_change=False))
    return found
