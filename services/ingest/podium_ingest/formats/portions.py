"""What the formats have in common: portions of rows out, and how many rows the file itself says that it has."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa
from podium_contracts.errors import BadSource
from podium_contracts.names import collisions
from podium_lakehouse.schemas.kinds import Kinds

AT_ONCE = 20_000
"""Rows of a portion, more or less."""


@dataclass(frozen=True)
class Portion:
    """Rows as columns of text. A refused one has nulls there, and `refused` has what stood in the file, and why it is refused, by its index."""

    columns: Mapping[str, pa.Array]
    places: Sequence[int] | pa.Array
    """Of each row: its place in the file, from 1."""
    refused: Mapping[int, tuple[str, str]] = field(default_factory=dict)


class Records(Protocol):
    """A file that is being read."""

    @property
    def columns(self) -> Mapping[str, str]:
        """By column of Bronze: what the file calls it, as far as it has been read."""

    @property
    def kinds(self) -> Kinds:
        """By column of Bronze: its kind, as the schema in the file says; nothing of a file without one."""

    @property
    def rows(self) -> int:
        """The rows that the file has by its own account, known when all portions have been read."""

    def portions(self) -> Iterator[Portion]:
        """Read the file, a portion after the other.

        Raises:
            BadSource: it is not what it should be; the message says where and what to do.
        """


def check_names(file: str, names: Sequence[str]) -> None:
    """Refuse columns that Bronze could not tell apart.

    Raises:
        BadSource: two of them would be one, one has no name, or there are none.
    """
    if not names:
        raise BadSource(f"{file} has no columns", hint="take it away, or write it anew")
    if "" in names:
        raise BadSource(f"{file}: column {names.index('') + 1} has no name", hint="name it in the file")
    if clashes := collisions(list(names)):
        listed = "; ".join(" and ".join(map(repr, group)) for group in clashes)
        raise BadSource(f"{file}: {listed} would be the same column", hint="rename one of them in the file")
