"""JSON with an object in each line."""

from collections.abc import Iterator, Mapping
from typing import BinaryIO

from podium_contracts.errors import BadSource
from podium_lakehouse.schemas.kinds import Kinds

from podium_ingest.formats.portions import AT_ONCE, Portion
from podium_ingest.payloads import kept_text
from podium_ingest.payloads.json_objects import Fields
from podium_ingest.rows import RESERVED, Names

LONGEST_BYTES = 64 << 20
"""A longer line is not one object of a table."""
PORTION_BYTES = 8 << 20
SPACE = b" \t\r"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Lines:
    """The lines of a file: each an object, or refused and kept. Blank lines are none; `_row` is the line's number."""

    def __init__(self, file: BinaryIO, name: str, known: Names) -> None:
        self._file = file
        self._name = name
        self._fields = Fields(known.values(), RESERVED)
        self.kinds: Kinds = {}
        self.rows = 0

    @property
    def columns(self) -> Mapping[str, str]:
        """See `Records`."""
        return self._fields.columns

    def portions(self) -> Iterator[Portion]:
        """See `Records`."""
        for lines, places in cut(self._lines()):
            yield decoded(self._fields, lines, places)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        number = 0
        while line := self._file.readline(LONGEST_BYTES + 1):
            number += 1
            if len(line) > LONGEST_BYTES:
                raise BadSource(
                    f"{self._name}:{number}: this line is longer than {LONGEST_BYTES:,} bytes",
                    hint="write an object a line, or say format: json where one takes several",
                )
            if number == 1:
                line = line.removeprefix(BYTE_ORDER_MARK)
            text = line.removesuffix(b"\n").removesuffix(b"\r")
            if text.strip(SPACE):
                self.rows += 1
                yield number, text


def cut(found: Iterator[tuple[int, bytes]]) -> Iterator[tuple[list[bytes], list[int]]]:
    """Yield objects and their places a portion at a time, each as soon as it is whole."""
    objects: list[bytes] = []
    places: list[int] = []
    size = 0
    for place, text in found:
        objects.append(text)
        places.append(place)
        size += len(text)
        if len(objects) == AT_ONCE or size > PORTION_BYTES:
            yield objects, places
            objects, places, size = [], [], 0
    if objects:
        yield objects, places


def decoded(fields: Fields, objects: list[bytes], places: list[int]) -> Portion:
    """Return objects as rows, and why some are refused."""
    found = fields.decode(objects)
    refused = {index: (kept_text(objects[index]), reason) for index, reason in found.refused.items()}
    return Portion(found.columns, places, refused)
