"""Which versions of which tables somebody still needs, whatever their age.

Needed are the certified versions, those that each stage announced last, all that an intent has pinned which is not completed, and every change
after the version that the slowest reader of a table has come to: a stage that reads changes finds them in the files of the commits in between.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated
from podium_contracts.names import Layer, Stage
from podium_contracts.pipeline import Pipeline

from podium_lakehouse.certified import certified_tables, table_uri
from podium_lakehouse.hosting import scopes
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import ABSENT, Intent, Scope
from podium_lakehouse.restoring import certified_completions


@dataclass
class Needed:
    """What is needed of a table: some versions, and every change after one, if somebody follows it (`ABSENT`: all changes)."""

    versions: set[int] = field(default_factory=set)
    changes_after: int | None = None

    def follow(self, version: int) -> None:
        """Somebody has come to a version, and will ask for what has changed since."""
        self.changes_after = version if self.changes_after is None else min(self.changes_after, version)
        self.versions.add(version)


def needed(lakehouse: Lakehouse, pipelines: Iterable[Pipeline]) -> dict[str, Needed]:
    """Return what is needed of each table, by its URI; tables that are not named are needed as they are now, and no more."""
    found = _Found(lakehouse)
    for pipeline in pipelines:
        found.certified(pipeline)
        for stage in Stage:
            for scope in scopes(stage, pipeline):
                found.announced(scope)
        for stage in Stage:
            for scope in scopes(stage, pipeline):
                found.pinned(scope)
                found.followed(scope, pipeline)
    return found.tables


@dataclass
class _Found:
    lakehouse: Lakehouse
    tables: dict[str, Needed] = field(default_factory=dict)

    def of(self, uri: str) -> Needed:
        return self.tables.setdefault(uri.rstrip("/"), Needed())

    def certified(self, pipeline: Pipeline) -> None:
        """Take in what readers see, and what a restore would go back to: a quarantine with its Silver table."""
        for name, table in certified_tables(
            self.lakehouse, pipeline.name, list(pipeline.spec.datasets)
        ).items():
            self.of(table_uri(self.lakehouse, name)).versions.add(table.to_version)
        for stage in (Stage.CLEANSE, Stage.MODEL):
            for scope in scopes(stage, pipeline):
                for event in certified_completions(scope, self.lakehouse)[-1:]:
                    self._made_by(event)

    def announced(self, scope: Scope) -> None:
        """Take in the versions of a stage's last completion."""
        if event := self.lakehouse.completions.last(scope):
            self._made_by(event)

    def pinned(self, scope: Scope) -> None:
        """Take in what intents have pinned that are not completed."""
        for intent in self._pending(scope):
            for table in intent.inputs.values():
                self.of(table.uri).versions.update({table.from_version, table.to_version} - {ABSENT})
                self.of(table.uri).follow(table.from_version)
            for uri, base in intent.bases.items():
                self.of(uri).versions.update({base} - {ABSENT})
            for uri, version in (intent.restores.versions if intent.restores else {}).items():
                self.of(uri).versions.add(version)
            for name, version in intent.lookups.items():
                self.of(self.lakehouse.lookup(name).uri).versions.add(version)

    def followed(self, scope: Scope, pipeline: Pipeline) -> None:
        """Take in how far a stage has read its tables; one that has never completed has read nothing."""
        completed = self.lakehouse.completions.last_sequence(scope)
        read: Mapping[str, int] = {}
        if completed:
            intent = self.lakehouse.intents.read(scope, completed)
            read = {table.uri.rstrip("/"): table.to_version for table in intent.inputs.values()}
        for uri in {*read, *self._sources(scope, pipeline)}:
            self.of(uri).follow(read.get(uri, ABSENT))

    def _made_by(self, event: CloudEvent) -> None:
        if isinstance(event.data, LayerCompleted | QualityEvaluated):
            for table in event.data.tables:
                self.of(table_uri(self.lakehouse, table.name)).versions.add(table.to_version)

    def _pending(self, scope: Scope) -> Iterator[Intent]:
        completed = self.lakehouse.completions.last_sequence(scope)
        last = self.lakehouse.intents.table.last(scope.key) or 0
        return (self.lakehouse.intents.read(scope, number) for number in range(completed + 1, last + 1))

    def _sources(self, scope: Scope, pipeline: Pipeline) -> set[str]:
        """Return the tables that a stage reads."""
        dataset = scope.subject.split(".")[-1]
        silver = {self.lakehouse.table_uri(Layer.SILVER, name) for name in pipeline.spec.datasets}
        gold = {uri for uri in self.tables if uri.startswith(f"{self.lakehouse.uri}/{Layer.GOLD}/")}
        judged = gold if scope.subject == Layer.GOLD else {self.lakehouse.table_uri(Layer.SILVER, dataset)}
        sources: dict[Stage, set[str]] = {
            Stage.CLEANSE: {self.lakehouse.table_uri(Layer.BRONZE, dataset)},
            Stage.QUALITY: judged,
            Stage.MODEL: silver if pipeline.spec.model else set(),
            Stage.PUBLISH: gold,
        }
        return sources.get(scope.stage, set())
