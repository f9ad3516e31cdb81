"""Messages whose schema is known: its fields are the columns, whatever messages hold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from podium_contracts.names import collisions

from podium_ingest.payloads.decoded import MOST_FIELDS, BadSchema, Decoded, Value
from podium_ingest.payloads.texts import Texts
from podium_ingest.rows import RESERVED

AT_ONCE = 4_096
"""Messages that become columns at a time: few enough for the processor's cache."""


@dataclass(frozen=True)
class Records:
    """The messages of one schema: `read` makes a payload into a value for each of `fields`, whose texts are made a column at a time."""

    fields: Mapping[str, Texts]
    read: Callable[[bytes], Sequence[Any]]
    """Raises ValueError: the payload is no such message; the error says why."""
    indexes: tuple[bytes, ...] = (b"",)
    """What may follow Confluent's header: see `Envelope`."""

    @property
    def columns(self) -> Mapping[str, str]:
        """See `Format`."""
        return {name: name for name in self.fields}

    def decode(self, payloads: Sequence[Value]) -> Decoded:
        """See `Format`."""
        refused: dict[int, str] = {}
        parts = [
            self._texts(payloads[start : start + AT_ONCE], start, refused)
            for start in range(0, len(payloads) or 1, AT_ONCE)
        ]
        columns = map(pa.concat_arrays, zip(*parts, strict=True))
        return Decoded(dict(zip(self.fields, columns, strict=True)), refused)

    def _texts(self, payloads: Sequence[Value], start: int, refused: dict[int, str]) -> list[pa.Array]:
        """Return the columns of payloads; the first one's place is `start`."""
        rows = [self._row(payload, place, refused) for place, payload in enumerate(payloads, start)]
        columns = list(zip(*rows, strict=True)) or [()] * len(self.fields)
        return [texts(column) for texts, column in zip(self.fields.values(), columns, strict=True)]

    def _row(self, payload: Value, place: int, refused: dict[int, str]) -> Sequence[Any]:
        if payload is not None:
            try:
                return self.read(payload)
            except ValueError as error:
                refused[place] = str(error)
        return (None,) * len(self.fields)


def check_fields(path: str, names: list[str]) -> None:
    """Refuse the fields of a schema that could not be columns of Bronze.

    Raises:
        BadSchema: there are none or too many, two would be the same column, or one is Podium's own.
    """
    if not 0 < len(names) <= MOST_FIELDS:
        raise BadSchema(f"{path} has {len(names):,} fields", hint=f"1 to {MOST_FIELDS:,} are taken")
    if own := [repr(name) for name in names if name.lower() in RESERVED]:
        raise BadSchema(
            f"{path}: Bronze has columns of Podium's own with the names {', '.join(own)}",
            hint="rename it in the schema",
        )
    if clashes := collisions(names):
        listed = "; ".join(" and ".join(map(repr, group)) for group in clashes)
        raise BadSchema(
            f"{path}: {listed} would be the same column in Bronze", hint="rename it in the schema"
        )
