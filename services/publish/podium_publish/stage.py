"""Publish: certified Gold to where it is served from, as a whole or not at all."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

import duckdb
from podium_contracts.errors import CommitConflict
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import Published, QualityEvaluated, Timings
from podium_contracts.names import Layer, Stage, Verdict
from podium_contracts.pipeline import Pipeline
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.engines.changes import offer_additions
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine
from podium_lakehouse.engines.scratch import is_running
from podium_lakehouse.expressions.dialects import DUCKDB
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import ABSENT, Cause, Input, Intent, Scope

SUBJECT = "duckdb"
VERSIONS = "podium_versions"


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
        _remove_abandoned(path)
        last = lakehouse.completions.last(scope)
        return [last] if last else []

    with _draft(path, intent, lakehouse.completions.last(scope)) as draft, _alone(path):
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
        lakehouse.audit.put(intent, published)
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
        lakehouse.next_intent(
            scope,
            Cause.of(event),
            pipeline,
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
def _draft(path: Path, intent: Intent, last: CloudEvent | None) -> Iterator[Path]:
    """Bring a copy of the file up to date, which is to replace it: readers see the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists():
            shutil.copyfile(path, draft)
        _write(draft, intent, last)
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
    name = _lock_of(path)
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


def _lock_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _remove_abandoned(path: Path) -> None:
    """Remove the drafts and the lock of publishers that were killed, and the drafts of this process's earlier tries."""
    for draft in path.parent.glob(f".{path.name}.*"):
        process = draft.name.removeprefix(f".{path.name}.").removesuffix(".wal")
        if process.isdigit() and (int(process) == os.getpid() or not is_running(int(process))):
            draft.unlink(missing_ok=True)
    name = _lock_of(path)
    with suppress(FileNotFoundError, BlockingIOError), name.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(name, lock.fileno()):
            name.unlink()


def _write(draft: Path, intent: Intent, last: CloudEvent | None) -> None:
    """Bring the pinned tables, and `podium_versions`, which says what they are, into a DuckDB file."""
    with duckdb_engine() as engine:
        held = _attach(engine, draft, last)
        for name in held.keys() - intent.inputs.keys():
            engine.execute(f"DROP TABLE draft.{_plain(name)}")
        for name, table in intent.inputs.items():
            if held.get(name) != table.to_version:
                _bring(engine, name, Snapshot(table.uri, table.to_version), held.get(name, ABSENT))
        versions = [
            f"({DUCKDB.text(name)}, {table.to_version}, {DUCKDB.text(intent.run.id)})"
            for name, table in intent.inputs.items()
        ]
        engine.execute(
            f"CREATE OR REPLACE TABLE draft.{VERSIONS} AS "
            f"FROM (VALUES {', '.join(versions)}) AS v(table_name, version, run_id)"
        )
        engine.execute("DETACH draft")


def _attach(engine: DuckDbEngine, draft: Path, last: CloudEvent | None) -> Mapping[str, int]:
    """Attach the file as `draft`; return the version of each table that it holds.

    It is begun anew unless it is what this lakehouse published last: versions of another lakehouse, or of one that was put back, say
    nothing of their rows.
    """
    attach = f"ATTACH {DUCKDB.text(str(draft))} AS draft"
    if draft.exists() and last is not None:
        try:
            engine.execute(attach)
            rows = engine.execute(f"SELECT table_name, version, run_id FROM draft.{VERSIONS}")
        except duckdb.Error:
            rows = []
        if set(rows) == {(*table, last.run.id) for table in _versions(last).items()}:
            return _versions(last)
        engine.execute("DETACH DATABASE IF EXISTS draft")
    draft.unlink(missing_ok=True)
    engine.execute(attach)
    return {}


def _bring(engine: DuckDbEngine, name: str, now: Snapshot, since: int) -> None:
    """Add to a table what came since the version that the file holds; put all of it there where other rows changed."""
    if offer_additions(engine, "added", now, since):
        engine.execute(f"INSERT INTO draft.{_plain(name)} BY NAME FROM added")
        return
    engine.offer_table("published", now)
    engine.execute(f"CREATE OR REPLACE TABLE draft.{_plain(name)} AS FROM published")


def _plain(name: str) -> str:
    """Return what the file calls a table."""
    return DUCKDB.identifier(name.split(".")[1])
