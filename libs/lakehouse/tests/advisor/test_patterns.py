"""How tables are asked is told from the record of queries, under the reference's names."""

from datetime import UTC, datetime, timedelta

from podium_lakehouse.advisor.patterns import days_asked, patterns_of, share_by
from podium_lakehouse.records.queries import DateRange, Query, Usage

FACT = "gold.fact_sale"
START = datetime(2026, 11, 27, 8, tzinfo=UTC)


def query(minutes: float = 0, milliseconds: int = 250, table: str = FACT, **columns: str) -> Query:
    """Return a query; `filtered`, `grouped` and `joined` are names of the table's columns, separated by spaces."""
    used = {how: tuple(f"{table}.{name}" for name in names.split()) for how, names in columns.items()}
    return Query(
        time=START + timedelta(minutes=minutes),
        who="ada",
        reader="sql",
        engine="duckdb",
        tables={table: 1},
        rows=1,
        milliseconds=milliseconds,
        usage=Usage(**used),
    )


def reference() -> list[Query]:
    """Return an hour of the queries that the reference's example is of."""
    kinds = [
        {"filtered": "country_key", "grouped": "country_key", "joined": "customer_key"},
        {
            "filtered": "country_key date_key",
            "grouped": "country_key date_key",
            "joined": "customer_key product_key",
        },
        {"filtered": "country_key date_key product_key"},
    ]
    return [query(number * 60 / 1500, 200 + number % 2 * 100, **kinds[number % 3]) for number in range(1500)]


def test_the_references_example_has_its_figures() -> None:
    """Each of its five."""
    assert patterns_of(FACT, reference()).report() == {
        "most_filtered_columns": ["country_key", "date_key", "product_key"],
        "most_grouped_columns": ["country_key", "date_key"],
        "most_joined_columns": ["customer_key", "product_key"],
        "query_volume_per_hour": 1500.0,
        "avg_query_latency_ms": 250.0,
    }


def test_volume_is_by_the_hour_over_the_time_of_the_record() -> None:
    """A few queries in a minute are not many an hour."""
    assert patterns_of(FACT, [query(0), query(1)]).query_volume_per_hour == 2.0
    assert patterns_of(FACT, [query(0), query(90), query(180)]).query_volume_per_hour == 1.0


def test_columns_of_other_tables_do_not_count() -> None:
    """Nor queries that do not read the table."""
    other = query(table="gold.dim_date", filtered="year")
    found = patterns_of(FACT, [other, query(filtered="date_key")])
    assert (found.queries, found.most_filtered_columns) == (1, ("date_key",))


def test_queries_with_the_same_filters_are_one_pattern() -> None:
    """With its frequency; those without a filter are one, too."""
    found = patterns_of(FACT, [query(filtered="a b"), query(filtered="a b"), query()])
    assert [(pattern.where_columns, pattern.frequency) for pattern in found.filters] == [
        (("a", "b"), 2),
        ((), 1),
    ]


def test_nothing_recorded_is_no_pattern() -> None:
    """All is 0 or empty."""
    found = patterns_of(FACT, [])
    assert (found.queries, found.query_volume_per_hour, found.avg_query_latency_ms) == (0, 0.0, 0.0)


def test_the_share_of_a_column_is_by_filters_and_joins() -> None:
    """Of the table's queries."""
    queries = [
        query(filtered="customer_key"),
        query(joined="customer_key"),
        query(),
        query(grouped="customer_key"),
    ]
    assert share_by(FACT, "customer_key", queries) == 0.5
    assert share_by(FACT, "customer_key", []) == 0.0


def test_days_are_those_between_both_ends() -> None:
    """A query that leaves one side open says nothing of how many."""

    def asking(low: str | None, high: str | None) -> Query:
        usage = Usage(ranges=(DateRange(f"{FACT}.date_key", low, high),))
        return Query(START, "ada", "sql", "duckdb", {FACT: 1}, 1, 1, usage=usage)

    queries = [
        asking("2010-01-01", "2010-01-31"),
        asking("2010-01-01", "2010-01-01"),
        asking("2010-01-01", None),
    ]
    assert days_asked(FACT, "date_key", queries) == 16.0
    assert days_asked(FACT, "date_key", []) is None
