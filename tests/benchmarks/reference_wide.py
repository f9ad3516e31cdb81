"""The table of `wide.py` the way Spark jobs are often written: a `withColumn` per column and rule, a `count()` per rule and measure.

python tests/benchmarks/reference_wide.py CSV LAKEHOUSE
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from podium_lakehouse.engines.spark_session import spark_session
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as f
from reference_spark import TIER, infer, listed, marked, measures, refuse, save
from wide import CODES, DEDUCTION, FILLED, LEAST, MOST, PATTERN, RANGES, SCORED, TYPES


def main(csv: Path, lakehouse: Path) -> None:
    """Make Bronze, Silver, the quarantine and the measures of Silver."""
    spark = spark_session()
    now = f.lit(datetime.now(UTC))
    save(infer(spark, csv, now), lakehouse, "bronze/wide")
    print("rows", spark.table("bronze_wide").count())
    judged = listed(judge(spark.table("bronze_wide")))
    save(refuse(judged, {name: name for name in TYPES}, now), lakehouse, "quarantine/wide")

    accepted = judged.filter(f.size("rules") == 0)
    latest = Window.partitionBy("id").orderBy(f.col("t00").desc(), f.col("_row").desc())
    rows = accepted.withColumn("row_number", f.row_number().over(latest)).filter("row_number = 1")
    rows = rows.withColumn("quality_score", f.lit(100).cast("decimal(4,1)"))
    for name in SCORED:
        lowered = f"case when raw_{name} is null then quality_score - {DEDUCTION} else quality_score end"
        rows = rows.withColumn("quality_score", f.expr(lowered))
    rows = rows.withColumn("quality_score", f.expr("cast(greatest(quality_score, 0) as decimal(4,1))"))
    rows = (
        rows.withColumn("quality_tier", f.expr(TIER))
        .withColumn("created_at", now)
        .withColumn("updated_at", now)
    )
    added = ("quality_score", "quality_tier", "source_file", "ingestion_batch_id", "created_at", "updated_at")
    save(rows.select(*TYPES, *added), lakehouse, "silver/wide")
    found = {
        f"silver.wide {name}": str(value)
        for name, value in measures(spark.table("silver_wide"), "id").items()
    }
    (lakehouse / "metrics.json").write_text(json.dumps(found))
    spark.stop()


def judge(rows: DataFrame) -> DataFrame:
    """Cast, fill and judge, a column or a rule at a time."""
    rows = marked(rows, "csv.corrupt", "_corrupt_record is not null")
    for name, kind in TYPES.items():
        rows = rows.withColumnRenamed(name, f"raw_{name}")
        rows = rows.withColumn(name, f.col(f"raw_{name}").try_cast(kind))
        rows = marked(rows, f"schema.{name}", f"{name} is null and raw_{name} is not null")
    for name in CODES:
        rows = rows.fillna({name: FILLED})
    for name in RANGES:
        rows = marked(rows, f"rule.{name}_range", f"{name} not between {LEAST} and {MOST}")
    for name in CODES:
        rows = marked(rows, f"rule.{name}_format", f"not {name} rlike '^({PATTERN}|{FILLED})$'")
    return rows


if __name__ == "__main__":
    main(*(Path(argument).absolute() for argument in sys.argv[1:3]))
