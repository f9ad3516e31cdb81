"""Files and objects as they are listed, before anybody opens them."""

from collections.abc import Iterable
from dataclasses import dataclass

from podium_lakehouse.records.intents import SourceFile


@dataclass(frozen=True, order=True)
class Listed:
    """A file or an object as it is now; `modified_ns` is its modification time in nanoseconds, `etag` an object's."""

    name: str
    """What Bronze calls it: a path relative to the pipeline file where it lies below, or an object's URI."""
    size: int
    modified_ns: int
    etag: str = ""

    def is_as(self, pinned: SourceFile) -> bool:
        """Whether it is what was pinned, as far as can be told without opening it: an object by its ETag, a file by its time."""
        same = self.etag == pinned.etag if self.etag else self.modified_ns == pinned.modified_ns
        return same and self.size == pinned.size


def unseen(listed: Iterable[Listed], known: Iterable[SourceFile]) -> list[Listed]:
    """Return what has not been ingested under its name as it is listed."""
    by_name: dict[str, list[SourceFile]] = {}
    for file in known:
        by_name.setdefault(file.path, []).append(file)
    return [file for file in listed if not any(map(file.is_as, by_name.get(file.name, [])))]
