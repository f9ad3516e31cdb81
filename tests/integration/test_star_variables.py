"""What the retail example's dbt variables switch: the day of judgement, tests, the snowflake, unit costs, the fact's layout."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from deltalake import DeltaTable
from podium import host
from podium_contracts.errors import ModelFailed
from podium_contracts.names import EngineName
from podium_lakehouse.delta import ordering
from podium_model import layout
from podium_model.project import layouts
from podium_runtime.requests import request

from tests.integration.conftest import Line, Shop
from tests.integration.test_batches import GOLD, balanced

pytestmark = pytest.mark.timeout(600)
DUCKDB = EngineName.DUCKDB
ENGINES = [DUCKDB, pytest.param(EngineName.SPARK, marks=[pytest.mark.spark, pytest.mark.slow])]
JANUARY: list[Line] = [
    ("489001", "85048", "LAMP", "2", "2010-01-15 09:00:00", "2.00", "13085", "United Kingdom"),
    ("489002", "79323", "CUP", "3", "2010-01-20 09:00:00", "3.00", "13086", "France"),
]
FEBRUARY: list[Line] = [
    ("C489003", "85048", "LAMP", "-1", "2010-02-03 09:00:00", "2.00", "13085", "United Kingdom"),
    ("489005", "85048", "LAMP", "1", "2010-02-04 09:00:00", "0", "", "EIRE"),
]
MAY: list[Line] = [("489004", "21232", "PEN", "5", "2010-05-30 09:00:00", "0.50", "13086", "France")]
COSTS = "stock_code,unit_cost,origin\n85048,1.25,invoices\n79323,0,invoices\n21232,0.40,estimated\n"


@pytest.fixture
def unjudged(shop: Callable[..., Shop]) -> Shop:
    """A shop without thresholds, which a handful of lines does not reach."""
    made = shop()
    head, _, _ = made.file.read_text().partition("  quality:\n")
    made.file.write_text(head + "  publish: {}\n")
    return made


def put(shop: Shop, variable: str, value: str) -> None:
    """Give one of the project's variables another value."""
    project = shop.folder / "dbt" / "dbt_project.yml"
    head, name, tail = project.read_text().partition(f"  {variable}: ")
    assert name
    project.write_text(f"{head}{name}{value}\n{tail.partition(chr(10))[2]}")


def run_on(shop: Shop, day: date, engine: EngineName = DUCKDB) -> None:
    """Run at noon of a day."""
    opened = shop.open()
    asked = request(opened.pipeline)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    run = asked.run.model_copy(update={"requested_at": noon})
    event = asked.model_copy(update={"data": asked.data.model_copy(update={"run": run})})
    host.run(opened.pipeline, replace(opened.lakehouse, engine=engine), event)


def gold(shop: Shop, table: str, key: str) -> dict[object, dict[str, object]]:
    """Return a Gold table's rows by a column."""
    found = DeltaTable(str(shop.folder / "lakehouse/gold" / table)).to_pyarrow_table().to_pylist()
    return {row[key]: row for row in found}


@pytest.mark.parametrize("engine", ENGINES)
def test_days_that_pass_change_who_is_active(unjudged: Shop, engine: EngineName) -> None:
    """As of the run's day: customers and products of whom there is no news become inactive, and their months churned."""
    put(unjudged, "as_of", "null")
    unjudged.deliver("january.csv", JANUARY)
    run_on(unjudged, date(2010, 2, 1), engine)
    assert gold(unjudged, "dim_customer", "customer_id")["13085"]["is_active"] is True
    assert gold(unjudged, "dim_product", "stock_code")["85048"]["discontinue_date"] is None
    assert [row["is_churned"] for row in gold(unjudged, "agg_monthly_customer", "customer_key").values()] == [
        None,
        None,
    ]
    unjudged.deliver("may.csv", MAY)
    run_on(unjudged, date(2010, 6, 1), engine)
    customers = gold(unjudged, "dim_customer", "customer_id")
    assert (customers["13085"]["is_active"], customers["13086"]["is_active"]) == (False, True)
    products = gold(unjudged, "dim_product", "stock_code")
    assert products["85048"]["discontinue_date"] == date(2010, 1, 15)
    assert products["21232"]["discontinue_date"] is None
    months = (
        DeltaTable(str(unjudged.folder / "lakehouse/gold/agg_monthly_customer"))
        .to_pyarrow_table()
        .to_pylist()
    )
    names = {row["customer_key"]: row["customer_id"] for row in customers.values()}
    assert {(names[row["customer_key"]], row["month_key"]): row["is_churned"] for row in months} == {
        ("13085", 20100101): True,
        ("13086", 20100101): True,  # bought again on 30 May, which is after 1 May
        ("13086", 20100501): None,
    }


def test_gold_of_several_days_is_that_of_the_last(shop: Callable[..., Shop]) -> None:
    """Built on three days, a delivery each, or on the last day at once: Gold is the same."""
    whole, cut = shop(), shop()
    for made in (whole, cut):
        head, _, _ = made.file.read_text().partition("  quality:\n")
        made.file.write_text(head + "  publish: {}\n")
        put(made, "as_of", "null")
    for number, (lines, day) in enumerate(
        [(JANUARY, date(2010, 2, 1)), (FEBRUARY, date(2010, 5, 2)), (MAY, date(2010, 9, 9))]
    ):
        cut.deliver(f"{number}.csv", lines)
        run_on(cut, day)
    whole.deliver("all.csv", [*JANUARY, *FEBRUARY, *MAY])
    run_on(whole, date(2010, 9, 9))
    for table in GOLD:
        assert cut.rows(table) == whole.rows(table), table
    assert balanced(cut)


PROCLAIMED = {
    1995: {(1, 2), (4, 14), (4, 17), (5, 8), (5, 29), (8, 28), (12, 25), (12, 26)},
    1999: {(1, 1), (4, 2), (4, 5), (5, 3), (5, 31), (8, 30), (12, 27), (12, 28), (12, 31)},
    2002: {(1, 1), (3, 29), (4, 1), (5, 6), (6, 3), (6, 4), (8, 26), (12, 25), (12, 26)},
    2011: {(1, 3), (4, 22), (4, 25), (4, 29), (5, 2), (5, 30), (8, 29), (12, 26), (12, 27)},
    2012: {(1, 2), (4, 6), (4, 9), (5, 7), (6, 4), (6, 5), (8, 27), (12, 25), (12, 26)},
    2020: {(1, 1), (4, 10), (4, 13), (5, 8), (5, 25), (8, 31), (12, 25), (12, 28)},
    2022: {(1, 3), (4, 15), (4, 18), (5, 2), (6, 2), (6, 3), (8, 29), (9, 19), (12, 26), (12, 27)},
    2023: {(1, 2), (4, 7), (4, 10), (5, 1), (5, 8), (5, 29), (8, 28), (12, 25), (12, 26)},
}
"""Bank holidays of England in years with days of their own."""


@pytest.mark.parametrize("engine", ENGINES)
def test_holidays_follow_proclamations(unjudged: Shop, engine: EngineName) -> None:
    """Days that were moved or added by proclamation are known, and before 1978 nothing is claimed; so are the first and the last year."""
    years = [1, 1977, *PROCLAIMED, 9999]
    lines = [
        (f"{490000 + year}", "85048", "LAMP", "1", f"{year:04d}-03-03 09:00:00", "2.00", "13085", "France")
        for year in years
    ]
    unjudged.deliver("years.csv", lines)
    unjudged.run(engine)
    days = gold(unjudged, "dim_date", "full_date")
    found: dict[int, set[tuple[int, int]]] = {}
    for day, row in days.items():
        if isinstance(day, date) and row["is_holiday"]:
            assert row["holiday_name"]
            found.setdefault(day.year, set()).add((day.month, day.day))
    assert {year: found[year] for year in PROCLAIMED} == PROCLAIMED
    assert {row["is_holiday"] for row in days.values() if row["year"] in (1, 1977)} == {None}
    assert len(found[9999]) == 8


BROKEN = {
    "coalesce(p.product_key, -1)": "case when s.country <> 'France' then p.product_key + 1 end",
    "coalesce(l.country_key, -1)": "case when s.country <> 'France' then l.country_key + 1 end",
    "coalesce({{ podium.date_key('s.invoice_date') }}, -1)": "cast(null as integer)",
    "  s.unit_price,": "  cast(-s.unit_price as decimal(12,3)) as unit_price,",
    "  s.quantity,": "  -s.quantity as quantity,",
    "  s.total_amount,": "  cast(-s.total_amount as decimal(22,3)) as total_amount,",
}
TESTS = (
    *(f"not_null_fact_sale_{name}" for name in ("product_key", "country_key", "date_key")),
    *(f"accepted_range_fact_sale_{name}" for name in ("total_amount", "quantity", "unit_price")),
    *(f"relationships_fact_sale_{name}" for name in ("product_key", "country_key")),
)


def break_fact(shop: Shop, *parts: str) -> None:
    """Make a model wrong in some of its parts."""
    model = shop.folder / "dbt/models/fact_sale.sql"
    text = model.read_text()
    for part in parts:
        assert part in text
        text = text.replace(part, BROKEN[part])
    model.write_text(text)


def test_a_wrong_fact_fails_each_test(unjudged: Shop) -> None:
    """Keys that are null or lead nowhere and wrong signs of a sale are refused by name, and no table is touched."""
    break_fact(unjudged, *BROKEN)
    unjudged.deliver("one.csv", JANUARY)
    with pytest.raises(ModelFailed) as refused:
        unjudged.run()
    assert [name for name in TESTS if f"test {name}: " not in str(refused.value)] == []
    assert not (unjudged.folder / "lakehouse/gold/fact_sale/_delta_log").exists()


def test_signs_are_those_of_sales(unjudged: Shop) -> None:
    """What came back has a negative quantity and amount, and passes."""
    unjudged.deliver("one.csv", [*JANUARY, *FEBRUARY])
    unjudged.run()
    assert sorted(row["quantity"] for row in gold(unjudged, "fact_sale", "sale_id").values()) == [-1, 1, 2, 3]


def test_tests_can_be_switched_off(unjudged: Shop) -> None:
    """With `enable_data_tests: false` nothing asks for a price's sign."""
    break_fact(unjudged, "  s.unit_price,")
    put(unjudged, "enable_data_tests", "false")
    unjudged.deliver("one.csv", JANUARY)
    unjudged.run()
    assert {row["unit_price"] for row in gold(unjudged, "fact_sale", "sale_id").values()} == {-2, -3}


@pytest.mark.parametrize("engine", ENGINES)
def test_regions_can_be_an_outrigger(unjudged: Shop, engine: EngineName) -> None:
    """With `snowflake: true` a country leads to its region, and the summary still says it."""
    put(unjudged, "snowflake", "true")
    for number, lines in enumerate((JANUARY, FEBRUARY)):
        unjudged.deliver(f"{number}.csv", lines)
        unjudged.run(engine)
    countries = gold(unjudged, "dim_country", "country_name")
    regions = gold(unjudged, "dim_region", "region_key")
    assert not {"region", "continent"} & countries["France"].keys()
    found = regions[countries["France"]["region_key"]]
    assert (found["region"], found["continent"]) == ("Western Europe", "Europe")
    assert {row["region_key"] for row in countries.values()} == regions.keys()
    summary = gold(unjudged, "agg_daily_sales_summary", "country_name")
    assert {name: row["region"] for name, row in summary.items()} == {
        "United Kingdom": "Northern Europe",
        "France": "Western Europe",
        "Ireland": "Northern Europe",
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_unit_costs_make_profits(unjudged: Shop, engine: EngineName) -> None:
    """With costs of products there are profits and margins, in facts and all that sums them up; a cost of 0 is none."""
    put(unjudged, "unit_costs", "true")
    (unjudged.folder / "lookups/product_costs.csv").write_text(COSTS)
    text = unjudged.file.read_text()
    costs = "lookups/product_costs.csv, key: stock_code, value: unit_cost"
    unjudged.file.write_text(
        text.replace("  lookups:\n", f"  lookups:\n    product_costs: {{path: {costs}}}\n")
    )
    for number, lines in enumerate((JANUARY, [*FEBRUARY, *MAY])):
        unjudged.deliver(f"{number}.csv", lines)
        unjudged.run(engine)
    facts = gold(unjudged, "fact_sale", "invoice_no")
    assert {name: (row["profit_amount"], row["margin_percentage"]) for name, row in facts.items()} == {
        "489001": (Decimal("1.500"), 37.5),
        "489002": (None, None),
        "C489003": (Decimal("-0.750"), 37.5),
        "489004": (Decimal("0.500"), 20.0),
        "489005": (Decimal("-1.250"), None),
    }
    products = gold(unjudged, "dim_product", "stock_code")
    assert (products["85048"]["unit_cost"], products["85048"]["profit_margin"]) == (Decimal("1.250"), 37.5)
    assert str(products["21232"]["estimated"]).endswith("discontinue_date, unit_cost, profit_margin")
    assert str(products["85048"]["estimated"]).endswith("discontinue_date")
    for table in ("agg_daily_sales", "agg_product_performance"):
        margins = {
            row["date_key"]: (row["profit_amount"], row["margin_percentage"])
            for row in gold(unjudged, table, "date_key").values()
        }
        assert margins == {
            20100115: (Decimal("1.500"), 37.5),
            20100120: (None, None),
            20100203: (Decimal("-0.750"), 37.5),
            20100204: (Decimal("-1.250"), None),
            20100530: (Decimal("0.500"), 20.0),
        }, table
    summary = gold(unjudged, "agg_daily_sales_summary", "date_key")
    assert {day: (row["daily_profit"], row["avg_margin_percentage"]) for day, row in summary.items()} == {
        20100115: (Decimal("1.500"), 37.5),
        20100120: (None, None),
        20100203: (Decimal("-0.750"), 37.5),
        20100204: (Decimal("-1.250"), None),
        20100530: (Decimal("0.500"), 20.0),
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_a_fact_can_lie_by_its_day_of_loading(
    unjudged: Shop, monkeypatch: pytest.MonkeyPatch, engine: EngineName
) -> None:
    """With `fact_layout: true`: a partition per day of `created_at`, rows by country and product, and Z-order; a corrected row stays in its day."""
    monkeypatch.setattr(layout, "LEAST_PARTITION_MB", 0)
    monkeypatch.setattr(ordering, "LEAST_BYTES", 0)
    put(unjudged, "fact_layout", "true")
    sale_id = re.compile(r"expression: >-\n *coalesce\(substring\(.*\n.*\n")
    named, count = sale_id.subn("expression: invoice_no || '-' || stock_code\n", unjudged.file.read_text())
    assert count == 1
    unjudged.file.write_text(named)
    unjudged.deliver("one.csv", JANUARY)
    run_on(unjudged, date(2010, 2, 1), engine)
    unjudged.deliver("two.csv", [*MAY, [*JANUARY[0][:3], "7", "2010-01-15 10:00:00", *JANUARY[0][5:]]])
    run_on(unjudged, date(2010, 6, 1), engine)
    table = DeltaTable(str(unjudged.folder / "lakehouse/gold/fact_sale"))
    assert table.metadata().partition_columns == ["created_at_day"]
    found = {
        row["invoice_no"]: (row["quantity"], row["created_at_day"])
        for row in table.to_pyarrow_table().to_pylist()
    }
    assert found == {
        "489001": (7, date(2010, 2, 1)),
        "489002": (3, date(2010, 2, 1)),
        "489004": (5, date(2010, 6, 1)),
    }
    assert any(map(ordering.is_ordering, table.history()))


def test_the_fact_is_z_ordered_by_customer_and_date(unjudged: Shop) -> None:
    """As the reference has it, with `fact_layout: true`; these are the columns that `podium optimize` takes, too. No other table has any."""
    assert {
        name: made.zorder_by for name, made in layouts(unjudged.open().pipeline).items() if made.zorder_by
    } == {}
    put(unjudged, "fact_layout", "true")
    found = layouts(unjudged.open().pipeline)
    assert {name: made.zorder_by for name, made in found.items() if made.zorder_by} == {
        "fact_sale": ("customer_key", "date_key")
    }


def test_the_summary_is_partitioned_by_month(unjudged: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large enough, the daily summary lies in a folder per month of `sale_date`."""
    monkeypatch.setattr(layout, "LEAST_PARTITION_MB", 0)
    unjudged.deliver("one.csv", [*JANUARY, *FEBRUARY])
    unjudged.run()
    table = DeltaTable(str(unjudged.folder / "lakehouse/gold/agg_daily_sales_summary"))
    months = {
        (row["sale_date"].month, row["sale_date_month"]) for row in table.to_pyarrow_table().to_pylist()
    }
    assert table.metadata().partition_columns == ["sale_date_month"]
    assert months == {(1, date(2010, 1, 1)), (2, date(2010, 2, 1))}
