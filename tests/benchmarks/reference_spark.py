"""The retail tables the way Spark jobs are often written: step by step, a pass over the data for each thing one wants to know.

    python tests/benchmarks/reference_spark.py CSV LOOKUP LAKEHOUSE

The same tables and measures as `handwritten_spark.py` makes, in the same session, straightforwardly: the shape of the file is
inferred, each column is cast, filled and standardised by a `withColumn` of its own, each rule and each measure is a `count()`,
duplicates are found by a window over whole rows, nothing is kept between steps.
"""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from definitions import statements
from podium_lakehouse.engines.spark_session import spark_session
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as f

COLUMNS = {
    "invoice_no": ("Invoice", "string"),
    "stock_code": ("StockCode", "string"),
    "description": ("Description", "string"),
    "quantity": ("Quantity", "int"),
    "invoice_date": ("InvoiceDate", "timestamp"),
    "unit_price": ("Price", "decimal(12,3)"),
    "customer_id": ("Customer_ID", "string"),
    "country": ("Country", "string"),
}
RULES = {
    "rule.invoice_format": "not invoice_no rlike '^[A-Z]?[0-9]{6}(-[0-9]+)?$'",
    "rule.stock_code_format": "not stock_code rlike '^[A-Z0-9][A-Z0-9_ ]*$'",
    "rule.quantity_range": "quantity not between -100000 and 100000",
    "rule.price_not_negative": "unit_price < 0",
    "key.sale_id": "sale_id is null and _corrupt_record is null",
    "key.invoice_date": "invoice_date is null and _corrupt_record is null",
}
DEDUCTIONS = {
    "customer_id is null": 10,
    "raw_description is null": 15,
    "unit_price < 0.001": 20,
    "quantity not between -1000 and 1000": 5,
}
SALE_ID = """
    coalesce(substr(cast(unix_micros(invoice_date) as string), 1, 10), '') || '-' || invoice_no || '-' || stock_code
      || '-' || coalesce(cast(quantity as string), '') || '-' || coalesce(cast(unit_price as string), '')
"""
KIND = """
    case when startswith(invoice_no, 'C') then 'cancellation' when startswith(invoice_no, 'A') then 'adjustment'
      when quantity < 0 then 'return' else 'sale' end
"""
SILVER = """
    sale_id invoice_no stock_code description quantity invoice_date unit_price customer_id country total_amount transaction_type
    customer_id_is_null_flag quality_score quality_tier source_file ingestion_batch_id created_at updated_at
"""
QUARANTINE = "quarantine_id quarantined_at rules reason source_file source_row ingestion_batch_id raw"
TIER = """
    case when quality_score >= 90 then 'HIGH' when quality_score >= 70 then 'MEDIUM' when quality_score >= 50 then 'LOW' else 'POOR' end
"""


def main(csv: Path, lookup: Path, lakehouse: Path) -> None:
    """Make every table."""
    spark = spark_session()
    now = f.lit(datetime.now(UTC))
    spark.read.csv(str(lookup), header=True).createOrReplaceTempView("lookup_countries")
    save(infer(spark, csv, now), lakehouse, "bronze/sales")
    print("rows", spark.table("bronze_sales").count())
    judged = listed(judge(spark))
    originals = {name: source.replace("_", " ") for name, (source, _) in COLUMNS.items()}
    save(refuse(judged, originals, now), lakehouse, "quarantine/sales")
    accept(judged, lakehouse, now)
    gold = statements("spark", f"timestamp '{datetime.now(UTC).isoformat()}'")
    for name, sql in gold.items():
        save(spark.sql(sql), lakehouse, f"gold/{name}")
    views = {"silver_sales": "silver.sales"} | {name: f"gold.{name}" for name in gold}
    found = {
        f"{table} {name}": value
        for view, table in views.items()
        for name, value in measures(spark.table(view)).items()
    }
    (lakehouse / "metrics.json").write_text(json.dumps({name: str(value) for name, value in found.items()}))
    spark.stop()


def save(rows: DataFrame, lakehouse: Path, table: str) -> None:
    """Append rows to a Delta table, and make a view of it: its own name in Gold, `layer_name` elsewhere."""
    uri = str(lakehouse / table)
    rows.write.format("delta").mode("append").option("delta.enableChangeDataFeed", "true").save(uri)
    view = table.removeprefix("gold/").replace("/", "_")
    rows.sparkSession.read.format("delta").load(uri).createOrReplaceTempView(view)


def infer(spark: SparkSession, csv: Path, now: Column) -> DataFrame:
    """Return the file's lines as text, its columns as inferred, with where they come from."""
    inferred = spark.read.csv(
        str(csv), header=True, inferSchema=True, escape='"', timestampFormat="yyyy-MM-dd HH:mm:ss"
    )
    shape = ", ".join(f"`{name}` string" for name in (*inferred.columns, "_corrupt_record"))
    lines = spark.read.csv(
        str(csv), schema=shape, header=True, escape='"', columnNameOfCorruptRecord="_corrupt_record"
    )
    for name in lines.columns:
        lines = lines.withColumnRenamed(name, name.replace(" ", "_"))
    return (
        lines.withColumn("ingestion_timestamp", now)
        .withColumn("source_file", f.lit(csv.name))
        .withColumn("ingestion_batch_id", f.lit("batch-1"))
        .withColumn("ingestion_source", f.lit("file"))
        .withColumn("source_system", f.lit("file_upload"))
        .withColumn("data_quality_score", f.lit(None).cast("double"))
        .withColumn("_row", f.monotonically_increasing_id())
        .withColumn(
            "_corrupt_reason", f.expr("case when _corrupt_record is not null then 'malformed line' end")
        )
    )


def judge(spark: SparkSession) -> DataFrame:
    """Cast, fill, standardise and judge, a column or a rule at a time; rows get the list of the rules that refuse them."""
    rows = spark.table("bronze_sales")
    for name, (source, _) in COLUMNS.items():
        rows = rows.withColumn(f"raw_{name}", f.col(source))
    rows = rows.drop(*(source for source, _ in COLUMNS.values()))
    rows = marked(rows, "csv.corrupt", "_corrupt_record is not null")
    for name, (_, kind) in COLUMNS.items():
        rows = rows.withColumn(name, f.col(f"raw_{name}").try_cast(kind))
        rows = marked(rows, f"schema.{name}", f"{name} is null and raw_{name} is not null")
    rows = rows.withColumn("customer_id_is_null_flag", f.col("customer_id").isNull())
    rows = rows.fillna({"description": "UNKNOWN"})
    rows = rows.withColumn("invoice_no", f.upper(f.trim("invoice_no")))
    rows = rows.withColumn("stock_code", f.upper(f.trim("stock_code")))
    rows = rows.withColumn("description", f.trim("description"))
    rows = rows.withColumn("customer_id", f.regexp_replace("customer_id", "[.]0+$", ""))
    countries = spark.table("lookup_countries").select("variant", "country_name")
    rows = rows.join(countries, rows.country == countries.variant, "left")
    rows = marked(rows, "lookup.country", "country_name is null and country is not null")
    rows = rows.withColumn("country", f.coalesce("country_name", "country"))
    rows = rows.withColumn("sale_id", f.expr(SALE_ID))
    for rule, refuses in RULES.items():
        rows = marked(rows, rule, refuses)
    return rows


def marked(rows: DataFrame, rule: str, refuses: str) -> DataFrame:
    """Add a column that says whether a rule refuses a row."""
    return rows.withColumn(f"refused by {rule}", f.coalesce(f.expr(refuses), f.lit(False)))


def listed(rows: DataFrame) -> DataFrame:
    """Print how many rows each rule refuses, and list a row's rules in one column."""
    marks = [name for name in rows.columns if name.startswith("refused by ")]
    for mark in marks:
        print(mark, rows.filter(f.col(f"`{mark}`")).count())
    rules = (f.when(f.col(f"`{mark}`"), mark.removeprefix("refused by ")) for mark in marks)
    return rows.withColumn("rules", f.array_compact(f.array(*rules))).drop(*marks)


def refuse(judged: DataFrame, originals: Mapping[str, str], now: Column) -> DataFrame:
    """Return the refused rows with their rules and their line as JSON; `originals` names the columns as the source does."""
    fields = (f.col(f"raw_{name}").alias(source) for name, source in originals.items())
    raw = f.to_json(f.struct(*fields), {"ignoreNullFields": "false"})
    refused = (
        judged.filter(f.size("rules") > 0)
        .withColumn(
            "quarantine_id",
            f.expr("substr(md5(concat_ws('/', source_file, ingestion_batch_id, _row)), 1, 12)"),
        )
        .withColumn("quarantined_at", now)
        .withColumn("reason", f.col("_corrupt_reason"))
        .withColumn("source_row", f.col("_row"))
        .withColumn("raw", f.coalesce("_corrupt_record", raw))
    )
    return refused.select(*QUARANTINE.split())


def accept(judged: DataFrame, lakehouse: Path, now: Column) -> None:
    """Keep the last of each sale, score it, write it."""
    accepted = judged.filter(f.size("rules") == 0)
    latest = Window.partitionBy("sale_id").orderBy(f.col("invoice_date").desc(), f.col("_row").desc())
    rows = (
        accepted.withColumn("row_number", f.row_number().over(latest))
        .filter("row_number = 1")
        .drop("row_number")
    )
    rows = rows.withColumn("total_amount", f.expr("cast(quantity * unit_price as decimal(22,3))"))
    rows = rows.withColumn("transaction_type", f.expr(KIND))
    rows = rows.withColumn("quality_score", f.lit(100).cast("decimal(4,1)"))
    for condition, deduction in DEDUCTIONS.items():
        rows = rows.withColumn(
            "quality_score",
            f.expr(f"case when {condition} then quality_score - {deduction} else quality_score end"),
        )
    rows = rows.withColumn("quality_score", f.expr("cast(greatest(quality_score, 0) as decimal(4,1))"))
    rows = rows.withColumn("quality_tier", f.expr(TIER))
    rows = rows.withColumn("created_at", now).withColumn("updated_at", now)
    save(rows.select(*SILVER.split()), lakehouse, "silver/sales")


def measures(rows: DataFrame, unique: str = "sale_id") -> Mapping[str, object]:
    """Count each thing that quality thresholds speak of."""
    found: dict[str, object] = {"rows": rows.count()}
    for name in rows.columns:
        found[f"null.{name}"] = rows.filter(f.col(name).isNull()).count()
    for name in rows.columns:
        if name.endswith("_key"):
            found[f"unknown.{name}"] = rows.filter(f.col(name) == -1).count()
    if unique in rows.columns:
        found[f"distinct.{unique}"] = rows.select(unique).distinct().count()
    if "quality_score" in rows.columns:
        found["quality_score.sum"] = rows.agg(f.sum("quality_score")).collect()[0][0]
        tiers = {row["quality_tier"]: row["count"] for row in rows.groupBy("quality_tier").count().collect()}
        found |= {f"tier.{tier}": tiers.get(tier, 0) for tier in ("HIGH", "MEDIUM", "LOW", "POOR")}
    return found


if __name__ == "__main__":
    main(*(Path(argument).absolute() for argument in sys.argv[1:4]))
