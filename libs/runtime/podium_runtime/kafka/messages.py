"""Topics as ingest reads them: exactly the offsets that an intent has pinned, in chunks."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import cast

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as Position
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # documented, not listed
from podium_contracts.errors import BadSource, TransientError
from podium_contracts.events.cloudevents import Header
from podium_contracts.messages import Extent, Messages, OffsetRange, TopicPartition
from podium_contracts.pipeline import KafkaSource

from podium_runtime.kafka.clients import config, reader
from podium_runtime.settings import KafkaSettings

PATIENCE_SECONDS = 10.0
SILENT_SECONDS = 30.0
"""Without a message for so long, the brokers are given up."""
POLLED = 10_000
CHUNK_ROWS, CHUNK_BYTES = 100_000, 64_000_000
EARLIEST, LATEST = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]
GONE = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}  # noqa: SLF001 - its name


@dataclass(frozen=True)
class KafkaTopics:
    """The topics of brokers; see `podium_contracts.messages.Topics`. Committed messages only are read."""

    settings: KafkaSettings

    def extents(self, source: KafkaSource) -> Mapping[TopicPartition, Extent]:
        """Return what every partition of the source's topics holds now.

        Raises:
            BadSource: there is no such topic.
            TransientError: no broker answers.
        """
        places = self._places(source)
        earliest = self._offsets(places, EARLIEST)
        latest = self._offsets(places, LATEST)
        return {place: Extent(earliest[place], latest[place]) for place in places}

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
        self._consumer.assign([Position(part.topic, part.partition, part.start) for part in ranges])
        try:
            yield from _Reading(self._consumer, {part.place: part.end for part in ranges}).chunks()
        finally:
            self._consumer.unassign()

    def _places(self, source: KafkaSource) -> list[TopicPartition]:
        try:
            known = self._admin.list_topics(timeout=PATIENCE_SECONDS).topics
        except KafkaException as error:
            raise self._unreachable(error) from error
        wanted = [
            name
            for name in known
            if name == source.topic or (source.topic_pattern and re.fullmatch(source.topic_pattern, name))
        ]
        if not wanted and source.topic:
            raise BadSource(f"there is no topic {source.topic}", hint="create it, or correct its name")
        return [TopicPartition(name, number) for name in wanted for number in sorted(known[name].partitions)]

    def _offsets(self, places: Sequence[TopicPartition], spec: OffsetSpec) -> dict[TopicPartition, int]:
        asked = {Position(*place): spec for place in places}
        if not asked:
            return {}
        futures = self._admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=PATIENCE_SECONDS
        )
        try:
            return {
                TopicPartition(place.topic, place.partition): int(future.result().offset)
                for place, future in futures.items()
            }
        except KafkaException as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: KafkaException) -> TransientError:
        return TransientError(
            f"Kafka at {self.settings.bootstrap_servers} does not answer: {error.args[0].str()}",
            hint="start it, or set PODIUM_KAFKA__BOOTSTRAP_SERVERS to where it is",
        )

    @cached_property
    def _admin(self) -> AdminClient:
        return AdminClient(config(self.settings))

    @cached_property
    def _consumer(self) -> Consumer:
        return reader(
            self.settings,
            {
                "enable.partition.eof": True,
                "queued.max.messages.kbytes": 32_768,
                "fetch.queue.backoff.ms": 20,
                "isolation.level": "read_committed",
            },
        )


@dataclass
class _Reading:
    """One pass over ranges of offsets: `ends` are the partitions that are not read to their end yet."""

    consumer: Consumer
    ends: dict[TopicPartition, int]
    open: dict[TopicPartition, Messages] = field(default_factory=dict)
    rows: int = 0
    size: int = 0

    def chunks(self) -> Iterator[Messages]:
        heard = time.monotonic()
        while self.ends:
            polled = self.consumer.consume(POLLED, timeout=0.5)
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

    def _flush(self) -> Iterator[Messages]:
        chunks, self.open, self.rows, self.size = self.open, {}, 0, 0
        yield from chunks.values()

    def _take(self, polled: list[Message]) -> None:
        by_place: dict[TopicPartition, list[Message]] = {}
        for message in polled:
            place = TopicPartition(message.topic() or "", message.partition() or 0)
            if place not in self.ends:
                continue
            if error := message.error():
                self._pass_end(place, error, message.offset())
            else:
                by_place.setdefault(place, []).append(message)
        for place, messages in by_place.items():
            self._keep(place, messages)

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
        end = self.ends.get(place)
        if end is None:
            return
        if _offset(messages[-1]) >= end - 1:
            messages = [message for message in messages if _offset(message) < end]
            self._finish(place)
        chunk = self.open.setdefault(place, Messages(place))
        values = [message.value() for message in messages]
        chunk.offsets.extend([_offset(message) for message in messages])
        chunk.timestamps.extend([message.timestamp()[1] for message in messages])
        chunk.keys.extend([message.key() for message in messages])
        chunk.values.extend(values)
        chunk.headers.extend(cast("Sequence[Header] | None", message.headers()) for message in messages)
        self.rows += len(messages)
        self.size += sum(map(len, filter(None, values)))

    def _finish(self, place: TopicPartition) -> None:
        del self.ends[place]
        self.consumer.pause([Position(*place)])


def _offset(message: Message) -> int:
    offset = message.offset()
    assert offset is not None
    return offset
