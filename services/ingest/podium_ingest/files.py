"""Which files are news, and what they held when the intent pinned them."""

import csv
import glob
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from podium_contracts.errors import BadSource
from podium_contracts.names import collisions
from podium_contracts.pipeline import CsvDialect, FileSource, Pipeline
from podium_lakehouse.engines.csv_text import open_csv
from podium_lakehouse.records.intents import SourceFile

CHUNK_BYTES = 1 << 20
_BLANK_LINES = re.compile(rb"\n(?:\r?\n)+")


def listing(pipeline: Pipeline, sources: list[FileSource]) -> list[Path]:
    """Return the files that the sources name, sorted.

    Raises:
        BadSource: a source names none.
    """
    found: dict[Path, None] = {}
    for source in sources:
        paths = matching(pipeline, source)
        if not paths:
            raise BadSource(
                f"no file matches {source.path}", hint=f"looked for {pipeline.resolve(source.path)}"
            )
        found |= dict.fromkeys(paths)
    return sorted(found)


def matching(pipeline: Pipeline, source: FileSource) -> list[Path]:
    """Return the files that a source names, sorted; there may be none."""
    matches = glob.glob(source.path, root_dir=pipeline.root, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    paths = [Path(path) for path in map(pipeline.resolve, matches)]
    return sorted(path for path in paths if path.is_file())


def source_name(pipeline: Pipeline, path: Path) -> str:
    """Return what Bronze calls a file: its path relative to the pipeline file where it lies below."""
    return (
        path.relative_to(pipeline.root).as_posix() if path.is_relative_to(pipeline.root) else path.as_posix()
    )


def news(pipeline: Pipeline, paths: list[Path], known: list[SourceFile]) -> list[SourceFile]:
    """Return the files whose content has not been ingested under their name, as they are now.

    A file whose size and modification time are known is not opened.

    Raises:
        BadSource: a file cannot be read to its end.
    """
    suspects = unseen(pipeline, paths, known)
    with ThreadPoolExecutor(max_workers=4) as pool:
        pinned = list(pool.map(lambda path: pin(path, source_name(pipeline, path)), suspects))
    contents = {(file.path, file.sha256) for file in known}
    return [file for file in pinned if (file.path, file.sha256) not in contents]


def unseen(pipeline: Pipeline, paths: list[Path], known: list[SourceFile]) -> list[Path]:
    """Return the files that have not been ingested under their name with their size and modification time."""
    by_name: dict[str, list[SourceFile]] = {}
    for file in known:
        by_name.setdefault(file.path, []).append(file)
    return [path for path in paths if not _seen(path, by_name.get(source_name(pipeline, path), []))]


def _seen(path: Path, versions: list[SourceFile]) -> bool:
    stat = path.stat()
    return any((file.size, file.modified_ns) == (stat.st_size, stat.st_mtime_ns) for file in versions)


def pin(path: Path, name: str) -> SourceFile:
    """Return a file's identity, and its lines counted without any CSV parser: ingestion is checked against them.

    Raises:
        BadSource: the file cannot be read to its end, or changes while it is read.
    """
    before = path.stat()
    digest, lines, blank, tail = hashlib.sha256(), 0, 0, b"\n"
    for chunk in _decompressed(path):
        digest.update(chunk)
        lines += chunk.count(b"\n")
        joined = tail + chunk
        blank += _blank_lines(joined) - _blank_lines(tail)
        tail = joined[-2:]
    after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise BadSource(f"{path} changed while it was read", hint="run it again when the file is complete")
    unfinished = 0 if tail.endswith(b"\n") else 1
    return SourceFile(
        path=name,
        size=after.st_size,
        modified_ns=after.st_mtime_ns,
        sha256=digest.hexdigest(),
        lines=lines + unfinished,
        blank=blank,
    )


def _blank_lines(text: bytes) -> int:
    """Return the lines without any text; searched for only where there are any, as that takes longer than counting."""
    if b"\n\n" not in text and b"\n\r\n" not in text:
        return 0
    return sum(found[0].count(b"\n") - 1 for found in _BLANK_LINES.finditer(text))


def unchanged(path: Path, pinned: SourceFile) -> None:
    """Check that a file is still what the intent pinned.

    Raises:
        BadSource: it is gone, or its content is another.
    """
    hint = "put the file back as it was, or give the new content a new name; then run it again"
    if not path.is_file():
        raise BadSource(f"{path} was pinned for ingestion and is gone", hint=hint)
    stat = path.stat()
    same = (stat.st_size, stat.st_mtime_ns) == (pinned.size, pinned.modified_ns)
    if not same and pin(path, pinned.path).sha256 != pinned.sha256:
        raise BadSource(f"{path} has changed since it was pinned for ingestion", hint=hint)


def header(path: Path, dialect: CsvDialect) -> list[str]:
    """Return the names in a CSV file's first line.

    Raises:
        BadSource: there is none, it cannot be read, or two names would be one column.
    """
    names = _names(path, _first_line(path), dialect)
    if not any(name.strip() for name in names):
        raise BadSource(f"{path} has no header line", hint="its first line must name the columns")
    if "" in names:
        raise BadSource(
            f"{path}: column {names.index('') + 1} of the header has no name", hint="name it in the file"
        )
    if clashes := collisions(names):
        listed = "; ".join(" and ".join(repr(name) for name in group) for group in clashes)
        raise BadSource(f"{path}: {listed} would be the same column", hint="rename one of them in the file")
    return names


def _first_line(path: Path) -> str:
    with open_csv(path) as file:
        line = file.readline(CHUNK_BYTES)
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadSource(f"{path}: the header is not UTF-8", hint="save the file as UTF-8") from error
    if "\0" in text:
        raise BadSource(f"{path} is no text in UTF-8", hint="save the file as UTF-8")
    text = text.removesuffix("\n").removesuffix("\r")
    if "\r" in text:
        raise BadSource(f"{path}: the lines end in \\r alone", hint="let all lines end in \\n or in \\r\\n")
    return text


def _names(path: Path, line: str, dialect: CsvDialect) -> list[str]:
    doubled = dialect.escape == dialect.quote
    rows = csv.reader(
        [line] if line else [],
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        doublequote=doubled,
        escapechar=None if doubled else dialect.escape,
        strict=True,
    )
    try:
        return next(rows, [])
    except csv.Error as error:
        raise BadSource(
            f"{path}: the header cannot be read: {error}",
            hint="the names must be in one line, and each quote must be closed",
        ) from error


def _decompressed(path: Path) -> Iterator[bytes]:
    try:
        with open_csv(path) as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadSource(
            f"{path} is not a complete gzip file: {error}",
            hint="copy it again: it was cut off or damaged on the way",
        ) from error
    except OSError as error:
        raise BadSource(
            f"{path} cannot be read: {error.strerror}", hint="check that it is there and readable"
        ) from error
