"""What earlier verdicts found in the tables of a scope."""

from collections.abc import Mapping
from dataclasses import dataclass

from podium_contracts.events.v1 import QualityEvaluated
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Intent

from podium_quality.anomalies import Judged
from podium_quality.measures import add

SKIPPED = 2
"""Intents that are looked at for each verdict that is wanted: some were given up, or judged the same version again."""


@dataclass(frozen=True)
class History:
    """The verdicts before an intent's own, by table and version, oldest first; of two on one version the later."""

    by_table: Mapping[str, Mapping[int, Judged]]

    @classmethod
    def of(cls, intent: Intent, lakehouse: Lakehouse, wanted: int) -> "History":
        """Read as many verdicts as are wanted, as far as they are there."""
        since = max(0, intent.after - SKIPPED * wanted)
        measured = lakehouse.metrics.after(intent.scope, since)
        found: dict[str, dict[int, Judged]] = {}
        for event in lakehouse.completions.after(intent.scope, since):
            verdict = event.data
            if not isinstance(verdict, QualityEvaluated) or verdict.sequence > intent.after:
                continue
            for table in verdict.tables:
                values = measured.get(verdict.sequence, {}).get(table.name, {})
                judged = Judged(add({}, values), event.time, table.schema_fingerprint)
                found.setdefault(table.name, {})[table.to_version] = judged
        return cls(found)

    def before(self, table: str, version: int) -> Judged | None:
        """Return the last verdict on a table at another version."""
        others = [judged for number, judged in self.by_table.get(table, {}).items() if number != version]
        return others[-1] if others else None

    def past(self, table: str, version: int, count: int) -> list[Judged]:
        """Return the last verdicts on batches of a table that brought rows, but for that on the version itself."""
        others = [judged for number, judged in self.by_table.get(table, {}).items() if number != version]
        return [judged for judged in others if judged.volume][-count:]
