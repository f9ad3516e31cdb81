"""An independent recount of the retail example: its own few lines of SQL over the raw file, and no code of Podium's.

    python tests/integration/checker.py CSV LAKEHOUSE     prints every disagreement; exits 1 if there is any

delta-rs is used only to list a table's files and to read its records.
"""

import json
import sys
from pathlib import Path

import duckdb
from deltalake import DeltaTable

RAW = """
    select trim(upper(invoice)) as invoice, trim(upper(stockcode)) as code, coalesce(trim(description), 'UNKNOWN') as name,
           quantity::int as quantity, invoicedate::timestamp as sold, price::decimal(12,3) as price,
           replace("Customer ID", '.0', '') as customer, country
    from read_csv('{csv}', all_varchar = true, header = true, normalize_names = false)
"""
KNOWN = {
    "lines": ("count(*)", 525_461),
    "lines without customer": ("count(*) filter (customer is null)", 107_927),
    "lines without description": ("count(*) filter (name = 'UNKNOWN')", 2_928),
    "cancelled lines": ("count(*) filter (invoice like 'C%')", 10_206),
    "countries": ("count(distinct country)", 40),
}
"""What is published about the file; the description's figure counts the missing ones."""


def recount(csv: Path, lakehouse: Path, *, real: bool = True) -> list[str]:
    """Return every disagreement between the file, the tables and the ledgers; `real` also checks the file itself."""
    db = duckdb.connect()
    db.execute("set TimeZone = 'UTC'")
    db.execute(f"create table raw as {RAW.format(csv=csv)}")
    for table in ("bronze/sales", "silver/sales", "quarantine/sales", *gold_tables(lakehouse)):
        files = DeltaTable(str(lakehouse / table)).file_uris()
        source = f"read_parquet({files!r})" if files else "(select 1 where false)"
        db.execute(f"create view {table.replace('/', '_')} as from {source}")
    facts = {
        name: (db.sql(f"select {sql} from raw").fetchall()[0][0], want) for name, (sql, want) in KNOWN.items()
    }
    found = [f"{name}: {have}, not {want}" for name, (have, want) in facts.items() if real and have != want]
    found += [f"{name}: {left} and {right}" for name, (left, right) in pairs(db).items() if left != right]
    return found + ledgers(db, lakehouse)


def gold_tables(lakehouse: Path) -> list[str]:
    """Return the Gold tables there are."""
    return [f"gold/{path.name}" for path in sorted((lakehouse / "gold").iterdir())]


def pairs(db: duckdb.DuckDBPyConnection) -> dict[str, tuple[object, object]]:
    """Return pairs of figures, each reached in two ways, that must be equal."""
    db.execute("create view refused as from raw where price < 0")
    db.execute("create view kept as select distinct * from raw where price >= 0")
    money = "sum(quantity), sum(quantity * price)"
    two_ways = {
        "rows in Bronze": ("select count(*) from raw", "select count(*) from bronze_sales"),
        "refused rows": ("select count(*) from refused", "select count(*) from quarantine_sales"),
        "rows in Silver": ("select count(*) from kept", "select count(*) from silver_sales"),
        "money in Silver": (
            f"select {money} from kept",
            "select sum(quantity), sum(total_amount) from silver_sales",
        ),
        "facts": ("select count(*) from kept", "select count(*) from gold_fact_sale"),
        "distinct sale_id": (
            "select count(*) from kept",
            "select count(distinct sale_id) from gold_fact_sale",
        ),
        "money in facts": (
            f"select {money} from kept",
            "select sum(quantity), sum(total_amount) from gold_fact_sale",
        ),
        "cancelled facts": (
            "select count(*) from kept where invoice like 'C%'",
            "select count(*) from gold_fact_sale where transaction_type = 'cancellation'",
        ),
        "facts of unknown customers": (
            "select count(*) from kept where customer is null",
            "select count(*) from gold_fact_sale where customer_key = -1",
        ),
        "customers": (
            "select count(distinct customer) from kept",
            "select count(*) from gold_dim_customer where customer_key <> -1",
        ),
        "products": (
            "select count(distinct code) from kept",
            "select count(*) from gold_dim_product where product_key <> -1",
        ),
        "days and countries with sales": (
            "select count(*) from (select distinct sold::date, country from kept)",
            "select count(*) from gold_agg_daily_sales_summary",
        ),
        "aggregated money": (
            f"select {money}, count(*) from kept",
            "select sum(daily_quantity), sum(daily_revenue), sum(transaction_count) from gold_agg_daily_sales",
        ),
        "months' money": (
            f"select {money}, count(*) from kept",
            "select sum(monthly_quantity), sum(monthly_spending), sum(transaction_count) from gold_agg_monthly_customer",
        ),
        "products' money": (
            f"select {money}, count(*) from kept",
            "select sum(quantity_sold), sum(revenue), sum(transaction_count) from gold_agg_product_performance",
        ),
        "daily revenue": (
            "select sum(hash(d, r)::hugeint) from (select sold::date d, sum(quantity * price)::decimal(28,3) r from kept group by 1)",
            (
                "select sum(hash(d, r)::hugeint) from (select sale_date d, sum(daily_revenue)::decimal(28,3) r "
                "from gold_agg_daily_sales_summary group by 1)"
            ),
        ),
    }
    for dimension in ("customer", "product", "country", "date", "time"):
        key, table = f"{dimension}_key", f"gold_dim_{dimension}"
        two_ways[f"{key} is unique"] = (
            f"select count(*) from {table}",
            f"select count(distinct {key}) from {table}",
        )
        two_ways[f"{key} has an unknown member"] = (
            "select 1",
            f"select count(*) from {table} where {key} = -1",
        )
        two_ways[f"{key} of every fact exists"] = (
            "select count(*) from gold_fact_sale",
            f"select count(*) from gold_fact_sale semi join {table} using ({key})",
        )
    return {
        name: (db.sql(left).fetchall(), db.sql(right).fetchall()) for name, (left, right) in two_ways.items()
    }


def ledgers(db: duckdb.DuckDBPyConnection, lakehouse: Path) -> list[str]:
    """Return where the ledgers' totals differ from the recount."""
    records = DeltaTable(str(lakehouse / "_podium" / "completions")).to_pyarrow_table().to_pylist()
    flows = [
        (record["stage"], json.loads(record["ledger"])["flow"])
        for record in records
        if record["ledger"] and "flow" in json.loads(record["ledger"])
    ]

    def total(stage: str, field: str) -> int:
        return sum(int(flow[field]) for name, flow in flows if name == stage)

    lines, refused, kept = db.sql(
        "select (select count(*) from raw), (select count(*) from refused), (select count(*) from kept)"
    ).fetchall()[0]
    expected = {
        ("ingest", "rowsIn"): lines,
        ("ingest", "inserted"): lines,
        ("cleanse", "rowsIn"): lines,
        ("cleanse", "inserted"): kept,
        ("cleanse", "quarantined"): refused,
    }
    found = [
        f"ledger of {stage}: {field} is {total(stage, field)}, the recount {want}"
        for (stage, field), want in expected.items()
        if total(stage, field) != want
    ]
    repeats = total("cleanse", "deduplicated") + total("cleanse", "unchanged")
    if repeats != lines - refused - kept:
        found.append(f"ledger of cleanse: {repeats} repeats, the recount {lines - refused - kept}")
    return found


if __name__ == "__main__":
    disagreements = recount(Path(sys.argv[1]), Path(sys.argv[2]))
    print("\n".join(disagreements) or "everything agrees")
    raise SystemExit(bool(disagreements))
