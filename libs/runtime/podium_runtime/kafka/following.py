"""Following Podium's events from any Python program: `podium.events(...)`.

At least once: the offset of an event is committed when the caller has asked for the next one, so whoever is killed while at work on an
event gets it again. What was announced twice is dropped, what never came is noticed; see `memory`.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from podium_contracts.errors import MalformedEvent, MissingEvents, TerminalError, TransientError
from podium_contracts.events import TOPIC, CloudEvent, EventData, decode
from podium_contracts.events.v1 import LayerCompleted, Published, QualityEvaluated
from podium_contracts.names import Layer, Verdict

from podium_runtime.kafka.connection import GOODBYE_SECONDS, aiokafka_config, stop_consumer
from podium_runtime.kafka.memory import Gap, Memory
from podium_runtime.settings import HostSettings, KafkaSettings

COMMIT_SECONDS = 1.0
"""Offsets are committed after so long, and whenever there is nothing to read."""

log = logging.getLogger("podium.events")


def refuse(gap: Gap) -> None:
    """Raise the error for a gap; what `events` does unless it is told otherwise.

    Raises:
        MissingEvents: always.
    """
    raise MissingEvents(
        str(gap),
        hint="catch up from the lakehouse (`podium events`), and give `on_gap` a function that does so to go on",
    )


def events(
    kafka: KafkaSettings | str | None = None,
    *,
    pipeline: str | None = None,
    layer: Layer | str | None = None,
    types: Collection[type[EventData]] = (),
    certified: bool = False,
    group: str | None = None,
    start: Literal["earliest", "latest"] = "earliest",
    on_gap: Callable[[Gap], object] = refuse,
) -> AsyncGenerator[CloudEvent, None]:
    """Yield Podium's events as they are announced, for ever, those of each pipeline in order; `event.data` says what happened.

    `kafka` is the brokers as `host:port,host:port`, or settings with TLS and a log-in; by default what `PODIUM_KAFKA__…` says. Without a
    filter every event comes: `pipeline` and `layer` leave out those of others (and events without a layer), `types` the data of other
    classes; `certified` keeps what readers may rely on: Bronze that is complete, Silver and Gold with a verdict that is not `failed`, and
    what is published. Whatever else is in the topic is skipped.

    With a `group`, a consumer goes on where the group was, and several share the pipelines. `start` says where to begin without a group,
    and where the group has been nowhere yet. A caller of a group has five minutes for an event before another one gets it.

    `on_gap` is called when a completion is missing, before the event that shows it; by default it raises. It hears of the pipelines that
    are asked for, whatever the other filters are.

    Raises:
        MissingEvents: a completion was announced and never came, and `on_gap` is not given.
        TransientError: no broker answers, or there is no topic yet.
        TerminalError: the brokers refuse.
    """
    settings = _settings(kafka)
    wanted = _Wanted(pipeline, Layer(layer) if layer else None, tuple(types), certified)
    return _follow(settings, wanted, group, start, on_gap)


def _settings(kafka: KafkaSettings | str | None) -> KafkaSettings:
    if isinstance(kafka, str):
        return KafkaSettings(bootstrap_servers=kafka)
    return kafka or HostSettings().kafka


@dataclass(frozen=True)
class _Wanted:
    """What the caller asks for."""

    pipeline: str | None
    layer: Layer | None
    types: tuple[type[EventData], ...]
    certified: bool

    def matches(self, event: CloudEvent) -> bool:
        data = event.data
        if self.layer and getattr(data, "layer", None) != self.layer:
            return False
        if self.types and not isinstance(data, self.types):
            return False
        return _certifies(data) if self.certified else True


def _certifies(data: EventData) -> bool:
    match data:
        case QualityEvaluated():
            return data.verdict != Verdict.FAILED
        case LayerCompleted():
            return data.layer == Layer.BRONZE
    return isinstance(data, Published)


async def _follow(
    settings: KafkaSettings,
    wanted: _Wanted,
    group: str | None,
    start: str,
    on_gap: Callable[[Gap], object],
) -> AsyncGenerator[CloudEvent, None]:
    async with _reader(settings, group, start) as reader:
        while True:
            record, memory = await reader.next()
            event = _read(record, wanted.pipeline)
            if event is not None and not memory.repeats(event):
                gap = memory.gap(event)
                if gap:
                    on_gap(gap)
                memory.note(event)
                if wanted.matches(event):
                    yield event
            reader.done(record)


def _read(record: ConsumerRecord, pipeline: str | None) -> CloudEvent | None:
    """Return the event in a record, None where there is none of the pipeline."""
    if pipeline and record.key != pipeline.encode():
        return None
    try:
        event = decode(record.headers, record.value)
    except MalformedEvent as error:
        log.info("skipped %s/%s/%s: %s", record.topic, record.partition, record.offset, error)
        return None
    return event if event.sequence.isdecimal() else None


@asynccontextmanager
async def _reader(settings: KafkaSettings, group: str | None, start: str) -> AsyncIterator["_Reader"]:
    consumer = AIOKafkaConsumer(
        **aiokafka_config(settings), group_id=group, enable_auto_commit=False, auto_offset_reset=start
    )
    try:
        await consumer.start()
        if TOPIC not in await consumer.topics():
            raise TransientError(
                f"there is no topic {TOPIC} at {settings.bootstrap_servers}",
                hint="start one of Podium's services, which creates it, or let Podium's user see it",
            )
        reader = _Reader(consumer, group)
        consumer.subscribe([TOPIC], listener=reader)
        try:
            yield reader
        finally:
            await reader.close()
    except KafkaError as error:
        raise _in_words(error, settings) from error
    finally:
        await stop_consumer(consumer)


def _in_words(error: KafkaError, settings: KafkaSettings) -> TransientError | TerminalError:
    if error.retriable or isinstance(error, ConnectionError):
        return TransientError(
            f"no Kafka broker answers at {settings.bootstrap_servers}: {error}",
            hint="start it, or set PODIUM_KAFKA__BOOTSTRAP_SERVERS to where it is",
        )
    return TerminalError(
        f"Kafka refuses: {error}",
        hint=f"let Podium's user read topic {TOPIC}, and the group where one is named",
    )


@dataclass(eq=False)
class _Reader(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """A consumer of the topic, the memory of its partitions, and the offsets that the caller is done with."""

    consumer: Any
    group: str | None
    _memories: dict[TopicPartition, tuple[Memory, int]] = field(default_factory=dict)
    """By partition: its memory, and the offset after the last record that is in it."""
    _resumed: set[TopicPartition] = field(default_factory=set)
    """Partitions that have been assigned since their memory was last looked at."""
    _done: dict[TopicPartition, int] = field(default_factory=dict)
    _committed_at: float = field(default_factory=time.monotonic)

    async def next(self) -> tuple[ConsumerRecord, Memory]:
        """Return the next record and the memory of its partition; wait where there is none."""
        if time.monotonic() - self._committed_at > COMMIT_SECONDS:
            await self.commit()
        while True:
            found = await self.consumer.getmany(timeout_ms=int(COMMIT_SECONDS * 1000), max_records=1)
            for partition, records in found.items():
                return records[0], await self._memory(partition, records[0].offset)
            await self.commit()

    def done(self, record: ConsumerRecord) -> None:
        """Say that a record need not be read again, unless its partition has changed hands meanwhile and is read anew."""
        partition = TopicPartition(record.topic, record.partition)
        if partition not in self._resumed:
            self._done[partition] = record.offset + 1

    async def _memory(self, partition: TopicPartition, offset: int) -> Memory:
        """Return the memory of a partition: a new one where others may have read on since it was this consumer's."""
        memory, heard_to = self._memories.get(partition, (None, 0))
        if memory is None or partition in self._resumed:
            committed = await self.consumer.committed(partition) if self.group else None
            self._resumed.discard(partition)
            if memory is None or (committed or 0) > heard_to:
                memory = Memory()
        self._memories[partition] = memory, max(heard_to, offset + 1)
        return memory

    async def commit(self) -> None:
        """Commit what is done; what has gone to another consumer is for that one to read again."""
        self._committed_at = time.monotonic()
        mine = self.consumer.assignment()
        done = {partition: offset for partition, offset in self._done.items() if partition in mine}
        self._done.clear()
        if done and self.group:
            try:
                await self.consumer.commit(done)
            except (CommitFailedError, IllegalStateError) as error:
                log.info("offsets not committed: %s", error)

    async def close(self) -> None:
        """Commit what is done, if there is a broker to take it."""
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self.commit()
        except TimeoutError:
            log.warning("the last offsets are not committed: no broker answers")

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Commit while the partitions are still this consumer's."""
        if revoked:
            await self.commit()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Note which memories to look at."""
        self._resumed |= assigned
