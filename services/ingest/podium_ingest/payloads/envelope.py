"""The envelope of a message: whether it is taken at all, and the header that a serializer has put before the payload."""

from collections.abc import Sequence
from dataclasses import dataclass

from podium_ingest.payloads.decoded import Value

HEADER_BYTES = 5
"""Confluent's header: a zero byte, and the id of a schema in four."""


@dataclass(frozen=True)
class Envelope:
    """What every message of a source is held against before its payload is read.

    `framed` messages begin with Confluent's header. One of `indexes` must follow it: in Protobuf they say which message of the
    schema it is.
    """

    max_bytes: int
    framed: bool = False
    indexes: tuple[bytes, ...] = (b"",)

    def open(self, values: Sequence[Value]) -> tuple[list[Value], dict[int, str]]:
        """Return the payloads, None where a message is refused, and why it is, by its place."""
        payloads: list[Value] = []
        refused: dict[int, str] = {}
        for place, value in enumerate(values):
            payload = None
            try:
                payload = self._opened(value)
            except ValueError as error:
                refused[place] = str(error)
            payloads.append(payload)
        return payloads, refused

    def _opened(self, value: Value) -> bytes:
        if value is None:
            raise ValueError("a message without a value (a tombstone)")
        if len(value) > self.max_bytes:
            raise ValueError(f"{len(value):,} bytes, and {self.max_bytes:,} are taken")
        return self._unframed(value) if self.framed else value

    def _unframed(self, value: bytes) -> bytes:
        if len(value) < HEADER_BYTES or value[0]:
            raise ValueError("without Confluent's header: a zero byte and the four bytes of a schema's id")
        for indexes in self.indexes:
            if value.startswith(indexes, HEADER_BYTES):
                return value[HEADER_BYTES + len(indexes) :]
        raise ValueError("its header names another message of its schema")
