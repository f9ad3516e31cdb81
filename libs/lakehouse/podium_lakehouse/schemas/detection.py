"""The kinds of text columns, from what their values look like: one aggregate for all columns and files."""

from collections.abc import Sequence

import pyarrow as pa
from podium_contracts.pipeline.types import DATE, TIME

from podium_lakehouse.cleansing.columns import CORRUPT_RECORD, ROW
from podium_lakehouse.delta.folders import parquet_files
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine
from podium_lakehouse.expressions.dialects import DUCKDB
from podium_lakehouse.schemas.kinds import NULL, TEXT, Kinds

SAMPLE_ROWS = 1000
"""Rows of each file that are looked at."""
WHOLE_DIGITS, WIDE_DIGITS = 12, 18
"""Digits before the point that a detected decimal has room for; the second, where it is needed."""
MOST_PLACES = 12
"""Digits after the point of a detected decimal; what has more is text."""

_BOOLEAN, _INTEGER, _BIGINT, _DATE, _TIMESTAMP, _TEXT = (1 << place for place in range(6))
_PLACES = 8
"""Of a number with so many digits after its point, the bit that this and they count to."""
_PATTERNS = (
    (_INTEGER, "[+-]?(0|[1-9][0-9]{0,8})([.]0?)?"),
    (_BIGINT, "[+-]?[1-9][0-9]{9,17}([.]0?)?"),
    (_DATE, DATE),
    (_TIMESTAMP, f"{DATE}[ T]{TIME}(Z|[+]00:?00)?"),
    (_BOOLEAN, "(?i:true|false)"),
)
_SHORT = f"[+-]?(0|[1-9][0-9]{{0,{WHOLE_DIGITS - 1}}})?[.][0-9]{{1,{MOST_PLACES}}}"
_LONG = f"[+-]?[1-9][0-9]{{{WHOLE_DIGITS},{WIDE_DIGITS - 1}}}[.][0-9]{{1,{MOST_PLACES}}}"


def looks(value: str) -> str:
    """Return the SQL, for DuckDB, of a number whose bits say what a text looks like; 0 for null.

    Leading zeros are an identifier's, not a number's; `17850.0` is how some tools write a whole number, `1.00` is an amount.
    """
    text = f"trim({value})"
    places = f"(1 << ({_PLACES} + length({text}) - position('.' IN {text})))"
    cases = [f"WHEN {_matches(text, pattern)} THEN {bit}" for bit, pattern in _PATTERNS]
    cases += [
        f"WHEN {_matches(text, _SHORT)} THEN {places}",
        f"WHEN {_matches(text, _LONG)} THEN {places} | {_BIGINT}",
    ]
    return f"CASE WHEN {value} IS NULL THEN 0 {' '.join(cases)} ELSE {_TEXT} END"


def kind(bits: int) -> str:
    """Return the narrowest kind that holds all values whose looks are these, put together with `or`."""
    places = bits >> _PLACES
    numbers = bits & ((1 << _PLACES) - 1)
    if not bits:
        return NULL
    if places and not numbers & ~(_INTEGER | _BIGINT):
        scale = places.bit_length() - 1
        return f"decimal({(WIDE_DIGITS if numbers & _BIGINT else WHOLE_DIGITS) + scale},{scale})"
    names = {
        _BOOLEAN: "boolean",
        _INTEGER: "integer",
        _BIGINT: "bigint",
        _INTEGER | _BIGINT: "bigint",
        _DATE: "date",
        _TIMESTAMP: "timestamp",
        _DATE | _TIMESTAMP: "timestamp",
    }
    return TEXT if places else names.get(numbers, TEXT)


def detect(engine: DuckDbEngine, relation: str, columns: Sequence[str]) -> dict[str, Kinds]:
    """Return the kinds of text columns of a relation, by its column `source_file`."""
    seen = "".join(f", bit_or({looks(DUCKDB.identifier(name))})" for name in columns)
    rows = engine.execute(f"SELECT source_file{seen} FROM {relation} GROUP BY source_file")
    return {
        str(file): {name: kind(int(str(bits))) for name, bits in zip(columns, found, strict=True)}
        for file, *found in rows
    }


def detect_written(folders: Sequence[str], columns: Sequence[str], where: str) -> dict[str, Kinds]:
    """Return the kinds of columns by file, or topic and partition, from those rows in data files of Bronze that meet a condition."""
    written = [file.uri for folder in folders for file in parquet_files(folder)]
    if not written or not columns:
        return {}
    texts = (*columns, "source_file", CORRUPT_RECORD)
    schema = pa.schema([*((name, pa.string()) for name in texts), (ROW, pa.int64())])
    with duckdb_engine() as engine:
        engine.offer("written", written, schema, f"{CORRUPT_RECORD} IS NULL AND ({where})")
        return detect(engine, "written", columns)


def _matches(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, {DUCKDB.text(pattern)})"
