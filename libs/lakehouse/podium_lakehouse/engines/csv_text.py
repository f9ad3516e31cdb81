"""The text of a CSV file, looked at without the engine that parses it, and brought to the form that the engine parses."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from podium_contracts.errors import BadSource
from podium_contracts.pipeline import CsvDialect

from podium_lakehouse.engines.text_files import open_text

LINE_BREAK = re.compile(rb"(\r\n|\r|\n)")
HEADER_BYTES = 1 << 20
"""What is looked at to find the first line's end."""


@dataclass(frozen=True)
class Plain:
    """A file in the form that the engine parses, UTF-8 with lines that end in a line feed; the lines of a copy are counted as it is made."""

    path: Path
    lines: int | None = None
    blank: int = 0


def plain(path: Path, name: str, encoding: str, dialect: CsvDialect, copy: Path) -> Plain:
    """Return a file as the engine parses it: as it is, or in a copy where it is in another encoding, or its lines end in a carriage return.

    Bytes that the encoding does not have are bytes that UTF-8 does not have.

    Raises:
        BadSource: its lines end in different ways.
    """
    returns = ends_in_returns(path, encoding)
    if encoding == "utf-8" and not returns:
        return Plain(path)
    lines, blank, last = 0, 0, b""
    with copy.open("wb") as target:
        for line in _unreturned(path, name, encoding, dialect) if returns else _lines(path, encoding):
            target.write(line)
            lines += line.endswith(b"\n")
            blank += line in {b"\n", b"\r\n"}
            last = line
    unfinished = not last.endswith(b"\n")
    return Plain(copy, lines + unfinished, blank)


def ends_in_returns(path: Path, encoding: str) -> bool:
    """Whether the first line ends in a carriage return alone."""
    with open_text(path, encoding) as file:
        start = file.read(HEADER_BYTES)
    found = LINE_BREAK.search(start)
    return found is not None and found[0] == b"\r" and found.end() < len(start)


def _lines(path: Path, encoding: str) -> Iterator[bytes]:
    with open_text(path, encoding) as file:
        yield from file


def _unreturned(path: Path, name: str, encoding: str, dialect: CsvDialect) -> Iterator[bytes]:
    """Yield the lines of a text whose lines end in carriage returns, with line feeds in their places; those inside quotes stay."""
    opening, closing = _quotes(dialect)
    quoted = False
    with open_text(path, encoding) as file:
        for number, line in enumerate(_returned_lines(file), start=1):
            text = line.removesuffix(b"\r")
            for part in LINE_BREAK.split(text):
                if not LINE_BREAK.fullmatch(part):
                    quoted = _quoted_after(part, opening, closing, quoted=quoted)
                elif not quoted:
                    raise BadSource(
                        f"{name}:{number}: this line does not end as the first line does",
                        hint="let all lines end alike; a line break inside a value needs quotes around the value",
                    )
            yield text if text == line else text + (b"\r" if quoted else b"\n")


def _returned_lines(file: BinaryIO) -> Iterator[bytes]:
    rest = b""
    while chunk := file.read(HEADER_BYTES):
        *whole, rest = (rest + chunk).split(b"\r")
        yield from (line + b"\r" for line in whole)
    if rest:
        yield rest


def long_line(path: Path, encoding: str, most: int) -> int | None:
    """Return the first line (from 1) with more bytes than so many; breaks inside quotes end a line here, too."""
    number, length = 1, 0
    with open_text(path, encoding) as file:
        while piece := file.readline(HEADER_BYTES):
            length += len(piece)
            if length > most:
                return number
            if piece.endswith(b"\n"):
                number, length = number + 1, 0
    return None


def odd_line(path: Path, dialect: CsvDialect, encoding: str = "utf-8") -> int | None:
    """Return the first line (from 1) that ends in another line break than the first line; breaks inside quotes are text."""
    first, quoted = b"", False
    opening, closing = _quotes(dialect)
    with open_text(path, encoding) as file:
        for number, line in enumerate(file, start=1):
            for part in LINE_BREAK.split(line):
                if not LINE_BREAK.fullmatch(part):
                    quoted = _quoted_after(part, opening, closing, quoted=quoted)
                elif not quoted:
                    first = first or part
                    if part != first:
                        return number
    return None


def blank_lines(path: Path, dialect: CsvDialect, last: int) -> list[int]:
    """Return which lines (from 1) of a text in UTF-8 are blank, up to a last one; a line with breaks inside quotes counts as one."""
    found, number, quoted = list[int](), 1, False
    if not _has_blank_line(path):
        return found
    opening, closing = _quotes(dialect)
    with open_text(path, "utf-8") as file:
        for line in file:
            text = line.rstrip(b"\r\n")
            if not text and not quoted:
                found.append(number)
            quoted = _quoted_after(text, opening, closing, quoted=quoted)
            number += not quoted
            if number > last:
                break
    return found


def _has_blank_line(path: Path) -> bool:
    """Whether there may be one: found much faster than where."""
    end = b""
    with open_text(path, "utf-8") as file:
        while chunk := file.read(HEADER_BYTES):
            if b"\n\n" in end + chunk or b"\n\r\n" in end + chunk:
                return True
            end = chunk[-2:]
    return False


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
