"""Quality: the verdict on a layer, from measures that cost what is new."""

from collections.abc import Mapping
from time import monotonic

from podium_contracts.errors import TerminalError
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated, TableVersion, Timings
from podium_contracts.names import Layer, Stage, Verdict
from podium_contracts.pipeline import Pipeline
from podium_lakehouse.cleansing.columns import declared_columns
from podium_lakehouse.delta.tables import Snapshot, column_names
from podium_lakehouse.engines.bounds import bounds, within
from podium_lakehouse.engines.changes import offer_signed
from podium_lakehouse.engines.engine import Engine
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import ABSENT, Input, Intent, Scope

from podium_quality.measures import Measured, Measures, add, metrics
from podium_quality.verdict import checks, decide


def quality(event: CloudEvent, pipeline: Pipeline, lakehouse: Lakehouse) -> list[CloudEvent]:
    """Judge the tables of a completed Silver dataset or of Gold.

    A version is judged once; a failed verdict is given anew when the pipeline file has changed. What comes after a later completion
    has been judged is not judged at all: readers would go back to it.

    Raises:
        TerminalError: a threshold is for a table or a metric that does not exist.
    """
    assert isinstance(event.data, LayerCompleted)
    started = monotonic()
    scope = Scope(pipeline=pipeline.name, stage=Stage.QUALITY, subject=event.subject)
    judged = {table.name: table for table in event.data.tables if not table.name.startswith("quarantine.")}
    versions = {name: table.to_version for name, table in judged.items()}
    intent = lakehouse.pending(scope, pipeline, versions) or _plan(event, scope, judged, pipeline, lakehouse)
    if intent is None:
        last = lakehouse.completions.last(scope)
        return [last] if last else []

    known = lakehouse.metrics.read(scope, intent.after)
    with lakehouse.open_engine() as engine:
        measures = {
            name: _measure(engine, name, table, known.get(name, {}), pipeline)
            for name, table in intent.inputs.items()
        }
    with lakehouse.step(f"quality {scope.subject} metrics"):
        versioned = {
            (name, judged[name].to_version): dict[str, object](values) for name, values in measures.items()
        }
        lakehouse.metrics.put(intent, versioned)
    thresholds = pipeline.spec.quality.thresholds
    if event.data.layer == Layer.GOLD:
        _refuse_unknown(list(thresholds), [*pipeline.spec.datasets, *(name.split(".")[1] for name in judged)])
    results = [
        check
        for name, values in measures.items()
        for check in checks(name, metrics(values), thresholds.get(name.split(".")[1], {}))
    ]
    return [
        lakehouse.complete(
            intent,
            QualityEvaluated(
                run=intent.run,
                layer=event.data.layer,
                subject=event.data.subject,
                sequence=intent.sequence,
                tables=tuple(judged.values()),
                verdict=decide(results),
                checks=tuple(results),
                timings=Timings(requested_at=intent.time, seconds=round(monotonic() - started, 3)),
            ),
        )
    ]


def _plan(
    event: CloudEvent,
    scope: Scope,
    judged: dict[str, TableVersion],
    pipeline: Pipeline,
    lakehouse: Lakehouse,
) -> Intent | None:
    """Pin the versions to judge, if neither they nor later ones have been."""
    assert isinstance(event.data, LayerCompleted)
    last = lakehouse.completions.last(scope)
    seen: dict[str, int] = {}
    if last is not None and isinstance(last.data, QualityEvaluated):
        seen = {table.name: table.to_version for table in last.data.tables}
        done = lakehouse.intents.read(scope, last.data.sequence)
        again = last.data.verdict == Verdict.FAILED and done.fingerprint != pipeline.fingerprint
        if done.overtakes(event.data.sequence):
            return None
        if not again and seen == {name: table.to_version for name, table in judged.items()}:
            return None
    return lakehouse.pin(
        Intent(
            scope=scope,
            sequence=lakehouse.intents.next_sequence(scope),
            run=event.run,
            traceparent=event.traceparent,
            fingerprint=pipeline.fingerprint,
            answers=(event.id,),
            inputs={
                name: Input(
                    uri=table.uri,
                    from_version=seen.get(name, ABSENT),
                    to_version=table.to_version,
                    to_batch=event.data.sequence,
                )
                for name, table in judged.items()
            },
        ),
        pipeline,
    )


def _refuse_unknown(named: list[str], tables: list[str]) -> None:
    unknown = [name for name in named if name not in tables]
    if unknown:
        raise TerminalError(
            f"there are thresholds for {', '.join(unknown)}, which no dataset or model is called",
            hint=f"correct spec.quality.thresholds; the tables are: {', '.join(tables)}",
        )


def _measure(
    engine: Engine, name: str, table: Input, known: Mapping[str, object], pipeline: Pipeline
) -> Measures:
    """Measure what changed in a table since it was last judged; all of it where that is less, or other measures are wanted."""
    now = Snapshot(table.uri, table.to_version)
    wanted = _measured(name, column_names(now.open()), pipeline)
    judged_before = table.from_version != ABSENT and not now.replaced_since(table.from_version)
    added = judged_before and wanted.names == set(known)
    offer_signed(engine, "changes", now, table.from_version if added else ABSENT)
    if added:
        engine.offer_table("judged", now, _where_values_are(engine, wanted.unique))
    query = wanted.query("changes", "judged" if added else None, engine.dialect)
    return add(known if added else {}, engine.records(query)[0])


def _where_values_are(engine: Engine, columns: tuple[str, ...]) -> str | None:
    """Return the condition under which a row may have a value of the changed rows in one of the columns."""
    ranges = [
        within(engine, engine.dialect.identifier(column), *bounds(engine, column, "changes"))
        for column in columns
    ]
    return " OR ".join(f"({' AND '.join(ends)})" for ends in ranges) if ranges and all(ranges) else None


def _measured(name: str, columns: list[str], pipeline: Pipeline) -> Measured:
    """Return what is measured of a table: its keys, and whatever a threshold asks to be unique."""
    layer, table = name.split(".")
    asked = pipeline.spec.quality.thresholds.get(table, {})
    wanted = {metric.removesuffix("_uniqueness") for metric in asked if metric.endswith("_uniqueness")}
    if layer == Layer.SILVER:
        dataset = pipeline.spec.datasets[table]
        unique = wanted | set(dataset.duplicates.keys)
        return Measured(tuple(declared_columns(dataset)), tuple(sorted(unique)), (), scored=True)
    keys = tuple(column for column in columns if column.endswith("_key"))
    return Measured(
        tuple(columns), tuple(sorted(wanted & set(columns))), keys, scored="quality_score" in columns
    )
