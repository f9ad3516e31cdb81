"""The audit: what was read from where, what was committed to which table, when and by which run.

It says nothing that intents and completions do not, in a form that people and other tools read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
from podium_contracts.events.v1 import LayerCompleted

from podium_lakehouse.records.intents import ABSENT, Intent, table_name
from podium_lakehouse.records.table import RecordTable

SCHEMA = pa.schema(
    [
        ("time", pa.timestamp("us", tz="UTC")),
        ("pipeline", pa.string()),
        ("run_id", pa.string()),
        ("stage", pa.string()),
        ("subject", pa.string()),
        ("sequence", pa.int64()),
        ("action", pa.string()),
        ("object", pa.string()),
        ("uri", pa.string()),
        ("from_position", pa.int64()),
        ("to_position", pa.int64()),
        ("rows", pa.int64()),
        ("size_bytes", pa.int64()),
        ("sha256", pa.string()),
        ("fingerprint", pa.string()),
        ("traceparent", pa.string()),
    ]
)
READ, COMMITTED = "read", "committed"
Row = dict[str, object]


@dataclass(frozen=True)
class Audit:
    """The table of what was done: a row for each file, range of offsets or table that a stage read, and for each table it committed to."""

    table: RecordTable

    def put(self, intent: Intent, data: LayerCompleted, rows_of: Mapping[str, int]) -> None:
        """Record what an intent has read and committed, once; `rows_of` has the rows that each file gave."""
        same = {
            "time": intent.time,
            "pipeline": intent.scope.pipeline,
            "run_id": intent.run.id,
            "stage": intent.scope.stage,
            "subject": intent.scope.subject,
            "sequence": intent.sequence,
            "fingerprint": intent.fingerprint,
            "traceparent": intent.traceparent,
        }
        rows = [{**same, **row} for row in (*_read(intent, rows_of), *_committed(data))]
        self.table.put(intent.scope.key, intent.sequence, list(rows))

    def all(self, pipeline: str) -> list[Row]:
        """Return everything a pipeline did, oldest first: what a stage read before what it committed."""
        rows = self.table.rows(pipeline=pipeline)
        stages = {"ingest": 0, "cleanse": 1, "model": 2}
        return sorted(
            rows,
            key=lambda row: (
                row["time"],
                stages.get(str(row["stage"]), 9),
                row["subject"],
                row["sequence"],
                row["action"] != READ,
                row["object"],
            ),
        )


def _read(intent: Intent, rows_of: Mapping[str, int]) -> Iterator[Row]:
    for file in intent.files:
        yield {
            "action": READ,
            "object": file.path,
            "uri": file.path,
            "rows": rows_of.get(file.path),
            "size_bytes": file.size,
            "sha256": file.sha256,
        }
    for part in intent.offsets:
        if part.span:
            yield {
                "action": READ,
                "object": str(part.place),
                "uri": None,
                "from_position": part.start,
                "to_position": part.end,
                "rows": part.span,
            }
    for table in intent.inputs.values():
        yield {
            "action": READ,
            "object": table_name(table.uri).replace("/", "."),
            "uri": table.uri,
            "from_position": None if table.from_version == ABSENT else table.from_version,
            "to_position": table.to_version,
        }


def _committed(data: LayerCompleted) -> Iterator[Row]:
    for table in data.tables:
        yield {
            "action": COMMITTED,
            "object": table.name,
            "uri": table.uri,
            "from_position": table.from_version,
            "to_position": table.to_version,
            "rows": table.rows,
        }
