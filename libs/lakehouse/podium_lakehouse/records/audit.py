"""The audit: what was read from where, what was committed to which table, judged, and published, when and by which run; and what people decided.

It says nothing that intents and completions do not, in a form that people and other tools read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
from podium_contracts.events.v1 import LayerCompleted, Published, QualityEvaluated
from podium_contracts.names import Layer, Stage

from podium_lakehouse.records.intents import ABSENT, Intent
from podium_lakehouse.records.table import RecordTable, table_name

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
        ("detail", pa.string()),
    ]
)
READ, COMMITTED, RESTORED = "read", "committed", "restored"
JUDGED, ACCEPTED, PUBLISHED = "judged", "accepted", "published"
Row = dict[str, object]
_WAY: list[tuple[object, object]] = [
    (Stage.INGEST, Layer.BRONZE),
    (Stage.CLEANSE, Layer.SILVER),
    (Stage.QUALITY, Layer.SILVER),
    (Stage.MODEL, Layer.GOLD),
    (Stage.QUALITY, Layer.GOLD),
]
"""The way of a batch, by stage and layer; what is published comes after it."""


@dataclass(frozen=True)
class Audit:
    """The table of what was done.

    A row for each file, range of offsets or table that a stage read, for each table that it committed to, put back or judged, and for each destination.
    """

    table: RecordTable

    def put(
        self,
        intent: Intent,
        data: LayerCompleted | QualityEvaluated | Published,
        rows_of: Mapping[str, int] | None = None,
    ) -> None:
        """Record what an intent has read and done, once; `rows_of` has the rows that each file gave."""
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
        repeated = intent.restores or intent.accepts
        read = () if repeated else _read(intent, rows_of or {})
        rows = [{**same, **row} for row in (*read, *_done(intent, data))]
        self.table.put(intent.scope.key, intent.sequence, list(rows))

    def all(self, pipeline: str) -> list[Row]:
        """Return everything a pipeline did, oldest first: what a stage read before what it did."""
        rows = self.table.rows(pipeline=pipeline)
        return sorted(
            rows,
            key=lambda row: (
                row["time"],
                _place(row),
                row["subject"],
                row["sequence"],
                row["action"] != READ,
                row["object"],
            ),
        )


def _place(row: Row) -> int:
    """Return the place of a row on the way of a batch."""
    came = (row["stage"], str(row["subject"]).partition(".")[0])
    return _WAY.index(came) if came in _WAY else len(_WAY)


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


def _done(intent: Intent, data: LayerCompleted | QualityEvaluated | Published) -> Iterator[Row]:
    if isinstance(data, Published):
        yield {"action": PUBLISHED, "object": data.destination, "uri": data.uri}
        return
    action, detail = _action(intent, data)
    for table in data.tables:
        yield {
            "action": action,
            "object": table.name,
            "uri": table.uri,
            "from_position": table.from_version if isinstance(data, LayerCompleted) else None,
            "to_position": table.to_version,
            "rows": table.rows,
            "detail": detail,
        }


def _action(intent: Intent, data: LayerCompleted | QualityEvaluated) -> tuple[str, str | None]:
    """Return what was done, and what somebody who reads it would ask next."""
    if isinstance(data, QualityEvaluated):
        return (
            (ACCEPTED, f"{data.accepted_by}: {data.accepted}") if intent.accepts else (JUDGED, data.verdict)
        )
    if intent.restores:
        return RESTORED, "; ".join(data.notes)
    if decision := intent.decision:
        rows = decision.rule or ", ".join(decision.ids) or "all rows"
        return COMMITTED, f"{decision.action} {rows}" + (f": {decision.reason}" if decision.reason else "")
    return COMMITTED, None
