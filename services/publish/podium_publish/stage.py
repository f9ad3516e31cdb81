"""Publish: certified Gold to where it is served from, as a whole or not at all."""

import os
from pathlib import Path
from time import monotonic

import duckdb
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import Published, QualityEvaluated, Timings
from podium_contracts.names import Layer, Stage, Verdict
from podium_contracts.pipeline import Pipeline
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.expressions.dialects import DUCKDB
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Input, Intent, Scope

SUBJECT = "duckdb"


def publish(event: CloudEvent, pipeline: Pipeline, lakehouse: Lakehouse) -> list[CloudEvent]:
    """Publish the Gold that a verdict certifies; a failed verdict publishes nothing."""
    destination = pipeline.spec.publish.duckdb
    assert isinstance(event.data, QualityEvaluated)
    if destination is None or event.data.layer != Layer.GOLD or event.data.verdict == Verdict.FAILED:
        return []
    started = monotonic()
    path = Path(pipeline.resolve(destination.path))
    scope = Scope(pipeline=pipeline.name, stage=Stage.PUBLISH, subject=SUBJECT)
    intent = lakehouse.pending(scope, pipeline) or _plan(event, scope, path, pipeline, lakehouse)
    if intent is None:
        last = lakehouse.completions.last(scope)
        return [last] if last else []

    with lakehouse.commit(intent, path.name):
        _replace(path, intent)
    published = Published(
        run=intent.run,
        destination=SUBJECT,
        uri=str(path),
        sequence=intent.sequence,
        tables=event.data.tables,
        timings=Timings(requested_at=intent.time, seconds=round(monotonic() - started, 3)),
    )
    return [lakehouse.complete(intent, published)]


def _plan(
    event: CloudEvent, scope: Scope, path: Path, pipeline: Pipeline, lakehouse: Lakehouse
) -> Intent | None:
    """Pin the certified versions, unless the file already holds them."""
    assert isinstance(event.data, QualityEvaluated)
    wanted = {table.name: table.to_version for table in event.data.tables}
    last = lakehouse.completions.last(scope)
    if last is not None and isinstance(last.data, Published) and path.exists():
        same = {table.name: table.to_version for table in last.data.tables} == wanted
        if same and last.data.uri == str(path):
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
                table.name: Input(uri=table.uri, to_version=table.to_version) for table in event.data.tables
            },
        ),
        pipeline,
    )


def _replace(path: Path, intent: Intent) -> None:
    """Write a new file beside the old one and rename it: readers see the one or the other, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        with duckdb.connect(str(draft)) as connection:
            connection.execute("SET TimeZone = 'UTC'; SET memory_limit = '1GB'")
            versions = []
            for name, table in intent.inputs.items():
                files = Snapshot(table.uri, table.to_version).files()
                listed = ", ".join(DUCKDB.text(uri.removeprefix("file://")) for uri in files)
                plain = DUCKDB.identifier(name.split(".")[1])
                connection.execute(
                    f"CREATE TABLE {plain} AS FROM read_parquet([{listed}], union_by_name = true)"
                )
                versions.append(f"({DUCKDB.text(name)}, {table.to_version}, {DUCKDB.text(intent.run.id)})")
            connection.execute(
                "CREATE TABLE podium_versions AS "
                f"FROM (VALUES {', '.join(versions)}) AS v(table_name, version, run_id)"
            )
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
        draft.with_name(draft.name + ".wal").unlink(missing_ok=True)
