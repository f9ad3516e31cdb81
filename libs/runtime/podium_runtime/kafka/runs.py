"""What becomes of a run: the events of its pipeline since it was requested, and which stages have answered them.

A stage announces before its group's offset moves. So where the offsets of all stages lie behind the last event of the pipeline, and
were read before that event was looked for, nothing more will come of it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from podium_contracts.events import TOPIC, CloudEvent, MalformedEvent, decode, encode
from podium_contracts.names import Stage

from podium_runtime.kafka.clients import PATIENCE_SECONDS, Brokers
from podium_runtime.kafka.reading import Reading, reader
from podium_runtime.settings import ServiceSettings


class Following:
    """A request that has been sent, and how far its pipeline's events have been read."""

    def __init__(self, settings: ServiceSettings, requested: CloudEvent) -> None:
        self._brokers = Brokers(settings.kafka)
        self._admin = self._brokers.admin()
        self._group = settings.group
        self._pipeline = requested.partitionkey
        sent = self._brokers.deliver(self._brokers.producer(), encode(requested))
        partition, offset = sent.partition(), sent.offset()
        assert partition is not None
        assert offset is not None
        self._start = TopicPartition(TOPIC, partition, offset)
        self._last = offset

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Return what reads the events, for as long as it is needed."""
        with reader(self._brokers) as consumer:
            yield Reading(self._brokers, consumer, self._start)

    def events(self, reading: Reading) -> Iterator[CloudEvent]:
        """Yield the pipeline's events that have come since the last look, the request first of all."""
        for record in reading.until_end():
            try:
                event = decode(record.headers, record.value)
            except MalformedEvent:
                continue
            if event.partitionkey == self._pipeline:
                self._last = record.origin.offset
                yield event

    def offsets(self, stages: Sequence[Stage]) -> dict[Stage, int]:
        """Return up to which offset each stage has answered all events, -1 for one that has answered none.

        Raises:
            PodiumError: the brokers do not answer, or do not tell.
        """
        asked = TopicPartition(TOPIC, self._start.partition)
        futures = {
            stage: self._admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(f"{self._group}.{stage}", [asked])],
                request_timeout=PATIENCE_SECONDS,
            )
            for stage in stages
        }
        found: dict[Stage, int] = {}
        for stage, answers in futures.items():
            (future,) = answers.values()
            try:
                found[stage] = max(int(future.result().topic_partitions[0].offset), -1)
            except KafkaException as error:
                raise self._brokers.trouble(error, f"the group {self._group}.{stage}") from error
        return found

    def behind(self, offsets: dict[Stage, int]) -> list[Stage]:
        """Return the stages that have not answered all events seen so far; `offsets` is from before the last look."""
        return [stage for stage, offset in offsets.items() if offset <= self._last]
