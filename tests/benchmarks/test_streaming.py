"""The bench of streams itself, on few lines; how long anything takes is not asserted."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from tests.benchmarks import empty_runs, latency
from tests.benchmarks.drawing import Panel, drawing
from tests.benchmarks.latency import Moment
from tests.benchmarks.running import Running
from tests.benchmarks.throughput import Backlog

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

LINES = 2_000
END_TO_END_SECONDS = 5 * 60


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lines as they are sold, more than any test sells."""
    file = tmp_path_factory.mktemp("lines") / "sales.csv"
    head = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
    lines = [
        f'{500000 + n // 9},8512{n % 9},"A ""FRAME"", {n}",{n % 7 + 1},2010-12-0{n % 8 + 1} 08:26:00,2.55,,France'
        for n in range(LINES + 500)
    ]
    file.write_text("\n".join([head, *lines]) + "\n")
    return file


def test_each_message_has_its_latencies(csv: Path, tmp_path: Path) -> None:
    """Every message is followed to its verdict and to the published file, and Silver comes before Gold."""
    before = datetime.now(UTC)
    taken = latency.measure(tmp_path / "latency", csv, rate=1000, minutes=LINES / 60_000, trigger_seconds=1)
    assert taken.messages == LINES
    longest = (datetime.now(UTC) - before).total_seconds()
    assert taken.quantiles["gold"]["max"] < END_TO_END_SECONDS
    for name in latency.QUANTILES:
        assert 0 < taken.quantiles["silver"][name] < taken.quantiles["gold"][name] < longest
    assert len(taken.course["gold"]) in {2, 3}
    assert max(taken.course["gold"]) == pytest.approx(taken.quantiles["gold"]["max"], abs=0.001)
    assert 1 <= taken.batches["cleanse"] <= taken.batches["ingest"]
    assert {*taken.cpu_seconds} == {"ingest", "cleanse", "model", "quality", "publish", "broker", "producer"}


def test_the_sides_read_the_same_backlog(csv: Path, tmp_path: Path) -> None:
    """The bare consumer and Podium have the same lines from the topic, text for text."""
    with Running(tmp_path / "backlog") as running:
        with running.sell(csv, LINES) as seller:
            assert seller.wait() == 0
        backlog = Backlog(running, LINES, tmp_path)
        podium = backlog.podium("duckdb")
        bare = backlog.bare()
    bronze = DeltaTable(
        str(tmp_path / "podium/pipelines/streaming/lakehouse/bronze/sales")
    ).to_pyarrow_table()
    columns = {"Invoice": "Invoice", "Description": "Description", "kafka_offset": "offset"}
    order = [("offset", "ascending"), ("Invoice", "ascending")]
    ours = bronze.select(list(columns)).rename_columns(list(columns.values())).sort_by(order)
    theirs = (
        pq.read_table(tmp_path / "by-hand/lakehouse/bronze").select(list(columns.values())).sort_by(order)
    )
    assert ours.num_rows == LINES
    assert ours.to_pylist() == theirs.to_pylist()
    for run in (podium, bare):
        assert min(run.cpu_seconds, run.wall_seconds, run.peak_bytes, run.bronze_bytes) > 0


@pytest.mark.slow
def test_a_run_with_nothing_to_do_is_timed_to_its_last_event(csv: Path, tmp_path: Path) -> None:
    """Each run goes through all services again."""
    taken = empty_runs.measure(tmp_path / "empty", csv, 2)
    assert len(taken.seconds) == 2
    assert 0 < taken.seconds[0] <= taken.quantiles["p50"] <= taken.quantiles["max"] == taken.seconds[1]


def test_a_batch_is_there_with_the_first_event_that_goes_so_far() -> None:
    """An event may cover several batches, and come again when later ones are there."""
    moments = [Moment(at=10, batch=1), Moment(at=20, batch=4), Moment(at=30, batch=4), Moment(at=40, batch=2)]
    assert [latency.reached(moments, batch) for batch in (1, 2, 4, 5)] == [10, 20, 20, None]


def test_the_picture_is_xml_with_a_line_for_each_layer() -> None:
    """A panel has its title, its lines and its goals."""
    courses = {"silver": [1.0, 2.0], "gold": [3.0, 4.5]}
    text = drawing([Panel("Trigger 2 s & more", courses, {"silver": 5.0}), Panel("30 s", courses, {})])
    root = ET.fromstring(text)
    paths = [path.get("d", "") for path in root.iter("{http://www.w3.org/2000/svg}path")]
    assert sum("L" in path for path in paths) == 4
    assert "Trigger 2 s &amp; more" in text
    assert text.count("stroke-dasharray") == 1
