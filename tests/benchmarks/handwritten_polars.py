"""The retail tables as an engineer would write them by hand: Polars and delta-rs, one script, no framework.

    python tests/benchmarks/handwritten_polars.py CSV LOOKUP LAKEHOUSE

Bronze, Silver, quarantine, the facts and the sums per day as examples/retail makes them, from nothing, each streamed into its table.
The dimensions, which are small, and the counts of the measures are SQL in DuckDB, that of `handwritten_duckdb.py`: they cost it little, and
Polars would gain nothing there. Polars has no place for a line that does not parse: such a line ends the script.
"""

import hashlib
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from definitions import statements
from handwritten_duckdb import BATCH, BRONZE, CHANGE_FEED, RAW, ZSTD, connect, measures, save

MOMENT = pl.Datetime("us", "UTC")
RULES = {
    "schema.quantity": pl.col("quantity").is_null() & pl.col("Quantity").is_not_null(),
    "schema.invoice_date": pl.col("invoice_date").is_null() & pl.col("InvoiceDate").is_not_null(),
    "schema.unit_price": pl.col("unit_price").is_null() & pl.col("Price").is_not_null(),
    "lookup.country": pl.col("country_name").is_null() & pl.col("Country").is_not_null(),
    "rule.invoice_format": ~pl.col("invoice_no").str.contains(r"^[A-Z]?[0-9]{6}(-[0-9]+)?$"),
    "rule.stock_code_format": ~pl.col("stock_code").str.contains(r"^[A-Z0-9][A-Z0-9_ ]*$"),
    "rule.quantity_range": ~pl.col("quantity").is_between(-100_000, 100_000),
    "rule.price_not_negative": pl.col("price") < 0,
    "key.sale_id": pl.col("sale_id").is_null(),
    "key.invoice_date": pl.col("invoice_date").is_null(),
}
DEDUCTIONS = {
    10: pl.col("customer_id").is_null(),
    15: pl.col("Description").is_null(),
    20: pl.col("price") == 0,
    5: ~pl.col("quantity").is_between(-1000, 1000),
}
SILVER = (
    "sale_id", "invoice_no", "stock_code", "description", "quantity", "invoice_date", "unit_price", "customer_id", "country",
    "total_amount", "transaction_type", "customer_id_is_null_flag", "quality_score", "quality_tier", "source_file", "ingestion_batch_id",
    "created_at", "updated_at",
)  # fmt: skip


def main(csv: Path, lookup: Path, lakehouse: Path) -> None:
    """Make every table."""
    now = datetime.now(UTC)
    lakehouse.mkdir(parents=True)
    bronze(csv, lakehouse, now)
    silver(lookup, lakehouse, now)
    with connect(lakehouse, lookup) as db:
        for layer in ("silver", "quarantine"):
            db.execute(
                f"create view {layer}_sales as from read_parquet('{lakehouse}/{layer}/sales/*.parquet')"
            )
        gold = statements("duckdb", f"timestamptz '{now.isoformat()}'")
        for name, sql in gold.items():
            if name == "fact_sale":
                stream(facts(lakehouse, now), lakehouse, "gold/fact_sale")
                db.execute(
                    f"create view fact_sale as from read_parquet('{lakehouse}/gold/fact_sale/*.parquet')"
                )
            else:
                save(db, sql, lakehouse, f"gold/{name}")
        (lakehouse / "metrics.json").write_text(json.dumps(measures(db, lakehouse, gold)))


def stream(rows: pl.LazyFrame, lakehouse: Path, table: str) -> None:
    """Append rows to a Delta table."""
    options = {"configuration": CHANGE_FEED, "writer_properties": ZSTD}
    rows.sink_delta(lakehouse / table, mode="append", delta_write_options=options)


def parquet(lakehouse: Path, table: str) -> pl.LazyFrame:
    """Read a table that this script has made, whose every file is part of it."""
    return pl.scan_parquet(lakehouse / table / "*.parquet")


def bronze(csv: Path, lakehouse: Path, now: datetime) -> None:
    """Keep every line, its values as text."""
    raw = pl.scan_csv(csv, infer_schema=False, row_index_name="_row", row_index_offset=1).rename(BRONZE)
    stream(
        raw.select(
            *BRONZE.values(),
            pl.lit(now, MOMENT).alias("ingestion_timestamp"),
            pl.lit(csv.name).alias("source_file"),
            pl.lit(BATCH).alias("ingestion_batch_id"),
            pl.lit("file").alias("ingestion_source"),
            pl.lit("file_upload").alias("source_system"),
            pl.lit(None, pl.Float64).alias("data_quality_score"),
            pl.col("_row").cast(pl.Int64),
            pl.lit(None, pl.String).alias("_corrupt_record"),
            pl.lit(None, pl.String).alias("_corrupt_reason"),
        ),
        lakehouse,
        "bronze/sales",
    )


def judged(lakehouse: Path, lookup: Path) -> pl.LazyFrame:
    """Type, complete, standardise, judge and score every row of Bronze."""
    countries = pl.scan_csv(lookup, infer_schema=False).select("variant", "country_name")
    price = pl.col("Price").cast(pl.Decimal(12, 3), strict=False)
    typed = (
        parquet(lakehouse, "bronze/sales")
        .join(countries, left_on="Country", right_on="variant", how="left", maintain_order="left")
        .with_columns(
            pl.col("Invoice").str.strip_chars(" ").str.to_uppercase().alias("invoice_no"),
            pl.col("StockCode").str.strip_chars(" ").str.to_uppercase().alias("stock_code"),
            pl.col("Description").fill_null("UNKNOWN").str.strip_chars(" ").alias("description"),
            pl.col("Quantity").cast(pl.Int32, strict=False).alias("quantity"),
            pl.col("InvoiceDate")
            .str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", time_zone="UTC", strict=False)
            .alias("invoice_date"),
            price.alias("unit_price"),
            (price.cast(pl.Float64) * 1000).round().cast(pl.Int64).alias("price"),
            pl.col("Customer_ID").str.replace(r"\.0+$", "").alias("customer_id"),
            pl.coalesce("country_name", "Country").alias("country"),
        )
    )
    seconds = pl.col("invoice_date").dt.epoch("s").cast(pl.String).fill_null("")
    texts = [pl.col(name).cast(pl.String).fill_null("") for name in ("quantity", "unit_price")]
    keyed = typed.with_columns(
        pl.concat_str(seconds, "invoice_no", "stock_code", *texts, separator="-").alias("sale_id")
    )
    score = 100 - pl.sum_horizontal(
        pl.when(condition).then(points).otherwise(0) for points, condition in DEDUCTIONS.items()
    )
    return keyed.with_columns(
        pl.any_horizontal(RULES.values()).fill_null(value=False).alias("refused"),
        score.clip(0).cast(pl.Int16).alias("score"),
    )


def silver(lookup: Path, lakehouse: Path, now: datetime) -> None:
    """Write the refused rows to quarantine, and the last of each sale of the others to Silver."""
    rows = judged(lakehouse, lookup)
    draft = lakehouse / "judged.parquet"
    rows.select(
        *SILVER[:9], "price", "score", "refused", "source_file", "ingestion_batch_id", "_row"
    ).sink_parquet(draft, compression="lz4", maintain_order=False)
    accepted = pl.scan_parquet(draft).filter(~pl.col("refused"))
    hashed = accepted.select(pl.col("sale_id").hash().alias("key"), "_row")
    repeated = hashed.group_by("key").len().filter(pl.col("len") > 1).select("key")
    older = (
        accepted.with_columns(pl.col("sale_id").hash().alias("key"))
        .join(repeated, on="key", how="semi")
        .select(
            "_row",
            pl.struct("invoice_date", "_row").rank("ordinal", descending=True).over("sale_id").alias("rank"),
        )
        .filter(pl.col("rank") > 1)
    )
    starts = pl.col("invoice_no").str.starts_with
    score = pl.col("score")
    stream(
        accepted.join(older, on="_row", how="anti")
        .with_columns(
            (pl.col("quantity").cast(pl.Decimal(22, 0)) * pl.col("unit_price").cast(pl.Decimal(22, 3)))
            .cast(pl.Decimal(22, 3))
            .alias("total_amount"),
            pl.when(starts("C")).then(pl.lit("cancellation")).when(starts("A")).then(pl.lit("adjustment"))
            .when(pl.col("quantity") < 0).then(pl.lit("return")).otherwise(pl.lit("sale")).alias("transaction_type"),
            pl.col("customer_id").is_null().alias("customer_id_is_null_flag"),
            score.cast(pl.Decimal(4, 1)).alias("quality_score"),
            pl.when(score >= 90).then(pl.lit("HIGH")).when(score >= 70).then(pl.lit("MEDIUM"))
            .when(score >= 50).then(pl.lit("LOW")).otherwise(pl.lit("POOR")).alias("quality_tier"),
            pl.lit(now, MOMENT).alias("created_at"),
            pl.lit(now, MOMENT).alias("updated_at"),
        )
        .select(SILVER),
        lakehouse,
        "silver/sales",
    )  # fmt: skip
    refuse(rows.filter("refused").collect(engine="streaming"), lakehouse, now)
    draft.unlink()


def refuse(rows: pl.DataFrame, lakehouse: Path, now: datetime) -> None:
    """Write the refused rows, which are few, with the rules that refused them."""
    broken = [pl.when(condition).then(pl.lit(rule)) for rule, condition in RULES.items()]
    found = rows.with_columns(pl.concat_list(broken).list.drop_nulls().alias("rules")).to_dicts()
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "quarantine_id": pl.String, "quarantined_at": MOMENT, "rules": pl.List(pl.String), "reason": pl.String, "source_file": pl.String,
        "source_row": pl.Int64, "ingestion_batch_id": pl.String, "raw": pl.String,
    }  # fmt: skip
    quarantined = [
        {
            "quarantine_id": hashlib.md5("/".join(origin).encode(), usedforsecurity=False).hexdigest()[:12],
            "quarantined_at": now,
            "rules": row["rules"],
            "source_file": row["source_file"],
            "source_row": row["_row"],
            "ingestion_batch_id": row["ingestion_batch_id"],
            "raw": json.dumps(
                {name: row[BRONZE[name]] for name in RAW}, separators=(",", ":"), ensure_ascii=False
            ),
        }
        for row in found
        if (origin := [row["source_file"], row["ingestion_batch_id"], str(row["_row"])])
    ]
    stream(pl.LazyFrame(quarantined, schema), lakehouse, "quarantine/sales")


def facts(lakehouse: Path, now: datetime) -> pl.LazyFrame:
    """Give each sale the keys of its dimensions, and what it earned where its product's cost is known."""
    keys = {"customer": "customer_id", "product": "stock_code", "country": "country_name"}
    sales = parquet(lakehouse, "silver/sales")
    for dimension, name in keys.items():
        wanted = [f"{dimension}_key", name, *(["unit_cost"] if dimension == "product" else [])]
        members = parquet(lakehouse, f"gold/dim_{dimension}").select(wanted)
        ours = "country" if dimension == "country" else name
        sales = sales.join(members, left_on=ours, right_on=name, how="left")
    date, cost, price = pl.col("invoice_date"), pl.col("unit_cost"), pl.col("unit_price")
    profit = (price - cost).cast(pl.Decimal(28, 3))
    margin = (profit * pl.lit(100, pl.Decimal(5, 0))).cast(pl.Float64) / price.cast(pl.Float64)
    parts = {
        "date_key": date.dt.year() * 10_000 + date.dt.month().cast(pl.Int32) * 100 + date.dt.day(),
        "time_key": date.dt.hour().cast(pl.Int32) * 10_000
        + date.dt.minute().cast(pl.Int32) * 100
        + date.dt.second(),
    }
    return sales.select(
        "sale_id",
        *(pl.col(f"{dimension}_key").fill_null(-1) for dimension in keys),
        *(value.fill_null(-1).cast(pl.Int32).alias(name) for name, value in parts.items()),
        "invoice_no",
        "transaction_type",
        "quantity",
        "unit_price",
        "total_amount",
        pl.lit(None, pl.Decimal(28, 3)).alias("discount_amount"),
        pl.lit(None, pl.Decimal(28, 3)).alias("tax_amount"),
        pl.when(cost > 0)
        .then((profit * pl.col("quantity").cast(pl.Decimal(28, 0))).cast(pl.Decimal(28, 3)))
        .alias("profit_amount"),
        pl.when((cost > 0) & (price != 0))
        .then((margin * 1e4 + 0.5).floor() / 1e4)
        .alias("margin_percentage"),
        "quality_score",
        "quality_tier",
        pl.lit(now, MOMENT).alias("created_at"),
        pl.lit(now, MOMENT).alias("updated_at"),
    )


if __name__ == "__main__":
    os.environ.setdefault("POLARS_MAX_THREADS", str(len(os.sched_getaffinity(0))))
    main(*(Path(argument).absolute() for argument in sys.argv[1:4]))
