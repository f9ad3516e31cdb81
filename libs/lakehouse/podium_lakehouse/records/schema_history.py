"""The history of schemas: what each new schema of a dataset's source changed, and what was done about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from podium_lakehouse.delta.tables import Snapshot, ensure
from podium_lakehouse.records.intents import Intent
from podium_lakehouse.records.table import RecordTable
from podium_lakehouse.schemas.changes import SchemaChanges
from podium_lakehouse.schemas.kinds import Kinds

FIELD = pa.struct([("field", pa.string()), ("type", pa.string())])
MODIFIED = pa.struct([("field", pa.string()), ("old_type", pa.string()), ("new_type", pa.string())])
SCHEMA = pa.schema(
    [
        ("layer", pa.string()),
        ("dataset", pa.string()),
        ("sequence", pa.int64()),
        ("position", pa.int32()),
        ("outcome", pa.string()),
        ("source_file", pa.string()),
        ("fields", pa.list_(FIELD)),
        ("added_fields", pa.list_(pa.string())),
        ("removed_fields", pa.list_(pa.string())),
        ("modified_fields", pa.list_(MODIFIED)),
        ("is_compatible", pa.bool_()),
        ("issues", pa.list_(pa.string())),
        ("pipeline", pa.string()),
        ("run_id", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
    ]
)


class Outcome(StrEnum):
    """What was done about a new schema: it became the current one, its rows go to quarantine, or nothing was taken."""

    APPLIED = "applied"
    QUARANTINED = "quarantined"
    REFUSED = "refused"


@dataclass(frozen=True)
class NewSchema:
    """The schema of a file or of messages where it is not the one before it; `fields` by the names of the source."""

    source: str
    fields: Kinds
    changes: SchemaChanges
    outcome: Outcome = Outcome.APPLIED
    is_first: bool = False
    """Whether there was none before it."""


@dataclass(frozen=True)
class SchemaHistory:
    """The table of new schemas: a row each, in the order in which an intent met them."""

    table: RecordTable

    def put(self, intent: Intent, found: Iterable[NewSchema]) -> None:
        """Record what the files or messages of an intent changed, once; nothing where they changed nothing."""
        layer, dataset = intent.scope.subject.split(".", 1)
        rows = [
            {
                "layer": layer,
                "dataset": dataset,
                "sequence": intent.sequence,
                "position": position,
                "outcome": new.outcome,
                "source_file": new.source,
                "fields": [{"field": name, "type": kind} for name, kind in new.fields.items()],
                **new.changes.model_dump(),
                "is_compatible": new.changes.is_compatible,
                "pipeline": intent.scope.pipeline,
                "run_id": intent.run.id,
                "time": intent.time,
            }
            for position, new in enumerate(found)
        ]
        if rows:
            self.table.put(intent.scope.key, intent.sequence, list(rows))

    def all(self, dataset: str) -> list[Mapping[str, object]]:
        """Return every new schema of a dataset, oldest first."""
        rows = self.table.rows(dataset=dataset)
        return sorted(rows, key=lambda row: (str(row["layer"]), row["sequence"], row["position"]))

    def snapshot(self) -> Snapshot:
        """Return the table as it is now, an empty one where there was none."""
        return Snapshot(self.table.uri, ensure(self.table.uri, SCHEMA).version())
