"""A pipeline over files in a temporary folder, ingested without a host."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from podium_contracts.events import CloudEvent, envelope
from podium_contracts.events.v1 import LayerCompleted, Run, RunRequested
from podium_contracts.pipeline import Pipeline, Spec
from podium_contracts.watching import EVERYWHERE, Look
from podium_ingest.stage import ingest
from podium_lakehouse.lakehouse import Lakehouse

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Shop:
    """A pipeline `shop` in a folder; its datasets take the files below a folder of their name."""

    def __init__(self, folder: Path, datasets: Sequence[str] = ("sales",), **source: Any) -> None:
        self.folder = folder
        self.lakehouse = Lakehouse(str(folder / "lake"))
        self.runs = 0
        columns = {"id": {"type": "string"}}
        spec = {
            name: {
                "sources": [{"files": {"path": f"{name}/*", **source}}],
                "columns": columns,
                "duplicates": {"keys": ["id"]},
            }
            for name in datasets
        }
        self.pipeline = Pipeline(
            "shop",
            Spec.model_validate({"lakehouse": {"uri": "lake"}, "datasets": spec}),
            folder,
            "f" * 64,
        )

    def deliver(self, name: str, content: bytes, dataset: str = "sales") -> Path:
        """Put a file where the dataset's source looks for it."""
        path = self.folder / dataset / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    def run(self, executor: str = "job", look: Look = EVERYWHERE) -> list[CloudEvent]:
        """Ingest what is new in a run of its own; return the events that say what is complete."""
        self.runs += 1
        run = Run(
            pipeline="shop",
            id=f"run-{self.runs}",
            executor=executor,
            requested_at=datetime(2026, 1, self.runs, tzinfo=UTC),
            datasets=tuple(self.pipeline.spec.datasets),
            fingerprint=self.pipeline.fingerprint,
        )
        asked = envelope(
            RunRequested(run=run), stage=None, subject="shop", sequence=1, traceparent=TRACE, causation=""
        )
        return ingest(asked, self.pipeline, self.lakehouse, look=look)

    def completed(self) -> LayerCompleted:
        """Ingest, and return what the only dataset's completion says."""
        [event] = self.run()
        assert isinstance(event.data, LayerCompleted)
        return event.data

    def bronze(self, dataset: str = "sales") -> list[dict[str, Any]]:
        """Return Bronze's rows, batch by batch and row by row."""
        rows = DeltaTable(str(self.folder / "lake" / "bronze" / dataset)).to_pyarrow_table().to_pylist()
        return sorted(rows, key=lambda row: (row["_batch"], row["source_file"], row["_row"]))

    def values(self, *columns: str) -> list[tuple[object, ...]]:
        """Return some columns of Bronze's rows."""
        return [tuple(row[name] for name in columns) for row in self.bronze()]

    @property
    def files(self) -> set[str]:
        """The data files in Bronze's folder, listed by a commit or not."""
        return {path.name for path in (self.folder / "lake" / "bronze").rglob("*.parquet")}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Return a shop with one dataset and no files."""
    return Shop(tmp_path)


@pytest.fixture(scope="session")
def make_shop() -> type[Shop]:
    """Return the maker of shops, for tests that need another, or several."""
    return Shop
