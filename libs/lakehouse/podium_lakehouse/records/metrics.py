"""Quality metrics: the additive measures of every verdict, so that the next verdict adds only what is new."""

from dataclasses import dataclass

import pyarrow as pa

from podium_lakehouse.records.intents import Intent, Scope
from podium_lakehouse.records.table import RecordTable

SCHEMA = pa.schema(
    [
        ("pipeline", pa.string()),
        ("subject", pa.string()),
        ("sequence", pa.int64()),
        ("run_id", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("table_name", pa.string()),
        ("version", pa.int64()),
        ("measure", pa.string()),
        ("value", pa.decimal128(38, 4)),
    ]
)

Measures = dict[str, object]


@dataclass(frozen=True)
class Metrics:
    """The table of measures: counts and sums of a table's rows, one row each per table, measure and verdict."""

    table: RecordTable

    def put(self, intent: Intent, measures: dict[tuple[str, int], Measures]) -> None:
        """Record the measures of the tables that an intent judges, by table name and version, once."""
        rows = [
            {
                "pipeline": intent.scope.pipeline,
                "subject": intent.scope.subject,
                "sequence": intent.sequence,
                "run_id": intent.run.id,
                "time": intent.time,
                "table_name": name,
                "version": version,
                "measure": measure,
                "value": value,
            }
            for (name, version), values in measures.items()
            for measure, value in values.items()
        ]
        self.table.put(intent.scope.key, intent.sequence, list(rows))

    def read(self, scope: Scope, sequence: int) -> dict[str, Measures]:
        """Return the measures of a verdict by table."""
        rows = self.table.rows(pipeline=scope.pipeline, subject=scope.subject, sequence=sequence)
        found: dict[str, Measures] = {}
        for row in rows:
            found.setdefault(str(row["table_name"]), {})[str(row["measure"])] = row["value"]
        return found

    def after(self, scope: Scope, sequence: int) -> dict[int, dict[str, Measures]]:
        """Return the measures of every verdict after a number: by number and table."""
        rows = self.table.rows(pipeline=scope.pipeline, subject=scope.subject, above=("sequence", sequence))
        found: dict[int, dict[str, Measures]] = {}
        for row in rows:
            tables = found.setdefault(int(str(row["sequence"])), {})
            tables.setdefault(str(row["table_name"]), {})[str(row["measure"])] = row["value"]
        return found
