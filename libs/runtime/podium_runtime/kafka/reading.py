"""A topic read by people's commands: from an offset to where it ends now."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from podium_runtime.kafka.clients import PATIENCE_SECONDS, Brokers
from podium_runtime.kafka.records import Origin, Record


def partitions(brokers: Brokers, consumer: Consumer, topic: str) -> list[int]:
    """Return the partitions of a topic.

    Raises:
        PodiumError: no broker answers, or the topic is not to be seen.
    """
    try:
        found = consumer.list_topics(topic, PATIENCE_SECONDS).topics[topic]
    except KafkaException as error:
        raise brokers.trouble(error, f"topic {topic}") from error
    if found.error:
        raise brokers.trouble(found.error, f"topic {topic}")
    return sorted(found.partitions)


@contextmanager
def reader(brokers: Brokers) -> Iterator[Consumer]:
    """Return a consumer that is closed in the end."""
    consumer = brokers.reader()
    try:
        yield consumer
    finally:
        consumer.close()


class Reading:
    """A partition, and how far it has been read."""

    def __init__(self, brokers: Brokers, consumer: Consumer, partition: TopicPartition) -> None:
        self._brokers = brokers
        self._consumer = consumer
        self._partition = partition
        self._next: int = partition.offset
        consumer.assign([partition])

    def until_end(self) -> Iterator[Record]:
        """Yield the records that nobody has read, to where the partition ends now.

        Raises:
            PodiumError: the brokers do not answer.
        """
        end = self._end()
        while self._next < end:
            message = self._consumer.poll(PATIENCE_SECONDS)
            trouble = message.error() if message else None
            if message is None or (trouble and trouble.code() != KafkaError._PARTITION_EOF):  # noqa: SLF001 - their name
                raise self._brokers.trouble(trouble, f"topic {self._partition.topic}")
            self._next = (message.offset() or 0) + (0 if trouble else 1)
            if not trouble:
                yield _record(message, self._partition)

    def _end(self) -> int:
        """Return where the partition ends now; what it has lost at its beginning is not waited for."""
        try:
            first, end = self._consumer.get_watermark_offsets(self._partition, PATIENCE_SECONDS)
        except KafkaException as error:
            raise self._brokers.trouble(error, f"topic {self._partition.topic}") from error
        self._next = max(self._next, first)
        return end


def _record(message: Message, partition: TopicPartition) -> Record:
    headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    origin = Origin(partition.topic, partition.partition, message.offset() or 0)
    return Record(origin, _bytes(message.key()), _bytes(message.value()), tuple(headers))


def _bytes(given: str | bytes | None) -> bytes | None:
    """Return bytes as bytes: the client's types allow text, too."""
    return given.encode() if isinstance(given, str) else given
