"""A bucket of its own for each test, and a pipeline that reads it."""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import obstore
import pytest
from deltalake import DeltaTable
from obstore.store import S3Store
from podium import host
from podium.opening import Opened, open_pipeline
from podium_contracts.names import EngineName
from podium_lakehouse.lakehouse import Observer, nobody
from podium_runtime.requests import request

from tests.s3 import S3Server, environment_of

PIPELINE = """\
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {{name: shop}}
spec:
  lakehouse: {{uri: ./lakehouse}}
  datasets:
    sales:
      sources: [{{files: {{path: "{path}"}}}}]
      columns:
        id: {{type: string}}
        price: {{type: "decimal(12,2)"}}
      duplicates: {{keys: [id]}}
"""
NAMES = (f"shop-{number}" for number in count())


@dataclass
class Shop:
    """A pipeline on a bucket, and what tests do with both."""

    folder: Path
    server: S3Server
    bucket: str
    store: S3Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = self.server.bucket(self.bucket)
        self.declare(f"s3://{self.bucket}/in/*")

    def declare(self, path: str) -> None:
        self.file.write_text(PIPELINE.format(path=path))

    @property
    def file(self) -> Path:
        return self.folder / "pipeline.yaml"

    def deliver(self, key: str, *lines: str) -> str:
        """Put an object with these lines; return its URI."""
        content = "\n".join(["id,price", *lines, ""]).encode()
        obstore.put(self.store, key, gzip.compress(content) if key.endswith(".gz") else content)
        return f"s3://{self.bucket}/{key}"

    def opened(self, observer: Observer = nobody) -> Opened:
        return open_pipeline(self.file, observer)

    def run(self, observer: Observer = nobody, engine: EngineName = EngineName.DUCKDB) -> host.Outcome:
        opened = self.opened(observer)
        return host.run(opened.pipeline, replace(opened.lakehouse, engine=engine), request(opened.pipeline))

    def bronze(self, columns: Sequence[str] = ("source_file", "id")) -> list[tuple[object, ...]]:
        """Return columns of Bronze's rows, by file and row."""
        found = DeltaTable(str(self.folder / "lakehouse" / "bronze" / "sales")).to_pyarrow_table()
        order = [(name, "ascending") for name in ("source_file", "_batch", "_row")]
        return [tuple(row.values()) for row in found.sort_by(order).select(list(columns)).to_pylist()]


@pytest.fixture
def shop(s3: S3Server, tmp_path: Path) -> Iterator[Shop]:
    """A pipeline on a new bucket, in an environment where the server is found."""
    with environment_of(s3):
        yield Shop(tmp_path, s3, next(NAMES))
