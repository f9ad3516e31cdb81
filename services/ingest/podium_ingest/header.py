"""The first line of a CSV file: the names of its columns."""

import codecs
import csv
import re
from pathlib import Path

from podium_contracts.errors import BadSource
from podium_contracts.names import collisions
from podium_contracts.pipeline import CsvDialect
from podium_lakehouse.engines.text_files import open_text

from podium_ingest.text import check_plain

LINE_BREAK = re.compile(rb"[\r\n]")
LONGEST_BYTES = 1 << 20


def header(path: Path, name: str, dialect: CsvDialect, encoding: str = "utf-8") -> list[str]:
    """Return the names in the first line of a CSV file that people know by a name.

    Raises:
        BadSource: there is none, it cannot be read, or two names would be one column.
    """
    check_plain(path, name)
    names = _names(name, _first_line(path, name, encoding), dialect)
    if not any(column.strip() for column in names):
        raise BadSource(f"{name} has no header line", hint="its first line must name the columns")
    if "" in names:
        raise BadSource(
            f"{name}: column {names.index('') + 1} of the header has no name", hint="name it in the file"
        )
    if clashes := collisions(names):
        listed = "; ".join(" and ".join(map(repr, group)) for group in clashes)
        raise BadSource(f"{name}: {listed} would be the same column", hint="rename one of them in the file")
    return names


def _first_line(path: Path, name: str, encoding: str) -> str:
    with open_text(path, encoding) as file:
        line = LINE_BREAK.split(file.readline(LONGEST_BYTES), 1)[0]
    if encoding == "utf-8" and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BadSource(
            f"{name} is UTF-16", hint="say so, as encoding: utf-16 in the source, or save it as UTF-8"
        )
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadSource(
            f"{name}: the header is not {encoding.upper()}",
            hint="say what it is, as encoding: windows-1252 in the source, or save the file as UTF-8",
        ) from error
    if "\0" in text:
        raise BadSource(
            f"{name} is no text in {encoding.upper()}",
            hint="say what it is, as encoding: utf-16 or format: excel in the source, or save it as UTF-8",
        )
    return text


def _names(name: str, line: str, dialect: CsvDialect) -> list[str]:
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
            f"{name}: the header cannot be read: {error}",
            hint="the names must be in one line, and each quote must be closed",
        ) from error
