"""The real retail lines as events: the same Gold as from the file."""

import csv
import gzip
import json
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable
from podium import host
from podium_runtime.kafka.clients import Brokers
from podium_runtime.requests import request

from tests.integration.conftest import PER_INTENT, REAL_FILE, RETAIL
from tests.integration.conftest import Shop as FileShop
from tests.integration.topics.conftest import Shop

pytestmark = pytest.mark.integration

FILES = "- files: {path: data/*.csv*, format: csv}"
GOLD = (
    "agg_daily_sales",
    "agg_daily_sales_summary",
    "agg_monthly_customer",
    "agg_product_performance",
    "dim_country",
    "dim_customer",
    "dim_date",
    "dim_product",
    "dim_time",
    "fact_sale",
)


@pytest.mark.timeout(400)
def test_lines_as_events_make_the_same_gold(shop: Shop, retail: FileShop, tmp_path: Path) -> None:
    """525,461 lines over four partitions, in batches: every table of Gold is that of the file, row for row."""
    shop.make("sales-events", partitions=4)
    sell_every_line(shop.brokers, "sales-events")
    streaming = FileShop(tmp_path / "streaming")
    text = streaming.file.read_text()
    assert FILES in text
    streaming.file.write_text(text.replace(FILES, "- kafka: {topic: sales-events, max_rows: 300000}"))
    opened = streaming.open()
    outcome = host.run(opened.pipeline, opened.lakehouse, request(opened.pipeline), topics=shop.topics)
    assert [verdict.verdict for verdict in outcome.verdicts] == ["passed", "passed"]
    assert gold_differences(retail.folder, streaming.folder) == {}


def sell_every_line(brokers: Brokers, topic: str) -> None:
    """Put every line of the example on a topic, those of an invoice in one partition."""
    producer = brokers.producer({"linger.ms": 20, "queue.buffering.max.messages": 1_000_000})
    with gzip.open(RETAIL / "data" / REAL_FILE, "rt", newline="", encoding="utf-8-sig") as file:
        for number, line in enumerate(csv.DictReader(file)):
            event = {
                name: value or None for name, value in line.items()
            }  # a till says null where a file has nothing
            producer.produce(topic, json.dumps(event), key=line["Invoice"])
            if number % 10_000 == 0:
                producer.poll(0)
    assert producer.flush(60) == 0


def gold_differences(one: Path, other: Path) -> dict[str, int]:
    """Return how many rows of each table of Gold only one of both folders' lakehouses has."""
    found = {}
    for table in GOLD:
        files = [DeltaTable(f"{folder}/lakehouse/gold/{table}").file_uris() for folder in (one, other)]
        sides = [repr(uris) for uris in files]
        rows = [
            f"(SELECT * EXCLUDE ({', '.join(_present(side))}) FROM read_parquet({side}))" for side in sides
        ]
        both = (
            f"(FROM {rows[0]} EXCEPT ALL FROM {rows[1]}) UNION ALL (FROM {rows[1]} EXCEPT ALL FROM {rows[0]})"
        )
        if different := duckdb.sql(f"SELECT count(*) FROM ({both})").fetchall()[0][0]:
            found[table] = different
    return found


def _present(side: str) -> list[str]:
    columns = duckdb.sql(f"FROM read_parquet({side})").columns
    return [name for name in columns if name in PER_INTENT]
