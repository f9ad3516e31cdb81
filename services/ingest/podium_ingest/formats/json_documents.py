"""JSON documents: an array of objects, or objects one after the other, over as many lines as they like.

They are cut apart without holding the file, and each object is then read as a message is: `raw_decode` says where a value ends, the
numbers and texts in it are not looked at.
"""

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from podium_contracts.errors import BadSource
from podium_lakehouse.schemas.kinds import Kinds

from podium_ingest.formats.json_lines import cut, decoded
from podium_ingest.formats.portions import Portion
from podium_ingest.payloads.json_objects import Fields
from podium_ingest.rows import RESERVED, Names

CHUNK_BYTES = 1 << 20
LONGEST = 64 << 20
"""Characters of one object."""
MOST_KEPT = 1 << 20
"""Characters that are kept of a text that is no JSON any more, from where it is none."""
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder(parse_float=len, parse_int=len, parse_constant=len, strict=False)


class Documents:
    """The objects of a file. What follows a mistake, to the end of the file, is one row that is refused; `_row` counts objects."""

    def __init__(self, file: BinaryIO, name: str, known: Names) -> None:
        self._text = _Text(file)
        self._name = name
        self._fields = Fields(known.values(), RESERVED)
        self.kinds: Kinds = {}
        self.rows = 0
        self._broken: tuple[str, str] | None = None
        """What follows a mistake, and what it is."""

    @property
    def columns(self) -> Mapping[str, str]:
        """See `Records`."""
        return self._fields.columns

    def portions(self) -> Iterator[Portion]:
        """See `Records`."""
        for objects, places in cut(self._counted()):
            portion = decoded(self._fields, objects, places)
            if self._broken is None:
                yield portion
            else:
                rest = {len(places) - 1: self._broken}
                yield Portion(portion.columns, places, {**portion.refused, **rest})

    def _counted(self) -> Iterator[tuple[int, bytes]]:
        """Yield each object with its number; of what follows a mistake, the last row, an empty one."""
        for found in self._objects():
            self.rows += 1
            yield self.rows, found.encode("utf-8", "surrogateescape")
        if self._broken is not None:
            self.rows += 1
            yield self.rows, b"{}"

    def _objects(self) -> Iterator[str]:
        text = self._text
        try:
            if not text.next():
                return
            yield from self._of_array() if text.took("[") else self._in_a_row()
        except _NotJson as error:
            reason = f"not JSON from line {text.line}, column {text.column}: {error}"
            rest = text.rest(MOST_KEPT)
            if rest is None:
                raise BadSource(
                    f"{self._name}:{text.line}:{text.column}: not JSON: {error}",
                    hint="correct it there; for objects of which each is in a line of its own, say format: ndjson",
                ) from error
            self._broken = (rest, reason)

    def _in_a_row(self) -> Iterator[str]:
        while self._text.next():
            yield self._text.value()

    def _of_array(self) -> Iterator[str]:
        text = self._text
        if text.next() != "]":
            yield text.value()
            while text.next() == ",":
                text.took(",")
                yield text.value()
        if not text.took("]"):
            raise _NotJson("an array ends with ], and its values have commas between them")
        if text.next():
            raise _NotJson("something follows the array")


class _NotJson(Exception):
    """What stands at the text's position is no JSON."""


class _Text:
    """A text that is read from its beginning to its end, of which only a piece is held."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._held = ""
        self._at = 0
        self._ended = False
        self._lines_before = 0
        self._columns_before = 0

    @property
    def line(self) -> int:
        """The line of the position, from 1."""
        return self._lines_before + self._held.count("\n", 0, self._at) + 1

    @property
    def column(self) -> int:
        """The column of the position, from 1."""
        start = self._held.rfind("\n", 0, self._at)
        return self._at - start + (self._columns_before if start < 0 else 0)

    def next(self) -> str:
        """Pass over white space; return the character that stands there, an empty text at the end."""
        while True:
            self._at = _SPACE.match(self._held, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._more():
                return ""

    def took(self, mark: str) -> bool:
        """Pass over a character if it stands there."""
        there = self.next() == mark
        self._at += there
        return there

    def value(self) -> str:
        """Pass over a value and return its text.

        Raises:
            _NotJson: there is none.
        """
        self.next()
        wanted = CHUNK_BYTES
        while True:
            try:
                _, end = _DECODER.raw_decode(self._held, self._at)
            except (json.JSONDecodeError, RecursionError) as error:
                left = len(self._held) - self._at
                if self._ended or left > LONGEST or isinstance(error, RecursionError):
                    raise _NotJson(
                        error.msg if isinstance(error, json.JSONDecodeError) else "it is nested too deeply"
                    ) from error
                self._more(wanted)
                wanted *= 2
                continue
            if end == len(self._held) and self._more():  # a number may go on
                continue
            found = self._held[self._at : end]
            self._at = end
            return found

    def rest(self, most: int) -> str | None:
        """Return the rest of the text; None where there is more of it."""
        while len(self._held) - self._at <= most and self._more():
            pass
        rest = self._held[self._at :].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        return rest if len(rest) <= most else None

    def _more(self, size: int = CHUNK_BYTES) -> bool:
        """Read on; return whether there was more."""
        if self._ended:
            return False
        chunk = self._file.read(size)
        self._ended = not chunk
        self._columns_before = self.column - 1
        self._lines_before += self._held.count("\n", 0, self._at)
        self._held = self._held[self._at :] + self._decoder.decode(chunk, final=self._ended)
        self._at = 0
        return True
