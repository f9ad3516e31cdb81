"""DuckDB's plans, read from the JSON that EXPLAIN prints."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from podium_lakehouse.advisor.operators import Join, Operator, Plan, Scan
from podium_lakehouse.delta.tables import Snapshot, column_names
from podium_lakehouse.engines.duckdb import DuckDbEngine
from podium_lakehouse.expressions.dialects import DUCKDB

JOINS = {
    "HASH_JOIN": Join.HASH,
    "PIECEWISE_MERGE_JOIN": Join.SORT_MERGE,
    "IE_JOIN": Join.SORT_MERGE,
    "NESTED_LOOP_JOIN": Join.NESTED_LOOP,
    "BLOCKWISE_NL_JOIN": Join.NESTED_LOOP,
    "CROSS_PRODUCT": Join.NESTED_LOOP,
    "ASOF_JOIN": Join.AS_OF,
    "POSITIONAL_JOIN": Join.POSITIONAL,
}
READER = "READ_PARQUET"
SCANS = frozenset({READER, "TABLE_SCAN", "SEQ_SCAN", "COLUMN_DATA_SCAN"})
THROUGH = frozenset({"RESULT_COLLECTOR", "EXPLAIN_ANALYZE", "PROJECTION"})
"""Operators that only hand on the rows of another one."""
SINGLE = "UNGROUPED_AGGREGATE"
FEWER = frozenset({"FILTER", "LIMIT", "STREAMING_LIMIT"})
"""Operators that hand on the rows of another one, or fewer."""
KNOWN_ROWS = "COLUMN_DATA_SCAN"
"""Rows that DuckDB had before it planned, as those of VALUES; it counts them, and does not estimate."""
DETAILS = (
    "Join Type",
    "Conditions",
    "Expression",
    "Groups",
    "Aggregates",
    "Order By",
    "Filters",
    "File Filters",
)
"""What is shown of an operator."""
MOST_CHARACTERS = 100


def duckdb_plan(
    engine: DuckDbEngine,
    statement: str,
    tables: Mapping[str, Snapshot],
    filtered: Iterable[str] | None = None,
    *,
    run: bool = False,
) -> Plan:
    """Return the plan of a statement over tables that the engine has been offered; `run` runs it, for the figures of the run.

    `filtered` are the columns by which the statement filters, as `gold.fact_sale.date_key`: DuckDB adds conditions of its own, which it
    concludes from those of other tables. Without them, all conditions count.
    """
    how = "ANALYZE, FORMAT JSON" if run else "FORMAT JSON"
    ((_, text),) = engine.connection.execute(f"EXPLAIN ({how}) {statement}").fetchall()
    asked = None if filtered is None else frozenset(filtered)
    return parsed(text, [Known.of(name, snapshot, asked) for name, snapshot in tables.items()])


@dataclass(frozen=True)
class Known:
    """A table that a scan may be of: DuckDB names only files, and columns."""

    name: str
    uri: str
    columns: frozenset[str]
    partition_columns: tuple[str, ...]
    files: int
    filtered: frozenset[str]
    """The columns whose conditions count."""

    @classmethod
    def of(cls, name: str, snapshot: Snapshot, asked: frozenset[str] | None = None) -> "Known":
        """Return what tells a table's scans."""
        table = snapshot.open()
        columns = frozenset(column_names(table))
        filtered = columns if asked is None else {column for column in columns if f"{name}.{column}" in asked}
        return cls(
            name,
            snapshot.uri,
            columns,
            tuple(table.metadata().partition_columns),
            len(table.file_uris()),
            frozenset(filtered),
        )


def parsed(text: str, tables: Sequence[Known] = ()) -> Plan:
    """Return the plan in the JSON of EXPLAIN, or of EXPLAIN ANALYZE."""
    read = json.loads(text)
    if isinstance(read, list):
        return Plan("duckdb", _operator(read[0], tables))
    spilled = int(read.get("system", {}).get("peak_temp_dir_size", 0))
    return Plan("duckdb", _operator(read["operator"][0], tables), was_run=True, spilled_bytes=spilled)


def _operator(node: Mapping[str, Any], tables: Sequence[Known]) -> Operator:
    name = str(node.get("name") or node.get("type")).strip()
    if name in THROUGH and node["children"]:
        return _operator(node["children"][0], tables)
    details = node.get("extra_info") or {}
    inputs = tuple(_operator(child, tables) for child in node.get("children", ()))
    return Operator(
        name,
        _detail(details),
        join=JOINS.get(name),
        scan=_scan(node, details, tables) if name in SCANS else None,
        is_single=_is_single(name, details, inputs),
        rows=node.get("intermediate_rows"),
        inputs=inputs,
    )


def _is_single(name: str, details: Mapping[str, Any], inputs: Sequence[Operator]) -> bool:
    if name in FEWER:
        return inputs[0].is_single
    return name == SINGLE or (name == KNOWN_ROWS and details.get("Estimated Cardinality") in {"0", "1"})


def _scan(node: Mapping[str, Any], details: Mapping[str, Any], tables: Sequence[Known]) -> Scan:
    of = _tables(details, _texts(details.get("Filters")), tables)
    either = tuple(_scan_of([table], node, details) for table in of) if len(of) > 1 else ()
    return replace(_scan_of(of, node, details), either=either)


def _scan_of(of: Sequence[Known], node: Mapping[str, Any], details: Mapping[str, Any]) -> Scan:
    """Return a scan that is of one of these tables."""
    conditions = _texts(details.get("Filters"))
    counted = frozenset().union(*(table.filtered for table in of))
    read, _, total = str(details.get("Scanning Files", "")).partition("/")
    files_read, files_total = (int(read), int(total)) if total else (None, None)
    if len(of) == 1 and files_read is None:
        files_read = files_total = of[0].files
    return Scan(
        table=" or ".join(table.name for table in of),
        partition_columns=of[0].partition_columns if len(of) == 1 else (),
        partition_filters=tuple(_texts(details.get("File Filters"))),
        filters=tuple(text for text in conditions if not of or _columns(text) & counted),
        files_read=files_read,
        files_total=files_total,
        groups_read=node.get("row_groups_scanned"),
        groups_total=node.get("total_row_groups_to_scan"),
    )


def _tables(details: Mapping[str, Any], conditions: Sequence[str], tables: Sequence[Known]) -> list[Known]:
    """Return the tables that a scan may be of: by the files of a run one, else all that have its columns; none where it reads no files."""
    if details.get("Function") != READER:
        return []
    files = " ".join(_texts(details.get("Filename(s)")))
    if named := [table for table in tables if f"{table.uri}/" in files]:
        return named[:1]
    columns = set(_texts(details.get("Projections"))).union(*map(_columns, conditions))
    return [table for table in tables if columns <= table.columns]


def _columns(condition: str) -> set[str]:
    """Return the columns of a condition; none where sqlglot cannot read it."""
    try:
        tree = sqlglot.parse_one(condition, dialect=DUCKDB.name)
    except SqlglotError:
        return set()
    return {column.name for column in tree.find_all(exp.Column)}


def _detail(details: Mapping[str, Any]) -> str:
    text = "; ".join(", ".join(_texts(details.get(name))) for name in DETAILS if details.get(name))
    return f"{text[:MOST_CHARACTERS]}…" if len(text) > MOST_CHARACTERS else text


def _texts(value: Any) -> list[str]:
    return [] if not value else [str(item) for item in value] if isinstance(value, list) else [str(value)]
