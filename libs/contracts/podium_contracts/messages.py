"""Messages of Kafka topics as ingest takes them: where they are, how far they go, and what they hold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from podium_contracts.events.cloudevents import Header
from podium_contracts.model import Model
from podium_contracts.pipeline import KafkaSource


class TopicPartition(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"


class Extent(NamedTuple):
    """The offsets that a partition holds: from `earliest` up to, and without, `latest`.

    `topic_id` tells a topic from another of the same name; None where the brokers do not give one.
    """

    earliest: int
    latest: int
    topic_id: str | None = None


class OffsetRange(Model):
    """Offsets of a partition: from `start` up to, and without, `end`; `topic_id` as in `Extent`."""

    topic: str
    partition: int
    start: int
    end: int
    topic_id: str | None = None

    @property
    def place(self) -> TopicPartition:
        """The partition."""
        return TopicPartition(self.topic, self.partition)

    @property
    def span(self) -> int:
        """How many messages there are at most: compaction and transactions leave gaps."""
        return self.end - self.start


@dataclass(frozen=True)
class Messages:
    """A chunk of messages of one partition, by column: each list has one item per message.

    `timestamps` are milliseconds since 1970, UTC; -1 where the message has none.
    """

    place: TopicPartition
    offsets: list[int] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    headers: list[Sequence[Header] | None] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.offsets)


class Topics(Protocol):
    """The topics that a host can reach."""

    def extents(self, source: KafkaSource) -> Mapping[TopicPartition, Extent]:
        """Return what every partition of the source's topics holds now.

        Raises:
            BadSource: there is no such topic.
            TransientError: no broker answers.
        """

    def offsets_at(self, places: Sequence[TopicPartition], moment: datetime) -> Mapping[TopicPartition, int]:
        """Return the first offset of each partition at or after a time; where there is none, the partition's end."""

    def read(self, ranges: Sequence[OffsetRange]) -> Iterator[Messages]:
        """Yield exactly the messages of these ranges, each once, in chunks that fit in memory.

        Raises:
            BadSource: some of them are no longer there.
            TransientError: the brokers stopped answering.
        """
