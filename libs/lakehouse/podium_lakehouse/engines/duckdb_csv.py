"""CSV files into Bronze with the duckdb engine: every value as text, every line that does not parse kept as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from podium_contracts.pipeline import CsvDialect

from podium_lakehouse.cleansing.columns import BATCH, CORRUPT_REASON, CORRUPT_RECORD, ROW
from podium_lakehouse.engines.duckdb import DuckDbEngine
from podium_lakehouse.expressions.dialects import DUCKDB

FILES_PER_SCAN = 32
"""Small files share a scan and so a data file; a large one fills several data files anyway."""


@dataclass(frozen=True)
class CsvFile:
    """A file to read: where it is, what Bronze calls it, and its columns as Bronze stores them, in the file's order."""

    path: Path
    name: str
    columns: tuple[str, ...]
    header: tuple[str, ...]
    """The same columns as the file names them."""


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
    """How many rows a file gave, and how many lines of it did not parse."""

    rows: int
    corrupt: int


def write_csv(
    engine: DuckDbEngine,
    table_uri: str,
    files: Sequence[CsvFile],
    columns: Sequence[str],
    dialect: CsvDialect,
    mark: Ingestion,
) -> tuple[list[Path], dict[str, Read]]:
    """Write the files as Bronze data files for a commit to list; return their folders, and what each file gave.

    `columns` are Bronze's own, in order; a file that lacks one has null there.
    """
    folders: list[Path] = []
    counts: dict[str, Read] = {}
    for start in range(0, len(files), FILES_PER_SCAN):
        chunk = files[start : start + FILES_PER_SCAN]
        scans = [_scan(file, columns, dialect, index) for index, file in enumerate(chunk)]
        folders.append(engine.write(table_uri, _marked(" UNION ALL ".join(scans), columns, mark)))
        rejects = " UNION ALL ".join(_rejects(file, columns, index) for index, file in enumerate(chunk))
        folders.append(engine.write(table_uri, _marked(rejects, columns, mark)))
        counts |= _count(engine, folders[-2:], chunk)
        for index in range(len(chunk)):
            engine.execute(f"DROP TABLE IF EXISTS rejects_{index}; DROP TABLE IF EXISTS scans_{index}")
    return folders, counts


def _scan(file: CsvFile, columns: Sequence[str], dialect: CsvDialect, index: int) -> str:
    shape = ", ".join(f"{DUCKDB.text(name)}: 'VARCHAR'" for name in file.columns)
    options = (
        f"columns = {{{shape}}}, header = true, auto_detect = false, strict_mode = true, "
        f"delim = {DUCKDB.text(dialect.delimiter)}, quote = {DUCKDB.text(dialect.quote)}, "
        f"escape = {DUCKDB.text(dialect.escape)}, store_rejects = true, rejects_limit = 0, "
        f"rejects_table = 'rejects_{index}', rejects_scan = 'scans_{index}'"
    )
    return (
        f"SELECT {_columns(columns, file.columns)}, {DUCKDB.text(file.name)} AS source_file, "
        f"row_number() OVER () AS {ROW}, NULL AS {CORRUPT_RECORD}, NULL AS {CORRUPT_REASON} "
        f"FROM read_csv({DUCKDB.text(str(file.path))}, {options})"
    )


def _rejects(file: CsvFile, columns: Sequence[str], index: int) -> str:
    """One row per line that did not parse: DuckDB lists each of its errors."""
    return (
        f"SELECT {_columns(columns, ())}, {DUCKDB.text(file.name)} AS source_file, "
        f"CAST(line AS BIGINT) AS {ROW}, any_value(csv_line) AS {CORRUPT_RECORD}, "
        f"string_agg(DISTINCT lower(replace(CAST(error_type AS VARCHAR), '_', ' ')), ', ') AS {CORRUPT_REASON} "
        f"FROM rejects_{index} GROUP BY line"
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


def _count(engine: DuckDbEngine, folders: Sequence[Path], files: Sequence[CsvFile]) -> dict[str, Read]:
    counts = {file.name: Read(0, 0) for file in files}
    for folder in folders:
        written = sorted(str(path) for path in folder.rglob("*.parquet"))
        if not written:
            continue
        listed = ", ".join(DUCKDB.text(path) for path in written)
        query = (
            f"SELECT source_file, count(*) FILTER ({CORRUPT_RECORD} IS NULL), "
            f"count({CORRUPT_RECORD}) FROM read_parquet([{listed}]) GROUP BY source_file"
        )
        for name, rows, corrupt in engine.execute(query):
            before = counts[str(name)]
            counts[str(name)] = Read(before.rows + int(str(rows)), before.corrupt + int(str(corrupt)))
    return counts


@dataclass(frozen=True)
class LineBreaks:
    """Line breaks inside the values of a file's rows, and how many of them leave a blank line."""

    breaks: int
    blank: int


def count_line_breaks(
    engine: DuckDbEngine, folders: Sequence[Path], columns: Sequence[str], name: str
) -> LineBreaks:
    """Return the line breaks inside the values that were read from a file."""
    written = [str(path) for folder in folders for path in sorted(folder.rglob("*.parquet"))]
    listed = ", ".join(DUCKDB.text(path) for path in written)
    values = [f"coalesce({DUCKDB.identifier(column)}, '')" for column in [*columns, CORRUPT_RECORD]]
    breaks = " + ".join(f"length({value}) - length(replace({value}, chr(10), ''))" for value in values)
    blank = " + ".join(f"len(regexp_extract_all({value}, '\\n(?:\\r?\\n)+'))" for value in values)
    query = (
        f"SELECT coalesce(sum({breaks}), 0), coalesce(sum({blank}), 0) "
        f"FROM read_parquet([{listed}]) WHERE source_file = {DUCKDB.text(name)}"
    )
    row = engine.execute(query)[0]
    return LineBreaks(int(str(row[0])), int(str(row[1])))
