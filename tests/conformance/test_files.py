"""Law 5 for files: whatever kind they are of, both engines read the same rows from them."""

from pathlib import Path

import pytest
from deltalake import DeltaTable
from podium.opening import open_pipeline
from podium_contracts.events.v1 import LayerCompleted
from podium_contracts.names import EngineName, Layer
from podium_ingest.stage import ingest
from podium_lakehouse.lakehouse import Lakehouse
from podium_runtime.requests import request
from pyspark.sql import SparkSession

from tests import kinds

pytestmark = [pytest.mark.spark, pytest.mark.integration, pytest.mark.timeout(600)]


def made(folder: Path, engine: EngineName) -> tuple[list[list[tuple[str, object]]], list[object]]:
    """Return what an engine makes of files of every kind: all that stands in Bronze's rows but when they came, and its ledgers."""
    for name, content in kinds.files():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "pipeline.yaml").write_text(kinds.pipeline("lakehouse"))
    pipeline = open_pipeline(folder / "pipeline.yaml").pipeline
    lakehouse = Lakehouse(str(folder / "lakehouse"), engine=engine)
    done = ingest(request(pipeline), pipeline, lakehouse)
    rows = DeltaTable(lakehouse.table_uri(Layer.BRONZE, "sales")).to_pyarrow_table()
    order = [("source_file", "ascending"), ("_row", "ascending")]
    plain = rows.drop_columns("ingestion_timestamp").sort_by(order).to_pylist()
    return [list(row.items()) for row in plain], [
        event.data.ledger for event in done if isinstance(event.data, LayerCompleted)
    ]


def test_files_of_every_kind_become_the_same_rows(spark: SparkSession, tmp_path: Path) -> None:
    """The same sales from each kind, and what does not parse, text for text."""
    del spark
    (ours, our_books), (theirs, their_books) = (made(tmp_path / engine, engine) for engine in EngineName)
    assert ours == theirs
    assert our_books == their_books
    assert len(their_books) == len(kinds.KINDS)
    assert len(theirs) == sum(map(len, kinds.SALES)) * len(kinds.KINDS) + len(kinds.BROKEN)
