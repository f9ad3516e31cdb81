"""Data files that an engine has written into a table's folder, made part of the table by one commit."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.transaction import AddAction, RemoveAction

from podium_lakehouse.delta.commits import Committed, TransactionId, afterwards, commit_once
from podium_lakehouse.delta.folders import discard
from podium_lakehouse.delta.parquet import DataFile, data_files


def append_once(
    table_uri: str,
    folders: Sequence[str],
    transaction: TransactionId,
    *,
    base: int,
    metadata: Mapping[str, str],
) -> Committed:
    """Add the data files of folders to a table, once; without rows there is still a commit.

    Raises:
        CommitConflict: rows have changed since `base`.
    """
    files = _files(table_uri, folders)

    def change(table: DeltaTable, properties: CommitProperties) -> None:
        append_files(table, properties, files)

    committed = commit_once(table_uri, transaction, change, base=base, metadata=metadata)
    if committed.is_by_an_earlier_try:
        discard(folders)
    return committed


def overwrite_once(
    table_uri: str,
    folder: str,
    schema: pa.Schema,
    transaction: TransactionId,
    *,
    base: int,
    metadata: Mapping[str, str],
) -> Committed:
    """Replace every row of a table, and its columns, by the data files of a folder, once.

    Raises:
        CommitConflict: rows have changed since `base`.
    """
    files = _files(table_uri, [folder])

    def change(table: DeltaTable, properties: CommitProperties) -> None:
        table.create_write_transaction(
            _actions(files),
            mode="overwrite",
            schema=Schema.from_arrow(schema),
            commit_properties=properties,
            post_commithook_properties=afterwards(table),
        )

    committed = commit_once(table_uri, transaction, change, base=base, metadata=metadata)
    if committed.is_by_an_earlier_try:
        discard([folder])
    return committed


def append_files(table: DeltaTable, properties: CommitProperties, files: Sequence[DataFile]) -> None:
    """Commit the files to the table.

    Raises:
        FileNotFoundError: a file is gone; delta-rs itself would commit it all the same.
    """
    table.create_write_transaction(
        _actions(files),
        mode="append",
        schema=table.schema(),
        commit_properties=properties,
        post_commithook_properties=afterwards(table),
    )


def _files(table_uri: str, folders: Sequence[str]) -> list[DataFile]:
    return [file for folder in folders for file in data_files(table_uri, folder)]


def _actions(files: Sequence[DataFile]) -> list[AddAction | RemoveAction]:
    for data in files:
        if not data.file.exists():
            raise FileNotFoundError(data.file.uri)
    return [data.action for data in files]
