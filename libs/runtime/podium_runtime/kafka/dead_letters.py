"""Dead letters: records that a stage cannot answer, with their original bytes and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from podium_contracts.events.cloudevents import Header

DEAD_LETTERS = "podium.dead-letters.v1"
REPLAYED_FOR = "podium_replayed_for"
"""The header that says which stage a replayed record is for: the others have answered it."""
_PREFIX = "podium_dead_letter_"


@dataclass(frozen=True)
class Origin:
    """Where a record was read."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


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
            KeyError: it is not one of Podium's.
        """
        said = {
            name.removeprefix(_PREFIX): (raw or b"").decode()
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
    return next(((raw or b"").decode() for name, raw in headers if name == REPLAYED_FOR), None)


def without_replay(headers: Sequence[Header]) -> list[Header]:
    """Return a record's headers without a value of none, and without the mark of an earlier replay."""
    return [(name, raw) for name, raw in headers if raw is not None and name != REPLAYED_FOR]
