"""The topic of dead letters as people see it: which are open, and how one is sent back."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from confluent_kafka import TopicPartition
from podium_contracts.events import KafkaRecord, MalformedEvent, decode

from podium_runtime.kafka.clients import Brokers
from podium_runtime.kafka.dead_letters import DEAD_LETTERS, REPLAYED, DeadLetter, replaying
from podium_runtime.kafka.reading import Reading, partitions, reader
from podium_runtime.kafka.records import Record
from podium_runtime.settings import KafkaSettings


@dataclass(frozen=True)
class Filed:
    """A dead letter, where it lies, and whether it has been sent back."""

    partition: int
    offset: int
    letter: DeadLetter
    replayed: bool = False

    @property
    def id(self) -> str:
        """What people call it: `17`, or `1:17` where it is not in the first partition."""
        return f"{self.partition}:{self.offset}" if self.partition else str(self.offset)

    @property
    def event_type(self) -> str:
        """The type that its record gives itself, whether it is an event or not; empty where it gives none."""
        found = dict(self.letter.headers).get("ce_type")
        return (found or b"").decode(errors="replace")

    @property
    def pipeline(self) -> str:
        """The pipeline of its event; for a record that is none, the key, which would be the pipeline's name."""
        try:
            return decode(self.letter.headers, self.letter.value).partitionkey
        except MalformedEvent:
            return (self.letter.key or b"").decode(errors="replace")


def filed(settings: KafkaSettings) -> list[Filed]:
    """Return every dead letter, oldest first in each partition.

    Raises:
        PodiumError: no broker answers, or the topic is not to be read.
    """
    brokers = Brokers(settings)
    found: dict[str, Filed] = {}
    with reader(brokers) as consumer:
        for number in partitions(brokers, consumer, DEAD_LETTERS):
            start = TopicPartition(DEAD_LETTERS, number, 0)
            for record in Reading(brokers, consumer, start).until_end():
                _file(record, found)
    return list(found.values())


def replay(settings: KafkaSettings, letters: list[Filed]) -> Iterator[Filed]:
    """Send letters back to the topics they came from and note that; yield each when Kafka has both.

    Ended in between, a letter may be sent again by the next replay; none is noted before it is sent.

    Raises:
        PodiumError: no broker answers, or one refuses.
    """
    brokers = Brokers(settings)
    producer = brokers.producer()
    for item in letters:
        brokers.deliver(producer, replaying(item.letter))
        note = (REPLAYED, f"{item.partition}:{item.offset}".encode())
        brokers.deliver(producer, KafkaRecord(DEAD_LETTERS, item.letter.key, (note,), None))
        yield item


def _file(record: Record, found: dict[str, Filed]) -> None:
    """Add what a record of the topic says; what others have written there is nobody's letter."""
    if replayed := dict(record.headers).get(REPLAYED):
        if (place := replayed.decode(errors="replace")) in found:
            found[place] = replace(found[place], replayed=True)
        return
    try:
        letter = DeadLetter.decode(record.key, record.value, record.headers)
    except (KeyError, ValueError):
        return
    origin = record.origin
    found[f"{origin.partition}:{origin.offset}"] = Filed(origin.partition, origin.offset, letter)
