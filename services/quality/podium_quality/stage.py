"""Quality: the verdict on a layer, from measures that cost what is new."""

from time import monotonic

from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated, TableVersion, Timings
from podium_contracts.names import Layer, Stage, Verdict
from podium_contracts.pipeline import Pipeline
from podium_lakehouse.cleansing.columns import declared_columns
from podium_lakehouse.delta.tables import Snapshot, column_names
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine
from podium_lakehouse.expressions.dialects import DUCKDB
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import ABSENT, Input, Intent, Scope

from podium_quality.measures import Measured, Measures, add, metrics
from podium_quality.verdict import checks, decide


def quality(event: CloudEvent, pipeline: Pipeline, lakehouse: Lakehouse) -> list[CloudEvent]:
    """Judge the tables of a completed Silver dataset or of Gold.

    A version is judged once; a failed verdict is given anew when the pipeline file has changed.
    """
    assert isinstance(event.data, LayerCompleted)
    started = monotonic()
    scope = Scope(pipeline=pipeline.name, stage=Stage.QUALITY, subject=event.subject)
    judged = {table.name: table for table in event.data.tables if not table.name.startswith("quarantine.")}
    intent = lakehouse.pending(scope, pipeline) or _plan(event, scope, judged, pipeline, lakehouse)
    if intent is None:
        last = lakehouse.completions.last(scope)
        return [last] if last else []

    before = lakehouse.metrics.read(scope, lakehouse.completions.last_sequence(scope))
    measured: dict[tuple[str, int], Measures] = {}
    with duckdb_engine() as engine:
        for name, table in intent.inputs.items():
            kept = before.get(name, {}) if table.from_version != ABSENT else {}
            new = _measure(engine, name, table, pipeline)
            measured[name, table.to_version] = add(kept, new)
    with lakehouse.step(f"quality {scope.subject} metrics"):
        lakehouse.metrics.put(intent, {key: dict(values) for key, values in measured.items()})
    thresholds = pipeline.spec.quality.thresholds
    results = [
        check
        for (name, _), values in measured.items()
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
    """Pin the versions to judge, if they have not been."""
    last = lakehouse.completions.last(scope)
    seen: dict[str, int] = {}
    if last is not None and isinstance(last.data, QualityEvaluated):
        seen = {table.name: table.to_version for table in last.data.tables}
        done = lakehouse.intents.read(scope, last.data.sequence)
        again = last.data.verdict == Verdict.FAILED and done.fingerprint != pipeline.fingerprint
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
                name: Input(uri=table.uri, from_version=seen.get(name, ABSENT), to_version=table.to_version)
                for name, table in judged.items()
            },
        ),
        pipeline,
    )


def _measure(engine: DuckDbEngine, name: str, table: Input, pipeline: Pipeline) -> dict[str, object]:
    """Measure what changed in a table since it was last judged, in one aggregate query."""
    now = Snapshot(table.uri, table.to_version)
    measured = _measured(name, column_names(now.open()), pipeline)
    engine.offer_signed("judged", now, table.from_version)
    row = engine.connection.sql(measured.query("judged", DUCKDB)).to_arrow_table().to_pylist()[0]
    return dict(row)


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
