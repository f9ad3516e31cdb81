"""The retail tables as an engineer would write them by hand: DuckDB SQL and delta-rs, one script, no framework.

    python tests/benchmarks/handwritten_duckdb.py CSV LOOKUP LAKEHOUSE

Bronze, Silver, quarantine, Gold and the quality measures as examples/retail makes them, from nothing. There are no intents, no
ledgers, no verdicts, no dbt tests and no increments: a second run needs an empty folder.
"""

import json
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from definitions import statements, wanted_measures
from deltalake import DeltaTable, WriterProperties, write_deltalake

RAW = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")
BRONZE = {name: name.replace(" ", "_") for name in RAW}
BATCH = "batch-1"
BATCH_ROWS = 100_000
ZSTD = WriterProperties(compression="ZSTD", compression_level=3)
CHANGE_FEED = {"delta.enableChangeDataFeed": "true"}

REJECTS = """
    select {nulls}, {metadata}, line::bigint as _row, any_value(csv_line) as _corrupt_record,
      string_agg(distinct lower(replace(error_type::varchar, '_', ' ')), ', ') as _corrupt_reason
    from reject_errors group by line
"""

JUDGED = """
    create temp table judged as
    with typed as (
      select upper(trim(Invoice)) as invoice_no,
        upper(trim(StockCode)) as stock_code,
        trim(coalesce(raw.Description, 'UNKNOWN')) as description,
        try_cast(raw.Quantity as integer) as quantity,
        try_cast(InvoiceDate as timestamptz) as invoice_date,
        try_cast(Price as decimal(12,3)) as unit_price,
        regexp_replace(Customer_ID, '[.]0+$', '') as customer_id,
        coalesce(country_name, raw.Country) as country,
        Invoice, StockCode, raw.Description as raw_description, raw.Quantity as raw_quantity, InvoiceDate, Price, Customer_ID,
        raw.Country as raw_country, country_name, source_file, ingestion_batch_id, _row, _corrupt_record, _corrupt_reason
      from bronze_sales raw left join lookup_countries on variant = raw.Country
    ),
    keyed as (
      select *, coalesce(substr(epoch_us(invoice_date)::varchar, 1, 10), '') || '-' || invoice_no || '-' || stock_code
          || '-' || coalesce(quantity::varchar, '') || '-' || coalesce(unit_price::varchar, '') as sale_id
      from typed
    ),
    ruled as (
      select *, list_filter([
          case when _corrupt_record is not null then 'csv.corrupt' end,
          case when quantity is null and raw_quantity is not null then 'schema.quantity' end,
          case when invoice_date is null and InvoiceDate is not null then 'schema.invoice_date' end,
          case when unit_price is null and Price is not null then 'schema.unit_price' end,
          case when country_name is null and raw_country is not null then 'lookup.country' end,
          case when regexp_extract(invoice_no, '^[A-Z]?[0-9]{6}(-[0-9]+)?$') <> invoice_no or invoice_no = ''
            then 'rule.invoice_format' end,
          case when regexp_extract(stock_code, '^[A-Z0-9][A-Z0-9_ ]*$') <> stock_code or stock_code = '' then 'rule.stock_code_format' end,
          case when quantity not between -100000 and 100000 then 'rule.quantity_range' end,
          case when unit_price < 0 then 'rule.price_not_negative' end,
          case when sale_id is null and _corrupt_record is null then 'key.sale_id' end,
          case when invoice_date is null and _corrupt_record is null then 'key.invoice_date' end
        ], lambda rule: rule is not null) as rules
      from keyed
    )
    select sale_id, invoice_no, stock_code, description, quantity, invoice_date, unit_price, customer_id, country,
      greatest(100
        - case when customer_id is null then 10 else 0 end
        - case when raw_description is null then 15 else 0 end
        - case when unit_price < 0.001 then 20 else 0 end
        - case when quantity not between -1000 and 1000 then 5 else 0 end, 0)::decimal(4,1) as quality_score,
      source_file, ingestion_batch_id, _row, rules, _corrupt_reason,
      case when len(rules) > 0 then coalesce(_corrupt_record, json_object('Invoice', Invoice, 'StockCode', StockCode,
        'Description', raw_description, 'Quantity', raw_quantity, 'InvoiceDate', InvoiceDate, 'Price', Price,
        'Customer ID', Customer_ID, 'Country', raw_country)::varchar) end as raw
    from ruled
"""

SILVER = """
    with accepted as not materialized (
      select * from judged where len(rules) = 0
    ),
    repeated as (
      select sale_id from accepted group by sale_id having count(*) > 1
    ),
    older as (
      select _row from accepted where sale_id in (from repeated)
      qualify row_number() over (partition by sale_id order by invoice_date desc, _row desc) > 1
    )
    select sale_id, invoice_no, stock_code, description, quantity, invoice_date, unit_price, customer_id, country,
      (quantity * unit_price)::decimal(22,3) as total_amount,
      case when starts_with(invoice_no, 'C') then 'cancellation' when starts_with(invoice_no, 'A') then 'adjustment'
        when quantity < 0 then 'return' else 'sale' end as transaction_type,
      customer_id is null as customer_id_is_null_flag, quality_score,
      case when quality_score >= 90 then 'HIGH' when quality_score >= 70 then 'MEDIUM' when quality_score >= 50 then 'LOW'
        else 'POOR' end as quality_tier,
      source_file, ingestion_batch_id, {now} as created_at, {now} as updated_at
    from accepted where _row not in (from older)
"""

QUARANTINE = """
    select substr(md5(concat_ws('/', source_file, ingestion_batch_id, _row)), 1, 12) as quarantine_id, {now} as quarantined_at,
      rules, _corrupt_reason as reason, source_file, _row as source_row, ingestion_batch_id, raw
    from judged where len(rules) > 0
"""


def main(csv: Path, lookup: Path, lakehouse: Path) -> None:
    """Make every table."""
    now = f"timestamptz '{datetime.now(UTC).isoformat()}'"
    lakehouse.mkdir(parents=True)
    with connect(lakehouse, lookup) as db:
        bronze(db, csv, lakehouse, now)
        silver(db, lakehouse, now)
        gold = statements("duckdb", now)
        for name, sql in gold.items():
            save(db, sql, lakehouse, f"gold/{name}")
        (lakehouse / "metrics.json").write_text(json.dumps(measures(db, lakehouse, gold)))


def connect(lakehouse: Path, lookup: Path) -> duckdb.DuckDBPyConnection:
    """Open a database in memory, with the lookup in it."""
    db = duckdb.connect()
    db.execute(
        f"set TimeZone = 'UTC'; set threads = {len(os.sched_getaffinity(0))}; set memory_limit = '1GB'"
    )
    db.execute(f"set temp_directory = '{lakehouse}/spill'")
    db.execute(
        f"create table lookup_countries as from read_csv('{lookup}', all_varchar = true, header = true)"
    )
    return db


def save(db: duckdb.DuckDBPyConnection, sql: str, lakehouse: Path, table: str) -> None:
    """Append a query's rows to a Delta table, and make a view of it: its own name in Gold, `layer_name` elsewhere."""
    rows = db.sql(sql).to_arrow_reader(BATCH_ROWS)
    uri = lakehouse / table
    write_deltalake(uri, rows, mode="append", configuration=CHANGE_FEED, writer_properties=ZSTD)
    view = table.removeprefix("gold/").replace("/", "_")
    if any(uri.glob("*.parquet")):
        db.execute(f"create or replace view {view} as from read_parquet('{uri}/*.parquet')")


def bronze(db: duckdb.DuckDBPyConnection, csv: Path, lakehouse: Path, now: str) -> None:
    """Keep every line: values as text, lines that do not parse as they are."""
    shape = ", ".join(f"'{stored}': 'varchar'" for stored in BRONZE.values())
    metadata = (
        f"{now} as ingestion_timestamp, '{csv.name}' as source_file, '{BATCH}' as ingestion_batch_id, "
        "'file' as ingestion_source, 'file_upload' as source_system, null::double as data_quality_score"
    )
    save(
        db,
        f"""
        select {", ".join(BRONZE.values())}, {metadata}, row_number() over () as _row,
          null::varchar as _corrupt_record, null::varchar as _corrupt_reason
        from read_csv('{csv}', columns = {{{shape}}}, header = true, auto_detect = false, delim = ',', quote = '"', escape = '"',
          store_rejects = true, rejects_limit = 0)
        """,
        lakehouse,
        "bronze/sales",
    )
    nulls = ", ".join(f"null::varchar as {stored}" for stored in BRONZE.values())
    save(db, REJECTS.format(nulls=nulls, metadata=metadata), lakehouse, "bronze/sales")


def silver(db: duckdb.DuckDBPyConnection, lakehouse: Path, now: str) -> None:
    """Type, complete, standardise, judge and score every row; keep the last of each sale."""
    db.execute(JUDGED)
    save(db, SILVER.format(now=now), lakehouse, "silver/sales")
    save(db, QUARANTINE.format(now=now), lakehouse, "quarantine/sales")
    db.execute("drop table judged")


def measures(db: duckdb.DuckDBPyConnection, lakehouse: Path, gold: Iterable[str]) -> dict[str, str]:
    """Measure Silver and each table of Gold in one query each, and say where every row of Bronze went."""
    found: dict[str, str] = {}
    for view, table in ({"silver_sales": "silver.sales"} | {name: f"gold.{name}" for name in gold}).items():
        wanted = wanted_measures(db.sql(f"from {view}").columns, "duckdb")
        values = db.sql(f"select {', '.join(wanted.values())} from {view}").fetchall()[0]
        found |= {f"{table} {name}": str(value) for name, value in zip(wanted, values, strict=True)}
    rows = {
        name: DeltaTable(lakehouse / name / "sales").count() for name in ("bronze", "silver", "quarantine")
    }
    refused, kept = rows["quarantine"], rows["silver"]
    flow = {
        "rowsIn": rows["bronze"],
        "inserted": kept,
        "quarantined": refused,
        "deduplicated": rows["bronze"] - kept - refused,
    }
    counts = {"evaluated": rows["bronze"], "refused": refused} | {
        f"ledger.{name}": count for name, count in flow.items()
    }
    return found | {f"silver.sales {name}": str(count) for name, count in counts.items()}


if __name__ == "__main__":
    main(*(Path(argument).absolute() for argument in sys.argv[1:4]))
