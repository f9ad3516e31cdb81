"""The text of a file, looked at without any CSV parser: ingestion is checked against what is counted here."""

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from podium_contracts.errors import BadSource
from podium_lakehouse.engines.text_files import open_bytes
from podium_lakehouse.records.intents import SourceFile

from podium_ingest.listed import Listed

CHUNK_BYTES = 1 << 20
_BLANK_LINES = re.compile(rb"\n(?:\r?\n)+")


def pinned(path: Path, listed: Listed) -> SourceFile:
    """Return what is to be pinned of a file: what it is, and its text's digest and lines.

    Raises:
        BadSource: it cannot be read to its end.
    """
    digest, lines, blank, tail = hashlib.sha256(), 0, 0, b"\n"
    for chunk in _decompressed(path, listed.name):
        digest.update(chunk)
        lines += chunk.count(b"\n")
        joined = tail + chunk
        blank += _blank_lines(joined) - _blank_lines(tail)
        tail = joined[-2:]
    unfinished = 0 if tail.endswith(b"\n") else 1
    return SourceFile(
        path=listed.name,
        size=listed.size,
        modified_ns=listed.modified_ns,
        etag=listed.etag,
        sha256=digest.hexdigest(),
        lines=lines + unfinished,
        blank=blank,
    )


def _blank_lines(text: bytes) -> int:
    """Return the lines without any text; searched for only where there are any, as that takes longer than counting."""
    if b"\n\n" not in text and b"\n\r\n" not in text:
        return 0
    return sum(found[0].count(b"\n") - 1 for found in _BLANK_LINES.finditer(text))


def _decompressed(path: Path, name: str) -> Iterator[bytes]:
    try:
        with open_bytes(path) as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadSource(
            f"{name} is not a complete gzip file: {error}",
            hint="copy it again: it was cut off or damaged on the way",
        ) from error
    except OSError as error:
        raise BadSource(
            f"{name} cannot be read: {error.strerror}", hint="check that it is there and readable"
        ) from error
