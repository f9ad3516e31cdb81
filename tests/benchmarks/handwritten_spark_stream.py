"""A topic into a Delta table as a Spark engineer would write it: Structured Streaming with a checkpoint, all there is, then the end.

    python tests/benchmarks/handwritten_spark_stream.py BROKERS TOPIC LAKEHOUSE JAR...

The fields of each message as text, its key, partition, offset and timestamp; half a million messages a batch, as Podium takes. The session is
Podium's own, with Spark's Kafka source beside it.
"""

import os
import sys
from pathlib import Path

FIELDS = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")
BATCH_ROWS = 500_000


def main(brokers: str, topic: str, lakehouse: Path, jars: list[str]) -> None:
    """Read the topic and write the table."""
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"--jars {','.join(jars)} pyspark-shell"
    from podium_lakehouse.engines.spark_session import spark_session  # noqa: PLC0415 - reads the environment
    from pyspark.sql import functions as f  # noqa: PLC0415 - as above

    spark = spark_session()
    messages = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", brokers)
        .option("subscribe", topic)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", BATCH_ROWS)
        .load()
    )
    shape = ", ".join(f"`{name}` string" for name in FIELDS)
    line = f.from_json(f.col("value").cast("string"), shape)
    rows = messages.select(
        *(line[name].alias(name.replace(" ", "_")) for name in FIELDS),
        f.col("key").cast("string").alias("kafka_key"),
        f.col("partition").alias("kafka_partition"),
        f.col("offset").alias("kafka_offset"),
        f.col("timestamp").alias("kafka_timestamp"),
    )
    rows.writeStream.format("delta").option("checkpointLocation", str(lakehouse / "checkpoint")).trigger(
        availableNow=True
    ).start(str(lakehouse / "bronze" / "sales")).awaitTermination()
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
