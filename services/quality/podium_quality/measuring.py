"""Measuring a table: what changed in it since it was last judged, or all of it where that is less or other measures are wanted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from podium_contracts.errors import TerminalError
from podium_contracts.names import Layer
from podium_contracts.pipeline import Pipeline
from podium_lakehouse.cleansing.columns import declared_columns
from podium_lakehouse.delta.tables import Snapshot, column_names
from podium_lakehouse.engines.bounds import bounds, within
from podium_lakehouse.engines.changes import offer_signed
from podium_lakehouse.engines.engine import Engine
from podium_lakehouse.engines.refusals import refusals_as
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import ABSENT, Intent

from podium_quality.measures import BATCH, NEWEST, Measured, Measures, Referred, add, lost_newest
from podium_quality.references import targets, uri_of

SCORED = ("quality_score", "quality_tier")
"""Columns that cleansing fills in every row: how complete they are says nothing."""
LAG = "_lag_hours"


@dataclass(frozen=True)
class Measuring:
    """The tables of one verdict, and the engine that reads them."""

    engine: Engine
    intent: Intent
    pipeline: Pipeline
    lakehouse: Lakehouse

    def measure(self, name: str, known: Mapping[str, object]) -> Measures:
        """Return the measures of a table, and `batch.…` those of the rows that came or changed since `known` was measured.

        Raises:
            TerminalError: the pipeline file says of a Gold table what its columns do not bear out.
        """
        table = name.partition(".")[2]
        hint = f"correct {table} in quality.references and quality.thresholds of the pipeline file"
        with refusals_as(lambda said: TerminalError(f"{name} cannot be measured: {said}", hint=hint)):
            return self._measured(name, known)

    def _measured(self, name: str, known: Mapping[str, object]) -> Measures:
        table = self.intent.inputs[name]
        now = Snapshot(table.uri, table.to_version)
        wanted = self._wanted(name, now)
        before = add({measure: value for measure, value in known.items() if measure in wanted.names}, {})
        judged_before = table.from_version != ABSENT and not now.replaced_since(table.from_version)
        if judged_before and before.keys() == set(wanted.names):
            kept = _batch(known) if table.from_batch == table.to_batch else {}
            return self._add(wanted, now, table.from_version, before) | kept
        measures = self._all(wanted, now)
        return measures | (
            self._news(wanted, now, table.from_version) if judged_before else _as_batch(measures, wanted)
        )

    def _add(self, wanted: Measured, now: Snapshot, since: int, before: Measures) -> Measures:
        engine = self.engine
        offer_signed(engine, "changes", now, since)
        engine.offer_table("judged", now, _where_values_are(engine, wanted.unique))
        if wanted.whole:
            engine.offer_table("whole", now)
        (found,) = engine.records(wanted.query("changes", "judged", engine.dialect, "whole"))
        moved = [f"found.{column}" for column, referred in wanted.references.items() if referred.moved]
        lost = lost_newest(before, found)
        measures = add(before, _without_gone(found), moved)
        return measures | (self._newest(lost, now) if lost else {})

    def _all(self, wanted: Measured, now: Snapshot) -> Measures:
        """Measure all rows; nulls that the files' statistics tell are not counted again."""
        told = {f"null.{name}": count for name, count in now.nulls().items() if name in wanted.complete}
        untold = tuple(name for name in wanted.complete if f"null.{name}" not in told)
        offer_signed(self.engine, "changes", now, ABSENT)
        asked = replace(wanted, complete=untold).query("changes", None, self.engine.dialect)
        measures = add(_without_gone(self.engine.records(asked)[0]), told)
        return {name: measures[name] for name in wanted.names}

    def _news(self, wanted: Measured, now: Snapshot, since: int) -> Measures:
        offer_signed(self.engine, "changes", now, since)
        return add({}, self.engine.records(wanted.batch_query("changes", self.engine.dialect))[0])

    def _newest(self, columns: list[str], now: Snapshot) -> Measures:
        """Look for the newest values in the whole table: the rows that had them have gone."""
        offer_signed(self.engine, "changes", now, ABSENT)
        (found,) = self.engine.records(
            Measured((), newest=tuple(columns)).query("changes", None, self.engine.dialect)
        )
        return {f"{NEWEST}{name}": add({}, found)[f"{NEWEST}{name}"] for name in columns}

    def _wanted(self, name: str, now: Snapshot) -> Measured:
        """Return what is measured of a table: every column, its keys, and whatever a threshold asks for."""
        layer, table = name.split(".")
        columns = column_names(now.open())
        watched = self.pipeline.spec.quality.anomalies
        asked = self.pipeline.spec.quality.thresholds.get(table, {})
        unique = _asked(asked, "_uniqueness") & set(columns)
        newest = _asked(asked, LAG) & set(columns)
        keys: tuple[str, ...] = ()
        if layer == Layer.SILVER:
            dataset = self.pipeline.spec.datasets[table]
            kinds = declared_columns(dataset)
            unique |= set(dataset.duplicates.keys)
            newest |= {
                column for column in dataset.duplicates.order if kinds[column].name in {"date", "timestamp"}
            }
        else:
            keys = tuple(column for column in columns if column.endswith("_key"))
        return Measured(
            complete=tuple(column for column in columns if column not in SCORED),
            unique=tuple(sorted(unique)),
            keys=keys,
            binned=watched.distributions.get(table, ()) if watched and layer == Layer.SILVER else (),
            newest=tuple(sorted(newest)),
            references=self._references(name),
            scored=set(SCORED) <= set(columns),
        )

    def _references(self, name: str) -> dict[str, Referred]:
        """Offer every table that the columns of this one refer to, as it was when the verdict was planned."""
        before = self._referred_before()
        found = {}
        for column, target in targets(name, self.pipeline).items():
            version = self.intent.lookups[target.table]
            relation = None if version == ABSENT else target.table.replace(".", "_")
            if relation:
                self.engine.offer_table(relation, Snapshot(uri_of(target.table, self.lakehouse), version))
            found[column] = Referred(relation, target.column, before.get(target.table) != version)
        return found

    def _referred_before(self) -> dict[str, int]:
        scope, after = self.intent.scope, self.intent.after
        return self.lakehouse.intents.read(scope, after).lookups if after and self.intent.lookups else {}


def _asked(thresholds: Mapping[str, object], ending: str) -> set[str]:
    return {metric.removesuffix(ending) for metric in thresholds if metric.endswith(ending)}


def _without_gone(found: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in found.items() if not name.startswith("gone.")}


def _batch(known: Mapping[str, object]) -> Measures:
    """Return what was new in a version that is judged again: what was new when it was judged first."""
    return add({name: value for name, value in known.items() if name.startswith(BATCH)}, {})


def _as_batch(measures: Measures, wanted: Measured) -> Measures:
    """Return the measures of a table whose rows are all new."""
    return {f"{BATCH}{name}": measures[name] for name in wanted.of_batches}


def _where_values_are(engine: Engine, columns: tuple[str, ...]) -> str | None:
    """Return the condition under which a row may have a value of the changed rows in one of the columns."""
    ranges = [
        within(engine, engine.dialect.identifier(column), *bounds(engine, column, "changes"))
        for column in columns
    ]
    return " OR ".join(f"({' AND '.join(ends)})" for ends in ranges) if ranges and all(ranges) else None
