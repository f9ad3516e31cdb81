"""Messages decoded into columns of text: the fields of a JSON object, or the reason why a message is none."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec
import pyarrow as pa
from podium_contracts.names import collisions, storable_name

MOST_FIELDS = 1_000
"""Columns that messages may bring: a producer that puts data into names must not widen the table without end."""
_UNNAMEABLE = re.compile(r'[\x00-\x1f"\\]')
"""Characters that JSON writes in a name as an escape only."""

_REFUSALS = (msgspec.DecodeError, ValueError)

Value = bytes | None


@dataclass(frozen=True)
class Decoded:
    """Messages as columns: one text, or null, per message. The fields of a refused one are null, and `refused` says why it is."""

    columns: dict[str, pa.Array]
    refused: dict[int, str] = field(default_factory=dict)


class Fields:
    """The fields that messages have brought so far, in the order they came; grows as new ones come."""

    def __init__(self, known: Iterable[str], reserved: Iterable[str], max_bytes: int) -> None:
        self.names: list[str] = list(known)
        self._reserved = frozenset(reserved)
        self._max_bytes = max_bytes
        self._decoder = self._new_decoder()

    def decode(self, values: Sequence[Value]) -> Decoded:
        """Return the fields of messages as text: numbers as they were written, objects and arrays as JSON, null as null."""
        refused: dict[int, str] = {}
        try:
            rows = [self._row(value) for value in values]
        except _REFUSALS:
            self._learn(values)
            rows, refused = self._one_by_one(values)
        columns = list(zip(*map(msgspec.structs.astuple, rows), strict=True)) or [()] * len(self.names)
        return Decoded(
            {
                storable_name(name): _texts(name, column, values)
                for name, column in zip(self.names, columns, strict=True)
            },
            refused,
        )

    def _one_by_one(self, values: Sequence[Value]) -> tuple[list[msgspec.Struct], dict[int, str]]:
        rows, refused = [], {}
        nothing = self._decoder.decode(b"{}")
        for index, value in enumerate(values):
            row = nothing
            try:
                row = self._row(value)
            except msgspec.DecodeError as error:
                refused[index] = f"not a JSON object that is taken: {error}"
            except ValueError as error:
                refused[index] = str(error)
            rows.append(row)
        return rows, refused

    def _row(self, value: Value) -> msgspec.Struct:
        if value is None:
            raise ValueError("a message without a value (a tombstone)")
        if len(value) > self._max_bytes:
            raise ValueError(f"{len(value):,} bytes, and {self._max_bytes:,} are taken")
        return self._decoder.decode(value)

    def _learn(self, values: Sequence[Value]) -> None:
        """Add the fields that these messages bring, save those that would be the same column as another."""
        plain = msgspec.json.Decoder(dict[str, msgspec.Raw])
        found: dict[str, None] = {}
        for value in values:
            if value is not None and len(value) <= self._max_bytes:
                try:
                    found |= dict.fromkeys(plain.decode(value))
                except _REFUSALS:
                    continue
        for name in found:
            taken = [*self.names, *self._reserved]
            room = len(self.names) < MOST_FIELDS and name not in self.names
            if room and name and not _UNNAMEABLE.search(name) and not _clashes(name, taken):
                self.names.append(name)
        self._decoder = self._new_decoder()

    def _new_decoder(self) -> msgspec.json.Decoder[msgspec.Struct]:
        attributes = [f"field_{index}" for index in range(len(self.names))]
        row = msgspec.defstruct(
            "Row",
            [(attribute, object, None) for attribute in attributes],
            rename=dict(zip(attributes, self.names, strict=True)),
            forbid_unknown_fields=True,
            gc=False,
        )
        return msgspec.json.Decoder(row, float_hook=str)


def _clashes(name: str, taken: Iterable[str]) -> bool:
    return bool(collisions([*{storable_name(other) for other in taken}, name]))


def _texts(name: str, column: Sequence[object], values: Sequence[Value]) -> pa.Array:
    """Return a field's values as text."""
    try:
        return pa.array(column, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        texts = [_text(name, item, value) for item, value in zip(column, values, strict=True)]
        return pa.array(texts, pa.string())


def _text(name: str, item: object, value: Value) -> str | None:
    if item is None or isinstance(item, str):
        return item
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, int):
        return str(item)
    raw = msgspec.json.decode(value or b"", type=dict[str, msgspec.Raw])
    return bytes(raw[name]).decode()


def kept(value: Value) -> str:
    r"""Return what is kept of a message that is refused: all its text; bytes of it that are not UTF-8 as `\xff`."""
    return (value or b"").decode("utf-8", "backslashreplace")
