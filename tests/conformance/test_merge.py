"""A Delta table may be written by either engine: Spark's MERGE and the duckdb engine's leave the same rows."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from podium_contracts.pipeline import ColumnType
from podium_lakehouse.delta.commits import TransactionId
from podium_lakehouse.delta.tables import CHANGE_FEED, arrow_schema, ensure
from podium_lakehouse.engines.duckdb import duckdb_engine
from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.integration, pytest.mark.timeout(600)]
COLUMNS = {
    name: ColumnType.parse(kind)
    for name, kind in {
        "sale_id": "string",
        "quantity": "integer",
        "amount": "decimal(22,3)",
        "created_at": "timestamp",
        "updated_at": "timestamp",
    }.items()
}
FIRST, SECOND = datetime(2026, 11, 1, 12, tzinfo=UTC), datetime(2026, 11, 2, 12, 0, 0, 1, tzinfo=UTC)
CHANGES = "changes"


def rows(ids: range, quantity: int, moment: datetime) -> pa.Table:
    """Return rows with the ids, every seventh without an amount."""
    found = [
        {
            "sale_id": f"ß{number:05}",
            "quantity": quantity,
            "amount": None if number % 7 == 0 else f"{number}.125",
            "created_at": moment,
            "updated_at": moment,
        }
        for number in ids
    ]
    schema = arrow_schema(COLUMNS)
    columns = {
        name: pa.array(
            [row[name] for row in found], pa.string() if name == "amount" else schema.field(name).type
        )
        for name in schema.names
    }
    return pa.table(columns).cast(schema)


def contents(table: DeltaTable) -> list[dict[str, object]]:
    """Return a table's rows as delta-rs reads them."""
    return table.to_pyarrow_table().sort_by("sale_id").to_pylist()


def test_a_merge_on_spark_equals_one_on_duckdb(spark: SparkSession, tmp_path: Path) -> None:
    """Matching rows are updated but for `created_at`, new ones inserted; delta-rs reads what Spark wrote, change feed included."""
    ours, theirs = tmp_path / "duckdb", tmp_path / "spark"
    ensure(str(ours), arrow_schema(COLUMNS), CHANGE_FEED)
    write_deltalake(str(ours), rows(range(100), 1, FIRST), mode="append")
    shutil.copytree(ours, theirs)
    changes = rows(range(60, 140), 2, SECOND)

    with duckdb_engine() as engine:
        engine.connection.register(CHANGES, changes)
        engine.merge(
            str(ours),
            f"FROM {CHANGES}",
            ["sale_id"],
            TransactionId("merge", 1),
            base=1,
            metadata={},
            keep=("created_at",),
        )
    spark.createDataFrame(changes).createOrReplaceTempView(CHANGES)
    updates = ", ".join(f"t.{name} = s.{name}" for name in COLUMNS if name not in {"sale_id", "created_at"})
    spark.sql(
        f"MERGE INTO delta.`{theirs}` AS t USING {CHANGES} AS s ON t.sale_id = s.sale_id "
        f"WHEN MATCHED THEN UPDATE SET {updates} WHEN NOT MATCHED THEN INSERT *"
    )

    merged = contents(DeltaTable(str(theirs)))
    assert merged == contents(DeltaTable(str(ours)))
    assert [(row["quantity"], row["created_at"], row["updated_at"]) for row in merged] == [
        *[(1, FIRST, FIRST)] * 60,
        *[(2, FIRST, SECOND)] * 40,
        *[(2, SECOND, SECOND)] * 40,
    ]
    assert feed(DeltaTable(str(theirs))) == feed(DeltaTable(str(ours)))
    read_back = spark.read.format("delta").load(str(ours)).toArrow()
    assert read_back.sort_by("sale_id").to_pylist() == merged


def feed(table: DeltaTable) -> list[tuple[object, ...]]:
    """Return what changed in the last commit."""
    version = table.version()
    changed = pa.table(table.load_cdf(starting_version=version, ending_version=version)).to_pylist()
    return sorted((row["sale_id"], row["_change_type"], row["quantity"]) for row in changed)
