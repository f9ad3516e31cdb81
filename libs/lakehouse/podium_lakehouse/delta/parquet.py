"""Data files written by an engine, as a commit lists them: with statistics from their footers."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import pyarrow.parquet as pq
from deltalake.transaction import AddAction

from podium_lakehouse.delta.folders import NewFile, parquet_files

ROW_GROUP_ROWS = 122_880
"""DuckDB's own vector-friendly default; small enough for statistics to prune within a file."""
COMPRESSION_LEVEL = 3
"""Of Zstandard, in every data file."""
INDEXED_COLUMNS = 32
"""Delta's own default: statistics for the first 32 columns."""
TEXT_PREFIX = 32
"""Characters of a text that go into its minimum and maximum."""
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
LAST_CHARACTER = "\U0010ffff"
EXACT_DIGITS = 15
"""Decimals up to this width survive being a JSON number; wider ones get no minimum and maximum."""


@dataclass(frozen=True)
class DataFile:
    """A Parquet file inside a table's folder that no commit knows yet, and what a commit says of it."""

    file: NewFile
    rows: int
    action: AddAction


def data_files(table_uri: str, folder: str) -> list[DataFile]:
    """Return the non-empty Parquet files of a folder inside the table's; empty ones are deleted."""
    found = []
    for file in parquet_files(folder):
        footer = file.footer()
        if footer.num_rows == 0:
            file.delete()
            continue
        found.append(DataFile(file, footer.num_rows, _add_action(table_uri, file, footer)))
    return found


def listed(table_uri: str, file: NewFile) -> AddAction:
    """Return what a commit says of a file, with the statistics of its footer."""
    return _add_action(table_uri, file, file.footer())


def _partition_values(name: str) -> dict[str, str | None]:
    """Return what the folders `column=value` of a data file say; dates need no decoding."""
    pairs = (part.split("=", 1) for part in name.split("/")[:-1] if "=" in part)
    return {column: None if value == NULL_PARTITION else value for column, value in pairs}


def _add_action(table_uri: str, file: NewFile, footer: pq.FileMetaData) -> AddAction:
    relative = file.uri.removeprefix(f"{table_uri}/")
    return AddAction(
        relative, file.size, _partition_values(file.name), file.modified_ms, True, _statistics(footer)
    )


def _statistics(footer: pq.FileMetaData) -> str:
    lows: dict[str, object] = {}
    highs: dict[str, object] = {}
    nulls: dict[str, int] = {}
    for index in range(min(footer.num_columns, INDEXED_COLUMNS)):
        column = footer.schema.column(index)
        if column.max_repetition_level or "." in column.path:
            continue
        parts = [footer.row_group(group).column(index).statistics for group in range(footer.num_row_groups)]
        if any(part is None or not part.has_null_count for part in parts):
            continue
        nulls[column.path] = sum(part.null_count for part in parts)
        bounded = [part for part in parts if part.has_min_max]
        if not bounded or any(not part.has_min_max and part.num_values for part in parts):
            continue
        low, high = _low(min(part.min for part in bounded)), _high(max(part.max for part in bounded))
        if low is not None and high is not None:
            lows[column.path], highs[column.path] = low, high
    return json.dumps(
        {"numRecords": footer.num_rows, "minValues": lows, "maxValues": highs, "nullCount": nulls},
        ensure_ascii=False,
    )


def _low(value: object) -> object | None:
    if isinstance(value, str):
        return value[:TEXT_PREFIX]
    return _moment(value) if isinstance(value, datetime) else _plain(value)


def _high(value: object) -> object | None:
    if isinstance(value, str):
        return _text_above(value)
    if isinstance(value, datetime):
        return _moment_above(value)
    return _plain(value)


def _text_above(value: str) -> str:
    """Return the text, or a shorter one that is greater; a beginning that ends in the last character would not be greater."""
    end = TEXT_PREFIX
    while value[end : end + 1] == LAST_CHARACTER:
        end += 1
    return value if end >= len(value) else value[:end] + LAST_CHARACTER


def _moment_above(value: datetime) -> str | None:
    """Return the moment rounded up to a millisecond, None where that is beyond the last year."""
    try:
        return _moment(value + timedelta(microseconds=-value.microsecond % 1000))
    except OverflowError:
        return None


def _moment(value: datetime) -> str:
    return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _plain(value: object) -> object | None:
    match value:
        case bool() | bytes() | float():  # what is not a number lies outside of the bounds of floats
            return None
        case Decimal():
            return float(value) if len(value.as_tuple().digits) <= EXACT_DIGITS else None
        case date():
            return value.isoformat()
        case _:
            return value
