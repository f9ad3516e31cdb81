"""A tiny pipeline in a temporary folder whose stages are called one by one, without a bus."""

import hashlib
import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from podium_cleanse.stage import cleanse
from podium_contracts.events import CloudEvent, envelope
from podium_contracts.events.v1 import LayerCompleted, Run, RunRequested
from podium_contracts.pipeline import Pipeline, PipelineDocument
from podium_ingest.stage import ingest
from podium_lakehouse.lakehouse import Lakehouse
from podium_quality.stage import quality

START = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
DOCUMENT: dict[str, Any] = {
    "apiVersion": "podium.dev/v1alpha1",
    "kind": "Pipeline",
    "metadata": {"name": "shop"},
    "spec": {
        "lakehouse": {"uri": "lakehouse"},
        "lookups": {"towns": {"path": "towns.csv", "key": "variant", "value": "town"}},
        "datasets": {
            "sales": {
                "sources": [{"files": {"path": "in/*.csv"}}],
                "columns": {
                    "id": {"type": "string"},
                    "at": {"type": "integer"},
                    "price": {"type": "decimal(9,2)"},
                    "town": {"type": "string"},
                },
                "nulls": {"price": {"strategy": "drop"}},
                "standardise": {"town": {"lookup": "towns"}},
                "rules": {"not_negative": {"type": "range_check", "column": "price", "min": 0}},
                "duplicates": {"keys": ["id"], "order": ["at"]},
            }
        },
    },
}


class Killed(BaseException):
    """What ends a call at a point."""


class Desk:
    """The pipeline `shop`; `spec` may be changed between calls, as its file may."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec: dict[str, Any] = deepcopy(DOCUMENT["spec"])
        self.lakehouse = Lakehouse(str(folder / "lakehouse"))
        self.steps: dict[str, bytes] = {}
        self.runs = 0
        self.towns("Bath,Bath", "BTH,Bath")

    @property
    def pipeline(self) -> Pipeline:
        spec = PipelineDocument.model_validate({**DOCUMENT, "spec": self.spec}).spec
        content = json.dumps(self.spec) + (self.folder / "towns.csv").read_text() + repr(self.steps)
        fingerprint = hashlib.sha256(content.encode()).hexdigest()
        return Pipeline("shop", spec, self.folder, fingerprint, steps=self.steps)

    def towns(self, *lines: str) -> None:
        """Write the lookup's file."""
        (self.folder / "towns.csv").write_text("\n".join(["variant,town", *lines]) + "\n")

    def ingest(self, *lines: str, header: str = "id,at,price,town") -> CloudEvent:
        """Deliver a file and bring it to Bronze; return the event that says so."""
        self.runs += 1
        (self.folder / "in").mkdir(exist_ok=True)
        text = "\n".join([header, *lines]) + "\n"
        (self.folder / "in" / f"{self.runs}.csv").write_text(text)
        run = Run(
            pipeline="shop",
            id=f"shop-{self.runs}",
            requested_at=START + timedelta(minutes=self.runs),
            datasets=("sales",),
        )
        asked = envelope(
            RunRequested(run=run), stage=None, subject="shop", sequence=0, traceparent=TRACE, causation=""
        )
        return ingest(asked, self.pipeline, self.lakehouse)[0]

    def cleanse(self, event: CloudEvent) -> list[CloudEvent]:
        return cleanse(event, self.pipeline, self.lakehouse)

    def cleanse_killed(self, event: CloudEvent, point: str) -> None:
        """Cleanse, and be killed at a point."""

        def die(here: str) -> None:
            if here == point:
                raise Killed

        with pytest.raises(Killed):
            cleanse(event, self.pipeline, Lakehouse(self.lakehouse.uri, die))

    def judge(self, event: CloudEvent) -> CloudEvent:
        return quality(event, self.pipeline, self.lakehouse)[0]

    def deliver(self, *lines: str) -> LayerCompleted:
        """Deliver a file and bring it to Silver."""
        data = self.cleanse(self.ingest(*lines))[0].data
        assert isinstance(data, LayerCompleted)
        return data

    def table(self, name: str) -> DeltaTable:
        return DeltaTable(str(self.folder / "lakehouse" / name))

    def silver(self) -> dict[str, tuple[object, ...]]:
        """Return what Silver says of each id."""
        rows = self.table("silver/sales").to_pyarrow_table().to_pylist()
        return {row["id"]: (row["at"], str(row["price"]), row["town"]) for row in rows}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return the pipeline before its first delivery."""
    return Desk(tmp_path)
