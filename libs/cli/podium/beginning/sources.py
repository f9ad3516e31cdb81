"""Which of the files that somebody names belong together, how they are written, and how a pipeline file names them."""

import codecs
import csv
import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from podium_contracts.errors import BadSource, TerminalError
from podium_contracts.pipeline import CsvDialect
from podium_ingest.header import header
from podium_lakehouse.engines.text_files import open_bytes, open_text

from podium.beginning.names import dataset_name

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
    ".avro": "avro",
    ".xlsx": "excel",
}
"""What files are written as, by the end of their names, before `.gz`."""
DELIMITERS = ",;\t|"
TEXTS = ("csv", "json", "ndjson")
SNIFFED_LINES = 100
SNIFFED_BYTES = 1 << 18
MOST_SOURCES = 16
NUMBERS = re.compile(r"\d[\d_.-]*$")
"""At the end of a file's name, before its suffix: a number or a date."""


@dataclass(frozen=True)
class Group:
    """Files that make one dataset: written alike, and with the same columns where these can be seen."""

    name: str
    files: tuple[Path, ...]
    format: str
    dialect: CsvDialect
    encoding: str

    def sources(self, home: Path) -> list[dict[str, object]]:
        """Return the sources of the dataset in a pipeline file that lies in a folder.

        Raises:
            TerminalError: no few patterns name these files and no others.
        """
        pattern = _pattern(self.files)
        patterns = [pattern] if pattern else [glob.escape(str(file)) for file in self.files]
        if len(patterns) > MOST_SOURCES:
            raise TerminalError(
                f"{self.files[0].name} and {len(self.files) - 1} more files with the same columns share no pattern",
                hint="put them into a folder of their own, and name that",
            )
        return [{"files": self._described(_below(text, home))} for text in patterns]

    def _described(self, path: str) -> dict[str, object]:
        described: dict[str, object] = {"path": path, "format": self.format}
        if self.encoding != "utf-8":
            described["encoding"] = self.encoding
        if self.dialect != CsvDialect():
            described["csv"] = self.dialect.model_dump(exclude_defaults=True)
        return described


def found(arguments: Iterable[str]) -> list[Path]:
    """Return the files that paths, patterns and folders name.

    Raises:
        TerminalError: one names no file.
    """
    files: dict[Path, None] = {}
    for argument in arguments:
        path = Path(argument)
        names = sorted(path.iterdir()) if path.is_dir() else [path] if path.exists() else _matching(argument)
        some = [file.absolute() for file in names if file.is_file() and not file.name.startswith(".")]
        if not some:
            raise TerminalError(f"{argument} names no file", hint=f"looked in {Path.cwd()}")
        files |= dict.fromkeys(some)
    return list(files)


def grouped(files: Sequence[Path]) -> list[Group]:
    """Return the datasets that files make: CSV files with the same columns, files of another format whose names differ in numbers only.

    Raises:
        TerminalError: the end of a file's name does not say how it is read.
        BadSource: a header cannot be read.
    """
    together: dict[_Kind, list[Path]] = {}
    for file in files:
        together.setdefault(_kind(file), []).append(file)
    groups: list[Group] = []
    for (form, dialect, encoding, _), members in together.items():
        name = dataset_name(_start([_stem(file) for file in members]), {group.name for group in groups})
        groups.append(Group(name, tuple(members), form, dialect, encoding))
    return groups


def encoding_of(file: Path) -> str:
    """Return the encoding of a text by its first bytes: UTF-16 says so, what is not UTF-8 is taken for Windows' own."""
    with open_bytes(file) as opened:
        start = opened.read(SNIFFED_BYTES)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8"


def dialect_of(file: Path, encoding: str) -> CsvDialect:
    """Return the dialect of a CSV file: the delimiter under which its first lines have most values, each line as many as the first."""
    with open_text(file, encoding) as opened:
        text = opened.read(SNIFFED_BYTES).decode("utf-8-sig", "replace")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:SNIFFED_LINES]
    best, most = ",", 1
    for delimiter in DELIMITERS:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        same = sum(count == counts[0] for count in counts)
        if counts and counts[0] > most and same * 10 >= len(counts) * 9:
            best, most = delimiter, counts[0]
    return CsvDialect(delimiter=best)


_Kind = tuple[str, CsvDialect, str, tuple[str, ...]]


def _kind(file: Path) -> _Kind:
    """Return what is equal for files of one dataset: format, dialect, encoding, and columns or the name without numbers."""
    form = FORMATS.get(_suffix(file))
    if form is None:
        known = ", ".join(f"*{suffix}" for suffix in FORMATS)
        raise TerminalError(
            f"{file.name}: the name does not say what the file holds",
            hint=f"podium init reads {known}; text also as .gz. Rename it, or write its source by hand",
        )
    alike = (str(file.parent), re.sub(r"[\d_.-]+", "", _stem(file)))
    if form not in TEXTS:
        return (form, CsvDialect(), "utf-8", alike)
    try:
        encoding = encoding_of(file)
        dialect = dialect_of(file, encoding) if form == "csv" else CsvDialect()
        columns = tuple(sorted(header(file, file.name, dialect, encoding))) if form == "csv" else alike
    except (EOFError, OSError, csv.Error) as error:
        raise BadSource(
            f"{file} cannot be read: {error}", hint="check that it is there, readable and complete"
        ) from error
    return (form, dialect, encoding, columns)


def _suffix(file: Path) -> str:
    return Path(file.name.lower().removesuffix(".gz")).suffix


def _stem(file: Path) -> str:
    return file.name.split(".")[0]


def _matching(pattern: str) -> list[Path]:
    return sorted(map(Path, glob.glob(pattern, recursive=True)))  # noqa: PTH207 - Path.glob takes no absolute pattern


def _pattern(files: Sequence[Path]) -> str:
    """Return a pattern that names exactly these files and those that will come under like names; empty where there is none."""
    folders = {file.parent for file in files}
    suffixes = {"".join(file.suffixes[-2:]) if file.suffix == ".gz" else file.suffix for file in files}
    if len(folders) > 1:
        return ""
    [folder], start = folders, _start([file.name for file in files])
    end = _start([suffix[::-1] for suffix in suffixes])[::-1]
    start = start.removesuffix(end)
    for text in (f"{NUMBERS.sub('', start)}*{end}", f"{start}*{end}", f"{start}*"):
        pattern = f"{glob.escape(str(folder))}/{_escaped(text)}"
        numbered = len(files) > 1 or start[-1:].isdigit()
        if numbered and {Path(name) for name in glob.glob(pattern)} == set(files):  # noqa: PTH207 - as above
            return pattern
    return glob.escape(str(files[0])) if len(files) == 1 else ""


def _start(texts: Sequence[str]) -> str:
    """Return what all of the texts begin with."""
    return "".join(
        first for first, *_ in takewhile(lambda found: len(set(found)) == 1, zip(*texts, strict=False))
    )


def _escaped(text: str) -> str:
    return "*".join(glob.escape(part) for part in text.split("*"))


def _below(pattern: str, home: Path) -> str:
    """Return a pattern relative to a folder where it lies below."""
    start = f"{glob.escape(str(home))}/"
    return pattern.removeprefix(start)
