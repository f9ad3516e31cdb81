"""Ingest: what is new in files and topics into Bronze, every value as text, every line and message accounted for."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from podium_contracts import ledger as ledgers
from podium_contracts.errors import BadSource, TerminalError
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import LayerCompleted, Ledger, Stock, Timings
from podium_contracts.messages import OffsetRange, Topics
from podium_contracts.names import Layer, Stage
from podium_contracts.pipeline import KafkaSource, Pipeline, Source
from podium_lakehouse.delta.appends import append_once
from podium_lakehouse.delta.commits import is_committed
from podium_lakehouse.delta.tables import add_columns, current, ensure
from podium_lakehouse.lakehouse import Lakehouse, rows_at, table_version
from podium_lakehouse.records.intents import Intent, Scope, SourceFile, table_name

from podium_ingest import files, streams
from podium_ingest.csv_files import read_files
from podium_ingest.rows import Names, Rows, bronze_schema


def ingest(
    event: CloudEvent, pipeline: Pipeline, lakehouse: Lakehouse, topics: Topics | None = None
) -> list[CloudEvent]:
    """Bring what is new in the sources of every dataset of a run into Bronze.

    A job takes all there is, and announces its last completion again where there is nothing new. A resident run takes one batch of
    each source.

    Raises:
        BadSource: a source cannot be read as declared; nothing of that batch was ingested.
        TerminalError: a dataset reads topics, and the host has none.
    """
    return [
        completed
        for name in event.run.datasets
        for completed in _Ingestion(name, event, pipeline, lakehouse, topics).completions()
    ]


def waiting(pipeline: Pipeline, lakehouse: Lakehouse) -> list[Path]:
    """Return the files of every dataset that a run would look into: new ones, or changed since.

    Raises:
        BadSource: a source names no file.
    """
    found: list[Path] = []
    for name, dataset in pipeline.spec.datasets.items():
        paths = files.listing(pipeline, [source.files for source in dataset.sources if source.files])
        found += files.unseen(pipeline, paths, _known(_scope(pipeline, name), lakehouse))
    return found


@dataclass(frozen=True)
class _Ingestion:
    """What a run does for a dataset."""

    name: str
    event: CloudEvent
    pipeline: Pipeline
    lakehouse: Lakehouse
    topics: Topics | None

    @property
    def scope(self) -> Scope:
        return _scope(self.pipeline, self.name)

    @property
    def uri(self) -> str:
        return self.lakehouse.table_uri(Layer.BRONZE, self.name)

    @property
    def resident(self) -> bool:
        return self.event.run.executor == "resident"

    def completions(self) -> list[CloudEvent]:
        """Bring what is new into Bronze, and before it what an interrupted try has pinned."""
        interrupted = self._interrupted()
        done = [self._complete(interrupted)] if interrupted else []
        for index, source in enumerate(self.pipeline.spec.datasets[self.name].sources):
            done += self._batches(index, source)
        if done or self.resident:
            return done
        last = self.lakehouse.completions.last(self.scope)
        return [last] if last else []

    def _batches(self, index: int, source: Source) -> Iterator[CloudEvent]:
        while intent := self._plan(index, source):
            yield self._complete(intent)
            full = source.kafka and sum(part.span for part in intent.offsets) >= source.kafka.max_rows
            if self.resident or not full:
                return

    def _interrupted(self) -> Intent | None:
        """Return the intent of an interrupted try, if it still stands: not if its files have changed before Bronze had their rows."""
        intent = self.lakehouse.pending(self.scope, self.pipeline)
        table = current(self.uri)
        if intent is None or (table and is_committed(table, intent.transaction(table_name(self.uri)))):
            return intent
        try:
            for pinned in intent.files:
                files.unchanged(Path(self.pipeline.resolve(pinned.path)), pinned)
        except BadSource:
            return None
        return intent

    def _plan(self, index: int, source: Source) -> Intent | None:
        """Pin what is new in a source, if there is anything."""
        before = self._offsets(self.lakehouse.completions.last_sequence(self.scope))
        if source.kafka:
            offsets = streams.news(source.kafka, before, self._reach(source.kafka), self._size(source.kafka))
            return self._pin(index, (), offsets) if offsets else None
        paths = self._listing(source)
        found = files.news(self.pipeline, paths, _known(self.scope, self.lakehouse)) if paths else []
        return self._pin(index, tuple(found), streams.unmoved(before)) if found else None

    def _size(self, source: KafkaSource) -> streams.Size:
        """Return the size of the next batch: of a resident run it is due after a while, or when it is full, and it keeps to the rate."""
        last = self.lakehouse.completions.last(self.scope) if self.resident else None
        since = (self.event.time - last.time).total_seconds() if last else source.trigger_seconds
        most = source.max_rows
        if self.resident and source.max_rows_per_second:
            most = min(most, int(since * source.max_rows_per_second))
        return streams.Size(
            1 if since >= source.trigger_seconds or not self.resident else source.max_rows, most
        )

    def _listing(self, source: Source) -> list[Path]:
        """Return the files to look into; a resident run leaves alone those that may still be written."""
        assert source.files
        if not self.resident:
            return files.listing(self.pipeline, [source.files])
        if not source.files.watch_seconds:
            return []
        before = self.event.time.timestamp() - source.files.settled_seconds
        return [
            path for path in files.matching(self.pipeline, source.files) if path.stat().st_mtime <= before
        ]

    def _pin(self, index: int, found: tuple[SourceFile, ...], offsets: tuple[OffsetRange, ...]) -> Intent:
        return self.lakehouse.pin(
            Intent(
                scope=self.scope,
                sequence=self.lakehouse.intents.next_sequence(self.scope),
                run=self.event.run,
                traceparent=self.event.traceparent,
                fingerprint=self.pipeline.fingerprint,
                answers=(self.event.id,),
                source=index,
                files=found,
                offsets=offsets,
                bases={self.uri: self.lakehouse.version(self.uri)},
            ),
            self.pipeline,
        )

    def _offsets(self, number: int) -> tuple[OffsetRange, ...]:
        """Return how far every partition was read when the intent of a number was completed, 0 for none."""
        return self.lakehouse.intents.read(self.scope, number).offsets if number else ()

    def _reach(self, source: KafkaSource) -> Topics:
        if self.topics is None:
            raise TerminalError(
                f"{self.name} reads {source.wanted}, and nothing here reads Kafka",
                hint="install podium[kafka], or run it by the ingest service",
            )
        return self.topics

    def _complete(self, intent: Intent) -> CloudEvent:
        """Read what an intent has pinned, commit it to Bronze, and write the completion."""
        started = monotonic()
        rows = self._read(intent)
        self._prepare_table(intent, rows.names)
        with self.lakehouse.commit(intent, "bronze"):
            committed = append_once(
                self.uri,
                rows.folders,
                intent.transaction(table_name(self.uri)),
                base=max(intent.bases[self.uri], 0),
                metadata=intent.commit_metadata,
            )
        table = table_version(f"bronze.{self.name}", self.uri, intent.bases[self.uri], committed.version)
        stock = Stock(
            table=table.name,
            before=rows_at(self.uri, intent.bases[self.uri]),
            inserted=rows.flow.inserted,
            after=table.rows,
        )
        return self.lakehouse.complete(
            intent,
            LayerCompleted(
                run=intent.run,
                layer=Layer.BRONZE,
                subject=self.name,
                sequence=intent.sequence,
                tables=(table,),
                ledger=ledgers.check(Ledger(flow=rows.flow, stocks=(stock,))),
                timings=Timings(requested_at=intent.time, seconds=round(monotonic() - started, 3)),
                notes=streams.lost(intent, self._offsets(intent.after)) if intent.offsets else (),
            ),
        )

    def _read(self, intent: Intent) -> Rows:
        pipeline = self.lakehouse.pipelines.as_pinned(self.pipeline, intent.fingerprint)
        source = pipeline.spec.datasets[self.name].sources[intent.source]
        if source.kafka:
            topics = self._reach(source.kafka)
            return streams.read_messages(intent, source.kafka, self.name, self.uri, self.lakehouse, topics)
        assert source.files
        return read_files(intent, source.files, self.name, self.uri, pipeline, self.lakehouse)

    def _prepare_table(self, intent: Intent, names: Names) -> None:
        """Create or widen the Bronze table, and record its columns in the catalogue."""
        if names != self.lakehouse.catalogue.source_names(Layer.BRONZE, self.name):
            self.lakehouse.catalogue.put(Layer.BRONZE, self.name, intent.sequence, dict(names))
        sources = self.pipeline.spec.datasets[self.name].sources
        schema = bronze_schema(names, kafka=any(source.kafka for source in sources))
        ensure(self.uri, schema)
        add_columns(self.uri, schema)


def _scope(pipeline: Pipeline, dataset: str) -> Scope:
    return Scope(pipeline=pipeline.name, stage=Stage.INGEST, subject=f"{Layer.BRONZE}.{dataset}")


def _known(scope: Scope, lakehouse: Lakehouse) -> list[SourceFile]:
    """Return every file that has been ingested, as it was then."""
    done = lakehouse.completions.sequences(scope)
    return [
        file for intent in lakehouse.intents.all(scope) if intent.sequence in done for file in intent.files
    ]
