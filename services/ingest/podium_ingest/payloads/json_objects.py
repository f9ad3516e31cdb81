"""Messages in JSON: the fields of an object as columns of text, or the reason why a payload is none."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import pyarrow as pa
from podium_contracts.names import collisions, storable_name

from podium_ingest.payloads.decoded import MOST_FIELDS, Decoded, Value

_UNNAMEABLE = re.compile(r'[\x00-\x1f"\\]')
"""Characters that JSON writes in a name as an escape only."""

_REFUSALS = (msgspec.DecodeError, ValueError, RecursionError)

_DEEPER = b"[" * 9 + b"%b" + b"]" * 9
"""A message that is read so keeps the stack that it takes to read its values' own texts afterwards."""
_TRUNCATED = "Input data was truncated"
_HALVED = r"a text has half a character: of a pair like `\ud83d\ude00`, one alone"


class Fields:
    """The fields that messages have brought so far, in the order they came; grows as new ones come."""

    def __init__(self, known: Iterable[str], reserved: Iterable[str]) -> None:
        self.names: list[str] = list(known)
        self._reserved = frozenset(reserved)
        self._decoder = self._new_decoder()
        self._nothing = self._decoder.decode(b"{}")

    @property
    def columns(self) -> Mapping[str, str]:
        """See `Format`."""
        return {storable_name(name): name for name in self.names}

    def decode(self, values: Sequence[Value]) -> Decoded:
        """Return the fields of messages as text: numbers as they were written, objects and arrays as JSON, null as null."""
        try:
            return self._decoded([self._row(value) for value in values], values, {})
        except _REFUSALS:
            self._learn(values)
            rows, refused = self._one_by_one(values)
            return self._decoded(rows, values, refused)

    def _decoded(
        self, rows: Sequence[msgspec.Struct], values: Sequence[Value], refused: dict[int, str]
    ) -> Decoded:
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
        for index, value in enumerate(values):
            try:
                row = self._row(value)
                msgspec.json.decode(_DEEPER % (value or b"{}"), type=msgspec.Raw)
            except _REFUSALS as error:
                row = self._nothing
                refused[index] = f"not a JSON object that is taken: {_reason(value or b'', error)}"
            rows.append(row)
        return rows, refused

    def _row(self, value: Value) -> msgspec.Struct:
        return self._nothing if value is None else self._decoder.decode(value)

    def _learn(self, values: Sequence[Value]) -> None:
        """Add the fields that these messages bring, save those that would be the same column as another."""
        plain = msgspec.json.Decoder(dict[str, msgspec.Raw])
        found: dict[str, None] = {}
        for value in values:
            if value is not None:
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
        self._nothing = self._decoder.decode(b"{}")

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


def _reason(value: bytes, error: Exception) -> str:
    """Return why a message is refused: of one that is no JSON that, though its fields were refused before it was read to its end."""
    try:
        msgspec.json.decode(value)
    except _REFUSALS as found:
        error = found
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return _HALVED if _is_whole(value, error) else str(error)


def _is_whole(value: bytes, error: Exception) -> bool:
    """Return whether a message that msgspec calls truncated is not, as Python sees it, which takes half a character."""
    try:
        return str(error) == _TRUNCATED and json.loads(value) is not None
    except (ValueError, RecursionError):
        return False


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
    if isinstance(item, int) and (item or b"-0" not in (value or b"")):
        return str(item)
    raw = msgspec.json.decode(value or b"", type=dict[str, msgspec.Raw])
    return bytes(raw[name]).decode()
