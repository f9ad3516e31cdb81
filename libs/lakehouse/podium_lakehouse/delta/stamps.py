"""What tells the file of one commit from another of that number: a table that was put back, or made anew in its place, has another one."""

import threading
from pathlib import Path
from time import monotonic

from podium_contracts.pipeline import is_object

from podium_lakehouse.store import objects
from podium_lakehouse.store.troubles import in_words

FRESH_SECONDS = 2.0
"""How long a commit in a store that was there is taken to be there still: a stage looks at a table often. Whoever is about to commit
looks again; see `forget`."""
MOST = 1000
"""Stamps of commits in stores that a thread remembers."""

Stamp = tuple[int | str, int, int]


class _Asked(threading.local):
    """By the URI of a commit in a store: when this thread asked, and what it was told."""

    def __init__(self) -> None:
        self.stamps: dict[str, tuple[float, Stamp]] = {}


_asked = _Asked()


def stamp(uri: str, version: int) -> Stamp | None:
    """Return the stamp of a table's commit, None where it is not there."""
    place = commit_uri(uri, version)
    if is_object(uri):
        with in_words(uri):
            return _object_stamp(place)
    try:
        file = Path(place).stat()
    except OSError:
        return None
    return file.st_ino, file.st_mtime_ns, file.st_size


def commit_uri(uri: str, version: int) -> str:
    """Return where a table's commit lies."""
    return f"{uri}/_delta_log/{version:020d}.json"


def forget() -> None:
    """Let the next looks ask the store."""
    _asked.stamps.clear()


def _object_stamp(place: str) -> Stamp | None:
    now = monotonic()
    asked, known = _asked.stamps.get(place, (0.0, None))
    if known and now < asked + FRESH_SECONDS:
        return known
    found = objects.head(place)
    if found is None:
        return None
    if len(_asked.stamps) >= MOST:
        forget()
    told = found["e_tag"] or "", int(found["last_modified"].timestamp()), found["size"]
    _asked.stamps[place] = now, told
    return told
