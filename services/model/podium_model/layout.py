"""How a Gold table's files are laid out, as its model declares: partitions, the order of rows, Z-order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from podium_contracts.errors import ModelFailed
from podium_lakehouse.expressions.dialects import Dialect

LEAST_PARTITION_MB = 128
"""Smaller partitions cost more in files to open than they save in files to leave out."""
GRANULARITIES = ("day", "month")


@dataclass(frozen=True)
class Partitioning:
    """One partition per day or month of a date or timestamp, in a column of its own; each must hold `least_mb` on average."""

    field: str
    granularity: str
    least_mb: float = LEAST_PARTITION_MB

    @property
    def column(self) -> str:
        """The partition column, a date: the day, or the first of the month."""
        return f"{self.field}_{self.granularity}"

    def expression(self, dialect: Dialect) -> str:
        """Return the partition column's value as SQL."""
        return f"cast(date_trunc('{self.granularity}', {dialect.identifier(self.field)}) AS DATE)"

    def refusal(self, table: str, size_bytes: int, partitions: int) -> str | None:
        """Return why a table of that size is not to be partitioned so, None where it is."""
        each_mb = size_bytes / max(partitions, 1) / 1e6
        if each_mb >= self.least_mb:
            return None
        return (
            f"{table} is not partitioned by {self.granularity} of {self.field}: {partitions:,} partitions would hold "
            f"{each_mb:,.0f} MB each, and {self.least_mb:g} MB is the least that pays"
        )


@dataclass(frozen=True)
class Layout:
    """What a model declares; empty where it declares nothing."""

    partition_by: Partitioning | None = None
    zorder_by: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: Mapping[str, Any], path: str) -> Self:
        """Read a model's settings; `cluster_by`, the order of rows, is the materialisation's.

        Raises:
            ModelFailed: they are not of that form.
        """
        zorder_by = config.get("zorder_by") or ()
        return cls(
            _partitioning(config.get("partition_by"), path),
            (zorder_by,) if isinstance(zorder_by, str) else tuple(zorder_by),
        )


def _partitioning(declared: Any, path: str) -> Partitioning | None:
    if declared is None:
        return None
    right = isinstance(declared, Mapping) and declared.get("granularity", "day") in GRANULARITIES
    if not right or not isinstance(declared.get("field"), str):
        raise ModelFailed(
            f"{path}: partition_by is {declared!r}",
            hint="write partition_by={'field': 'sale_date', 'granularity': 'day'}, or 'month'",
        )
    least = float(declared.get("least_mb", LEAST_PARTITION_MB))
    return Partitioning(declared["field"], declared.get("granularity", "day"), least)
