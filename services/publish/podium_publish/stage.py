"""Publish: certified Gold to where it is served from, as a whole or not at all."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from podium_contracts.errors import CommitConflict
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import Published, QualityEvaluated, Timings
from podium_contracts.names import Layer, Stage, Verdict
from podium_contracts.pipeline import Pipeline
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.engines.duckdb import duckdb_engine
from podium_lakehouse.engines.scratch import is_running
from podium_lakehouse.expressions.dialects import DUCKDB
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Input, Intent, Scope

SUBJECT = "duckdb"


def publish(event: CloudEvent, pipeline: Pipeline, lakehouse: Lakehouse) -> list[CloudEvent]:
    """Publish the Gold that a verdict certifies; a failed verdict, and one that a later one has overtaken, publishes nothing.

    Raises:
        CommitConflict: another publisher has been faster.
    """
    destination = pipeline.spec.publish.duckdb
    assert isinstance(event.data, QualityEvaluated)
    if destination is None or event.data.layer != Layer.GOLD or event.data.verdict == Verdict.FAILED:
        return []
    started = monotonic()
    path = Path(pipeline.resolve(destination.path))
    scope = Scope(pipeline=pipeline.name, stage=Stage.PUBLISH, subject=SUBJECT)
    pending = lakehouse.pending(scope, pipeline, _versions(event))
    intent = pending or _plan(event, scope, path, pipeline, lakehouse)
    if intent is None:
        last = lakehouse.completions.last(scope)
        return [last] if last else []

    with _draft(path, intent) as draft, _alone(path):
        if lakehouse.completions.last_sequence(scope) != intent.after:
            raise CommitConflict(f"{path} was published elsewhere meanwhile", hint="run it again")
        with lakehouse.commit(intent, path.name):
            draft.replace(path)
        published = Published(
            run=intent.run,
            destination=SUBJECT,
            uri=str(path),
            sequence=intent.sequence,
            tables=event.data.tables,
            timings=Timings(requested_at=intent.time, seconds=round(monotonic() - started, 3)),
        )
        return [lakehouse.complete(intent, published)]


def _versions(event: CloudEvent) -> dict[str, int]:
    """Return the version of every table that an event names."""
    assert isinstance(event.data, QualityEvaluated | Published)
    return {table.name: table.to_version for table in event.data.tables}


def _plan(
    event: CloudEvent, scope: Scope, path: Path, pipeline: Pipeline, lakehouse: Lakehouse
) -> Intent | None:
    """Pin the certified versions, unless the file already holds them, or has been made by a later verdict."""
    assert isinstance(event.data, QualityEvaluated)
    last = lakehouse.completions.last(scope)
    if last is not None:
        if lakehouse.intents.read(scope, last.number).overtakes(event.data.sequence):
            return None
        if _holds(path, last) and _versions(last) == _versions(event):
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
                table.name: Input(uri=table.uri, to_version=table.to_version, to_batch=event.data.sequence)
                for table in event.data.tables
            },
        ),
        pipeline,
    )


def _holds(path: Path, last: CloudEvent) -> bool:
    """Whether the file is still where it was published last."""
    return isinstance(last.data, Published) and last.data.uri == str(path) and path.exists()


@contextmanager
def _draft(path: Path, intent: Intent) -> Iterator[Path]:
    """Write a new file beside the old one, which it is to replace: readers see the one or the other, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write(draft, intent)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
        draft.with_name(f"{draft.name}.wal").unlink(missing_ok=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other publishers from the file until what is done to it is completed: one that was overtaken must not have the last word.

    The lock goes with the process that holds it.
    """
    name = path.with_name(f".{path.name}.lock")
    while True:
        with name.open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_at(name, lock.fileno()):
                continue  # whoever had it has removed it
            try:
                yield
            finally:
                name.unlink()
            return


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _remove_abandoned(path: Path) -> None:
    """Remove the drafts of publishers that were killed, and of this process's earlier tries."""
    for draft in path.parent.glob(f".{path.name}.*"):
        process = draft.name.removeprefix(f".{path.name}.").removesuffix(".wal")
        if process.isdigit() and (int(process) == os.getpid() or not is_running(int(process))):
            draft.unlink(missing_ok=True)


def _write(draft: Path, intent: Intent) -> None:
    """Write the pinned tables, and `podium_versions`, which says what they are, to a DuckDB file."""
    versions = [
        f"({DUCKDB.text(name)}, {table.to_version}, {DUCKDB.text(intent.run.id)})"
        for name, table in intent.inputs.items()
    ]
    with duckdb_engine() as engine:
        engine.execute(f"ATTACH {DUCKDB.text(str(draft))} AS draft")
        for name, table in intent.inputs.items():
            plain = DUCKDB.identifier(name.split(".")[1])
            engine.offer_table("published", Snapshot(table.uri, table.to_version))
            engine.execute(f"CREATE TABLE draft.{plain} AS FROM published")
        engine.execute(
            "CREATE TABLE draft.podium_versions AS "
            f"FROM (VALUES {', '.join(versions)}) AS v(table_name, version, run_id)"
        )
        engine.execute("DETACH draft")
