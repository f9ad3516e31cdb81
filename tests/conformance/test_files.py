"""Law 5 for files: whatever kind they are of, both engines read the same rows from them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from podium.opening import open_pipeline
from podium_contracts.events.v1 import LayerCompleted, Ledger
from podium_contracts.names import EngineName, Layer
from podium_ingest.stage import ingest
from podium_lakehouse.lakehouse import Lakehouse
from podium_runtime.requests import request
from pyspark.sql import SparkSession

from tests import kinds

Spans = list[tuple[int, int]]

pytestmark = [pytest.mark.spark, pytest.mark.integration, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Made:
    """What an engine makes of files of every kind: all that stands in Bronze's rows but when they came, and its ledgers."""

    rows: list[list[tuple[str, object]]]
    ledgers: list[Ledger | None]


def made(folder: Path, engine: EngineName) -> Made:
    """Ingest files of every kind, two of each, in one run."""
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
    ledgers = [event.data.ledger for event in done if isinstance(event.data, LayerCompleted)]
    return Made([list(row.items()) for row in plain], ledgers)


def newest(spark: SparkSession, stages: int) -> list[Spans]:
    """Return when each task of the newest stages began and ended, in milliseconds, from Spark's own record."""
    gateway: Any = spark.sparkContext._gateway
    context = spark.sparkContext._jsc.sc()
    context.listenerBus().waitUntilEmpty()
    record = context.statusStore()
    found = record.stageList(None, False, False, gateway.new_array(gateway.jvm.double, 0), None)
    spans = []
    for stage in map(found.apply, range(stages)):
        tasks = record.taskList(stage.stageId(), stage.attemptId(), stage.numTasks())
        times = [
            (task.launchTime().getTime(), task.duration().get())
            for task in map(tasks.apply, range(tasks.size()))
        ]
        spans.append([(began, began + length) for began, length in times])
    return spans


@pytest.fixture(scope="module")
def on_spark(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, list[Spans]]:
    """What Spark makes of them, and the times of the tasks that read them: a stage for each kind of file."""
    found = made(tmp_path_factory.mktemp("spark"), EngineName.SPARK)
    return found, newest(spark, len(kinds.KINDS))


def test_files_of_every_kind_become_the_same_rows(on_spark: tuple[Made, list[Spans]], tmp_path: Path) -> None:
    """The same sales from each kind, and what does not parse, text for text."""
    theirs, _ = on_spark
    ours = made(tmp_path, EngineName.DUCKDB)
    assert ours.rows == theirs.rows
    assert ours.ledgers == theirs.ledgers
    assert len(theirs.ledgers) == len(kinds.KINDS)
    assert len(theirs.rows) == sum(map(len, kinds.SALES)) * len(kinds.KINDS) + len(kinds.BROKEN)


def test_files_of_a_batch_are_read_at_the_same_time(on_spark: tuple[Made, list[Spans]]) -> None:
    """A source has two new files here, and each is read by a task that waits for no other."""
    for tasks in on_spark[1]:
        assert len(tasks) == 2
        assert max(began for began, _ in tasks) < min(ended for _, ended in tasks)
