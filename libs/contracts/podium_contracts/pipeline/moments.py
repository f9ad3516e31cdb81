"""How points in time are written where they are not written as ISO 8601: `dd.MM.yyyy HH:mm`, in the letters that Spark and Java use."""

import re
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AfterValidator, Field

from podium_contracts.pipeline.types import YEAR

_LETTERS = {
    "yyyy": YEAR,
    "MM": "0[1-9]|1[0-2]",
    "M": "0?[1-9]|1[0-2]",
    "dd": "0[1-9]|[12][0-9]|3[01]",
    "d": "0?[1-9]|[12][0-9]|3[01]",
    "HH": "[01][0-9]|2[0-3]",
    "H": "0?[0-9]|1[0-9]|2[0-3]",
    "mm": "[0-5][0-9]",
    "ss": "[0-5][0-9]",
    **{"S" * digits: f"[0-9]{{{digits}}}" for digits in range(1, 7)},
}
"""What each group of letters stands for."""
_PART = r"yyyy|MM?|dd?|HH?|mm|ss|S{1,6}|'[^']+'|[^A-Za-z']"
_ORDER = "yMdHmsS"
_WHOLE = ("yMd", "yMdHm", "yMdHms", "yMdHmsS")
"""What a format says together: a day, or one with a time to the minute, the second or a part of it."""
_BETWEEN = {"M": "-", "d": "-", "H": " ", "m": ":", "s": ":", "S": "."}
"""What stands before each part in ISO 8601."""


@dataclass(frozen=True)
class MomentFormat:
    """A format: the pattern of a whole text in it, with a group for each part, and the parts in the order of their groups."""

    pattern: str
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the format that a text describes.

        Raises:
            ValueError: it has other letters, lacks the year, month or day, or what stands before a part.
        """
        if not re.fullmatch(f"(?:{_PART})+", text):
            raise ValueError(
                f"{text!r}: the letters are yyyy, MM or M, dd or d, HH or H, mm, ss, S to SSSSSS; others stand in single quotes"
            )
        found = re.findall(_PART, text)
        parts = [part for part in found if part in _LETTERS]
        letters = [part[0] for part in parts]
        if "".join(sorted(letters, key=_ORDER.index)) not in _WHOLE:
            raise ValueError(
                f"{text!r}: year, month and day stand in it once each, then it may have hours and minutes, seconds, parts of a second"
            )
        pattern = "".join(
            f"({_LETTERS[part]})" if part in _LETTERS else re.escape(part.strip("'") or part)
            for part in found
        )
        return cls(pattern, tuple(letters))

    @property
    def has_time(self) -> bool:
        """Whether it says more than a day."""
        return "H" in self.parts

    def iso(self) -> list[tuple[str, int]]:
        """Return what a text in ISO 8601 is made of: what stands before each part, and the number of its group."""
        return [
            (_BETWEEN.get(letter, ""), self.parts.index(letter) + 1)
            for letter in _ORDER
            if letter in self.parts
        ]


def _known(text: str) -> str:
    MomentFormat.parse(text)
    return text


TimestampFormat = Annotated[str, Field(pattern=f"^(?:{_PART})+$", max_length=64), AfterValidator(_known)]
