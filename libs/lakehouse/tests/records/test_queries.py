"""Queries come back as they were recorded, whoever records beside them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.queries import DateRange, Query, Usage

QUERY = Query(
    time=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    who="ada",
    reader="sql",
    engine="duckdb",
    tables={"gold.fact": 3, "gold.days": 1},
    rows=7,
    milliseconds=12,
    statement="SELECT ?",
    usage=Usage(("a.b.c",), ("a.b.d",), ("a.b.e",), (DateRange("a.b.f", "2010-01-01", None),)),
)


def test_queries_come_back_in_order(tmp_path: Path) -> None:
    """With everything that was told of them."""
    queries = Lakehouse(str(tmp_path / "lake")).queries
    bare = replace(QUERY, tables={"gold.fact": 3}, usage=Usage(), statement="")
    for query in (QUERY, bare):
        queries.put(query)
    assert queries.all() == [QUERY, bare]


def test_readers_that_end_together_are_all_recorded(tmp_path: Path) -> None:
    """Each takes a number of its own."""
    queries = Lakehouse(str(tmp_path / "lake")).queries
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda rows: queries.put(replace(QUERY, rows=rows)), range(12)))
    assert sorted(query.rows for query in queries.all()) == list(range(12))
