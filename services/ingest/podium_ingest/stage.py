"""Ingest: what is new in files and topics into Bronze, every value as text, every line and message accounted for."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

from podium_contracts import ledger as ledgers
from podium_contracts.errors import BadSource, TerminalError
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import LayerCompleted, Ledger, Stock, Timings
from podium_contracts.messages import OffsetRange, Topics
from podium_contracts.names import Layer, Stage
from podium_contracts.pipeline import FileSource, KafkaSource, Pipeline
from podium_contracts.watching import EVERYWHERE, Look
from podium_lakehouse.delta.appends import append_once
from podium_lakehouse.delta.commits import is_committed
from podium_lakehouse.delta.folders import discard
from podium_lakehouse.delta.tables import add_columns, current, ensure
from podium_lakehouse.lakehouse import Lakehouse, rows_at, table_version
from podium_lakehouse.records.catalogue import Entry
from podium_lakehouse.records.intents import Cause, Intent, Scope, SourceFile
from podium_lakehouse.records.table import table_name
from podium_lakehouse.registering import register

from podium_ingest import evolution, streams
from podium_ingest.csv_files import read_csv
from podium_ingest.files import Files
from podium_ingest.listed import Listed, unseen
from podium_ingest.record_files import read_records
from podium_ingest.rows import Names, Rows, bronze_schema


def ingest(
    event: CloudEvent,
    pipeline: Pipeline,
    lakehouse: Lakehouse,
    topics: Topics | None = None,
    look: Look = EVERYWHERE,
) -> list[CloudEvent]:
    """Bring what is new in the sources of every dataset of a run into Bronze.

    A job takes all there is, and announces its last completion again where there is nothing new. A resident run takes one batch of
    each topic, and those files that it finds where it is told to look.

    Raises:
        BadSource: a source cannot be read as declared; nothing of that batch was ingested.
        TransientError: what a source lies in does not answer.
        TerminalError: a dataset reads topics, and the host has none.
    """
    with Files(pipeline) as files:
        return [
            completed
            for name in event.run.datasets
            for completed in _Ingestion(name, event, pipeline, lakehouse, topics, look, files).completions()
        ]


def waiting(pipeline: Pipeline, lakehouse: Lakehouse) -> list[Listed]:
    """Return the files of every dataset that a run would look into: new ones, or changed since.

    Raises:
        BadSource: a source names no file.
    """
    found: list[Listed] = []
    files = Files(pipeline)
    for name, dataset in pipeline.spec.datasets.items():
        listed = files.listing([source.files for source in dataset.sources if source.files])
        found += unseen(listed, _known(_scope(pipeline, name), lakehouse))
    return found


@dataclass(frozen=True)
class _Ingestion:
    """What a run does for a dataset."""

    name: str
    event: CloudEvent
    pipeline: Pipeline
    lakehouse: Lakehouse
    topics: Topics | None
    look: Look
    files: Files

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
        self.files.drop_copies()
        for index, source in enumerate(self.pipeline.spec.datasets[self.name].sources):
            if source.kafka:
                done += self._message_batches(index, source.kafka)
            elif source.files:
                done += self._file_batches(index, source.files)
        if done or self.resident:
            return done
        last = self.lakehouse.completions.last(self.scope)
        return [last] if last else []

    def _message_batches(self, index: int, source: KafkaSource) -> Iterator[CloudEvent]:
        while offsets := streams.news(source, self._read_so_far(), self._reach(source), self._size(source)):
            intent = self._pin(index, offsets=offsets)
            yield self._complete(intent)
            full = sum(part.span for part in intent.offsets) >= source.max_rows
            if self.resident or not full:
                return

    def _file_batches(self, index: int, source: FileSource) -> Iterator[CloudEvent]:
        listed = self._listing(source)
        known = self._known() if listed else []
        for number, portion in enumerate(self.files.portions(unseen(listed, known))):
            known = self._known() if number else known  # another run may be at work on the same
            if found := self.files.news(portion, known):
                offsets = streams.unmoved(self._read_so_far())
                yield self._complete(self._pin(index, found=tuple(found), offsets=offsets))
            self.files.drop_copies()

    def _interrupted(self) -> Intent | None:
        """Return the intent of an interrupted try, if it still stands: not if its files have changed before Bronze had their rows."""
        intent = self.lakehouse.pending(self.scope, self.pipeline)
        table = current(self.uri)
        if intent is None or (table and is_committed(table, intent.transaction(table_name(self.uri)))):
            return intent
        try:
            for pinned in intent.files:
                self.files.readable(pinned)
        except BadSource:
            return None
        return intent

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

    def _listing(self, source: FileSource) -> list[Listed]:
        """Return what to look into; a resident run leaves alone those files that may still be written."""
        if not self.resident:
            return self.files.listing([source])
        if source.watch_seconds is None:
            return []
        if not self.look.sweep:
            return self.files.named(source, self.look.objects)
        found = self.files.matching(source)
        if source.objects:
            return found
        before = (self.event.time.timestamp() - source.settled_seconds) * 1e9
        return [file for file in found if file.modified_ns <= before]

    def _known(self) -> list[SourceFile]:
        return _known(self.scope, self.lakehouse)

    def _pin(
        self, index: int, *, offsets: tuple[OffsetRange, ...], found: tuple[SourceFile, ...] = ()
    ) -> Intent:
        return self.lakehouse.pin(
            self.lakehouse.next_intent(
                self.scope,
                Cause.of(self.event),
                self.pipeline,
                source=index,
                files=found,
                offsets=offsets,
                bases={self.uri: self.lakehouse.version(self.uri)},
            ),
            self.pipeline,
        )

    def _read_so_far(self) -> tuple[OffsetRange, ...]:
        return self._offsets(self.lakehouse.completions.last_sequence(self.scope))

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
        before = self._before(intent)
        schemas = self._evolve(intent, rows, before)
        self._prepare_table(rows.names)
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
        done = LayerCompleted(
            run=intent.run,
            layer=Layer.BRONZE,
            subject=self.name,
            sequence=intent.sequence,
            tables=(table,),
            ledger=ledgers.check(Ledger(flow=rows.flow, stocks=(stock,))),
            timings=Timings(requested_at=intent.time, seconds=round(monotonic() - started, 3)),
            notes=(
                *(streams.lost(intent, self._offsets(intent.after)) if intent.offsets else ()),
                *schemas.notes,
            ),
        )
        self.lakehouse.schema_history.put(intent, schemas.found)
        register(
            intent,
            done,
            self.pipeline,
            self.lakehouse,
            source_names=rows.names,
            source_schemas={**(before.source_schemas if before else {}), intent.source: schemas.kinds},
            rows_of=rows.rows_of,
        )
        return self.lakehouse.complete(intent, done)

    def _evolve(self, intent: Intent, rows: Rows, before: Entry | None) -> evolution.Evolution:
        """Hold the schemas of what was read against the one that the last completion has left.

        Raises:
            BadSource: the first file of a source has none of the declared columns; nothing is left behind.
            SchemaChanged: the dataset's policy refuses one; nothing is left behind but its record.
        """
        pipeline = self.lakehouse.pipelines.as_pinned(self.pipeline, intent.fingerprint)
        dataset = pipeline.spec.datasets[self.name]
        current = before.source_schemas.get(intent.source, {}) if before else {}
        if not intent.files:
            return evolution.of_messages(rows, current, before.source_names if before else {}, intent.offsets)
        try:
            evolution.check_declared(rows, current, dataset)
        except BadSource:
            discard(rows.folders)
            raise
        found = evolution.of_files(rows, current, dataset)
        if found.is_refused:
            discard(rows.folders)
            self.lakehouse.schema_history.put(intent, found.found)
        evolution.check(found, self.name)
        return found

    def _before(self, intent: Intent) -> Entry | None:
        """Return Bronze as the completion that an intent builds on has left it."""
        return (
            next(iter(self.lakehouse.catalogue.at(self.scope.subject, intent.after)), None)
            if intent.after
            else None
        )

    def _read(self, intent: Intent) -> Rows:
        pipeline = self.lakehouse.pipelines.as_pinned(self.pipeline, intent.fingerprint)
        source = pipeline.spec.datasets[self.name].sources[intent.source]
        if source.kafka:
            topics = self._reach(source.kafka)
            return streams.read_messages(
                intent, source.kafka, self.name, self.uri, pipeline, self.lakehouse, topics
            )
        assert source.files
        read = read_csv if source.files.format == "csv" else read_records
        return read(intent, source.files, self.name, self.uri, self.files, self.lakehouse)

    def _prepare_table(self, names: Names) -> None:
        """Create or widen the Bronze table."""
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
