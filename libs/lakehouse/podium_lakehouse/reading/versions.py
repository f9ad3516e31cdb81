"""Which version of a table a reader gets: the certified one, now or at a time, or any that it names."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from deltalake import DeltaTable
from podium_contracts.errors import DataFileUnreadable, PodiumError, TerminalError, VersionGone
from podium_contracts.pipeline import Pipeline

from podium_lakehouse.certified import certified_tables, table_uri
from podium_lakehouse.delta.commits import MAINTENANCE_KEY
from podium_lakehouse.delta.history import history_of
from podium_lakehouse.delta.stamps import stamp
from podium_lakehouse.delta.tables import Snapshot, current, data_files, find
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.store.files import exists

UNJUDGED = ("quarantine.", "_podium.")
"""Tables that no verdict is about: readers get the newest version."""


@dataclass(frozen=True)
class Reader:
    """A lakehouse as readers see it; `pipelines` are the datasets of each that has tables in it."""

    lakehouse: Lakehouse
    pipelines: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, pipeline: Pipeline, lakehouse: Lakehouse) -> "Reader":
        """Return a reader of one pipeline's tables."""
        return cls(lakehouse, {pipeline.name: list(pipeline.spec.datasets)})

    @classmethod
    def at(cls, uri: str) -> "Reader":
        """Return a reader of all pipelines' tables in the lakehouse at a path or URI.

        Raises:
            TerminalError: there is no lakehouse.
        """
        lakehouse = Lakehouse(uri.rstrip("/"))
        pipelines = lakehouse.pipelines.datasets()
        if not pipelines:
            raise TerminalError(
                f"there is no lakehouse in {uri}",
                hint="give the folder or the s3://… URI of spec.lakehouse.uri",
            )
        return cls(lakehouse, pipelines)

    def certified(self, at: datetime | None = None) -> dict[str, Snapshot]:
        """Return the certified version of every table by name, now or as runs that were requested up to a time had left it."""
        found = {
            name: Snapshot(table_uri(self.lakehouse, name), table.to_version)
            for pipeline, datasets in self.pipelines.items()
            for name, table in certified_tables(self.lakehouse, pipeline, datasets, at).items()
        }
        return found if at else {name: _laid_out(snapshot) for name, snapshot in found.items()}

    def snapshot(self, name: str, *, version: int | None = None, at: datetime | None = None) -> Snapshot:
        """Return a table at its certified version, at a version, or as it was certified at a time.

        Raises:
            TerminalError: there is no such table or version, or none of it was certified.
        """
        uri = table_uri(self.lakehouse, name)
        table = find(uri)
        if table is None:
            known = ", ".join(sorted(self.certified()))
            raise TerminalError(
                f"there is no table {name}", hint=f"the certified tables are: {known or 'none yet'}"
            )
        if version is not None:
            return Snapshot(uri, _existing(table, name, version))
        if name.startswith(UNJUDGED):
            return Snapshot(uri, table.version())
        found = self.certified(at).get(name)
        if found is None:
            when = f"was certified at {at.isoformat()}" if at else "is certified"
            raise TerminalError(
                f"no version of {name} {when}",
                hint="the verdicts are in `podium report`; a version can be asked for by its number",
            )
        return found


def moment(text: str | datetime) -> datetime:
    """Return a time that somebody typed, in UTC unless it says otherwise.

    Raises:
        TerminalError: it is none.
    """
    try:
        found = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    except ValueError as error:
        raise TerminalError(f"{text!r} is no time", hint="write it as 2026-11-23T14:00:00") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@contextmanager
def kept(snapshots: Mapping[str, Snapshot]) -> Iterator[None]:
    """Let an error of reading tables through as what it means, where files of the version have been taken away by VACUUM."""
    try:
        yield
    except Exception as error:
        if isinstance(error, PodiumError) and not isinstance(error, DataFileUnreadable):
            raise
        for name, snapshot in snapshots.items():
            if (gone := _gone(snapshot)) is not None:
                raise VersionGone(
                    f"{name} at version {snapshot.version} was vacuumed: {gone}",
                    hint="read a later version: `podium history` lists them; a longer retention keeps more",
                ) from error
        raise


def _laid_out(snapshot: Snapshot) -> Snapshot:
    """Return the same rows as they lie now: the version after the last commit in a row that has only put files in order."""
    if stamp(snapshot.uri, snapshot.version + 1) is None:
        return snapshot
    table = current(snapshot.uri)
    later = history_of(table, table.version() - snapshot.version) if table else []
    version = snapshot.version
    for entry in reversed(later):
        if MAINTENANCE_KEY not in entry and entry.get("operation") != "OPTIMIZE":
            break
        version = int(entry["version"])
    return Snapshot(snapshot.uri, version)


def _existing(table: DeltaTable, name: str, version: int) -> int:
    if not 0 <= version <= table.version():
        raise TerminalError(f"{name} has no version {version}", hint=f"the newest is {table.version()}")
    return version


def _gone(snapshot: Snapshot) -> str | None:
    """Return what a version of a table has lost, None where nothing."""
    try:
        files = data_files(DeltaTable(snapshot.uri, version=snapshot.version))
    except Exception:  # noqa: BLE001 - delta-rs has a different error for each way in which a log can begin too late
        return "its log no longer goes back so far"
    missing = sum(not exists(file) for file in files)
    return f"{missing} of its {len(files)} files are gone" if missing else None
