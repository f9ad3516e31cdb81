"""A pipeline's completions by what they say."""

from dataclasses import dataclass
from datetime import UTC, datetime

from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import Flow, LayerCompleted, QualityEvaluated, TableVersion
from podium_contracts.names import Layer, Verdict

from podium_quality.report.period import Period


@dataclass(frozen=True)
class Run:
    """A run, and when it was asked for, as text in UTC."""

    id: str
    time: str


@dataclass(frozen=True)
class Past:
    """A pipeline's completions, oldest first, by what they say."""

    bronze: dict[str, list[LayerCompleted]]
    silver: dict[str, list[LayerCompleted]]
    gold: list[LayerCompleted]
    verdicts: dict[str, list[QualityEvaluated]]
    """By the subject of the event: `silver.sales`, `gold`."""
    events: list[CloudEvent]

    @classmethod
    def of(cls, events: list[CloudEvent]) -> "Past":
        ordered = sorted(events, key=lambda event: (event.time, event.sequence))
        layers: dict[str, dict[str, list[LayerCompleted]]] = {layer: {} for layer in Layer}
        verdicts: dict[str, list[QualityEvaluated]] = {}
        for event in sorted(ordered, key=lambda event: event.sequence):
            if isinstance(event.data, LayerCompleted):
                layers[event.data.layer].setdefault(event.data.subject, []).append(event.data)
            elif isinstance(event.data, QualityEvaluated):
                verdicts.setdefault(event.subject, []).append(event.data)
        gold = [done for completed in layers[Layer.GOLD].values() for done in completed]
        return cls(layers[Layer.BRONZE], layers[Layer.SILVER], gold, dict(sorted(verdicts.items())), ordered)

    def within(self, period: Period) -> "Past":
        """Return what was done on the days of a period."""
        return Past.of([event for event in self.events if period.holds(event.time)])

    def until(self, period: Period) -> "Past":
        """Return what was done up to the last day of a period."""
        return Past.of([event for event in self.events if event.time.astimezone(UTC).date() <= period.last])

    def latest(self, layer: Layer) -> list[LayerCompleted]:
        """Return the last completion of a layer, of Bronze and Silver that of each dataset."""
        if layer == Layer.GOLD:
            return self.gold[-1:]
        found = self.bronze if layer == Layer.BRONZE else self.silver
        return [completed[-1] for completed in found.values()]

    def completed(self, layer: Layer) -> list[LayerCompleted]:
        """Return the completions of a layer."""
        if layer == Layer.GOLD:
            return self.gold
        found = self.bronze if layer == Layer.BRONZE else self.silver
        return [done for completed in found.values() for done in completed]

    def current(self) -> list[QualityEvaluated]:
        """Return the last verdict on every Silver dataset, then on Gold."""
        last = [verdicts[-1] for verdicts in self.verdicts.values()]
        return sorted(last, key=lambda verdict: (verdict.layer == Layer.GOLD, verdict.subject))

    def certified(self, subject: str) -> tuple[TableVersion, ...]:
        """Return the tables of the last verdict on a subject that is not `failed`."""
        kept = [one for one in self.verdicts.get(subject, []) if one.verdict != Verdict.FAILED]
        return kept[-1].tables if kept else ()

    def behind(self) -> bool:
        """Return whether rows reached Silver after Gold was last brought up to date."""
        if not self.gold or self.gold[-1].run is None:
            return False
        gold = self.gold[-1].run.requested_at
        runs = [done[-1].run for done in self.silver.values()]
        return any(run and run.requested_at and gold and run.requested_at > gold for run in runs)

    def unjudged(self) -> bool:
        """Return whether a table has a version that no verdict speaks of."""
        judged = {(table.name, table.to_version) for verdict in self.current() for table in verdict.tables}
        completed = [done[-1] for done in self.silver.values()] + self.gold[-1:]
        made = {(table.name, table.to_version) for done in completed for table in done.tables}
        return any(pair not in judged for pair in made if not pair[0].startswith("quarantine."))


def fact_tables(past: Past) -> set[str]:
    """Return the names of Gold's fact tables: the model stage keeps control totals of their rows."""
    if not past.gold or past.gold[-1].ledger is None:
        return set()
    totals = past.gold[-1].ledger.control_totals
    return {f"gold.{total.name.removesuffix('.rows')}" for total in totals if total.name.endswith(".rows")}


def flow_of(done: LayerCompleted) -> Flow:
    """Return where the rows of a batch went; nothing where the layer keeps no such account."""
    return done.ledger.flow if done.ledger and done.ledger.flow else Flow()


def decided(done: LayerCompleted) -> tuple[int, int]:
    """Return how many rows left quarantine by a batch that a person decided on: replayed, and rejected."""
    stock = done.ledger.quarantine if done.ledger else None
    return (stock.replayed, stock.rejected) if stock else (0, 0)


def news_of(done: LayerCompleted) -> Flow:
    """Return where the rows of a batch went that had not been accounted for before: a replay has none."""
    replayed, _ = decided(done)
    return Flow() if replayed else flow_of(done)


def run_of(event: CloudEvent) -> Run:
    """Return the run of an event, for the page."""
    return Run(event.run.id, moment(event.time))


def moment(time: datetime | None) -> str:
    """Return a time in UTC to the minute."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if time else ""
