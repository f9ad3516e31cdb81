"""What a source has given: data files for Bronze, their columns, and the account of their rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
from podium_contracts.errors import BadSource
from podium_contracts.events.v1 import Flow
from podium_contracts.names import collisions
from podium_lakehouse.cleansing.columns import BRONZE_METADATA, BRONZE_POSITION, KAFKA_METADATA
from podium_lakehouse.delta.tables import arrow_schema
from podium_lakehouse.schemas.kinds import Kinds

SCORE = "data_quality_score"
RESERVED = frozenset({*BRONZE_METADATA, *BRONZE_POSITION, *KAFKA_METADATA, SCORE})
"""Columns of Bronze that are Podium's own."""

Names = Mapping[str, str]
"""By column of Bronze: what the source calls it."""


@dataclass(frozen=True)
class Rows:
    """Data files in folders inside Bronze's, which no commit lists yet."""

    folders: tuple[str, ...]
    names: Names
    flow: Flow
    kinds: Mapping[str, Kinds] = field(default_factory=dict)
    """By file: its columns of Bronze, and their kinds as its schema says; an empty one is told by its values."""
    rows_of: Mapping[str, int] = field(default_factory=dict)
    """By file: the rows that Bronze gets of it."""


def merged_names(where: str, known: Names, new: Names) -> dict[str, str]:
    """Return the columns that Bronze is known to have with those that a file or topic brings.

    Raises:
        BadSource: two names would be one column, or one is Podium's own.
    """
    merged = {**known, **new}
    if own := [repr(merged[name]) for name in merged if name.lower() in RESERVED]:
        raise BadSource(
            f"{where}: Bronze has columns of Podium's own with the names {', '.join(own)}",
            hint="rename it in the source",
        )
    if clashes := collisions(list(merged)):
        listed = "; ".join(" and ".join(repr(merged[name]) for name in group) for group in clashes)
        raise BadSource(
            f"{where}: {listed} would be the same column in Bronze",
            hint="rename it in the source: letters and digits tell names apart, not case",
        )
    return merged


def bronze_schema(names: Iterable[str], *, kafka: bool) -> pa.Schema:
    """Return the schema of a Bronze table with these columns of its source's own."""
    return pa.schema(
        [
            *[pa.field(name, pa.string()) for name in names],
            *arrow_schema(BRONZE_METADATA),
            pa.field(SCORE, pa.float64()),
            *arrow_schema(BRONZE_POSITION),
            *(arrow_schema(KAFKA_METADATA) if kafka else ()),
        ]
    )


def bronze_table(
    schema: pa.Schema, rows: int, each: Mapping[str, object], same: Mapping[str, object]
) -> pa.Table:
    """Return rows of Bronze, of columns with a value for each row and of columns whose value is the same in all."""
    columns = [
        pa.array(each[field.name], field.type)
        if field.name in each
        else pa.repeat(pa.scalar(same[field.name], field.type), rows)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)
