"""The retail example's Gold, column by column, against other arithmetic than the models'."""

import csv
from bisect import bisect_left
from calendar import day_name, month_name
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml
from deltalake import DeltaTable
from podium_contracts.pipeline import ColumnType
from podium_lakehouse.delta.tables import arrow_type

from tests.integration.conftest import RETAIL, Shop

KEY, WHOLE, COUNT, TEXT, FLAG, DAY = pa.int64(), pa.int32(), pa.int64(), pa.string(), pa.bool_(), pa.date32()
MONEY, RATIO, MOMENT = pa.decimal128(28, 3), pa.float64(), pa.timestamp("us", tz="UTC")
WRITTEN = {"created_at": MOMENT, "updated_at": MOMENT}
COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "fact_sale": {
        "sale_id": TEXT,
        **dict.fromkeys(("customer_key", "product_key", "country_key"), KEY),
        **dict.fromkeys(("date_key", "time_key"), WHOLE),
        **dict.fromkeys(("invoice_no", "transaction_type"), TEXT),
        "quantity": WHOLE,
        "unit_price": pa.decimal128(12, 3),
        "total_amount": pa.decimal128(22, 3),
        **dict.fromkeys(("discount_amount", "tax_amount", "profit_amount"), MONEY),
        "margin_percentage": RATIO,
        "quality_score": pa.decimal128(4, 1),
        "quality_tier": TEXT,
        **WRITTEN,
    },
    "dim_customer": {
        "customer_key": KEY,
        **dict.fromkeys(("customer_id", "customer_segment"), TEXT),
        "lifetime_value": MONEY,
        "total_orders": COUNT,
        "total_spent": MONEY,
        "avg_order_value": RATIO,
        **dict.fromkeys(("recency_score", "frequency_score", "monetary_score"), WHOLE),
        "rfm_segment": TEXT,
        "is_active": FLAG,
        **dict.fromkeys(("first_purchase_date", "last_purchase_date"), DAY),
        **WRITTEN,
    },
    "dim_product": {
        "product_key": KEY,
        **dict.fromkeys(("stock_code", "description", "category", "subcategory", "brand"), TEXT),
        **dict.fromkeys(("unit_cost", "recommended_price"), pa.decimal128(12, 3)),
        "profit_margin": RATIO,
        "is_active": FLAG,
        **dict.fromkeys(("launch_date", "discontinue_date", "last_sold_date"), DAY),
        "estimated": TEXT,
        **WRITTEN,
    },
    "dim_country": {
        "country_key": KEY,
        **dict.fromkeys(("country_code", "country_name", "region", "continent", "currency_code"), TEXT),
        "gdp_per_capita": pa.decimal128(12, 2),
        "population": COUNT,
        "tax_rate": pa.decimal128(5, 2),
        "is_active": FLAG,
        **WRITTEN,
    },
    "dim_date": {
        "date_key": WHOLE,
        "full_date": DAY,
        **dict.fromkeys(("year", "quarter", "month"), WHOLE),
        **dict.fromkeys(("day_of_month", "day_of_week", "day_of_year", "week_of_year"), WHOLE),
        **dict.fromkeys(("month_name", "day_name", "quarter_name"), TEXT),
        **dict.fromkeys(("is_weekend", "is_holiday"), FLAG),
        **dict.fromkeys(("holiday_name", "season", "fiscal_year", "fiscal_quarter"), TEXT),
        **WRITTEN,
    },
    "dim_time": {
        "time_key": WHOLE,
        "full_time": TEXT,
        **dict.fromkeys(("hour", "minute", "second"), WHOLE),
        **dict.fromkeys(("hour_name", "time_period"), TEXT),
        "is_business_hour": FLAG,
        "shift": TEXT,
        **WRITTEN,
    },
    "agg_daily_sales": {
        "date_key": WHOLE,
        **dict.fromkeys(("country_key", "product_key"), KEY),
        "daily_revenue": MONEY,
        **dict.fromkeys(("daily_quantity", "transaction_count", "order_count"), COUNT),
        "avg_order_value": RATIO,
        "unique_customers": COUNT,
        "profit_amount": MONEY,
        "margin_percentage": RATIO,
        **WRITTEN,
    },
    "agg_monthly_customer": {
        "customer_key": KEY,
        "month_key": WHOLE,
        "monthly_spending": MONEY,
        **dict.fromkeys(("monthly_quantity", "transaction_count", "monthly_orders"), COUNT),
        "avg_monthly_order_value": RATIO,
        "is_churned": FLAG,
        **WRITTEN,
    },
    "agg_product_performance": {
        "product_key": KEY,
        "date_key": WHOLE,
        "revenue": MONEY,
        **dict.fromkeys(("quantity_sold", "transaction_count"), COUNT),
        "profit_amount": MONEY,
        "margin_percentage": RATIO,
        **dict.fromkeys(("rank_by_revenue", "rank_by_quantity"), WHOLE),
        **WRITTEN,
    },
    "agg_daily_sales_summary": {
        "date_key": WHOLE,
        "country_key": KEY,
        "sale_date": DAY,
        **dict.fromkeys(("country_name", "region"), TEXT),
        **dict.fromkeys(("daily_revenue", "daily_profit"), MONEY),
        **dict.fromkeys(("daily_quantity", "transaction_count", "order_count", "unique_customers"), COUNT),
        **dict.fromkeys(("avg_order_value", "avg_line_value", "avg_unit_price"), RATIO),
        **dict.fromkeys(("avg_margin_percentage", "avg_quality_score"), RATIO),
        **dict.fromkeys(("high_quality_transactions", "unique_products"), COUNT),
        "day_name": TEXT,
        **dict.fromkeys(("is_weekend", "is_holiday"), FLAG),
        "season": TEXT,
        "revenue_growth_abs": MONEY,
        **dict.fromkeys(("revenue_growth_pct", "revenue_7day_avg", "transaction_count_7day_avg"), RATIO),
        **WRITTEN,
    },
}
SEASONS = dict.fromkeys((12, 1, 2), "Winter") | dict.fromkeys((3, 4, 5), "Spring")
SEASONS |= dict.fromkeys((6, 7, 8), "Summer") | dict.fromkeys((9, 10, 11), "Autumn")
PERIODS = ("Night", "Morning", "Afternoon", "Evening")
UNKNOWN = -1


@pytest.fixture(scope="module")
def gold(retail: Shop) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, and Silver beside it."""
    silver = DeltaTable(str(retail.folder / "lakehouse/silver/sales")).file_uris()
    with duckdb.connect(str(retail.folder / "retail.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TEMP VIEW sales AS FROM read_parquet({silver!r})")
        yield connection


@pytest.mark.parametrize("table", COLUMNS)
def test_a_table_has_its_columns(retail: Shop, table: str) -> None:
    """Each Gold table has exactly these columns with these types, in this order."""
    fields = pa.schema(DeltaTable(str(retail.folder / "lakehouse/gold" / table)).schema().to_arrow())
    assert {field.name: field.type for field in fields} == COLUMNS[table]
    assert list(fields.names) == list(COLUMNS[table])


@pytest.mark.parametrize("table", COLUMNS)
def test_its_documentation_has_their_types(table: str) -> None:
    """As the models' schema.yml says them, and with it the page about the star schema."""
    models = yaml.safe_load((RETAIL / "dbt/models/schema.yml").read_text())["models"]
    [columns] = [model["columns"] for model in models if model["name"] == table]
    told = {column["name"]: column["data_type"] for column in columns}
    stored = {
        name: RATIO if kind == "double" else arrow_type(ColumnType.parse(kind)) for name, kind in told.items()
    }
    assert stored == COLUMNS[table]


def test_days_are_described_as_the_calendar_does(gold: duckdb.DuckDBPyConnection) -> None:
    """Every day of both years is there once, with what Python's calendar says of it."""
    days = (
        gold.sql(f"FROM dim_date WHERE date_key <> {UNKNOWN} ORDER BY date_key").to_arrow_table().to_pylist()
    )
    first = date(2009, 1, 1)
    assert [row["full_date"] for row in days] == [first + timedelta(n) for n in range(730)]
    for row in days:
        day = row["full_date"]
        _, week, weekday = day.isocalendar()
        assert row["date_key"] == day.year * 10000 + day.month * 100 + day.day
        assert (row["year"], row["month"], row["day_of_month"]) == (day.year, day.month, day.day)
        assert (row["week_of_year"], row["day_of_week"]) == (week, weekday)
        assert row["day_of_year"] == day.timetuple().tm_yday
        assert (row["quarter"], row["quarter_name"]) == ((day.month + 2) // 3, f"Q{(day.month + 2) // 3}")
        assert (row["month_name"], row["day_name"]) == (month_name[day.month], day_name[weekday - 1])
        assert (row["is_weekend"], row["season"]) == (weekday > 5, SEASONS[day.month])


def test_times_are_described_to_the_second(gold: duckdb.DuckDBPyConnection) -> None:
    """Every second of a day is there once, with its hour's period, shift and whether shops are open."""
    times = (
        gold.sql(f"FROM dim_time WHERE time_key <> {UNKNOWN} ORDER BY time_key").to_arrow_table().to_pylist()
    )
    assert len(times) == 86400
    for second, row in enumerate(times):
        hour, minute = second // 3600, second // 60 % 60
        assert (row["hour"], row["minute"], row["second"]) == (hour, minute, second % 60)
        assert row["full_time"] == f"{hour:02d}:{minute:02d}:{second % 60:02d}"
        assert (row["hour_name"], row["time_period"]) == (f"{hour:02d}:00", PERIODS[hour // 6])
        assert row["is_business_hour"] == (9 <= hour < 17)
        assert row["shift"] == ("Early" if 6 <= hour < 14 else "Late" if 14 <= hour < 22 else "Night")


def test_facts_are_silver_with_keys(gold: duckdb.DuckDBPyConnection) -> None:
    """Every accepted line is a fact that leads to its customer, product, country, day and time, or to the unknown member."""
    differing = gold.sql(
        """
        SELECT count(*) FROM sales s FULL JOIN fact_sale f USING (sale_id)
        LEFT JOIN dim_customer c USING (customer_key) LEFT JOIN dim_product p USING (product_key)
        LEFT JOIN dim_country l USING (country_key) LEFT JOIN dim_date d USING (date_key)
        LEFT JOIN dim_time t USING (time_key)
        WHERE c.customer_id IS DISTINCT FROM coalesce(s.customer_id, 'UNKNOWN')
          OR p.stock_code IS DISTINCT FROM s.stock_code OR l.country_name IS DISTINCT FROM s.country
          OR d.full_date IS DISTINCT FROM s.invoice_date::date
          OR t.full_time IS DISTINCT FROM strftime(s.invoice_date, '%H:%M:%S')
          OR (f.quantity, f.unit_price, f.total_amount, f.quality_score, f.quality_tier, f.transaction_type)
             IS DISTINCT FROM (s.quantity, s.unit_price, s.quantity * s.unit_price, s.quality_score, s.quality_tier, s.transaction_type)
        """
    ).fetchall()
    assert differing == [(0,)]


def test_cancellations_and_returns_stay_facts(gold: duckdb.DuckDBPyConnection) -> None:
    """Nothing that was given back is dropped, and none of it is called a sale."""
    kinds = dict(gold.sql("SELECT transaction_type, count(*) FROM fact_sale GROUP BY 1").fetchall())
    assert set(kinds) == {"sale", "cancellation", "return"}
    assert gold.sql(
        "SELECT count(*) FROM fact_sale WHERE transaction_type = 'cancellation' AND invoice_no NOT LIKE 'C%'"
        " OR transaction_type = 'sale' AND quantity < 0"
    ).fetchall() == [(0,)]


def test_what_has_no_source_is_null(gold: duckdb.DuckDBPyConnection) -> None:
    """Costs, discounts and taxes are not in the data, so nothing that needs them is made up."""
    counted = "count(unit_cost), (SELECT count(discount_amount) + count(tax_amount) + count(profit_amount) FROM fact_sale)"
    assert gold.sql(f"SELECT {counted} FROM dim_product").fetchall() == [(0, 0)]


def test_a_customer_sums_up_its_orders(gold: duckdb.DuckDBPyConnection) -> None:
    """Orders are invoices of sales; the lifetime value is net of what was given back."""
    differing = gold.sql(
        """
        WITH mine AS (
          SELECT customer_id, sum(total_amount) AS lifetime, min(invoice_date) FILTER (transaction_type = 'sale')::date AS first, max(invoice_date) FILTER (transaction_type = 'sale')::date AS last,
            count(DISTINCT invoice_no) FILTER (transaction_type = 'sale') AS orders,
            coalesce(sum(total_amount) FILTER (transaction_type = 'sale'), 0) AS spent
          FROM sales WHERE customer_id IS NOT NULL GROUP BY 1
        )
        SELECT count(*) FROM mine m FULL JOIN (FROM dim_customer WHERE customer_key <> -1) c USING (customer_id)
        WHERE (c.lifetime_value, c.first_purchase_date, c.last_purchase_date, c.total_orders, c.total_spent)
            IS DISTINCT FROM (m.lifetime, m.first, m.last, m.orders, m.spent)
          OR abs(c.avg_order_value - m.spent / m.orders) > 0.0001 OR (c.avg_order_value IS NULL) <> (m.orders = 0)
        """
    ).fetchall()
    assert differing == [(0,)]


def test_growth_and_averages_follow_the_calendar(gold: duckdb.DuckDBPyConnection) -> None:
    """A day is compared with the day before and averaged over seven days of the calendar, with or without sales."""
    names = "sale_date, country_key, daily_revenue, transaction_count, revenue_growth_abs, revenue_growth_pct, revenue_7day_avg, transaction_count_7day_avg"
    rows = gold.sql(f"SELECT {names} FROM agg_daily_sales_summary").fetchall()
    revenue = {(day, country): amount for day, country, amount, *_ in rows}
    counts = {(day, country): count for day, country, _, count, *_ in rows}
    assert len(revenue) == len(rows) == 1571
    for day, country, amount, _, growth, percent, average, count_average in rows:
        before = revenue.get((day - timedelta(1), country), Decimal(0))
        week = [(day - timedelta(n), country) for n in range(7)]
        assert growth == amount - before
        assert (percent is None) == (before == 0)
        assert percent is None or percent == pytest.approx(float(100 * (amount - before) / before), abs=1e-4)
        assert average == pytest.approx(
            float(sum(revenue.get(key, Decimal(0)) for key in week) / 7), abs=1e-4
        )
        assert count_average == pytest.approx(sum(counts.get(key, 0) for key in week) / 7, abs=1e-4)


def test_a_day_sums_up_its_facts(gold: duckdb.DuckDBPyConnection) -> None:
    """Orders, customers, products and qualities of a day and country are those of its facts."""
    differing = gold.sql(
        """
        WITH mine AS (
          SELECT date_key, country_key, sum(total_amount) AS revenue, sum(quantity) AS quantity, count(*) AS facts,
            count(DISTINCT invoice_no) AS orders, count(DISTINCT customer_key) FILTER (customer_key <> -1) AS customers,
            count(DISTINCT product_key) AS products, count(*) FILTER (quality_tier = 'HIGH') AS high,
            avg(unit_price) AS price, avg(quality_score) AS score
          FROM fact_sale GROUP BY ALL
        )
        SELECT count(*) FROM mine m FULL JOIN agg_daily_sales_summary a USING (date_key, country_key)
        WHERE (a.daily_revenue, a.daily_quantity, a.transaction_count, a.order_count, a.unique_customers, a.unique_products,
               a.high_quality_transactions)
            IS DISTINCT FROM (m.revenue, m.quantity, m.facts, m.orders, m.customers, m.products, m.high)
          OR abs(a.avg_order_value - m.revenue / m.orders) > 0.0001 OR abs(a.avg_unit_price - m.price) > 0.0001
          OR abs(a.avg_quality_score - m.score) > 0.0001
        """
    ).fetchall()
    assert differing == [(0,)]


HOLIDAYS = {
    date(2009, 1, 1): "New Year's Day",
    date(2009, 4, 10): "Good Friday",
    date(2009, 4, 13): "Easter Monday",
    date(2009, 5, 4): "Early May bank holiday",
    date(2009, 5, 25): "Spring bank holiday",
    date(2009, 8, 31): "Summer bank holiday",
    date(2009, 12, 25): "Christmas Day",
    date(2009, 12, 28): "Boxing Day",
    date(2010, 1, 1): "New Year's Day",
    date(2010, 4, 2): "Good Friday",
    date(2010, 4, 5): "Easter Monday",
    date(2010, 5, 3): "Early May bank holiday",
    date(2010, 5, 31): "Spring bank holiday",
    date(2010, 8, 30): "Summer bank holiday",
    date(2010, 12, 27): "Christmas Day",
    date(2010, 12, 28): "Boxing Day",
}
"""In England, as gov.uk lists them."""
AS_OF, DAYS = date(2010, 12, 10), timedelta(90)


def test_bank_holidays_are_those_of_england(gold: duckdb.DuckDBPyConnection) -> None:
    """Both years' holidays and no other days, with substitutes for those on a weekend; the summary says it, too."""
    found = gold.sql(
        "SELECT full_date, holiday_name, is_holiday FROM dim_date WHERE holiday_name IS NOT NULL OR is_holiday"
    )
    days = found.fetchall()
    assert {day: name for day, name, _ in days if day} == HOLIDAYS
    flagged = gold.sql("SELECT DISTINCT sale_date FROM agg_daily_sales_summary WHERE is_holiday").fetchall()
    assert {day for (day,) in flagged} <= HOLIDAYS.keys()
    assert date(2010, 5, 3) not in {day for (day,) in flagged}  # the shop was closed
    assert gold.sql("SELECT count(*) FROM dim_date WHERE is_holiday IS NULL").fetchall() == [(1,)]


def test_fiscal_periods_begin_in_april(gold: duckdb.DuckDBPyConnection) -> None:
    """31 March ends one fiscal year, 1 April begins the next."""
    for day, year, quarter in gold.sql(
        "SELECT full_date, fiscal_year, fiscal_quarter FROM dim_date WHERE date_key <> -1"
    ).fetchall():
        begun = day.year if day.month >= 4 else day.year - 1
        assert year == f"{begun}/{(begun + 1) % 100:02d}"
        assert quarter == f"Q{(day.month - 4) % 12 // 3 + 1}"


def test_scores_are_quintiles_of_buyers(gold: duckdb.DuckDBPyConnection) -> None:
    """A score counts the buyers with strictly less; equal values have equal scores, who never bought has none."""
    columns = (
        "last_purchase_date, total_orders, lifetime_value, recency_score, frequency_score, monetary_score"
    )
    rows = gold.sql(f"SELECT {columns} FROM dim_customer WHERE customer_key <> -1").fetchall()
    buyers = [row for row in rows if row[1]]
    assert all(row[3:] == (None, None, None) for row in rows if not row[1])
    for value, score in ((0, 3), (1, 4), (2, 5)):
        ordered = sorted(row[value] for row in buyers)
        assert [row[score] for row in buyers] == [
            1 + 5 * bisect_left(ordered, row[value]) // len(ordered) for row in buyers
        ]


def test_segments_follow_from_scores(gold: duckdb.DuckDBPyConnection) -> None:
    """Every combination of scores has the documented segment; activity counts days back from `as_of`."""
    columns = "recency_score, frequency_score, monetary_score, rfm_segment, customer_segment, is_active, last_purchase_date"
    seen = set()
    for recency, frequency, monetary, segment, value, active, last in gold.sql(
        f"SELECT {columns} FROM dim_customer WHERE customer_key <> -1"
    ).fetchall():
        seen.add(segment)
        assert active == (last is not None and last >= AS_OF - DAYS)
        if recency is None:
            assert (segment, value) == ("No purchase", "No purchase")
            continue
        both = frequency + monetary
        names = {
            3: ("Champion", "Potential loyalist", "New or occasional"),
            2: ("Loyal", "Needs attention", "Needs attention"),
            1: ("At risk", "Hibernating", "Lost"),
        }[3 if recency >= 4 else 2 if recency == 3 else 1]
        assert segment == names[0 if both >= 8 else 1 if both >= 5 else 2]
        assert value == ("High value" if monetary == 5 else "Mid value" if monetary >= 3 else "Low value")
    assert len(seen) == 9


def test_a_product_sums_up_its_sales(gold: duckdb.DuckDBPyConnection) -> None:
    """Prices and days are those of its sales; what is estimated says so, brand and cost are not made up."""
    differing = gold.sql(
        f"""
        WITH mine AS (
          SELECT stock_code, max(unit_price) FILTER (transaction_type = 'sale') AS price,
            min(invoice_date) FILTER (transaction_type = 'sale')::date AS first, max(invoice_date) FILTER (transaction_type = 'sale')::date AS last
          FROM sales GROUP BY 1
        )
        SELECT count(*) FROM mine m FULL JOIN (FROM dim_product WHERE product_key <> -1) p USING (stock_code)
        WHERE (p.recommended_price, p.launch_date, p.last_sold_date) IS DISTINCT FROM (m.price, m.first, m.last)
          OR p.is_active <> coalesce(m.last >= DATE '{AS_OF}' - 90, false)
          OR p.discontinue_date IS DISTINCT FROM CASE WHEN m.last < DATE '{AS_OF}' - 90 THEN m.last END
          OR p.estimated NOT LIKE 'category, %' OR p.brand IS NOT NULL OR p.category IS NULL OR p.subcategory IS NULL
        """
    ).fetchall()
    assert differing == [(0,)]
    kinds = dict(gold.sql("SELECT stock_code, category FROM dim_product").fetchall())
    expected = {
        "POST": "Postage and carriage",
        "BANK CHARGES": "Fees",
        "M": "Manual entries",
        "85048": "Merchandise",
    }
    assert {code: kinds[code] for code in expected} == expected
    words = dict(gold.sql("SELECT stock_code, subcategory FROM dim_product").fetchall())
    assert words["85123A"] == "Lighting"  # WHITE HANGING HEART T-LIGHT HOLDER


def test_countries_are_as_the_lookup_has_them(retail: Shop, gold: duckdb.DuckDBPyConnection) -> None:
    """Population, GDP and VAT come from the file; what it leaves empty is null."""
    with (retail.folder / "lookups/countries.csv").open(newline="") as file:
        wanted = {row["country_code"]: row for row in csv.DictReader(file)}
    rows = gold.sql("FROM dim_country WHERE country_key <> -1").to_arrow_table().to_pylist()
    assert {row["country_code"] for row in rows} == wanted.keys()
    for row in rows:
        for column in ("population", "gdp_per_capita", "tax_rate"):
            text = wanted[row["country_code"]][column]
            assert row[column] == (Decimal(text) if text else None)
    assert sum(row["tax_rate"] is not None for row in rows) == 18


def test_daily_sales_sum_up_their_facts(gold: duckdb.DuckDBPyConnection) -> None:
    """A day, country and product has the revenue, orders and customers of its facts."""
    differing = gold.sql(
        """
        WITH mine AS (
          SELECT date_key, country_key, product_key, sum(total_amount) AS revenue, sum(quantity) AS quantity, count(*) AS facts,
            count(DISTINCT invoice_no) AS orders, count(DISTINCT customer_key) FILTER (customer_key <> -1) AS customers
          FROM fact_sale GROUP BY ALL
        )
        SELECT count(*) FROM mine m FULL JOIN agg_daily_sales a USING (date_key, country_key, product_key)
        WHERE (a.daily_revenue, a.daily_quantity, a.transaction_count, a.order_count, a.unique_customers)
            IS DISTINCT FROM (m.revenue, m.quantity, m.facts, m.orders, m.customers)
          OR abs(a.avg_order_value - m.revenue / m.orders) > 0.0001 OR a.profit_amount IS NOT NULL OR a.margin_percentage IS NOT NULL
        """
    ).fetchall()
    assert differing == [(0,)]


def test_products_are_ranked_within_their_day(gold: duckdb.DuckDBPyConnection) -> None:
    """Ranks of a day are 1, 2, 3 …; by revenue, then quantity, then key, and by quantity, then revenue, then key."""
    facts = gold.sql(
        "SELECT date_key, product_key, sum(total_amount), sum(quantity)::bigint, count(*) FROM fact_sale GROUP BY ALL"
    ).fetchall()
    performance = gold.sql(
        "SELECT date_key, product_key, revenue, quantity_sold, transaction_count, rank_by_revenue, rank_by_quantity "
        "FROM agg_product_performance"
    ).fetchall()
    assert {row[:5] for row in performance} == set(facts)
    days: dict[int, list[tuple[Any, ...]]] = {}
    for row in performance:
        days.setdefault(row[0], []).append(row)
    for rows in days.values():
        by_revenue = sorted(rows, key=lambda row: (-row[2], -row[3], row[1]))
        by_quantity = sorted(rows, key=lambda row: (-row[3], -row[2], row[1]))
        assert (
            [row[5] for row in by_revenue] == [row[6] for row in by_quantity] == list(range(1, len(rows) + 1))
        )


def test_a_month_sums_up_its_customer(gold: duckdb.DuckDBPyConnection) -> None:
    """Spending and orders of a customer's month are those of its facts, and its key is a day of the calendar."""
    differing = gold.sql(
        """
        WITH mine AS (
          SELECT customer_key, date_key // 100 * 100 + 1 AS month_key, sum(total_amount) AS spending, sum(quantity) AS quantity, count(*) AS facts,
            count(DISTINCT invoice_no) FILTER (transaction_type = 'sale') AS orders,
            sum(total_amount) FILTER (transaction_type = 'sale') AS spent
          FROM fact_sale GROUP BY ALL
        )
        SELECT count(*) FROM mine m FULL JOIN agg_monthly_customer a USING (customer_key, month_key)
        LEFT JOIN dim_date d ON d.date_key = a.month_key
        WHERE (a.monthly_spending, a.monthly_quantity, a.transaction_count, a.monthly_orders)
            IS DISTINCT FROM (m.spending, m.quantity, m.facts, m.orders)
          OR abs(a.avg_monthly_order_value - m.spent / m.orders) > 0.0001
          OR (a.avg_monthly_order_value IS NULL) <> (m.orders = 0) OR d.day_of_month IS DISTINCT FROM 1
        """
    ).fetchall()
    assert differing == [(0,)]


def test_a_month_is_churned_once_it_is_known(gold: duckdb.DuckDBPyConnection) -> None:
    """No purchase in the 90 days after the month's end; null while they are not over, and of the unknown customer."""
    bought: dict[int, list[date]] = {}
    for key, day in gold.sql(
        "SELECT DISTINCT customer_key, full_date FROM fact_sale JOIN dim_date USING (date_key) WHERE transaction_type = 'sale'"
    ).fetchall():
        bought.setdefault(key, []).append(day)
    found = {True: 0, False: 0, None: 0}
    for key, month, churned in gold.sql(
        "SELECT customer_key, last_day(full_date), is_churned FROM agg_monthly_customer a JOIN dim_date ON date_key = month_key"
    ).fetchall():
        again = any(month < day <= month + DAYS for day in bought.get(key, ()))
        known = False if again else True if month + DAYS < AS_OF else None
        assert churned is (None if key == UNKNOWN else known)
        found[churned] += 1
    assert min(found.values()) > 1000


@pytest.mark.parametrize(
    ("table", "key", "dimension", "column"),
    [
        ("agg_daily_sales", "date_key", "dim_date", "date_key"),
        ("agg_daily_sales", "country_key", "dim_country", "country_key"),
        ("agg_daily_sales", "product_key", "dim_product", "product_key"),
        ("agg_monthly_customer", "customer_key", "dim_customer", "customer_key"),
        ("agg_monthly_customer", "month_key", "dim_date", "date_key"),
        ("agg_product_performance", "product_key", "dim_product", "product_key"),
        ("agg_product_performance", "date_key", "dim_date", "date_key"),
    ],
)
def test_aggregates_lead_to_their_dimensions(
    gold: duckdb.DuckDBPyConnection, table: str, key: str, dimension: str, column: str
) -> None:
    """Every key of an aggregate is one of its dimension's."""
    strays = gold.sql(f"SELECT count(*) FROM {table} WHERE {key} NOT IN (SELECT {column} FROM {dimension})")
    assert strays.fetchall() == [(0,)]


def test_every_column_is_described() -> None:
    """The project's schema.yml describes each column of each table, in order."""
    models = yaml.safe_load((RETAIL / "dbt/models/schema.yml").read_text())["models"]
    described = {model["name"]: [column["name"] for column in model["columns"]] for model in models}
    assert described.pop("dim_region") == ["region_key", "region", "continent", *WRITTEN]
    assert described == {table: list(columns) for table, columns in COLUMNS.items()}
    assert all(item["description"] for model in models for item in (model, *model["columns"]))
