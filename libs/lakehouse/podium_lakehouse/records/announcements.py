"""Announcements: up to which number a scope's completions have been announced, so that none is left out whoever is killed.

A service may find a lakehouse that `podium run` has made. It owes nobody that history: a scope's announcements begin with its last completion.
Where they begin is noted before a service completes anything, so what it completes is announced whole.
"""

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
        last = self.table.last(scope.key)
        if last is not None and last >= sequence:
            return
        row = {
            "pipeline": scope.pipeline,
            "stage": scope.stage,
            "subject": scope.subject,
            "sequence": sequence,
        }
        self.table.put(scope.key, sequence, [row])

    def begin(self, scope: Scope, completed: int) -> None:
        """Note where a scope's announcements begin, unless they have: with its last completion, numbered `completed`.

        The number must have been read before: a completion of another worker that comes in between is none of the history.
        """
        if self.table.last(scope.key) is None:
            self.put(scope, max(completed - 1, 0))

    def owed_after(self, scope: Scope, completed: int) -> int:
        """Return the number after which a scope's completions are to be announced; `completed` is the number of its last one."""
        last = self.table.last(scope.key)
        return max(completed - 1, 0) if last is None else last
