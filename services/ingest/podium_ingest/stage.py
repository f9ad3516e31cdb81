"""Ingest: files into Bronze, every value as text, every line accounted for."""

from pathlib import Path
from time import monotonic

import pyarrow as pa
from podium_contracts import ledger as ledgers
from podium_contracts.errors import BadSource, PodiumError
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import Flow, LayerCompleted, Ledger, Stock, Timings
from podium_contracts.names import Layer, Stage, collisions, storable_name
from podium_contracts.pipeline import CsvDialect, Dataset, FileSource, Pipeline
from podium_lakehouse.cleansing.columns import BRONZE_METADATA, BRONZE_POSITION
from podium_lakehouse.delta.appends import append_once, discard
from podium_lakehouse.delta.commits import is_committed
from podium_lakehouse.delta.tables import add_columns, arrow_schema, ensure, find
from podium_lakehouse.engines.duckdb_csv import (
    CsvFile,
    Ingestion,
    Read,
    Written,
    check_line_ends,
    count_line_breaks,
    write_csv,
)
from podium_lakehouse.lakehouse import Lakehouse, rows_at, table_version
from podium_lakehouse.records.intents import Intent, Scope, SourceFile, table_name

from podium_ingest import files


def ingest(event: CloudEvent, pipeline: Pipeline, lakehouse: Lakehouse) -> list[CloudEvent]:
    """Bring what is new in the sources of every dataset of a run into Bronze.

    Raises:
        BadSource: a source cannot be read as declared; nothing of that dataset was ingested.
    """
    completed = [_ingest_dataset(event, name, pipeline, lakehouse) for name in event.run.datasets]
    return [done for done in completed if done]


def _ingest_dataset(
    event: CloudEvent, name: str, pipeline: Pipeline, lakehouse: Lakehouse
) -> CloudEvent | None:
    started = monotonic()
    scope = Scope(pipeline=pipeline.name, stage=Stage.INGEST, subject=f"{Layer.BRONZE}.{name}")
    uri = lakehouse.table_uri(Layer.BRONZE, name)
    intent = _interrupted(scope, uri, pipeline, lakehouse) or _plan(event, scope, name, pipeline, lakehouse)
    if intent is None:
        return lakehouse.completions.last(scope)

    pipeline = lakehouse.pipelines.as_pinned(pipeline, intent.fingerprint)
    dataset = pipeline.spec.datasets[name]
    source = _file_source(dataset)
    inputs = _inputs(intent, source, pipeline)
    names = _source_names(name, inputs, lakehouse)
    mark = Ingestion(intent.time, intent.batch_id, intent.sequence, source.source_system)
    with lakehouse.open_engine() as engine:
        written = write_csv(engine, uri, inputs, list(names), source.csv, mark)
    try:
        flow = _flow(intent, inputs, written, source.csv)
    except PodiumError:
        discard(written.folders)
        raise
    _prepare_table(intent, name, names, lakehouse, uri)
    with lakehouse.commit(intent, "bronze"):
        committed = append_once(
            uri,
            written.folders,
            intent.transaction(table_name(uri)),
            base=max(intent.bases[uri], 0),
            metadata=intent.commit_metadata,
        )
    before = rows_at(uri, intent.bases[uri])
    table = table_version(f"bronze.{name}", uri, intent.bases[uri], committed.version)
    ledger = Ledger(
        flow=flow,
        stocks=(Stock(table=table.name, before=before, inserted=flow.inserted, after=table.rows),),
    )
    return lakehouse.complete(
        intent,
        LayerCompleted(
            run=intent.run,
            layer=Layer.BRONZE,
            subject=name,
            sequence=intent.sequence,
            tables=(table,),
            ledger=ledgers.check(ledger),
            timings=Timings(requested_at=intent.time, seconds=round(monotonic() - started, 3)),
        ),
    )


def _interrupted(scope: Scope, uri: str, pipeline: Pipeline, lakehouse: Lakehouse) -> Intent | None:
    """Return the intent of an interrupted try, if it still stands: not if its files have changed before Bronze had their rows."""
    intent = lakehouse.pending(scope, pipeline)
    table = find(uri)
    if intent is None or (table and is_committed(table, intent.transaction(table_name(uri)))):
        return intent
    try:
        for pinned in intent.files:
            files.unchanged(Path(pipeline.resolve(pinned.path)), pinned)
    except BadSource:
        return None
    return intent


def _plan(
    event: CloudEvent, scope: Scope, name: str, pipeline: Pipeline, lakehouse: Lakehouse
) -> Intent | None:
    """Pin the files that are new, if any."""
    paths = files.listing(pipeline, [_file_source(pipeline.spec.datasets[name])])
    fresh = files.news(pipeline, paths, _known(scope, lakehouse))
    if not fresh:
        return None
    uri = lakehouse.table_uri(Layer.BRONZE, name)
    return lakehouse.pin(
        Intent(
            scope=scope,
            sequence=lakehouse.intents.next_sequence(scope),
            run=event.run,
            traceparent=event.traceparent,
            fingerprint=pipeline.fingerprint,
            answers=(event.id,),
            files=tuple(fresh),
            bases={uri: lakehouse.version(uri)},
        ),
        pipeline,
    )


def _known(scope: Scope, lakehouse: Lakehouse) -> list[SourceFile]:
    """Return every file that has been ingested, as it was then."""
    done = lakehouse.completions.sequences(scope)
    return [
        file for intent in lakehouse.intents.all(scope) if intent.sequence in done for file in intent.files
    ]


def waiting(pipeline: Pipeline, lakehouse: Lakehouse) -> list[Path]:
    """Return the files of every dataset that a run would look into: new ones, or changed since.

    Raises:
        BadSource: a source names no file.
    """
    found: list[Path] = []
    for name, dataset in pipeline.spec.datasets.items():
        scope = Scope(pipeline=pipeline.name, stage=Stage.INGEST, subject=f"{Layer.BRONZE}.{name}")
        paths = files.listing(pipeline, [_file_source(dataset)])
        found += files.unseen(pipeline, paths, _known(scope, lakehouse))
    return found


def _file_source(dataset: Dataset) -> FileSource:
    return dataset.sources[0].files


def _inputs(intent: Intent, source: FileSource, pipeline: Pipeline) -> list[CsvFile]:
    inputs = []
    for pinned in intent.files:
        path = Path(pipeline.resolve(pinned.path))
        files.unchanged(path, pinned)
        names = files.header(path, source.csv)
        inputs.append(CsvFile(path, pinned.path, tuple(storable_name(name) for name in names), tuple(names)))
    return inputs


def _source_names(dataset: str, inputs: list[CsvFile], lakehouse: Lakehouse) -> dict[str, str]:
    """Return Bronze's columns with these files, and what the source calls each.

    Raises:
        BadSource: two names would be one column, or one is Podium's own.
    """
    merged = lakehouse.catalogue.source_names(Layer.BRONZE, dataset)
    for file in inputs:
        merged |= dict(zip(file.columns, file.header, strict=True))
    reserved = {*BRONZE_METADATA, *BRONZE_POSITION, "data_quality_score"}
    clashes = [*collisions(list(merged)), *([name] for name in merged if name.lower() in reserved)]
    if clashes:
        listed = "; ".join(" and ".join(repr(merged[name]) for name in group) for group in clashes)
        raise BadSource(
            f"{dataset}: {listed} would be the same column in Bronze", hint="rename it in the source"
        )
    return merged


def _prepare_table(
    intent: Intent, dataset: str, names: dict[str, str], lakehouse: Lakehouse, uri: str
) -> None:
    """Create or widen the Bronze table, and record its columns in the catalogue."""
    if names != lakehouse.catalogue.source_names(Layer.BRONZE, dataset):
        lakehouse.catalogue.put(Layer.BRONZE, dataset, intent.sequence, names)
    schema = pa.schema(
        [
            *[pa.field(name, pa.string()) for name in names],
            *arrow_schema(BRONZE_METADATA),
            pa.field("data_quality_score", pa.float64()),
            *arrow_schema(BRONZE_POSITION),
        ]
    )
    ensure(uri, schema)
    add_columns(uri, schema)


def _flow(intent: Intent, inputs: list[CsvFile], written: Written, dialect: CsvDialect) -> Flow:
    """Hold each file's own lines against the rows that were written, before they become part of Bronze.

    Raises:
        BadSource: they differ because the file has changed since it was pinned, its lines end in different ways, or its quotes
            are in disorder.
        LedgerImbalance: they differ otherwise.
    """
    flows = []
    for pinned, file in zip(intent.files, inputs, strict=True):
        files.unchanged(file.path, pinned)
        given = written.counts[file.name]
        flow = Flow(rows_in=_lines_in(pinned, file, written), inserted=given.rows + given.corrupt)
        if flow.rows_in != flow.inserted:
            check_line_ends([file], dialect)
            _check_quotes(file, flow, given)
            ledgers.check(Ledger(flow=flow))
        flows.append(flow)
    return Flow(rows_in=sum(flow.rows_in for flow in flows), inserted=sum(flow.inserted for flow in flows))


def _check_quotes(file: CsvFile, flow: Flow, read: Read) -> None:
    if read.corrupt:
        raise BadSource(
            f"{file.name}: {flow.rows_in} rows by its lines and {flow.inserted} as parsed; {read.corrupt} did not parse",
            hint="correct the quotes: each that opens a value needs one that closes it, before the delimiter",
        )


def _lines_in(pinned: SourceFile, file: CsvFile, written: Written) -> int:
    """Return the rows that a file holds by its own lines: without the header, blank lines and breaks inside values.

    Where there is one column only, a blank line is a row without a value.
    """
    one_column, read = len(file.columns) == 1, written.counts[file.name]
    rows = pinned.lines - 1 - (0 if one_column else pinned.blank)
    if rows == read.rows + read.corrupt:
        return rows
    breaks = count_line_breaks(written.folders, file.columns, file.name)
    return rows - breaks.breaks + (0 if one_column else breaks.blank)
