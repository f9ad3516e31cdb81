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
_ARCHIVES = {
    b"\x1f\x8b": ("is compressed", "let its name end in .gz"),
    b"\x28\xb5\x2f\xfd": ("is compressed by zstd", "decompress it, or compress it with gzip"),
    b"BZh91AY": ("is compressed by bzip2", "decompress it, or compress it with gzip"),
    b"\xfd7zXZ\0": ("is compressed by xz", "decompress it, or compress it with gzip"),
    b"PK\x03\x04": (
        "is a zip archive or a workbook",
        "unpack it; of a workbook say format: excel in the source",
    ),
}
"""By what files begin with that are no text: what they are, and what to do."""
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


def check_plain(path: Path, name: str) -> None:
    """Check that a file of text, decompressed where its name ends in `.gz`, is no archive.

    Raises:
        BadSource: it is.
    """
    with open_bytes(path) as file:
        start = file.read(max(map(len, _ARCHIVES)))
    for mark, (what, hint) in _ARCHIVES.items():
        if start.startswith(mark):
            raise BadSource(f"{name} {what}", hint=hint)


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
