"""The bytes of a CSV file, looked at without the engine that parses it."""

import gzip
import re
from pathlib import Path
from typing import BinaryIO

from podium_contracts.pipeline import CsvDialect

LINE_BREAK = re.compile(rb"(\r\n|\r|\n)")


def open_csv(path: Path) -> BinaryIO:
    """Open a file to read its bytes, decompressed where its name ends in `.gz`."""
    return gzip.open(path, "rb") if is_gzip(path) else path.open("rb")  # type: ignore[return-value]


def is_gzip(path: Path) -> bool:
    """Whether a file is read as gzip: by its name, so that its lines are counted in the text that is parsed."""
    return path.suffix.lower() == ".gz"


def odd_line(path: Path, dialect: CsvDialect) -> int | None:
    """Return the first line (from 1) that ends in another line break than the first line; breaks inside quotes are text."""
    first, quoted = b"", False
    opening, closing = _quotes(dialect)
    with open_csv(path) as file:
        for number, line in enumerate(file, start=1):
            for part in LINE_BREAK.split(line):
                if not LINE_BREAK.fullmatch(part):
                    quoted = _quoted_after(part, opening, closing, quoted=quoted)
                elif not quoted:
                    first = first or part
                    if part != first:
                        return number
    return None


def _quotes(dialect: CsvDialect) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Return what opens a quoted value, at the start of a value only, and the rest of one up to the quote that closes it."""
    delimiter, quote, escape = (
        re.escape(mark.encode()) for mark in (dialect.delimiter, dialect.quote, dialect.escape)
    )
    return re.compile(b"(?:^|%b) *%b" % (delimiter, quote)), re.compile(
        b"(?:%b%b|(?!%b).)*+%b" % (escape, quote, quote, quote)
    )


def _quoted_after(
    text: bytes, opening: re.Pattern[bytes], closing: re.Pattern[bytes], *, quoted: bool
) -> bool:
    """Return whether a value is still quoted at the end of a piece of a line, given whether one was at its start."""
    position = 0
    while found := closing.match(text, position) if quoted else opening.search(text, position):
        quoted, position = not quoted, found.end()
    return quoted
