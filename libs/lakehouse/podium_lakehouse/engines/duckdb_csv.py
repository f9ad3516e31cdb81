"""CSV files into Bronze, by DuckDB on either engine: every value as text, every line that does not parse kept as text."""

import shutil
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import accumulate
from pathlib import Path

import duckdb
import pyarrow as pa
from podium_contracts.errors import BadSource
from podium_contracts.pipeline import CsvDialect

from podium_lakehouse.cleansing.columns import BATCH, CORRUPT_REASON, CORRUPT_RECORD, ROW
from podium_lakehouse.delta.folders import discard, filling, new_folder, parquet_files
from podium_lakehouse.engines.csv_text import Plain, blank_lines, odd_line, plain
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine, literal_path, read_parquet
from podium_lakehouse.engines.engine import Engine
from podium_lakehouse.engines.text_files import is_gzip
from podium_lakehouse.expressions.dialects import DUCKDB
from podium_lakehouse.store.copies import at_hand

FILES_PER_SCAN = 32
"""Small files share a scan and so a data file; a large one fills several data files anyway."""
KEPT_BYTES = 10_000
"""DuckDB keeps so much of the text of a line that does not parse."""
PLACES = "places"
"""Where each line that did not parse stands in its file, and how many rows that did stand before it."""
STRETCH_ROWS = 256
"""Rows whose numbers share a count of the lines before them."""
_PLACES = pa.schema(
    [("file", pa.string()), ("line", pa.int64()), ("before", pa.int64()), ("place", pa.int64())]
)
REJECTED_TEXT = "ltrim(coalesce(csv_line, ''), chr(10) || chr(13))"
"""DuckDB takes blank lines before a line that does not parse for a part of it."""


@dataclass(frozen=True)
class CsvFile:
    """A file to read: where it is, what Bronze calls it, and its columns as Bronze stores them, in the file's order.

    A task on another machine fetches an object by its name, where the ETag tells whether it is still the same.
    """

    path: Path
    name: str
    columns: tuple[str, ...]
    header: tuple[str, ...]
    """The same columns as the file names them."""
    etag: str = ""
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Ingestion:
    """What every row of one ingestion is marked with; see `cleansing.columns`."""

    timestamp: datetime
    batch_id: str
    number: int
    source_system: str
    ingestion_source: str = "file"


@dataclass(frozen=True)
class Read:
    """How many rows a file gave, and how many lines of it did not parse; and its own lines, where they were counted as it was read."""

    rows: int
    corrupt: int
    lines: int | None = None
    blank: int = 0


@dataclass(frozen=True)
class Written:
    """What came of files: the folders with their rows, what each file gave, and why they were refused, if they were."""

    folders: tuple[str, ...] = ()
    counts: Mapping[str, Read] = field(default_factory=dict)
    refused: BadSource | None = None


def write_csv(
    engine: Engine,
    table_uri: str,
    files: Sequence[CsvFile],
    columns: Sequence[str],
    dialect: CsvDialect,
    mark: Ingestion,
) -> Written:
    """Write the files as Bronze data files for a commit to list.

    `columns` are Bronze's own, in order; a file that lacks one has null there. An empty value is null, quoted or not, and one
    too many at the end of a line is none. Every engine reads with the same parser: engine spark runs it in its tasks.

    Raises:
        BadSource: line ends that differ, or a line that does not parse and is too long to keep; nothing is left behind.
    """
    size = min(FILES_PER_SCAN, max(1, len(files) // engine.parallelism))
    chunks = [files[start : start + size] for start in range(0, len(files), size)]
    parts = engine.each(partial(_write_chunk, table_uri, tuple(columns), dialect, mark), chunks)
    folders = tuple(folder for part in parts for folder in part.folders)
    for part in parts:
        if part.refused:
            discard(folders)
            raise part.refused
    return Written(folders, {name: read for part in parts for name, read in part.counts.items()})


def _write_chunk(
    table_uri: str, columns: Sequence[str], dialect: CsvDialect, mark: Ingestion, files: Sequence[CsvFile]
) -> Written:
    """Write files that share a scan; an error is returned, so that it comes whole out of another process."""
    folder = new_folder(table_uri)
    try:
        with duckdb_engine() as engine, filling(folder) as draft:
            draft.mkdir()
            homes = [engine.scratch / str(index) for index in range(len(files))]
            given = [_at_hand(file, home) for file, home in zip(files, homes, strict=True)]
            texts = [
                plain(file.path, file.name, file.encoding, dialect, home.with_suffix(".csv"))
                for file, home in zip(given, homes, strict=True)
            ]
            files = [
                replace(file, path=text.path, encoding="utf-8")
                for file, text in zip(given, texts, strict=True)
            ]
            scans = [_scan(file, columns, dialect, index) for index, file in enumerate(files)]
            engine.copy(_marked(" UNION ALL ".join(scans), columns, mark), draft / "rows")
            for index, file in enumerate(files):
                _check_kept_whole(engine, file, index)
            if _offer_places(engine, files, dialect):
                _renumber(engine, draft)
            rejects = " UNION ALL ".join(_rejects(file, columns, index) for index, file in enumerate(files))
            engine.copy(_marked(rejects, columns, mark), draft / "rejects")
            counts = _count(engine, draft, files, texts)
        return Written((folder,), counts)
    except (BadSource, duckdb.Error) as error:
        if isinstance(error, BadSource):
            return Written(refused=error)
        if isinstance(error, duckdb.InvalidInputException) or "GZIP" in str(error):
            return Written(refused=_unreadable(files, dialect, error))
        raise


def _at_hand(file: CsvFile, folder: Path) -> CsvFile:
    return replace(file, path=at_hand(file.path, file.name, file.etag, folder))


def _unreadable(files: Sequence[CsvFile], dialect: CsvDialect, error: Exception) -> BadSource:
    """Return what to tell about files that DuckDB will not read."""
    try:
        check_line_ends(files, dialect)
    except BadSource as found:
        return found
    paths = [file for file in files if str(file.path) in str(error)] or files
    names = ", ".join(file.name for file in paths)
    reason = str(error).splitlines()[0]
    for file in paths:
        reason = reason.replace(str(file.path), file.name)
    return BadSource(
        f"{names} cannot be read as CSV: {reason}",
        hint="check `csv:` in the pipeline file, and that each file is complete",
    )


def check_line_ends(files: Sequence[CsvFile], dialect: CsvDialect) -> None:
    """Check that the lines of each file all end alike: DuckDB refuses others, or splits them where no line of the file ends.

    Raises:
        BadSource: naming the first line that ends in another way.
    """
    for file in files:
        if line := odd_line(file.path, dialect, file.encoding):
            raise BadSource(
                f"{file.name}:{line}: this line does not end as the first line does",
                hint="let all lines end alike, in \\n or in \\r\\n; a line break inside a value needs quotes around the value",
            )


def _check_kept_whole(engine: DuckDbEngine, file: CsvFile, index: int) -> None:
    """Refuse a file with a line that does not parse and whose text DuckDB has cut off, or that it has split in two."""
    lost = engine.execute(
        f"SELECT line FROM rejects_{index} GROUP BY line HAVING max(strlen(csv_line)) >= {KEPT_BYTES} "
        f"OR min(line_byte_position) <> max(line_byte_position) "
        "ORDER BY line LIMIT 1"
    )
    if lost:
        raise BadSource(
            f"{file.name}:{lost[0][0]}: what stands here does not parse, and is too long or too broken to be kept as one line",
            hint="correct the line; where it looks right, a quote before it is not closed and takes the lines after it",
        )


def _offer_places(engine: DuckDbEngine, files: Sequence[CsvFile], dialect: CsvDialect) -> bool:
    """Offer `PLACES`; return whether there are any.

    DuckDB says the number of a line that did not parse among all lines, with the header and blank ones, and numbers the rows without such lines.
    """
    found = [place for index, file in enumerate(files) for place in _places(engine, file, index, dialect)]
    columns = list(zip(*found, strict=True)) or [()] * len(_PLACES)
    engine.connection.register(PLACES, pa.table(columns, schema=_PLACES))
    return bool(found)


def _places(
    engine: DuckDbEngine, file: CsvFile, index: int, dialect: CsvDialect
) -> list[tuple[str, int, int, int]]:
    lines = [
        int(str(line))
        for (line,) in engine.execute(f"SELECT DISTINCT line FROM rejects_{index} ORDER BY line")
    ]
    # Where there is one column only, a blank line is a row.
    blank = blank_lines(file.path, dialect, lines[-1]) if lines and len(file.columns) > 1 else []
    rows = (line - 2 - number - bisect(blank, line) for number, line in enumerate(lines))
    # Should broken quotes make more lines blank than are, no place is given twice.
    before = accumulate(rows, max, initial=0)
    next(before)
    return [
        (file.name, line, count, count + number)
        for number, (line, count) in enumerate(zip(lines, before, strict=True), start=1)
    ]


def _renumber(engine: DuckDbEngine, draft: Path) -> None:
    """Add to each row's number how many lines before it did not parse: those before its stretch, and those in it that are before the row.

    A join with a small table keeps rows in their order and holds none of them.
    """
    written = read_parquet([file.uri for file in parquet_files(str(draft / "rows"))])
    stretches = (
        f"SELECT source_file AS file, unnest(range(max({ROW}) // {STRETCH_ROWS} + 1)) AS stretch FROM {written} "
        f"WHERE source_file IN (SELECT file FROM {PLACES}) GROUP BY source_file"
    )
    inside = (
        f"SELECT file, before // {STRETCH_ROWS} AS stretch, list(before) AS inside FROM {PLACES} GROUP BY ALL"
    )
    earlier = "sum(len(inside)) OVER (PARTITION BY file ORDER BY stretch ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    engine.execute(
        f"CREATE TABLE passed AS SELECT file, stretch, coalesce(inside, []) AS inside, coalesce({earlier}, 0) AS earlier "
        f"FROM ({stretches}) LEFT JOIN ({inside}) USING (file, stretch)"
    )
    row = f"scanned.{ROW}"
    count = f"coalesce(passed.earlier + len(list_filter(passed.inside, lambda before: before < {row})), 0)"
    engine.copy(
        f"SELECT scanned.* REPLACE (CAST({row} + {count} AS BIGINT) AS {ROW}) FROM {written} AS scanned "
        f"LEFT JOIN passed ON scanned.source_file = passed.file AND {row} // {STRETCH_ROWS} = passed.stretch",
        draft / "numbered",
    )
    shutil.rmtree(draft / "rows")


def _scan(file: CsvFile, columns: Sequence[str], dialect: CsvDialect, index: int) -> str:
    shape = ", ".join(f"{DUCKDB.text(name)}: 'VARCHAR'" for name in file.columns)
    options = (
        f"columns = {{{shape}}}, header = true, auto_detect = false, strict_mode = true, "
        f"compression = '{'gzip' if is_gzip(file.path) else 'none'}', "
        f"delim = {DUCKDB.text(dialect.delimiter)}, quote = {DUCKDB.text(dialect.quote)}, "
        f"escape = {DUCKDB.text(dialect.escape)}, store_rejects = true, rejects_limit = 0, "
        f"rejects_table = 'rejects_{index}', rejects_scan = 'scans_{index}'"
    )
    return (
        f"SELECT {_columns(columns, file.columns)}, {DUCKDB.text(file.name)} AS source_file, "
        f"row_number() OVER () AS {ROW}, NULL AS {CORRUPT_RECORD}, NULL AS {CORRUPT_REASON} "
        f"FROM read_csv({literal_path(file.path)}, {options})"
    )


def _rejects(file: CsvFile, columns: Sequence[str], index: int) -> str:
    """One row per line that did not parse: DuckDB lists each of its errors."""
    reason = "lower(replace(CAST(error_type AS VARCHAR), '_', ' '))"
    return (
        f"SELECT {_columns(columns, ())}, {DUCKDB.text(file.name)} AS source_file, "
        f"any_value(place) AS {ROW}, any_value({REJECTED_TEXT}) AS {CORRUPT_RECORD}, "
        f"string_agg(DISTINCT {reason}, ', ' ORDER BY {reason}) AS {CORRUPT_REASON} "
        f"FROM rejects_{index} JOIN (FROM {PLACES} WHERE file = {DUCKDB.text(file.name)}) USING (line) GROUP BY line"
    )


def _columns(columns: Sequence[str], present: Sequence[str]) -> str:
    names = [(DUCKDB.identifier(name), name in present) for name in columns]
    return ", ".join(name if there else f"NULL::VARCHAR AS {name}" for name, there in names)


def _marked(rows: str, columns: Sequence[str], mark: Ingestion) -> str:
    raw = ", ".join(DUCKDB.identifier(name) for name in columns)
    moment = f"CAST({DUCKDB.text(mark.timestamp.isoformat())} AS TIMESTAMPTZ)"
    return (
        f"SELECT {raw}, {moment} AS ingestion_timestamp, source_file, "
        f"{DUCKDB.text(mark.batch_id)} AS ingestion_batch_id, {DUCKDB.text(mark.ingestion_source)} AS ingestion_source, "
        f"{DUCKDB.text(mark.source_system)} AS source_system, NULL::DOUBLE AS data_quality_score, "
        f"{mark.number}::BIGINT AS {BATCH}, {ROW}, {CORRUPT_RECORD}::VARCHAR AS {CORRUPT_RECORD}, "
        f"{CORRUPT_REASON}::VARCHAR AS {CORRUPT_REASON} FROM ({rows})"
    )


def _count(
    engine: DuckDbEngine, folder: Path, files: Sequence[CsvFile], texts: Sequence[Plain]
) -> dict[str, Read]:
    counts = {file.name: Read(0, 0, text.lines, text.blank) for file, text in zip(files, texts, strict=True)}
    written = [file.uri for file in parquet_files(str(folder))]
    if written:
        query = (
            f"SELECT source_file, count(*) FILTER ({CORRUPT_RECORD} IS NULL), "
            f"count({CORRUPT_RECORD}) FROM {read_parquet(written)} GROUP BY source_file"
        )
        for name, rows, corrupt in engine.execute(query):
            read = counts[str(name)]
            counts[str(name)] = replace(read, rows=int(str(rows)), corrupt=int(str(corrupt)))
    return counts


@dataclass(frozen=True)
class LineBreaks:
    """Line breaks inside the values of a file's rows, and how many of them make a blank line."""

    breaks: int
    blank: int


def count_line_breaks(folders: Sequence[str], columns: Sequence[str], name: str) -> LineBreaks:
    """Return the line breaks inside the values that were read from a file.

    The last one of a line that does not parse is not inside it: the line runs on to the end of the file.
    """
    written = [file.uri for folder in folders for file in parquet_files(folder)]
    values = [f"coalesce({DUCKDB.identifier(column)}, '')" for column in [*columns, CORRUPT_RECORD]]
    breaks = " + ".join(_breaks(value) for value in values)
    unclosed = f"count(*) FILTER (ends_with({CORRUPT_RECORD}, chr(10)))"
    joined = [f"regexp_replace({value}, '\\n(\\r?\\n)+', chr(10), 'g')" for value in values]
    visible = " + ".join(_breaks(value) for value in joined)
    query = (
        f"SELECT coalesce(sum({breaks}), 0), coalesce(sum({visible}), 0), {unclosed} "
        f"FROM {read_parquet(written)} WHERE source_file = {DUCKDB.text(name)}"
    )
    with duckdb_engine() as engine:
        engine.reach(written)
        total, without_blank, last = (int(str(count)) for count in engine.execute(query)[0])
    return LineBreaks(total - last, total - without_blank)


def _breaks(value: str) -> str:
    return f"length({value}) - length(replace({value}, chr(10), ''))"
