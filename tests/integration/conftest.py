"""Small pipelines in a temporary folder, and what their tables hold."""

import csv
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable
from podium import host
from podium.opening import Opened, open_pipeline
from podium_contracts.names import EngineName
from podium_runtime.requests import request

from tests.s3 import S3Server

REAL_FILE = "online_retail_2009_2010.csv.gz"
RETAIL = Path(__file__).parents[2] / "examples" / "retail"
HEADER = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")
PER_INTENT = {
    "created_at",
    "updated_at",
    "ingestion_timestamp",
    "quarantined_at",
    "ingestion_batch_id",
    "source_file",
}
"""Columns that say when and by which file a row came, not what it is."""

Line = Sequence[str]


class Shop:
    """The retail pipeline over files of one's own."""

    def __init__(self, folder: Path, *, gold: bool = True) -> None:
        self.folder = folder
        (folder / "data").mkdir(parents=True)
        shutil.copytree(RETAIL / "lookups", folder / "lookups")
        shutil.copytree(RETAIL / "dbt", folder / "dbt", ignore=shutil.ignore_patterns("target", "logs"))
        text = (RETAIL / "pipeline.yaml").read_text()
        if not gold:
            of_gold = text[text.index("      fact_sale:\n") : text.index("    on_failure:")]
            text = text.replace("  model: {dbt: dbt}\n", "").replace(of_gold, "")
        (folder / "pipeline.yaml").write_text(text)

    @property
    def file(self) -> Path:
        return self.folder / "pipeline.yaml"

    def deliver(self, name: str, lines: Sequence[Line]) -> None:
        """Put a CSV file where the pipeline looks for it."""
        with (self.folder / "data" / name).open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEADER, *lines])

    def open(self) -> Opened:
        return open_pipeline(self.file)

    def run(self, engine: EngineName = EngineName.DUCKDB) -> host.Outcome:
        opened = self.open()
        lakehouse = replace(opened.lakehouse, engine=engine)
        return host.run(opened.pipeline, lakehouse, request(opened.pipeline))

    def rows(self, table: str) -> list[tuple[tuple[str, object], ...]]:
        """Return a table's rows, sorted, without the columns that are fixed per intent."""
        found = DeltaTable(str(self.folder / "lakehouse" / table)).to_pyarrow_table().to_pylist()
        plain = [
            tuple((name, str(value)) for name, value in row.items() if name not in PER_INTENT)
            for row in found
        ]
        return sorted(plain, key=repr)

    def version(self, table: str) -> int:
        return DeltaTable(str(self.folder / "lakehouse" / table)).version()


@pytest.fixture
def shop(tmp_path: Path) -> Callable[..., Shop]:
    """Return a maker of shops, each in a folder of its own."""
    count = 0

    def make(*, gold: bool = True) -> Shop:
        nonlocal count
        count += 1
        return Shop(tmp_path / f"shop{count}", gold=gold)

    return make


@pytest.fixture(scope="session")
def retail(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The retail example after one run; tests only read it."""
    shop = Shop(tmp_path_factory.mktemp("retail") / "shop")
    shutil.copy(RETAIL / "data" / REAL_FILE, shop.folder / "data" / REAL_FILE)
    shop.run()
    return shop


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One S3 server for all tests."""
    server = S3Server(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.stop()
