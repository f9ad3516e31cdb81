"""Queries: what people and programs have read, so that the advisor knows by which columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from podium_lakehouse.records.table import RecordTable

KEY = "queries"
SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("who", pa.string()),
        ("reader", pa.string()),
        ("engine", pa.string()),
        ("statement", pa.string()),
        ("tables", pa.list_(pa.string())),
        ("versions", pa.list_(pa.int64())),
        ("filtered", pa.list_(pa.string())),
        ("grouped", pa.list_(pa.string())),
        ("joined", pa.list_(pa.string())),
        (
            "ranges",
            pa.list_(pa.struct([("column", pa.string()), ("low", pa.string()), ("high", pa.string())])),
        ),
        ("rows", pa.int64()),
        ("milliseconds", pa.int64()),
    ]
)


@dataclass(frozen=True)
class DateRange:
    """The dates that a query asked a column for, both included, as ISO texts; None where that side is open."""

    column: str
    low: str | None
    high: str | None


@dataclass(frozen=True)
class Usage:
    """How a query uses columns, each as `gold.fact_sale.date_key`, sorted."""

    filtered: tuple[str, ...] = ()
    grouped: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    ranges: tuple[DateRange, ...] = ()


@dataclass(frozen=True)
class Query:
    """One read: when it began, by whom, what was asked, of which tables at which versions, what came back and how long that took."""

    time: datetime
    who: str
    reader: str
    """`sql`, `show` or `scan`."""
    engine: str
    """`duckdb` or `polars`."""
    tables: Mapping[str, int]
    rows: int
    """Rows that were handed out."""
    milliseconds: int
    statement: str = ""
    """The SQL with `?` in place of every value, so that a record holds none of somebody's data."""
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class Queries:
    """The table of queries."""

    table: RecordTable

    def put(self, query: Query) -> None:
        """Record a query.

        Raises:
            CommitConflict: others were faster each time.
        """
        self.table.append(KEY, lambda number: [_row(number, query)])

    def all(self) -> list[Query]:
        """Return every query, the oldest first."""
        rows = sorted(self.table.rows(), key=lambda row: int(str(row["number"])))
        return [_query(row) for row in rows]


def _row(number: int, query: Query) -> dict[str, object]:
    usage = query.usage
    return {
        "number": number,
        "time": query.time,
        "who": query.who,
        "reader": query.reader,
        "engine": query.engine,
        "statement": query.statement,
        "tables": list(query.tables),
        "versions": list(query.tables.values()),
        "filtered": list(usage.filtered),
        "grouped": list(usage.grouped),
        "joined": list(usage.joined),
        "ranges": [{"column": each.column, "low": each.low, "high": each.high} for each in usage.ranges],
        "rows": query.rows,
        "milliseconds": query.milliseconds,
    }


def _query(row: Mapping[str, Any]) -> Query:
    return Query(
        time=row["time"],
        who=row["who"],
        reader=row["reader"],
        engine=row["engine"],
        tables=dict(zip(row["tables"], row["versions"], strict=True)),
        rows=row["rows"],
        milliseconds=row["milliseconds"],
        statement=row["statement"],
        usage=Usage(
            filtered=tuple(row["filtered"]),
            grouped=tuple(row["grouped"]),
            joined=tuple(row["joined"]),
            ranges=tuple(DateRange(**each) for each in row["ranges"]),
        ),
    )
