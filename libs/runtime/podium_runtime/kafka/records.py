"""Records as they were read, and where."""

from dataclasses import dataclass

from podium_contracts.events.cloudevents import Header


@dataclass(frozen=True)
class Origin:
    """Where a record was read."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True)
class Record:
    """A record as it was read."""

    origin: Origin
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]
