"""Announcements: up to which number a scope's completions have been announced, so that none is left out whoever is killed."""

from dataclasses import dataclass

import pyarrow as pa

from podium_lakehouse.records.intents import Scope
from podium_lakehouse.records.table import RecordTable

SCHEMA = pa.schema(
    [("pipeline", pa.string()), ("stage", pa.string()), ("subject", pa.string()), ("sequence", pa.int64())]
)


@dataclass(frozen=True)
class Announcements:
    """The table of announcements."""

    table: RecordTable

    def put(self, scope: Scope, sequence: int) -> None:
        """Note that every completion of a scope up to this one is announced."""
        if self.last(scope) >= sequence:
            return
        row = {
            "pipeline": scope.pipeline,
            "stage": scope.stage,
            "subject": scope.subject,
            "sequence": sequence,
        }
        self.table.put(scope.key, sequence, [row])

    def last(self, scope: Scope) -> int:
        """Return the number of the scope's last announced completion, 0 before the first."""
        return self.table.last(scope.key) or 0
