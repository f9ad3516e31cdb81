"""Messages of Kafka topics: which of them are news, and how they become data files of Bronze."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import pyarrow as pa
from podium_contracts.errors import BadSource, PodiumError
from podium_contracts.events.cloudevents import Header
from podium_contracts.events.v1 import Flow
from podium_contracts.messages import Extent, Messages, OffsetRange, TopicPartition, Topics
from podium_contracts.names import Layer, collisions
from podium_contracts.pipeline import KafkaSource, Pipeline
from podium_lakehouse.cleansing.columns import BATCH, CORRUPT_REASON, CORRUPT_RECORD, ROW
from podium_lakehouse.delta.folders import discard, filling, new_folder
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Intent

from podium_ingest.data_files import DataFiles
from podium_ingest.payloads import Reader, kept_text, reader
from podium_ingest.payloads.decoded import MOST_FIELDS
from podium_ingest.rows import SCORE, Names, Rows, bronze_schema, bronze_table, merged_names

INGESTION_SOURCE = "kafka-streaming"
SHARE_ROWS = 20_000
"""Messages that are worth a task of their own."""

Offsets = tuple[OffsetRange, ...]


@dataclass(frozen=True)
class Size:
    """How many messages must wait for a batch, and how many it takes; partitions round theirs up."""

    least: int
    most: int


def news(source: KafkaSource, before: Offsets, topics: Topics, size: Size) -> Offsets:
    """Return what the next batch reads of every partition; nothing where too few messages wait.

    A partition is read from where the batch before ended; one that has come since, from its beginning; and all of them, in the first
    batch, from where the source says: one that begins at the end reads nothing, and pins where that was. Partitions share the batch's rows by how much waits in each.

    Raises:
        BadSource: messages were removed before they were read, or the topic was made anew.
    """
    extents = topics.extents(source)
    read = {part.place: part for part in before}
    first = not any(place in read for place in extents)
    starts = _first_offsets(source, extents, topics) if first else {}
    waiting = {
        place: extent._replace(earliest=_next(source, place, extent, read.get(place), starts.get(place, 0)))
        for place, extent in extents.items()
    }
    rows = sum(extent.latest - extent.earliest for extent in waiting.values())
    begins = first and source.start == "latest" and bool(extents)
    if (rows < size.least or size.most < 1) and not begins:
        return ()
    share = min(1.0, size.most / max(rows, 1))
    batch = tuple(
        OffsetRange(
            topic=place.topic,
            partition=place.partition,
            start=extent.earliest,
            end=extent.earliest + -int(-(extent.latest - extent.earliest) * share // 1),
            topic_id=extent.topic_id,
        )
        for place, extent in sorted(waiting.items())
    )
    return (*batch, *(part for part in unmoved(before) if part.place not in waiting))


def unmoved(offsets: Offsets) -> Offsets:
    """Return the same positions with nothing to read."""
    return tuple(part.model_copy(update={"start": part.end}) for part in offsets)


def _first_offsets(
    source: KafkaSource, extents: Mapping[TopicPartition, Extent], topics: Topics
) -> Mapping[TopicPartition, int]:
    if isinstance(source.start, datetime):
        return topics.offsets_at(list(extents), source.start)
    if source.start == "latest":
        return {place: extent.latest for place, extent in extents.items()}
    return {place: extent.earliest for place, extent in extents.items()}


def _next(
    source: KafkaSource, place: TopicPartition, extent: Extent, before: OffsetRange | None, first: int
) -> int:
    """Return the offset to go on from: where the batch before ended, or else the first."""
    wanted = before.end if before else first
    another = before is not None and _is_another(before, extent.topic_id, extent.latest)
    if extent.earliest <= wanted <= extent.latest and not another:
        return wanted
    if source.on_lost_offsets == "continue" or (wanted == 0 and extent.earliest == extent.latest):
        return extent.earliest
    if another:
        raise BadSource(
            f"{place} was read up to offset {wanted}, and is another topic of that name now, with offsets up to {extent.latest}",
            hint="if the topic was meant to begin anew, set on_lost_offsets: continue in its source for one run",
        )
    raise BadSource(
        f"{place}: the messages at offsets {wanted} to {extent.earliest - 1} were removed before they were read",
        hint="keep messages for longer (retention.ms), and set on_lost_offsets: continue in its source to go on without these",
    )


def _is_another(before: OffsetRange, topic_id: str | None, offset: int) -> bool:
    """Return whether the topic was made anew: it has another id, or only gets to an offset before what was read of it."""
    renewed = before.topic_id is not None and topic_id is not None and before.topic_id != topic_id
    return renewed or offset < before.end


def lost(intent: Intent, before: Offsets) -> tuple[str, ...]:
    """Return a note for each partition in which the intent does not go on where the one before ended."""
    read = {part.place: part for part in before}
    return tuple(
        note for part in intent.offsets if part.place in read and (note := _lost(read[part.place], part))
    )


def _lost(before: OffsetRange, now: OffsetRange) -> str:
    """Return what is to be noted of a partition; nothing where it goes on where it was."""
    if _is_another(before, now.topic_id, now.start):
        return f"{now.place}: it is another topic of that name, read from offset {now.start}; the one before was read up to {before.end}"
    if now.start > before.end:
        return f"{now.place}: the messages at offsets {before.end} to {now.start - 1} were removed before they were read"
    return ""


def read_messages(
    intent: Intent,
    source: KafkaSource,
    dataset: str,
    uri: str,
    pipeline: Pipeline,
    lakehouse: Lakehouse,
    topics: Topics,
) -> Rows:
    """Read the pinned offsets: in this process, or shared out among the tasks of an engine that has them.

    Raises:
        BadSource: messages are gone, or their schema cannot be used; nothing is left behind.
        TransientError: the brokers stopped answering; nothing is left behind.
    """
    known = lakehouse.catalogue.source_names(Layer.BRONZE, dataset)
    merged_names(dataset, known, reader(source, pipeline.schemas, known).columns)
    read = partial(_read_share, intent, source, pipeline.schemas, known, uri, topics)
    parts = _shared_out(read, intent.offsets, lakehouse) or _checked([read(intent.offsets)])
    flow = Flow(rows_in=sum(part.taken for part in parts), inserted=sum(part.rows for part in parts))
    return Rows(tuple(part.folder for part in parts), merged_names(dataset, known, _names(parts)), flow)


@dataclass(frozen=True)
class _Part:
    """What came of a share: a folder with its rows, the fields they brought, and why it could not be read, if so."""

    folder: str
    names: Names
    taken: int = 0
    rows: int = 0
    failed: PodiumError | None = None


def _shared_out(read: Callable[[Offsets], _Part], offsets: Offsets, lakehouse: Lakehouse) -> Sequence[_Part]:
    """Read offsets as tasks of the engine; return nothing where they are too few, or where the tasks' fields do not go together."""
    if sum(part.span for part in offsets) <= SHARE_ROWS:
        return ()
    with lakehouse.open_engine() as engine:
        parts = _checked(engine.each(read, shares(offsets, engine.parallelism)))
    names = _names(parts)
    if not collisions(list(names)) and len(names) <= MOST_FIELDS:
        return parts
    discard([part.folder for part in parts])
    return ()


def shares(offsets: Offsets, most: int) -> list[Offsets]:
    """Return the same offsets in at most so many shares of one size, unless they are too few to be worth it."""
    rows = sum(part.span for part in offsets)
    size = max(-(-rows // most), SHARE_ROWS)
    found: list[list[OffsetRange]] = [[]]
    room = size
    for part in offsets:
        start = part.start
        while start < part.end:
            if not room:
                found.append([])
                room = size
            end = min(start + room, part.end)
            found[-1].append(part.model_copy(update={"start": start, "end": end}))
            room -= end - start
            start = end
    return [tuple(share) for share in found]


def _checked(parts: Sequence[_Part]) -> Sequence[_Part]:
    for part in parts:
        if part.failed:
            discard([other.folder for other in parts])
            raise part.failed
    return parts


def _names(parts: Sequence[_Part]) -> dict[str, str]:
    return {column: name for part in parts for column, name in part.names.items()}


def _read_share(
    intent: Intent,
    source: KafkaSource,
    schemas: Mapping[str, bytes],
    known: Names,
    uri: str,
    topics: Topics,
    share: Offsets,
) -> _Part:
    """Read some offsets into a folder of data files; an error is returned, so that it comes whole out of another process."""
    reading = reader(source, schemas, known)
    folder = new_folder(uri)
    taken = 0
    try:
        with filling(folder) as draft, DataFiles(draft) as files:
            for messages in topics.read(share):
                taken += len(messages)
                files.write(_table(messages, reading, intent, source))
    except PodiumError as error:
        return _Part(folder, {}, failed=error)
    return _Part(folder, reading.columns, taken, files.rows)


def _table(messages: Messages, reading: Reader, intent: Intent, source: KafkaSource) -> pa.Table:
    """Return the rows of Bronze for messages."""
    rows, decoded = len(messages), reading.decode(messages.values)
    refused = [decoded.refused.get(index) for index in range(rows)] if decoded.refused else [None] * rows
    corrupt = [
        None if reason is None else reading.kept(value)
        for reason, value in zip(refused, messages.values, strict=True)
    ]
    moments = [None if moment < 0 else moment * 1000 for moment in messages.timestamps]
    same: dict[str, object] = {
        "ingestion_timestamp": intent.time,
        "source_file": str(messages.place),
        "ingestion_batch_id": intent.batch_id,
        "ingestion_source": INGESTION_SOURCE,
        "source_system": source.source_system,
        SCORE: None,
        BATCH: intent.sequence,
        "kafka_topic": messages.place.topic,
        "kafka_partition": messages.place.partition,
    }
    each: dict[str, object] = {
        **decoded.columns,
        ROW: messages.offsets,
        CORRUPT_RECORD: corrupt,
        CORRUPT_REASON: refused,
        "kafka_offset": messages.offsets,
        "kafka_timestamp": moments,
        "kafka_key": [None if key is None else kept_text(key) for key in messages.keys],
        "kafka_headers": [_headers(pairs) if pairs else None for pairs in messages.headers],
    }
    return bronze_table(bronze_schema(decoded.columns, kafka=True), rows, each, same)


def _headers(pairs: Sequence[Header]) -> str:
    return json.dumps([[name, None if raw is None else kept_text(raw)] for name, raw in pairs])
