"""The files and objects of a pipeline's sources: which are there, which are news, and where this machine reads them."""

import glob
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path, PurePath
from typing import Self

from podium_contracts.errors import BadSource
from podium_contracts.pipeline import FileSource, Pipeline, in_folder, is_object
from podium_lakehouse.engines.scratch import scratch_folder
from podium_lakehouse.records.intents import SourceFile

from podium_ingest import objects, text
from podium_ingest.listed import Listed, unseen

COPIED_BYTES = 8 * 10**9
"""Objects that lie on this machine's disk at the same time; a larger one lies there alone."""
THREADS = 4
_Sight = tuple[str, int, str]
_REPEATED: dict[_Sight, str] = {}
"""By what is seen of files and objects without opening them: the content of those that repeat what was ingested, so that a process
reads each once only."""
_HINT = "put the file back as it was, or give the new content a new name; then run it again"


@dataclass(frozen=True)
class _Copy:
    """A copy of an object, and what was pinned of it."""

    path: Path
    pinned: SourceFile


@dataclass
class Files:
    """The files and objects of a pipeline. A file is read where it lies, an object from a copy that is fetched once and goes with this value.

    Copies lie in a scratch folder of this machine. Tasks of engine spark read them there, too: where executors run on other machines, TMPDIR
    must be on the volume that they share for the lakehouse.
    """

    pipeline: Pipeline
    _copies: dict[str, _Copy] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)
    _numbers: Iterator[int] = field(default_factory=count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def listing(self, sources: Iterable[FileSource]) -> list[Listed]:
        """Return what the sources name, sorted.

        Raises:
            BadSource: a source names nothing.
        """
        found: dict[Listed, None] = {}
        for source in sources:
            listed = self.matching(source)
            if not listed:
                kind = "object" if source.objects else "file"
                raise BadSource(f"no {kind} matches {source.path}", hint=self._instead(source))
            found |= dict.fromkeys(listed)
        return sorted(found, key=_place)

    def _instead(self, source: FileSource) -> str:
        """What to do about a source that names nothing."""
        place = self.pipeline.resolve(source.path)
        literal = source.path.replace("[", "[[]")
        if not source.objects and not source.path.endswith("/") and Path(place).is_dir():
            return f"write {source.path}/ for the files in this folder"
        if not source.objects and "[" in source.path and self._names(literal):
            return f"write {literal} where a name has a bracket: [...] is one character of those in between"
        return f"put one there, or correct `path`: looked for {place}"

    def matching(self, source: FileSource) -> list[Listed]:
        """Return what a source names, sorted; there may be nothing.

        Raises:
            BadSource: a folder of the pattern cannot be looked into, or a link leads nowhere.
        """
        if source.objects:
            return objects.matching(source.objects)
        pattern = in_folder(source.path)
        for folder in self._names(f"{os.path.dirname(pattern) or '.'}/"):  # noqa: PTH120 - a pattern is no path
            if not os.access(folder, os.R_OK | os.X_OK):
                raise BadSource(
                    f"{source_name(self.pipeline, folder)} cannot be looked into: permission denied",
                    hint="let its files be read, or correct `path`",
                )
        paths = [path for path in self._names(pattern) if path.is_file() or _leads_nowhere(path)]
        return sorted((listed(path, source_name(self.pipeline, path)) for path in paths), key=_place)

    def _names(self, pattern: str) -> list[Path]:
        """Return the files and folders of a pattern."""
        found = glob.glob(pattern, root_dir=self.pipeline.root, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        return [Path(self.pipeline.resolve(name)) for name in found]

    def named(self, source: FileSource, uris: Iterable[str]) -> list[Listed]:
        """Return those of the objects with these URIs that a source names and that are there."""
        pattern = source.objects
        wanted = sorted({uri for uri in uris if pattern and pattern.names(uri)})
        if not wanted:
            return []
        with ThreadPoolExecutor(THREADS) as pool:
            return [found for found in pool.map(objects.look, wanted) if found]

    def portions(self, found: Iterable[Listed]) -> Iterator[list[Listed]]:
        """Yield what is found in portions whose copies find room on this machine."""
        portion, size = list[Listed](), 0
        for file in found:
            copied = file.size if is_object(file.name) else 0
            if portion and size + copied > COPIED_BYTES:
                yield portion
                portion, size = [], 0
            portion.append(file)
            size += copied
        if portion:
            yield portion

    def news(self, found: Iterable[Listed], known: list[SourceFile]) -> list[SourceFile]:
        """Return the files whose content has not been ingested, under whatever name, as they are now; of several with one content the first.

        A file whose size and modification time are known is not opened, an object whose size and ETag are is not fetched.

        Raises:
            BadSource: a file cannot be read to its end, or the store refuses an object.
            TransientError: no store answers.
        """
        contents = {file.sha256 for file in known}
        suspects = [
            file for file in unseen(found, known) if _REPEATED.get(_sight(file.name, file)) not in contents
        ]
        with ThreadPoolExecutor(THREADS) as pool:
            pinned = [file for file in pool.map(self._pin, suspects) if file]
        fresh = []
        for file in pinned:
            if file.sha256 in contents:
                _REPEATED[_sight(file.path, file)] = file.sha256
            else:
                contents.add(file.sha256)
                fresh.append(file)
        return fresh

    def readable(self, pinned: SourceFile) -> Path:
        """Return where this machine reads what was pinned.

        Raises:
            BadSource: it is gone, or its content is another.
            TransientError: no store answers.
        """
        if not is_object(pinned.path):
            path = Path(self.pipeline.resolve(pinned.path))
            unchanged(path, pinned)
            return path
        copy = self._copies.get(pinned.path)
        if copy:
            now = objects.look(pinned.path)
            if now and now.is_as(copy.pinned) and copy.pinned.sha256 == pinned.sha256:
                return copy.path
        copy = self._fetch(pinned.path)
        if copy is None:
            raise BadSource(f"{pinned.path} was pinned for ingestion and is gone", hint=_HINT)
        if copy.pinned.sha256 != pinned.sha256:
            raise BadSource(f"{pinned.path} has changed since it was pinned for ingestion", hint=_HINT)
        return copy.path

    def check_read(self, pinned: SourceFile) -> None:
        """Check that what was read is what was pinned: a copy is nobody else's, a file may have changed.

        Raises:
            BadSource: it has.
        """
        if not is_object(pinned.path):
            unchanged(Path(self.pipeline.resolve(pinned.path)), pinned)

    def drop_copies(self) -> None:
        """Take all copies away."""
        for copy in self._copies.values():
            copy.path.unlink(missing_ok=True)
        self._copies.clear()

    def _pin(self, found: Listed) -> SourceFile | None:
        """Pin a file; None for an object that is gone, or was only the marker of a folder."""
        if not is_object(found.name):
            return pin(Path(self.pipeline.resolve(found.name)), found.name)
        copy = self._fetch(found.name)
        return copy.pinned if copy else None

    def _fetch(self, uri: str) -> _Copy | None:
        path = self._scratch / f"{next(self._numbers)}{PurePath(uri).suffix}"
        found = objects.fetch(uri, path)
        if found is None:
            return None
        copy = _Copy(path, text.pinned(path, found))
        self._copies[uri] = copy
        return copy

    @cached_property
    def _scratch(self) -> Path:
        return self._stack.enter_context(scratch_folder())


def _sight(name: str, file: Listed | SourceFile) -> _Sight:
    return name, file.size, file.etag or str(file.modified_ns)


def listed(path: Path, name: str) -> Listed:
    """Return a file of this machine as it is now.

    Raises:
        BadSource: it is gone, a link to a file that is not there, or has a name that no text can hold.
    """
    try:
        name.encode()
        stat = path.stat()
    except UnicodeEncodeError as error:
        shown = os.fsencode(name).decode("utf-8", "backslashreplace")
        raise BadSource(
            f"{shown} has a name that is not UTF-8", hint="rename the file, or the folder that has the name"
        ) from error
    except OSError as error:
        raise BadSource(
            f"{name} cannot be read: {error.strerror}", hint="check that it is there and readable"
        ) from error
    return Listed(name, stat.st_size, stat.st_mtime_ns)


def pin(path: Path, name: str) -> SourceFile:
    """Return what is to be pinned of a file of this machine.

    Raises:
        BadSource: the file cannot be read to its end, or changes while it is read.
    """
    before = listed(path, name)
    found = text.pinned(path, before)
    if listed(path, name) != before:
        raise BadSource(f"{name} changed while it was read", hint="run it again when the file is complete")
    return found


def unchanged(path: Path, pinned: SourceFile) -> None:
    """Check that a file of this machine is still what the intent pinned.

    Raises:
        BadSource: it is gone, or its content is another.
    """
    if not path.is_file():
        raise BadSource(f"{path} was pinned for ingestion and is gone", hint=_HINT)
    if not listed(path, pinned.path).is_as(pinned) and pin(path, pinned.path).sha256 != pinned.sha256:
        raise BadSource(f"{path} has changed since it was pinned for ingestion", hint=_HINT)


def source_name(pipeline: Pipeline, path: Path) -> str:
    """Return what Bronze calls a file: its path relative to the pipeline file where it lies below."""
    return (
        path.relative_to(pipeline.root).as_posix() if path.is_relative_to(pipeline.root) else path.as_posix()
    )


def _leads_nowhere(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _place(found: Listed) -> tuple[str, ...]:
    """Return what files are sorted by: their paths, part by part."""
    return PurePath(found.name).parts
