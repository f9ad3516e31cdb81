"""The lakehouse as the stages see it: where its tables lie, its records, and who watches."""

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Unpack

import pyarrow as pa
from podium_contracts.errors import CommitConflict, TerminalError
from podium_contracts.events import CloudEvent, EventData, envelope
from podium_contracts.events.v1 import LayerCompleted, TableVersion
from podium_contracts.names import EngineName, Layer
from podium_contracts.pipeline import Pipeline, is_object
from podium_contracts.pipeline.objects import known_lakehouse

from podium_lakehouse.delta.commits import TRANSACTION_KEY, is_maintenance, said
from podium_lakehouse.delta.compaction import compact
from podium_lakehouse.delta.history import history_of
from podium_lakehouse.delta.tables import Snapshot, current, schema_fingerprint
from podium_lakehouse.engines.engine import Engine
from podium_lakehouse.engines.opening import open_engine
from podium_lakehouse.records import (
    announcements,
    audit,
    catalogue,
    completions,
    intents,
    maintenance,
    manifests,
    metrics,
    pipelines,
    queries,
    runs,
    schema_history,
)
from podium_lakehouse.records.intents import ABSENT, Cause, Intent, Pinned, Scope
from podium_lakehouse.records.lookups import LookupTable
from podium_lakehouse.records.table import RecordTable
from podium_lakehouse.store.objects import delete, put_new
from podium_lakehouse.store.troubles import ANEW

REWRITING = {"UPDATE", "MERGE"}
"""Operations that give rows other values, though there may be as many."""
Observer = Callable[[str], None]


def nobody(point: str) -> None:
    """Watch nothing."""
    del point


@dataclass(frozen=True)
class Lakehouse:
    """A folder of Delta tables, on this machine or in an object store.

    `reached` is told the name of every point that matters to whoever watches or breaks a stage: `cleanse.silver.sales intent
    written`, always in pairs, `before …` and `after …`.
    """

    uri: str
    reached: Observer = nobody
    engine: EngineName = EngineName.DUCKDB

    def __post_init__(self) -> None:
        r"""Refuse a place where no lakehouse can be, and a path that delta-rs would take for another one: it reads it as a URL.

        Raises:
            TerminalError: it is neither a path nor in a bucket, or there is one of `?#*|^[]\` or a percent-encoded character in it, or a file is there.
        """
        try:
            known_lakehouse(self.uri)
        except ValueError as error:
            raise TerminalError(str(error), hint="set spec.lakehouse.uri") from error
        if odd := re.search(r"[?#*|^\[\]\\]|%[0-9A-Fa-f]{2}", self.uri):
            raise TerminalError(
                f"{self.uri}: a lakehouse cannot lie below a folder with {odd[0]!r} in its name",
                hint="rename the folder, or set spec.lakehouse.uri",
            )
        home = self.path
        if home and (file := next(filter(Path.is_file, (home, *home.parents)), None)):
            raise TerminalError(
                f"{file} is a file, and a lakehouse is a folder", hint="set spec.lakehouse.uri"
            )

    @property
    def path(self) -> Path | None:
        """The lakehouse's folder on this machine, None where it is in an object store."""
        return None if is_object(self.uri) else Path(self.uri)

    def table_uri(self, layer: Layer, name: str) -> str:
        """Return where a table of a layer lies."""
        return f"{self.uri}/{layer}/{name}"

    def quarantine_uri(self, dataset: str) -> str:
        """Return where a dataset's quarantine lies."""
        return f"{self.uri}/quarantine/{dataset}"

    def record_uri(self, name: str) -> str:
        """Return where a table of Podium's own records lies."""
        return f"{self.uri}/_podium/{name}"

    @cached_property
    def intents(self) -> intents.Intents:
        """What stages have pinned."""
        return intents.Intents(self._records("intents", intents.SCHEMA))

    @cached_property
    def completions(self) -> completions.Completions:
        """What stages have done."""
        return completions.Completions(self._records("completions", completions.SCHEMA))

    @cached_property
    def announcements(self) -> announcements.Announcements:
        """Which completions have been announced."""
        return announcements.Announcements(self._records("announcements", announcements.SCHEMA))

    @cached_property
    def runs(self) -> runs.Runs:
        """The runs of every pipeline."""
        return runs.Runs(self._records("runs", runs.SCHEMA))

    @cached_property
    def pipelines(self) -> pipelines.Pipelines:
        """Every version of a pipeline that an intent was planned under."""
        return pipelines.Pipelines(self._records("pipelines", pipelines.SCHEMA))

    @cached_property
    def manifests(self) -> manifests.Manifests:
        """The dbt projects that have been parsed."""
        return manifests.Manifests(self._records("manifests", manifests.SCHEMA))

    @cached_property
    def catalogue(self) -> catalogue.Catalogue:
        """Every table as it was left last."""
        return catalogue.Catalogue(self._records("catalogue", catalogue.SCHEMA))

    @cached_property
    def schema_history(self) -> schema_history.SchemaHistory:
        """What new schemas of sources have changed."""
        return schema_history.SchemaHistory(self._records("schema_history", schema_history.SCHEMA))

    @cached_property
    def audit(self) -> audit.Audit:
        """What stages have read and committed."""
        return audit.Audit(self._records("audit", audit.SCHEMA))

    @cached_property
    def metrics(self) -> metrics.Metrics:
        """The quality metrics of every verdict."""
        return metrics.Metrics(self._records("quality_metrics", metrics.SCHEMA))

    @cached_property
    def queries(self) -> queries.Queries:
        """What was read, and by what kind of question."""
        return queries.Queries(self._records("queries", queries.SCHEMA))

    @cached_property
    def maintenance(self) -> maintenance.Maintenance:
        """What was done to the files of tables."""
        return maintenance.Maintenance(self._records("maintenance", maintenance.SCHEMA))

    def lookup(self, name: str) -> LookupTable:
        """Return the table of a lookup."""
        return LookupTable(name, self.record_uri(f"lookup_{name}"))

    def load_lookup(self, name: str, pipeline: Pipeline) -> int:
        """Bring a lookup's table up to its file; return the version that holds the file's content."""
        lookup = pipeline.spec.lookups[name]
        return self.lookup(name).load(Path(pipeline.resolve(lookup.path)), lookup)

    def open_engine(self, *, shared: bool = False) -> AbstractContextManager[Engine]:
        """Open what executes a stage; see `engines.opening`."""
        return open_engine(self.engine, shared=shared, lakehouse=self.uri)

    def _records(self, name: str, schema: pa.Schema) -> RecordTable:
        return RecordTable(self.record_uri(name), schema)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Tell the observer before and after a step that must survive being killed on either side."""
        self.reached(f"before {name}")
        yield
        self.reached(f"after {name}")

    def pending(
        self, scope: Scope, pipeline: Pipeline, versions: Mapping[str, int] | None = None
    ) -> Intent | None:
        """Return the intent that an interrupted try of this scope left behind, if it still stands; see `Intents.pending`."""
        completed = self.completions.last_sequence(scope)
        return self.intents.pending(scope, completed, pipeline.fingerprint, versions or {})

    def next_intent(self, scope: Scope, cause: Cause, pipeline: Pipeline, **pinned: Unpack[Pinned]) -> Intent:
        """Return the intent that follows what `pending` saw of its scope; nothing is written yet."""
        return Intent(
            scope=scope,
            sequence=self.intents.next_sequence(scope),
            run=cause.run,
            traceparent=cause.traceparent,
            fingerprint=pipeline.fingerprint,
            answers=cause.answers,
            **pinned,
        )

    def pin(self, intent: Intent, pipeline: Pipeline) -> Intent:
        """Write an intent; return the one that counts, should another try have been faster.

        Raises:
            CommitConflict: what it was planned on is no longer the last thing that its scope has completed or begun.
            TerminalError: somebody else has taken a table away that it would change, or rows of it, or put rows into it.
        """
        scope = intent.scope
        self._check_store()
        self.runs.put(intent.run, intent.traceparent)
        self.pipelines.put(pipeline)
        after = self.intents.completed[scope.key]
        last = self.completions.read(scope, after) if after else None
        if last and isinstance(last.data, LayerCompleted) and not intent.restores:
            for table in last.data.tables:
                _check_left_alone(table, intent.bases.get(table.uri))
        number = int(last.sequence) + 1 if last else 1
        with self.step(f"{scope.stage} {scope.subject} intent"):
            pinned = self.intents.put(intent.model_copy(update={"completion": number, "after": after}))
        self._check_order(pinned)
        return pinned

    def _check_store(self) -> None:
        """Check, before the first run of a lakehouse, that its store keeps the promise that every commit rests on.

        Raises:
            TerminalError: it lets two writers write one object.
        """
        if not is_object(self.uri) or current(self.runs.table.uri):
            return
        probe = f"{self.uri}/_podium/{uuid.uuid4().hex}.probe"
        put_new(probe, b"")
        overwritten = put_new(probe, b"")
        delete([probe])
        if overwritten:
            raise TerminalError(
                f"{self.uri}: the store lets two writers write one object, so commits would be lost",
                hint="take a store that knows conditional puts (If-None-Match: *)",
            )

    def _check_order(self, intent: Intent) -> None:
        """Check that an intent was not planned while another one of its scope was at work, which had been given up: it may have seen half of that."""
        completed = self.completions.last_sequence(intent.scope)
        if intent.sequence <= completed:
            return
        if intent.after != completed or self.intents.begun(intent.scope, completed, intent.sequence - 1):
            raise CommitConflict(
                f"{intent.scope.key} was at work elsewhere while intent {intent.sequence} was planned",
                hint="run it again",
            )

    @contextmanager
    def commit(self, intent: Intent, table: str) -> Iterator[None]:
        """Surround the commit of an intent to a table."""
        with self.step(f"{intent.scope.stage} {intent.scope.subject} commit {table}"):
            yield

    def complete(self, intent: Intent, data: EventData) -> CloudEvent:
        """Complete an intent; return the event to announce, the same at every try.

        Raises:
            CommitConflict: another intent of the scope has been completed since this one was planned.
        """
        event = envelope(
            data,
            stage=intent.scope.stage,
            subject=intent.scope.subject,
            sequence=intent.completion,
            traceparent=intent.traceparent,
            causation=intent.answers[-1],
        )
        with self.step(f"{intent.scope.stage} {intent.scope.subject} completion"):
            completed = self.completions.put(intent, event)
        self.intents.completed[intent.scope.key] = intent.sequence
        for uri, base in intent.bases.items():
            compact(uri, since=base)
        return completed

    def version(self, uri: str) -> int:
        """Return a table's version now, `ABSENT` where there is no table."""
        table = current(uri)
        return table.version() if table else ABSENT


def _check_left_alone(left: TableVersion, base: int | None) -> None:
    """Check that a table that is to be changed has the rows that its last completion has left; `base` is its version now, None for one that stays as it is.

    Raises:
        TerminalError: it is gone, its log is damaged, or its rows are others by a commit that is none of Podium's.
    """
    if base is None:
        return
    if base < left.to_version:
        raise TerminalError(
            f"{left.uri} is gone, or older than it was: version {left.to_version} of {left.name} was completed",
            hint=f"bring the files in it back as they were; {ANEW}",
        )
    rows = rows_at(left.uri, base)
    if base == left.to_version and rows == left.rows:
        return
    accounted = f"has {rows:,} rows where {left.rows:,} are accounted for"
    if base == left.to_version:
        raise TerminalError(
            f"{left.uri}: version {base} of {left.name} {accounted}: a commit in its Delta log is damaged",
            hint=f"bring the files in {left.uri}/_delta_log back as they were; {ANEW}",
        )
    since = map(said, history_of(Snapshot(left.uri, base).open(), base - left.to_version))
    others = [entry for entry in since if not is_maintenance(entry) and TRANSACTION_KEY not in entry]
    standing = takewhile(lambda entry: entry.get("operation") != "RESTORE", others)
    if others and (rows != left.rows or any(entry.get("operation") in REWRITING for entry in standing)):
        raise TerminalError(
            f"somebody else has changed {left.name}: {others[-1].get('operation')} made version {others[-1].get('version')} of it, "
            f"and it {accounted if rows != left.rows else f'has other values in its {rows:,} rows'}",
            hint=f"put it back, then run again: in Python, DeltaTable({left.uri!r}).restore({left.to_version})",
        )


def table_version(name: str, uri: str, base: int, version: int) -> TableVersion:
    """Return how a stage left a table that it found at version `base`."""
    snapshot = Snapshot(uri, version)
    return TableVersion(
        name=name,
        uri=uri,
        from_version=None if base == ABSENT else base,
        to_version=version,
        rows=snapshot.rows(),
        schema_fingerprint=schema_fingerprint(snapshot.open()),
    )


def rows_at(uri: str, version: int) -> int:
    """Return a table's rows at a version, 0 where it did not exist."""
    return 0 if version == ABSENT else Snapshot(uri, version).rows()
