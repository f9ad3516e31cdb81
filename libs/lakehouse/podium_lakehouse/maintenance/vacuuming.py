"""Taking away files that nobody needs any more: VACUUM.

delta-rs lists them, by age: what was taken out of the table longer ago than the retention, and what no version refers to and is older. Of that
list stays what somebody needs (see `needed`), whatever its age, with the change feed's files, which no version refers to either; and what is so
new that a stage may be about to commit it. What is gone is in no version that is needed, so that it can be killed anywhere, and run again.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from podium_contracts.pipeline import is_object

from podium_lakehouse.delta.stamps import commit_uri
from podium_lakehouse.maintenance.needed import Needed
from podium_lakehouse.store import objects

RETENTION_HOURS = 168
UNCOMMITTED_HOURS = 24
"""How old a file is at least that no commit has ever named: a stage commits what it has written within hours."""
BATCH = 500
"""Files that are taken away between two looks at the table."""


@dataclass(frozen=True)
class Vacuumed:
    """Files that were taken away, or would be: how many, and their bytes; and how many stay though they are old, because somebody needs them."""

    files: int
    bytes: int
    needed: int


@dataclass(frozen=True)
class File:
    """A file's bytes, and when it was written, in seconds since 1970."""

    size: int
    modified: float


def vacuum(
    uri: str, needs: Callable[[], Needed], retention_hours: float = RETENTION_HOURS, *, dry_run: bool = False
) -> Vacuumed:
    """Take away the files of a table that nobody needs; `needs` is asked after the table was looked at, so that no version is pinned unseen in between."""
    table = DeltaTable(uri)
    listed = table.vacuum(int(retention_hours), dry_run=True, enforce_retention_duration=False, full=True)
    present = _present(uri)
    old = {path: present[path] for path in listed if path in present}
    kept = set(_files_needed(uri, needs()))
    if retention_hours < UNCOMMITTED_HOURS:
        kept |= _uncommitted(uri, table, old)
    going = [path for path in old if path not in kept]
    if not dry_run:
        for start in range(0, len(going), BATCH):
            live = _paths(DeltaTable(uri))  # a restore may have brought some back
            _take_away(uri, [path for path in going[start : start + BATCH] if path not in live])
    return Vacuumed(len(going), sum(old[path].size for path in going), len(old) - len(going))


def _files_needed(uri: str, needed: Needed) -> Iterator[str]:
    """Yield the files of the versions that are needed, and those by which their changes are told."""
    newest = DeltaTable(uri).version()
    for version in needed.versions:
        if 0 <= version <= newest:
            with suppress(
                DeltaError
            ):  # the log does not go back so far: nobody can read that version any more
                yield from _paths(DeltaTable(uri, version=version))
    if needed.changes_after is not None:
        for version in range(needed.changes_after + 1, newest + 1):
            yield from _named_by(uri, version)


def _uncommitted(uri: str, table: DeltaTable, files: Mapping[str, File]) -> set[str]:
    """Return the files, of those that are young, that no commit has named."""
    young = {path for path, file in files.items() if time.time() - file.modified < UNCOMMITTED_HOURS * 3600}
    if not young:
        return young
    named = {path for version in range(table.version() + 1) for path in _named_by(uri, version)}
    return young - named


def _named_by(uri: str, version: int) -> list[str]:
    """Return the files that a commit adds, removes, or tells changes by; none where the log begins later."""
    place = commit_uri(uri, version)
    try:
        content = objects.get(place) if is_object(place) else Path(place).read_bytes()
    except FileNotFoundError:
        return []
    actions = map(json.loads, content.splitlines())
    return [
        unquote(action[kind]["path"])
        for action in actions
        for kind in ("add", "remove", "cdc")
        if kind in action
    ]


def _paths(table: DeltaTable) -> set[str]:
    """Return a version's files, relative to the table, as they are called in their folder."""
    return {unquote(str(path)) for path in table.get_add_actions()["path"].to_pylist()}


def _present(uri: str) -> dict[str, File]:
    """Return the files in a table's folder by their names in it: delta-rs lists those that were taken away before, too."""
    if is_object(uri):
        _, key = objects.bucket_and_key(uri)
        return {
            meta["path"].removeprefix(f"{key}/"): File(meta["size"], meta["last_modified"].timestamp())
            for meta in objects.below(uri)
        }
    files = ((path, path.stat()) for path in Path(uri).rglob("*") if path.is_file())
    return {path.relative_to(uri).as_posix(): File(stat.st_size, stat.st_mtime) for path, stat in files}


def _take_away(uri: str, paths: Sequence[str]) -> None:
    if is_object(uri):
        objects.delete(f"{uri}/{path}" for path in paths)
        return
    for path in paths:
        file = Path(uri, path)
        file.unlink(missing_ok=True)
        if file.parent.parent == Path(
            uri, "data"
        ):  # a folder of one commit, which nobody writes into any more
            with suppress(OSError):
                file.parent.rmdir()
