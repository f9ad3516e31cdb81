"""The retail tables as a Spark engineer would write them by hand: PySpark and Delta Lake, one script, no framework.

    python tests/benchmarks/handwritten_spark.py CSV LOOKUP LAKEHOUSE

The same tables and measures as `handwritten_duckdb.py` makes, in the session that Podium would use: one scan per layer, duplicates
looked for over keys alone, dimensions broadcast, one aggregate per table for all measures. `_row` numbers rows without counting lines.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from definitions import statements, wanted_measures
from podium_lakehouse.engines.spark_session import spark_session
from pyspark.sql import DataFrame, SparkSession

RAW = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")
BATCH = "batch-1"

JUDGED = """
    with typed as (
      select upper(trim(Invoice)) as invoice_no,
        upper(trim(StockCode)) as stock_code,
        trim(coalesce(raw.Description, 'UNKNOWN')) as description,
        try_cast(raw.Quantity as int) as quantity,
        try_cast(InvoiceDate as timestamp) as invoice_date,
        try_cast(Price as decimal(12,3)) as unit_price,
        regexp_replace(Customer_ID, '[.]0+$', '') as customer_id,
        coalesce(country_name, raw.Country) as country,
        Invoice, StockCode, raw.Description as raw_description, raw.Quantity as raw_quantity, InvoiceDate, Price, Customer_ID as raw_customer_id,
        raw.Country as raw_country, country_name, source_file, ingestion_batch_id, _row, _corrupt_record, _corrupt_reason
      from bronze_sales raw left join lookup_countries on variant = raw.Country
    ),
    keyed as (
      select *, coalesce(substr(cast(unix_micros(invoice_date) as string), 1, 10), '') || '-' || invoice_no || '-' || stock_code
          || '-' || coalesce(cast(quantity as string), '') || '-' || coalesce(cast(unit_price as string), '') as sale_id
      from typed
    )
    select *, array_compact(array(
        case when _corrupt_record is not null then 'csv.corrupt' end,
        case when quantity is null and raw_quantity is not null then 'schema.quantity' end,
        case when invoice_date is null and InvoiceDate is not null then 'schema.invoice_date' end,
        case when unit_price is null and Price is not null then 'schema.unit_price' end,
        case when country_name is null and raw_country is not null then 'lookup.country' end,
        case when not invoice_no rlike '^[A-Z]?[0-9]{6}(-[0-9]+)?$' then 'rule.invoice_format' end,
        case when not stock_code rlike '^[A-Z0-9][A-Z0-9_ ]*$' then 'rule.stock_code_format' end,
        case when quantity not between -100000 and 100000 then 'rule.quantity_range' end,
        case when unit_price < 0 then 'rule.price_not_negative' end,
        case when sale_id is null and _corrupt_record is null then 'key.sale_id' end,
        case when invoice_date is null and _corrupt_record is null then 'key.invoice_date' end
      )) as rules
    from keyed
"""

JUDGED_COLUMNS = """
    select sale_id, invoice_no, stock_code, description, quantity, invoice_date, unit_price, customer_id, country,
      cast(greatest(100
        - case when customer_id is null then 10 else 0 end
        - case when raw_description is null then 15 else 0 end
        - case when unit_price < 0.001 then 20 else 0 end
        - case when quantity not between -1000 and 1000 then 5 else 0 end, 0) as decimal(4,1)) as quality_score,
      source_file, ingestion_batch_id, _row, rules, _corrupt_reason,
      case when size(rules) > 0 then coalesce(_corrupt_record, to_json(named_struct('Invoice', Invoice, 'StockCode', StockCode,
        'Description', raw_description, 'Quantity', raw_quantity, 'InvoiceDate', InvoiceDate, 'Price', Price,
        'Customer ID', raw_customer_id, 'Country', raw_country), map('ignoreNullFields', 'false'))) end as raw
    from ruled
"""

OLDER = """
    with repeated as (
      select sale_id from accepted group by sale_id having count(*) > 1
    ),
    ranked as (
      select _row, row_number() over (partition by sale_id order by invoice_date desc, _row desc) as rank
      from accepted left semi join repeated using (sale_id)
    )
    select _row from ranked where rank > 1
"""

SILVER = """
    select sale_id, invoice_no, stock_code, description, quantity, invoice_date, unit_price, customer_id, country,
      cast(quantity * unit_price as decimal(22,3)) as total_amount,
      case when startswith(invoice_no, 'C') then 'cancellation' when startswith(invoice_no, 'A') then 'adjustment'
        when quantity < 0 then 'return' else 'sale' end as transaction_type,
      customer_id is null as customer_id_is_null_flag, quality_score,
      case when quality_score >= 90 then 'HIGH' when quality_score >= 70 then 'MEDIUM' when quality_score >= 50 then 'LOW'
        else 'POOR' end as quality_tier,
      source_file, ingestion_batch_id, {now} as created_at, {now} as updated_at
    from accepted left anti join older using (_row)
"""

QUARANTINE = """
    select substr(md5(concat_ws('/', source_file, ingestion_batch_id, _row)), 1, 12) as quarantine_id, {now} as quarantined_at,
      rules, _corrupt_reason as reason, source_file, _row as source_row, ingestion_batch_id, raw
    from judged where size(rules) > 0
"""


def main(csv: Path, lookup: Path, lakehouse: Path) -> None:
    """Make every table."""
    now = f"timestamp '{datetime.now(UTC).isoformat()}'"
    spark = spark_session()
    spark.read.csv(str(lookup), header=True).createOrReplaceTempView("lookup_countries")
    bronze(spark, csv, lakehouse, now)
    silver(spark, lakehouse, now)
    gold = statements("spark", now)
    for name, sql in gold.items():
        save(spark.sql(sql), lakehouse, f"gold/{name}")
    views = {"silver_sales": "silver.sales"} | {name: f"gold.{name}" for name in gold}
    (lakehouse / "metrics.json").write_text(json.dumps(measures(spark, views)))
    spark.stop()


def save(rows: DataFrame, lakehouse: Path, table: str) -> None:
    """Append rows to a Delta table, and make a view of it: its own name in Gold, `layer_name` elsewhere."""
    uri = str(lakehouse / table)
    rows.write.format("delta").mode("append").option("delta.enableChangeDataFeed", "true").save(uri)
    view = table.removeprefix("gold/").replace("/", "_")
    rows.sparkSession.read.format("delta").load(uri).createOrReplaceTempView(view)


def bronze(spark: SparkSession, csv: Path, lakehouse: Path, now: str) -> None:
    """Keep every line: values as text, lines that do not parse as they are."""
    shape = ", ".join(f"`{name}` string" for name in (*RAW, "_corrupt_record"))
    lines = spark.read.csv(
        str(csv), schema=shape, header=True, escape='"', columnNameOfCorruptRecord="_corrupt_record"
    )
    save(
        lines.selectExpr(
            *(f"`{name}` as {name.replace(' ', '_')}" for name in RAW),
            f"{now} as ingestion_timestamp",
            f"'{csv.name}' as source_file",
            f"'{BATCH}' as ingestion_batch_id",
            "'file' as ingestion_source",
            "'file_upload' as source_system",
            "cast(null as double) as data_quality_score",
            "monotonically_increasing_id() as _row",
            "_corrupt_record",
            "case when _corrupt_record is not null then 'malformed line' end as _corrupt_reason",
        ),
        lakehouse,
        "bronze/sales",
    )


def silver(spark: SparkSession, lakehouse: Path, now: str) -> None:
    """Type, complete, standardise, judge and score every row; keep the last of each sale."""
    spark.sql(JUDGED).createOrReplaceTempView("ruled")
    judged = spark.sql(JUDGED_COLUMNS).persist()
    judged.createOrReplaceTempView("judged")
    spark.sql("select * from judged where size(rules) = 0").createOrReplaceTempView("accepted")
    spark.sql(OLDER).createOrReplaceTempView("older")
    save(spark.sql(SILVER.format(now=now)), lakehouse, "silver/sales")
    save(spark.sql(QUARANTINE.format(now=now)), lakehouse, "quarantine/sales")
    judged.unpersist()


def measures(spark: SparkSession, views: dict[str, str]) -> dict[str, str]:
    """Measure each table, given by the view over it, in one query."""
    found: dict[str, str] = {}
    for view, table in views.items():
        wanted = wanted_measures(spark.table(view).columns, "spark")
        values = spark.sql(f"select {', '.join(wanted.values())} from {view}").collect()[0]
        found |= {f"{table} {name}": str(value) for name, value in zip(wanted, values, strict=True)}
    return found


if __name__ == "__main__":
    main(*(Path(argument).absolute() for argument in sys.argv[1:4]))
