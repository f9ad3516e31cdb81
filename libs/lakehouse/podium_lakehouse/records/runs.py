"""Runs: the record of one pass of a pipeline, put when its first work is found."""

from dataclasses import dataclass

import pyarrow as pa
from podium_contracts.events.v1 import Run

from podium_lakehouse.records.table import RecordTable

SCHEMA = pa.schema(
    [
        ("pipeline", pa.string()),
        ("run_id", pa.string()),
        ("requested_at", pa.timestamp("us", tz="UTC")),
        ("executor", pa.string()),
        ("datasets", pa.list_(pa.string())),
        ("fingerprint", pa.string()),
        ("traceparent", pa.string()),
    ]
)


@dataclass(frozen=True)
class Runs:
    """The table of runs."""

    table: RecordTable

    def put(self, run: Run, traceparent: str) -> None:
        """Record the run, once."""
        row = {
            "pipeline": run.pipeline,
            "run_id": run.id,
            "requested_at": run.requested_at,
            "executor": run.executor,
            "datasets": list(run.datasets),
            "fingerprint": run.fingerprint,
            "traceparent": traceparent,
        }
        self.table.put(f"{run.pipeline}/{run.id}", 1, [row])

    def all(self, pipeline: str) -> list[dict[str, object]]:
        """Return the runs of a pipeline, oldest first."""
        rows = self.table.rows(pipeline=pipeline)
        return sorted(rows, key=lambda row: str(row["requested_at"]))
