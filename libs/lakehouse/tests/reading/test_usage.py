"""How a statement uses columns is told by its tree, through aliases, CTEs and subqueries."""

import pytest
from podium_lakehouse.reading.usage import told
from podium_lakehouse.records.queries import DateRange, Usage

TABLES = {
    "gold.fact": ["id", "date_key", "country_key", "Total", "sold_at"],
    "gold.days": ["date_key", "day", "year"],
}
JOINED = ("gold.days.date_key", "gold.fact.date_key")


@pytest.mark.parametrize(
    ("statement", "usage"),
    [
        ("select * from gold.fact", Usage()),
        (
            "select id from gold.fact where total > 3 or id = 'a'",
            Usage(filtered=("gold.fact.Total", "gold.fact.id")),
        ),
        ("select country_key, count(*) from gold.fact group by 1", Usage(grouped=("gold.fact.country_key",))),
        (
            "select country_key, count(*) from gold.fact group by all",
            Usage(grouped=("gold.fact.country_key",)),
        ),
        ("select 1 from gold.fact f join gold.days d on d.date_key = f.date_key", Usage(joined=JOINED)),
        ("select 1 from gold.fact f, gold.days d where f.date_key = d.date_key", Usage(joined=JOINED)),
        ("select 1 from gold.fact left join gold.days using (date_key)", Usage(joined=JOINED)),
        (
            "with f as (select id as key, total * 2 as twice from gold.fact) from f where key = 'a' and twice > 4",
            Usage(filtered=("gold.fact.id",)),
        ),
        (
            "from gold.days where date_key in (select date_key from gold.fact where total > 1)",
            Usage(filtered=("gold.days.date_key", "gold.fact.Total")),
        ),
    ],
)
def test_columns_are_those_of_the_tables(statement: str, usage: Usage) -> None:
    """Under the names that the tables give them; a condition on what is computed is none on a column."""
    assert told(statement, TABLES).usage == usage


@pytest.mark.parametrize(
    ("condition", "low", "high"),
    [
        ("sold_at >= '2010-01-01 10:00:00' and sold_at < timestamp '2010-03-01'", "2010-01-01", "2010-03-01"),
        ("sold_at between date '2010-01-01' and date '2010-01-31'", "2010-01-01", "2010-01-31"),
        ("'2010-01-01'::date < sold_at", "2010-01-01", None),
        ("sold_at = '2010-05-05'", "2010-05-05", "2010-05-05"),
    ],
)
def test_dates_that_are_asked_for_are_told(condition: str, low: str | None, high: str | None) -> None:
    """From the first to the last, one side open where the statement leaves it so."""
    found = told(f"from gold.fact where {condition}", TABLES).usage
    assert found.ranges == (DateRange("gold.fact.sold_at", low, high),)


def test_a_date_may_be_a_number() -> None:
    """As the star schema's keys are."""
    found = told("from gold.fact where date_key between 20100101 and 20100331", TABLES).usage
    assert found.ranges == (DateRange("gold.fact.date_key", "2010-01-01", "2010-03-31"),)


@pytest.mark.parametrize("value", ["'Smith'", "$$Smith$$", "E'Smith'", "N'Smith'", "'Smith' /* the one */"])
def test_values_are_left_out(value: str) -> None:
    """A record of what was asked holds none of somebody's data, however it is written; a comment may, too."""
    assert told(f"from gold.fact where id = {value} limit 3", TABLES).statement == (
        "SELECT * FROM gold.fact WHERE id = ? LIMIT ?"
    )


def test_what_cannot_be_told_says_nothing() -> None:
    """DuckDB runs statements; that one is beyond another parser is no mistake."""
    found = told("select from where", TABLES)
    assert (found.statement, found.usage) == ("", Usage())
