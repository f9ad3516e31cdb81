"""Which of the files that somebody names belong together, how they are written, and how a pipeline file names them."""

import csv
import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path

from podium_contracts.errors import BadSource, TerminalError
from podium_contracts.pipeline import CsvDialect
from podium_ingest.header import header
from podium_lakehouse.engines.csv_text import open_csv

from podium.beginning.names import dataset_name

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
}
"""What files are written as, by the end of their names, before `.gz`."""
DELIMITERS = ",;\t|"
SNIFFED_LINES = 100
MOST_SOURCES = 16


@dataclass(frozen=True)
class Group:
    """Files that make one dataset: written alike, and with the same columns where these can be seen."""

    name: str
    files: tuple[Path, ...]
    format: str
    dialect: CsvDialect

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
    together: dict[tuple[object, ...], list[Path]] = {}
    for file in files:
        together.setdefault(_kind(file), []).append(file)
    groups: list[Group] = []
    for (form, dialect, *_), members in together.items():
        assert isinstance(form, str)
        assert isinstance(dialect, CsvDialect)
        name = dataset_name(_start([_stem(file) for file in members]), {group.name for group in groups})
        groups.append(Group(name, tuple(members), form, dialect))
    return groups


def dialect_of(file: Path) -> CsvDialect:
    """Return the dialect of a CSV file: the delimiter under which its first lines have most values, each line as many as the first."""
    with open_csv(file) as opened:
        lines = [line.decode("utf-8-sig", "replace") for line in islice(opened, SNIFFED_LINES)]
    best, most = ",", 1
    for delimiter in DELIMITERS:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        same = sum(count == counts[0] for count in counts) if counts else 0
        if counts and counts[0] > most and same * 10 >= len(counts) * 9:
            best, most = delimiter, counts[0]
    return CsvDialect(delimiter=best)


def _kind(file: Path) -> tuple[object, ...]:
    """Return what is equal for files of one dataset: format, dialect, and columns or name."""
    form = FORMATS.get(_suffix(file))
    if form is None:
        known = ", ".join(f"*{suffix}" for suffix in FORMATS)
        raise TerminalError(
            f"{file.name}: the name does not say what the file holds",
            hint=f"podium init reads {known}; text also as .gz. Rename it, or write its source by hand",
        )
    if form != "csv":
        return (form, CsvDialect(), file.parent, re.sub(r"[\d_.-]+", "", _stem(file)))
    try:
        dialect = dialect_of(file)
    except (EOFError, OSError) as error:
        raise BadSource(
            f"{file} cannot be read: {error}", hint="check that it is there, readable and complete"
        ) from error
    return (form, dialect, tuple(sorted(header(file, file.name, dialect))))


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
    for text in (f"{start.rstrip('0123456789')}*{end}", f"{start}*{end}", f"{start}*"):
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
