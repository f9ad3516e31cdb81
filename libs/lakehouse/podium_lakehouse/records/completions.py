"""Completions: the one record that a stage is done. It is the stage's commit and its outbox."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated
from podium_contracts.names import Layer, Verdict

from podium_lakehouse.records.intents import Intent, Scope
from podium_lakehouse.records.table import RecordTable

SCHEMA = pa.schema(
    [
        ("pipeline", pa.string()),
        ("stage", pa.string()),
        ("subject", pa.string()),
        ("sequence", pa.int64()),
        ("run_id", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("event_id", pa.string()),
        ("ledger", pa.string()),
        ("event", pa.string()),
    ]
)


@dataclass(frozen=True)
class Completions:
    """The table of completions."""

    table: RecordTable

    def put(self, intent: Intent, event: CloudEvent) -> CloudEvent:
        """Complete an intent, once; return the event that announces it, which is the same at every try.

        Raises:
            CommitConflict: another intent of the scope has been completed since this one was planned.
        """
        ledger = event.data.ledger if isinstance(event.data, LayerCompleted) else None
        row = {
            "pipeline": intent.scope.pipeline,
            "stage": intent.scope.stage,
            "subject": intent.scope.subject,
            "sequence": intent.sequence,
            "run_id": intent.run.id,
            "time": intent.time,
            "event_id": event.id,
            "ledger": ledger.to_json().decode() if ledger else None,
            "event": event.model_dump_json(by_alias=True),
        }
        won = self.table.put(intent.scope.key, intent.sequence, [row], after=intent.after)
        return event if won else self.read(intent.scope, intent.sequence)

    def read(self, scope: Scope, sequence: int) -> CloudEvent:
        """Return the event of a completion that has been put."""
        rows = self.table.rows(
            pipeline=scope.pipeline, stage=scope.stage, subject=scope.subject, sequence=sequence
        )
        return self._of(rows[0])

    def last_sequence(self, scope: Scope) -> int:
        """Return the number of the scope's last completion, 0 before the first."""
        return self.table.last(scope.key) or 0

    def last(self, scope: Scope, until: datetime | None = None) -> CloudEvent | None:
        """Return the event of the scope's last completion, by a run that was requested up to a time if one is given."""
        return next(self._newest(scope, until), None)

    def after(self, scope: Scope, sequence: int) -> list[CloudEvent]:
        """Return the events of a scope's completions after a number, oldest first."""
        if self.last_sequence(scope) <= sequence:
            return []
        rows = self.table.rows(
            pipeline=scope.pipeline, stage=scope.stage, subject=scope.subject, above=("sequence", sequence)
        )
        ordered = sorted(rows, key=lambda row: int(str(row["sequence"])))
        return list(map(self._of, ordered))

    def sequences(self, scope: Scope) -> set[int]:
        """Return the numbers of every completion of a scope."""
        rows = self.table.rows(pipeline=scope.pipeline, stage=scope.stage, subject=scope.subject)
        return {int(str(row["sequence"])) for row in rows}

    def all(self, pipeline: str) -> list[CloudEvent]:
        """Return every completion's event of a pipeline: run by run, and within a run as a batch meets the stages."""
        rows = self.table.rows(pipeline=pipeline)
        return sorted(
            map(self._of, rows), key=lambda event: (event.time, _step(event), event.subject, event.sequence)
        )

    def certified(self, scope: Scope, until: datetime | None = None) -> CloudEvent | None:
        """Return the last event of a quality scope whose verdict is not `failed`; as `last`."""
        for event in self._newest(scope, until):
            if isinstance(event.data, QualityEvaluated) and event.data.verdict != Verdict.FAILED:
                return event
        return None

    def _of(self, row: Mapping[str, object]) -> CloudEvent:
        """Return the event of a row, its tables where they lie now."""
        event = CloudEvent.model_validate_json(str(row["event"]))
        if not isinstance(event.data, LayerCompleted | QualityEvaluated):
            return event
        tables = tuple(
            table.model_copy(update={"uri": self.table.here(table.uri)}) for table in event.data.tables
        )
        return event.model_copy(update={"data": event.data.model_copy(update={"tables": tables})})

    def _newest(self, scope: Scope, until: datetime | None) -> Iterator[CloudEvent]:
        """Yield the events of a scope's completions, the newest first; a number without one is passed over."""
        for sequence in range(self.last_sequence(scope), 0, -1):
            rows = self.table.rows(
                pipeline=scope.pipeline, stage=scope.stage, subject=scope.subject, sequence=sequence
            )
            for row in rows:
                event = self._of(row)
                if until is None or event.time <= until:
                    yield event


def _step(event: CloudEvent) -> int:
    """Where an event stands in the way of a batch."""
    if isinstance(event.data, LayerCompleted | QualityEvaluated):
        judged = isinstance(event.data, QualityEvaluated)
        return 2 * list(Layer).index(Layer(event.data.layer)) + judged
    return 2 * len(Layer)
