"""Law 5 for schemas that change: both engines see the same changes, and send the same files to quarantine."""

from pathlib import Path

import pytest
from deltalake import DeltaTable
from podium import host
from podium.opening import open_pipeline
from podium_contracts.names import EngineName
from podium_lakehouse.lakehouse import Lakehouse
from podium_runtime.requests import request
from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.integration, pytest.mark.timeout(600)]
PIPELINE = """
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {name: stall}
spec:
  lakehouse: {uri: lakehouse}
  datasets:
    sales:
      on_schema_change: quarantine
      sources: [{files: {path: in/*.csv}}]
      columns: {id: {type: string}, at: {type: integer}, price: {type: "decimal(9,2)"}}
      duplicates: {keys: [id], order: [at]}
"""
WITH_SHOP = PIPELINE.replace("columns: {", "columns: {shop: {type: string}, ")
DELIVERIES = (
    {"1": "id,at,price,note\na,1,1.00,7\nb,2,2,\n"},
    {
        "2": "id,at,note\nc,1,7\n",
        "3": "id,at,price,note\nd,x,1,8\ne,1\n",
        "4": "id,at,price,note\nf,1,1,2026-01-01\n",
    },
    {"5": "id,at,price,note,shop\na,2,3.50,2.5,Bath\ng,1,1,2,York\n"},
)
OWN = {"run_id", "time", "quarantined_at", "created_at", "updated_at", "ingestion_timestamp"}


def made(folder: Path, engine: EngineName) -> dict[str, list[str]]:
    """Return the rows of every table that an engine makes of the deliveries, without what is a run's own."""
    (folder / "in").mkdir(parents=True)
    lakehouse = Lakehouse(str(folder / "lakehouse"), engine=engine)
    for pipeline, delivery in zip((PIPELINE, PIPELINE, WITH_SHOP), DELIVERIES, strict=True):
        (folder / "pipeline.yaml").write_text(pipeline)
        for name, text in delivery.items():
            (folder / "in" / f"{name}.csv").write_text(text)
        opened = open_pipeline(folder / "pipeline.yaml")
        host.run(opened.pipeline, lakehouse, request(opened.pipeline))
    uris = {name: f"{lakehouse.uri}/{name}" for name in ("bronze/sales", "silver/sales", "quarantine/sales")}
    uris["history"] = lakehouse.schema_history.table.uri
    return {name: _rows(uri) for name, uri in uris.items()}


def _rows(uri: str) -> list[str]:
    rows = DeltaTable(uri).to_pyarrow_table().to_pylist()
    return sorted(str({name: row[name] for name in sorted(row.keys() - OWN)}) for row in rows)


def test_both_engines_quarantine_the_same_files(spark: SparkSession, tmp_path: Path) -> None:
    """The rows of files that lack a field, or have a text or a day for a number; then one that goes on from the schema before,
    with a field that Silver wants from then on."""
    del spark
    ours, theirs = (made(tmp_path / engine, engine) for engine in EngineName)
    assert ours == theirs
    assert [row.count("schema.incompatible-file") for row in ours["quarantine/sales"]].count(1) == 3
    assert len(ours["quarantine/sales"]) == 4
    assert [("'shop': 'Bath'" in row, "'shop': None" in row) for row in ours["silver/sales"]].count(
        (False, True)
    ) == 1
    assert len(ours["silver/sales"]) == 3
