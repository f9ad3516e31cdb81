"""What the formats have in common: payloads in, columns of text out, and the error for a schema that does not say how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa
from podium_contracts.errors import BadSource

MOST_FIELDS = 1_000
"""Columns that messages may bring: a producer that puts data into names must not widen the table without end."""

Value = bytes | None


@dataclass(frozen=True)
class Decoded:
    """Messages as columns: one text, or null, per message. The fields of a refused one are null, and `refused` says why it is."""

    columns: dict[str, pa.Array]
    refused: dict[int, str] = field(default_factory=dict)


class Format(Protocol):
    """How payloads are read."""

    @property
    def columns(self) -> Mapping[str, str]:
        """By column of Bronze: what messages call it, as far as that is known."""

    def decode(self, payloads: Sequence[Value]) -> Decoded:
        """Return the fields of payloads as text. None is what a refused message has; its fields are null."""


class BadSchema(BadSource):
    """A schema that cannot be used; `place` is the field of the source that is to be corrected."""

    def __init__(self, message: str, *, hint: str, place: str = "schema") -> None:
        super().__init__(message, hint=hint)
        self.place = place
