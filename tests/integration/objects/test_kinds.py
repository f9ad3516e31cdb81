"""Objects of every kind are read as files are: found by a pattern or in a folder, each once, on either engine."""

import shutil
from dataclasses import replace

import obstore
import pytest
from deltalake import DeltaTable
from podium_contracts.names import EngineName
from podium_ingest.stage import ingest
from podium_runtime.requests import request

from tests import kinds
from tests.integration.objects.conftest import Shop

pytestmark = pytest.mark.integration
COLUMNS = ("source_file", "_row", "id", "text", "n", "price", "at", "_corrupt_record", "_corrupt_reason")


@pytest.fixture
def full(shop: Shop) -> Shop:
    """A pipeline over objects of every kind."""
    for key, content in kinds.files():
        obstore.put(shop.store, key, content)
    shop.file.write_text(kinds.pipeline("./lakehouse", f"s3://{shop.bucket}/"))
    return shop


def silver(shop: Shop) -> dict[str, dict[str, object]]:
    """Return Silver's rows by their id."""
    rows = DeltaTable(str(shop.folder / "lakehouse" / "silver" / "sales")).to_pyarrow_table().to_pylist()
    return {row["id"]: row for row in rows}


def test_objects_of_every_kind_become_the_same_rows(full: Shop) -> None:
    """Value for value, from each kind, also where it lies deeper; what does not parse is refused, and nothing is read twice."""
    full.run()
    found = silver(full)
    sales = [sale for part in kinds.SALES for sale in part]
    assert len(found) == len(sales) * len(kinds.KINDS)
    for kind in kinds.KINDS:
        rows = [found[f"{kind}-{sale['id']}"] for sale in sales]
        assert [{name: row[name] for name in sale} for sale, row in zip(sales, rows, strict=True)] == [
            {**sale, "id": f"{kind}-{sale['id']}"} for sale in sales
        ]
    refused = DeltaTable(str(full.folder / "lakehouse" / "quarantine" / "sales")).to_pyarrow_table()
    assert sorted(refused["source_file"].to_pylist()) == sorted(
        f"s3://{full.bucket}/in/{kind}/deep/er/two.{kind}" for kind in kinds.BROKEN
    )
    assert full.run().fresh == []


def test_a_folder_is_all_objects_that_lie_directly_in_it(shop: Shop) -> None:
    """As of files: its path ends in a slash."""
    for key in ("in/a.csv", "in/b.csv.gz", "in/.part", "in/deep/c.csv", "in2/d.csv"):
        shop.deliver(key, f"{key},1.00")
    shop.declare(f"s3://{shop.bucket}/in/")
    shop.run()
    assert [row for _, row in shop.bronze()] == ["in/a.csv", "in/b.csv.gz"]


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.timeout(300)
def test_tasks_of_spark_read_objects_of_every_kind(full: Shop) -> None:
    """Both engines make the same Bronze of the same objects."""
    made = {}
    for engine in (EngineName.SPARK, EngineName.DUCKDB):
        opened = full.opened()
        ingest(request(opened.pipeline), opened.pipeline, replace(opened.lakehouse, engine=engine))
        made[engine] = full.bronze(COLUMNS)
        shutil.rmtree(full.folder / "lakehouse")
    assert made[EngineName.SPARK] == made[EngineName.DUCKDB]
    assert len(made[EngineName.SPARK]) == sum(map(len, kinds.SALES)) * len(kinds.KINDS) + len(kinds.BROKEN)
