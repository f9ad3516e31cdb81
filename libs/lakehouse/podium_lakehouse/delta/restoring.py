"""A table put back to an earlier version, by a commit of its own: nothing is deleted, and what went and came back is news."""

from collections.abc import Mapping
from dataclasses import dataclass

from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError
from podium_contracts.errors import TerminalError

from podium_lakehouse.delta.appends import append_files
from podium_lakehouse.delta.commits import Committed, TransactionId, commit_once
from podium_lakehouse.delta.replacing import LiveFile, live_files
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.store.files import exists


@dataclass(frozen=True)
class Difference:
    """Between two versions of a table, file by file, in rows; a row that is in a new file on both sides counts on both."""

    inserted: int
    removed: int


def restore_once(
    uri: str, version: int, transaction: TransactionId, *, base: int, metadata: Mapping[str, str]
) -> Committed:
    """Put a table back to a version, once; where it is at that version there is still a commit.

    Raises:
        CommitConflict: rows have changed since `base`.
        TerminalError: files of the version are gone.
    """

    def change(table: DeltaTable, properties: CommitProperties) -> None:
        if table.version() == version:
            append_files(table, properties, ())
            return
        try:
            table.restore(version, commit_properties=properties)
        except CommitFailedError:
            raise
        except DeltaError as error:
            raise gone(uri, version) from error

    return commit_once(uri, transaction, change, base=base, metadata=metadata)


def gone(uri: str, version: int) -> TerminalError:
    """Return the error that says that a version of a table cannot be read any more."""
    return TerminalError(
        f"{uri}: version {version} is not there any more: its files or its log were cleaned up",
        hint="take a later version: `podium history` lists them",
    )


def difference(uri: str, base: int, version: int) -> Difference:
    """Return what putting a table back from a version to another one inserts and removes.

    Raises:
        TerminalError: a version cannot be read any more.
    """
    went, comes = _apart(uri, base, version)
    return Difference(inserted=sum(file.rows for file in comes), removed=sum(file.rows for file in went))


def check_files(uri: str, base: int, version: int) -> None:
    """Check that a table can be put back from a version to another one.

    Raises:
        TerminalError: that version has lost files, or cannot be read any more.
    """
    _, comes = _apart(uri, base, version)
    if not all(exists(file.uri(uri)) for file in comes):
        raise gone(uri, version)


def _apart(uri: str, base: int, version: int) -> tuple[list[LiveFile], list[LiveFile]]:
    """Return the files that only the one version has, and those that only the other has."""
    try:
        now, then = (live_files(Snapshot(uri, number).open()) for number in (base, version))
    except DeltaError as error:
        raise gone(uri, version) from error
    kept = {file.path for file in now} & {file.path for file in then}
    went, comes = ([file for file in files if file.path not in kept] for files in (now, then))
    return went, comes
