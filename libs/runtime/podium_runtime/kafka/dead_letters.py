"""Dead letters: records that a stage cannot answer, with their original bytes and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from podium_contracts.events.cloudevents import Header, KafkaRecord

from podium_runtime.kafka.records import Origin

DEAD_LETTERS = "podium.dead-letters.v1"
REPLAYED_FOR = "podium_replayed_for"
"""The header that says which stage a replayed record is for: the others have answered it."""
REPLAYED = "podium_replayed_letter"
"""The header of a record in the topic of dead letters that says that one of them has been replayed: its partition and offset."""
_PREFIX = "podium_dead_letter_"


@dataclass(frozen=True)
class DeadLetter:
    """A record that a stage could not answer: as it was, where it was, and why.

    `failed_at` is in milliseconds since 1970, UTC.
    """

    origin: Origin
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]
    stage: str
    reason: str
    message: str
    attempts: int
    failed_at: int

    @property
    def time(self) -> datetime:
        """When it was given up."""
        return datetime.fromtimestamp(self.failed_at / 1000, tz=UTC)

    def encode(self) -> list[Header]:
        """Return the headers of the dead letter: the record's own first, then Podium's."""
        said = {
            "topic": self.origin.topic,
            "partition": self.origin.partition,
            "offset": self.origin.offset,
            "stage": self.stage,
            "reason": self.reason,
            "message": self.message,
            "attempts": self.attempts,
            "failed_at": self.failed_at,
        }
        return [*self.headers, *((_PREFIX + name, str(value).encode()) for name, value in said.items())]

    @classmethod
    def decode(cls, key: bytes | None, value: bytes | None, headers: Sequence[Header]) -> "DeadLetter":
        """Return the dead letter that a record of the topic carries.

        Raises:
            KeyError, ValueError: it is not one of Podium's.
        """
        said = {
            name.removeprefix(_PREFIX): (raw or b"").decode(errors="replace")
            for name, raw in headers
            if name.startswith(_PREFIX)
        }
        return cls(
            origin=Origin(said["topic"], int(said["partition"]), int(said["offset"])),
            key=key,
            value=value,
            headers=tuple((name, raw) for name, raw in headers if not name.startswith(_PREFIX)),
            stage=said["stage"],
            reason=said["reason"],
            message=said["message"],
            attempts=int(said["attempts"]),
            failed_at=int(said["failed_at"]),
        )


def replayed_for(headers: Sequence[Header]) -> str | None:
    """Return the stage that a record was replayed for, None for one that is for all."""
    return next(
        ((raw or b"").decode(errors="replace") for name, raw in headers if name == REPLAYED_FOR), None
    )


def replaying(letter: DeadLetter) -> KafkaRecord:
    """Return the record of a dead letter as it was, marked for the stage that could not answer it."""
    headers = [header for header in letter.headers if header[0] != REPLAYED_FOR]
    mark = (REPLAYED_FOR, letter.stage.encode())
    return KafkaRecord(letter.origin.topic, letter.key, (*headers, mark), letter.value)
