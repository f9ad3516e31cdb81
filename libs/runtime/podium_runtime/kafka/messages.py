"""Topics as ingest reads them: exactly the offsets that an intent has pinned, in chunks."""

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from typing import cast

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    Uuid,
)
from confluent_kafka import TopicPartition as Position
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # documented, not listed
from podium_contracts.errors import BadSource, LedgerImbalance, TransientError
from podium_contracts.events.cloudevents import Header
from podium_contracts.messages import Extent, Messages, OffsetRange, TopicPartition
from podium_contracts.pipeline import KafkaSource

from podium_runtime.kafka.clients import PATIENCE_SECONDS, Brokers
from podium_runtime.settings import HostSettings, KafkaSettings

SILENT_SECONDS = 30.0
"""Without a message for so long, the brokers are given up."""
POLLED = 10_000
MOST_GAPS = 100
"""Gaps that are read again: a compacted topic is full of them."""
CHUNK_ROWS, CHUNK_BYTES = 100_000, 64_000_000
EARLIEST, LATEST = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]
NO_ID = str(Uuid(0, 0))
GONE = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}  # noqa: SLF001 - its name


@dataclass(frozen=True)
class KafkaTopics:
    """The topics of brokers; see `podium_contracts.messages.Topics`. Committed messages only are read.

    It may be sent to another process, which stays connected for those that come later. A password is not sent: there, too, it is in
    the environment.
    """

    settings: KafkaSettings

    def __reduce__(self) -> tuple[Callable[[KafkaSettings], "KafkaTopics"], tuple[KafkaSettings]]:
        return _arrived, (self.settings.model_copy(update={"sasl_password": None}),)

    def extents(self, source: KafkaSource) -> Mapping[TopicPartition, Extent]:
        """Return what every partition of the source's topics holds now.

        Raises:
            BadSource: there is no such topic.
            TransientError: no broker answers.
        """
        places = self._places(source)
        earliest = self._offsets(places, EARLIEST)
        latest = self._offsets(places, LATEST)
        ids = self._topic_ids({place.topic for place in places})
        return {place: Extent(earliest[place], latest[place], ids[place.topic]) for place in places}

    def offsets_at(self, places: Sequence[TopicPartition], moment: datetime) -> Mapping[TopicPartition, int]:
        """Return the first offset of each partition at or after a time; where there is none, the partition's end."""
        found = self._offsets(places, OffsetSpec.for_timestamp(int(moment.timestamp() * 1000)))
        latest = self._offsets(places, LATEST)
        return {place: latest[place] if offset < 0 else offset for place, offset in found.items()}

    def read(self, ranges: Sequence[OffsetRange]) -> Iterator[Messages]:
        """Yield exactly the messages of these ranges, each once, in chunks that fit in memory.

        Raises:
            BadSource: some of them are no longer there.
            TransientError: the brokers stopped answering.
        """
        ends = {part.place: part.end for part in ranges}
        reading = _Reading(self._consumer, dict(ends), {part.place: part.start for part in ranges})
        self._consumer.incremental_assign([Position(*part.place, part.start) for part in ranges])
        try:
            yield from reading.chunks()
        finally:
            self._consumer.unassign()
        self._check_gaps(reading.all_gaps(ends))

    def _check_gaps(self, gaps: Sequence[OffsetRange]) -> None:
        """Read again where offsets were passed over: there must be no message.

        Raises:
            LedgerImbalance: there is one; it was lost on the way.
        """
        for gap in gaps[:MOST_GAPS]:
            again = _Reading(self._consumer, {gap.place: gap.end}, {gap.place: gap.start})
            self._consumer.incremental_assign([Position(*gap.place, gap.start)])
            try:
                lost = sum(len(messages) for messages in again.chunks())
            finally:
                self._consumer.unassign()
            if lost:
                raise LedgerImbalance(
                    f"{gap.place}: {lost} messages at offsets {gap.start} to {gap.end - 1} were lost"
                )

    def _places(self, source: KafkaSource) -> list[TopicPartition]:
        try:
            known = self._admin.list_topics(timeout=PATIENCE_SECONDS).topics
        except KafkaException as error:
            raise self._brokers.trouble(error, source.wanted) from error
        wanted = [
            name
            for name in known
            if name == source.topic or (source.topic_pattern and re.fullmatch(source.topic_pattern, name))
        ]
        if not wanted and source.topic:
            raise BadSource(f"there is no topic {source.topic}", hint="create it, or correct its name")
        return [TopicPartition(name, number) for name in wanted for number in sorted(known[name].partitions)]

    def _topic_ids(self, names: Collection[str]) -> dict[str, str | None]:
        """Return the id of each topic; brokers before 2.8 give none."""
        if not names:
            return {}
        futures = self._admin.describe_topics(TopicCollection(list(names)), request_timeout=PATIENCE_SECONDS)
        try:
            found = {name: str(future.result().topic_id) for name, future in futures.items()}
        except KafkaException as error:
            raise self._brokers.trouble(error, "topics") from error
        return {name: None if found_id == NO_ID else found_id for name, found_id in found.items()}

    def _offsets(self, places: Sequence[TopicPartition], spec: OffsetSpec) -> dict[TopicPartition, int]:
        asked = {Position(*place): spec for place in places}
        if not asked:
            return {}
        futures = self._admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=PATIENCE_SECONDS
        )
        try:
            found = {
                TopicPartition(place.topic, place.partition): int(future.result().offset)
                for place, future in futures.items()
            }
        except KafkaException as error:
            raise self._brokers.trouble(error, "offsets") from error
        if OFFSET_INVALID in found.values():  # without an error: a broker went away before it answered
            raise self._brokers.trouble(None, "offsets")
        return found

    @cached_property
    def _brokers(self) -> Brokers:
        return Brokers(self.settings)

    @cached_property
    def _admin(self) -> AdminClient:
        return self._brokers.admin()

    @cached_property
    def _consumer(self) -> Consumer:
        return self._brokers.reader(
            {
                "queued.max.messages.kbytes": 32_768,
                "fetch.queue.backoff.ms": 20,
                "isolation.level": "read_committed",
            }
        )


@cache
def _arrived(settings: KafkaSettings) -> KafkaTopics:
    password = HostSettings().kafka.sasl_password
    return KafkaTopics(settings.model_copy(update={"sasl_password": password}))


@dataclass
class _Reading:
    """One pass over ranges of offsets: the `ends` of those partitions that are not read so far yet, and the `next` offset of each."""

    consumer: Consumer
    ends: dict[TopicPartition, int]
    next: dict[TopicPartition, int]
    gaps: list[OffsetRange] = field(default_factory=list)
    open: dict[TopicPartition, Messages] = field(default_factory=dict)
    rows: int = 0
    size: int = 0

    def all_gaps(self, ends: Mapping[TopicPartition, int]) -> list[OffsetRange]:
        """Return every range of offsets that no message had, once all is read."""
        last = [
            OffsetRange(topic=place.topic, partition=place.partition, start=self.next[place], end=end)
            for place, end in ends.items()
            if self.next[place] < end
        ]
        return [*self.gaps, *last]

    def chunks(self) -> Iterator[Messages]:
        """Yield the messages as they come."""
        heard = time.monotonic()
        while self.ends:
            polled = self.consumer.consume(min(POLLED, max(self._left(), 1)), timeout=0.5)
            if polled:
                heard = time.monotonic()
                self._take(polled)
            elif time.monotonic() - heard > SILENT_SECONDS:
                places = ", ".join(map(str, self.ends))
                raise TransientError(
                    f"no message of {places} came for {SILENT_SECONDS:.0f} s", hint="run it again"
                )
            if self.rows >= CHUNK_ROWS or self.size >= CHUNK_BYTES:
                yield from self._flush()
        yield from self._flush()

    def _left(self) -> int:
        """Return how many messages are still wanted at most: asked for more, the client waits for them until its time is up."""
        return sum(end - self.next[place] for place, end in self.ends.items())

    def _flush(self) -> Iterator[Messages]:
        chunks, self.open, self.rows, self.size = self.open, {}, 0, 0
        yield from chunks.values()

    def _take(self, polled: list[Message]) -> None:
        """Keep messages, then look at the ends of partitions: they come after the messages before them."""
        by_place: dict[TopicPartition, list[Message]] = {}
        events: list[tuple[TopicPartition, KafkaError, int | None]] = []
        for message in polled:
            place = TopicPartition(message.topic() or "", message.partition() or 0)
            if error := message.error():
                events.append((place, error, message.offset()))
            else:
                by_place.setdefault(place, []).append(message)
        for place, messages in by_place.items():
            if place in self.ends:
                self._keep(place, messages)
        for place, error, offset in events:
            if place in self.ends:
                self._pass_end(place, error, offset)

    def _pass_end(self, place: TopicPartition, error: KafkaError, offset: int | None) -> None:
        """Note the end of a partition.

        Raises:
            BadSource: the messages are gone.
            TransientError: for any other error.
        """
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name
            if (offset or 0) >= self.ends[place]:
                self._finish(place)
        elif error.code() in GONE:
            raise BadSource(
                f"{place}: messages were removed while they were read: {error.str()}",
                hint="keep messages for longer (retention.ms)",
            )
        else:
            raise TransientError(f"{place}: {error.str()}", hint="run it again")

    def _keep(self, place: TopicPartition, messages: list[Message]) -> None:
        end = self.ends[place]
        if _offset(messages[-1]) >= end - 1:
            messages = [message for message in messages if _offset(message) < end]
            self._finish(place)
        offsets = [_offset(message) for message in messages]
        self._note_gaps(place, offsets)
        values = [message.value() for message in messages]
        chunk = self.open.setdefault(place, Messages(place))
        chunk.offsets.extend(offsets)
        chunk.timestamps.extend([message.timestamp()[1] for message in messages])
        chunk.keys.extend([message.key() for message in messages])
        chunk.values.extend(values)
        chunk.headers.extend([cast("Sequence[Header] | None", message.headers()) for message in messages])
        self.rows += len(messages)
        self.size += sum(map(len, filter(None, values)))

    def _note_gaps(self, place: TopicPartition, offsets: list[int]) -> None:
        """Note the offsets that were passed over: compaction and transactions leave some without a message."""
        expected = self.next[place]
        if offsets and offsets[0] == expected and offsets[-1] - expected + 1 == len(offsets):
            self.next[place] = offsets[-1] + 1
            return
        for offset in offsets:
            if offset != expected:
                self.gaps.append(
                    OffsetRange(topic=place.topic, partition=place.partition, start=expected, end=offset)
                )
            expected = offset + 1
        self.next[place] = expected

    def _finish(self, place: TopicPartition) -> None:
        del self.ends[place]
        self.consumer.incremental_unassign([Position(*place)])


def _offset(message: Message) -> int:
    offset = message.offset()
    assert offset is not None
    return offset
