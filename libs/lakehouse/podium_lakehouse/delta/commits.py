"""One commit per table and intent, whatever is killed or raced: `commit_once`.

A commit carries a transaction identifier: the application id names the pipeline, stage and table, the number is the intent's.
Spark's Delta skips a repeated identifier by itself; delta-rs writes it again. So the identifier is looked up and the commit is
made on the *same* `DeltaTable` object: if somebody else commits in between, delta-rs refuses the stale object, and the look-up
starts again on a fresh one. Opening the table by path for the commit would lose that fence.
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import CommitFailedError
from podium_contracts.errors import CommitConflict

from podium_lakehouse.delta.history import history_of
from podium_lakehouse.delta.tables import borrowed
from podium_lakehouse.delta.transactions import last_number

MAX_ATTEMPTS = 50
"""Lost races before giving up. Records are shared by all stages of a lakehouse, so a burst of losses is normal."""
FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.005, 0.2
RECENT = 5
"""Commits to look through before reading a table's whole history."""
LOG_CLEANED_EVERY = 64
"""Commits between two looks for what has expired in a table's log: delta-rs would list all of the log after each."""
TRANSACTION_KEY = "podium.transaction"
MAINTENANCE = frozenset({"OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES", "ADD COLUMN"})
"""Operations that change no row, so that a pinned base stays what it was."""
MAINTENANCE_KEY = "podium.maintenance"
"""What a commit says of itself that changes no row, though it is a write: `compaction`, `ordering` or `statistics`."""

Change = Callable[[DeltaTable, CommitProperties], object]


@dataclass(frozen=True)
class TransactionId:
    """The identifier of one commit to one table."""

    app_id: str
    number: int

    def __str__(self) -> str:
        return f"{self.app_id}#{self.number}"


@dataclass(frozen=True)
class Committed:
    """A commit that is in the table: its version, and whether an earlier try had already made it."""

    version: int
    repeated: bool
    metrics: Mapping[str, int] = field(default_factory=dict)
    attempts: int = field(default=0, compare=False)
    """How often this call had tried before it found the commit there: then it may be its own, whose answer was lost on the way."""

    @property
    def is_by_an_earlier_try(self) -> bool:
        """Whether this call has never tried to commit, so that nothing that it has written is part of the table."""
        return self.repeated and not self.attempts


def commit_once(
    uri: str,
    transaction: TransactionId,
    change: Change,
    *,
    base: int | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Committed:
    """Apply `change` to the table as one commit, unless a commit with this identifier is already there.

    `change` gets the table and the commit properties it must pass on; it may run several times when writers race.
    `base` is the version that the caller computed against; None skips the check (records only ever append).

    Raises:
        CommitConflict: rows have changed since `base`, or every attempt lost its race.
    """
    properties = CommitProperties(
        custom_metadata=commit_metadata(transaction, metadata or {}),
        max_commit_retries=0,
        app_transactions=[Transaction(transaction.app_id, transaction.number)],
    )
    for attempt in range(MAX_ATTEMPTS):
        with borrowed(uri) as table:
            if is_committed(table, transaction):
                return Committed(committed_version(table, transaction), repeated=True, attempts=attempt)
            if base is not None:
                _check_base(table, base)
            before = table.version()
            try:
                metrics = change(table, properties)
            except CommitFailedError:
                back_off(attempt)
                continue
            numbers = metrics if isinstance(metrics, dict) else {}
            table.update_incremental()
            alone = table.version() == before + 1
            version = table.version() if alone else committed_version(table, transaction)
            return Committed(version, repeated=False, metrics=numbers)
    raise CommitConflict(f"{uri}: lost {MAX_ATTEMPTS} races to commit {transaction}", hint="run it again")


def afterwards(table: DeltaTable) -> PostCommitHookProperties:
    """Return what delta-rs does after the next commit to a table, beside the commit."""
    return PostCommitHookProperties(cleanup_expired_logs=(table.version() + 1) % LOG_CLEANED_EVERY == 0)


def commit_metadata(transaction: TransactionId, metadata: Mapping[str, str]) -> dict[str, str]:
    """Return what a commit says of itself: its identifier, and where it came from."""
    return {TRANSACTION_KEY: str(transaction), **metadata}


def said(entry: Mapping[str, object]) -> Mapping[str, object]:
    """Return what a commit of a table's history said of itself; Spark keeps it as one text of JSON."""
    text = entry.get("userMetadata")
    return {**entry, **json.loads(text)} if isinstance(text, str) and text.startswith("{") else entry


def is_maintenance(entry: Mapping[str, object]) -> bool:
    """Whether a commit of a table's history changed no row."""
    return entry.get("operation") in MAINTENANCE or MAINTENANCE_KEY in entry


def is_committed(table: DeltaTable, transaction: TransactionId) -> bool:
    """Whether the table already has this commit, or a later one of the same application."""
    number = last_number(table, transaction.app_id)
    return number is not None and number >= transaction.number


def committed_version(table: DeltaTable, transaction: TransactionId) -> int:
    """Return the version that this identifier was committed as, or the oldest that still holds it once the log was cleaned up.

    Raises:
        CommitConflict: a later commit of the same application has overtaken it.
    """
    entries: list[dict[str, object]] = []
    for limit in (RECENT, None):
        entries = history_of(table, limit)
        for entry in entries:
            if said(entry).get(TRANSACTION_KEY) == str(transaction):
                return int(str(entry["version"]))
    if last_number(table, transaction.app_id) == transaction.number:
        return int(str(entries[-1]["version"]))
    raise CommitConflict(
        f"{table.table_uri}: {transaction} was overtaken by a later commit", hint="run it again"
    )


def back_off(attempt: int) -> None:
    """Sleep for a random time, so that writers who lost the same race do not meet again."""
    time.sleep(random.uniform(0, min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**attempt)))  # noqa: S311 - no secret


def _check_base(table: DeltaTable, base: int) -> None:
    behind = table.version() - base
    if behind <= 0:
        return
    foreign = [entry for entry in history_of(table, behind) if not is_maintenance(entry)]
    if foreign:
        raise CommitConflict(
            f"{table.table_uri}: {foreign[0].get('operation')} changed the table after version {base}, "
            "which this intent had pinned",
            hint="run it again: a new intent will start from the table as it is now",
        )
