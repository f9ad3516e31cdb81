"""Data files replaced by others with the same rows, in one commit that is no news: dataChange is false in all of it.

delta-rs has operations that do this, and they are not safe beside each other: one that loses its race commits again without seeing that the
winner has just replaced the same files, whose rows are then there twice. So the files are put together elsewhere, and the commit is made
here: at exactly the version after one at which all of the old files are still there.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import RemoveAction

from podium_lakehouse.delta.commits import MAX_ATTEMPTS, afterwards, back_off
from podium_lakehouse.delta.parquet import NULL_PARTITION, DataFile


@dataclass(frozen=True)
class LiveFile:
    """A data file that a table has."""

    path: str
    size: int
    modified: int
    """Milliseconds since 1970."""
    rows: int
    partition: tuple[tuple[str, str | None], ...] = ()

    def uri(self, table_uri: str) -> str:
        """Return where the file lies."""
        return f"{table_uri}/{unquote(self.path)}"

    def removed(self) -> RemoveAction:
        """Return what takes the file out of the table, not off the disk."""
        now = time.time_ns() // 1_000_000
        return RemoveAction(self.path, False, now, self.size, dict(self.partition))


def live_files(table: DeltaTable) -> list[LiveFile]:
    """Return a table's files, the oldest first."""
    actions = pa.table(table.get_add_actions(flatten=False)).to_pylist()
    found = [
        LiveFile(
            str(action["path"]),
            int(action["size_bytes"]),
            int(action["modification_time"]),
            int(action["num_records"]),
            tuple((column, _written(value)) for column, value in (action.get("partition") or {}).items()),
        )
        for action in actions
    ]
    return sorted(found, key=lambda file: (file.modified, file.path))


def replace_files(
    uri: str,
    planned: DeltaTable,
    old: Sequence[LiveFile],
    new: Sequence[DataFile],
    metadata: Mapping[str, str],
) -> int | None:
    """Let new files take the place of old ones; return the version, None where one of the old is gone or the table is another one.

    `planned` is the table as it was when the new files were planned.

    Raises:
        FileNotFoundError: a new file is gone.
    """
    properties = CommitProperties(custom_metadata=dict(metadata), max_commit_retries=0)
    for attempt in range(MAX_ATTEMPTS):
        table = DeltaTable(uri)
        version = table.version() + 1
        paths = {file.path for file in live_files(table)}
        if not all(file.path in paths for file in old) or not _is_same(table, planned):
            return None
        for data in new:
            if not data.file.exists():
                raise FileNotFoundError(data.file.uri)
        try:
            table.create_write_transaction(
                [
                    *(file.removed() for file in old),
                    *(replace(data.action, data_change=False) for data in new),
                ],
                mode="append",
                schema=table.schema(),
                commit_properties=properties,
                post_commithook_properties=afterwards(table),
            )
        except CommitFailedError:
            back_off(attempt)
            continue
        return version
    return None


def partition_folder(folder: Path, file: LiveFile) -> Path:
    """Return where, in a folder of new files, those of a file's partition are: as `folder/day=2010-01-05`."""
    parts = (f"{column}={NULL_PARTITION if value is None else value}" for column, value in file.partition)
    return folder.joinpath(*parts)


def _is_same(table: DeltaTable, before: DeltaTable) -> bool:
    """Whether a table's columns and settings are those that it had."""
    now, then = table.metadata(), before.metadata()
    return (now.id, now.configuration, table.schema()) == (then.id, then.configuration, before.schema())


def _written(value: object) -> str | None:
    return None if value is None else str(value)
