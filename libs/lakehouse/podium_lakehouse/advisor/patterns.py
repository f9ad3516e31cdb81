"""Patterns of queries: by which columns a table is asked, how often, and how long that takes, from the record of queries."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from podium_lakehouse.records.queries import Query

HOUR = timedelta(hours=1)
MOST_COLUMNS = 5
"""Columns that are named of each kind."""


@dataclass(frozen=True)
class Pattern:
    """Queries that filter by the same columns of a table; no columns where they filter by none."""

    where_columns: tuple[str, ...] = ()
    frequency: int = 1
    """How many queries."""


@dataclass(frozen=True)
class Patterns:
    """How a table is asked; columns from the most used down, those used as often by name."""

    most_filtered_columns: tuple[str, ...]
    most_grouped_columns: tuple[str, ...]
    most_joined_columns: tuple[str, ...]
    query_volume_per_hour: float
    """From the first query to the last, over an hour at least."""
    avg_query_latency_ms: float
    queries: int
    filters: tuple[Pattern, ...]

    def report(self) -> dict[str, object]:
        """Return it under the reference's names."""
        return {
            "most_filtered_columns": list(self.most_filtered_columns),
            "most_grouped_columns": list(self.most_grouped_columns),
            "most_joined_columns": list(self.most_joined_columns),
            "query_volume_per_hour": self.query_volume_per_hour,
            "avg_query_latency_ms": self.avg_query_latency_ms,
        }


def patterns_of(table: str, queries: Iterable[Query]) -> Patterns:
    """Return how a table, such as `gold.fact_sale`, is asked; queries that do not read it are passed over."""
    asked = [query for query in queries if table in query.tables]
    filters = Counter(tuple(_own(table, query.usage.filtered)) for query in asked)
    hours = (max(query.time for query in asked) - min(query.time for query in asked)) / HOUR if asked else 0
    return Patterns(
        most_filtered_columns=_most(_own(table, query.usage.filtered) for query in asked),
        most_grouped_columns=_most(_own(table, query.usage.grouped) for query in asked),
        most_joined_columns=_most(_own(table, query.usage.joined) for query in asked),
        query_volume_per_hour=round(len(asked) / max(hours, 1), 1),
        avg_query_latency_ms=round(sum(query.milliseconds for query in asked) / max(len(asked), 1), 1),
        queries=len(asked),
        filters=tuple(Pattern(columns, count) for columns, count in filters.most_common()),
    )


def share_by(table: str, column: str, queries: Iterable[Query]) -> float:
    """Return the share of a table's queries that filter or join by a column, 0 to 1."""
    asked = [query for query in queries if table in query.tables]
    by = sum(f"{table}.{column}" in {*query.usage.filtered, *query.usage.joined} for query in asked)
    return by / len(asked) if asked else 0.0


def days_asked(table: str, column: str, queries: Iterable[Query]) -> float | None:
    """Return for how many days of a date column a query asks on average, of those that say from when to when; None where none does."""
    days = [
        (date.fromisoformat(asked.high) - date.fromisoformat(asked.low)).days + 1
        for query in queries
        for asked in query.usage.ranges
        if asked.column == f"{table}.{column}" and asked.low and asked.high
    ]
    return sum(days) / len(days) if days else None


def _own(table: str, columns: Sequence[str]) -> Iterator[str]:
    return (column.removeprefix(f"{table}.") for column in columns if column.startswith(f"{table}."))


def _most(uses: Iterable[Iterable[str]]) -> tuple[str, ...]:
    counts = Counter(column for columns in uses for column in columns)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(column for column, _ in ranked[:MOST_COLUMNS])
