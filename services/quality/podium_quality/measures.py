"""Measures of a table: counts and sums that add up, so that a verdict costs what is new, and the metrics made of them.

All measures of a table come from one query over its changed rows, each weighted by `_sign`: +1 for a row that came, -1 for one
that went. Distinct values do not add up that way, a value may be in rows that did not change: those of the changed rows are
looked for in the whole column. Metrics are the percentages and averages that thresholds speak of, rounded
to two places; only what is whole rounds to 100, and only nothing to 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from podium_contracts.pipeline import TIERS
from podium_lakehouse.expressions.dialects import Dialect

ROWS = "rows"
SCORE = "quality_score.sum"
CENT = Decimal("0.01")

Measures = dict[str, Decimal]


@dataclass(frozen=True)
class Measured:
    """What is measured of a table: `complete` columns for nulls, `unique` ones for distinct values, `keys` for the unknown member."""

    complete: tuple[str, ...]
    unique: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    scored: bool = False

    @property
    def names(self) -> set[str]:
        """The names of the measures."""
        named = {f"null.{name}" for name in self.complete} | {f"unknown.{name}" for name in self.keys}
        named |= {f"distinct.{name}" for name in self.unique}
        tiers = {f"tier.{tier}" for tier, _ in TIERS}
        return {ROWS, *named, *(tiers | {SCORE} if self.scored else ())}

    def query(self, changes: str, table: str | None, dialect: Dialect) -> str:
        """Return the one query; its columns are named by measure.

        `changes` names the changed rows with `_sign`; `table` the table as it is, or the part of it that may hold a value of the changed
        rows; None where `changes` is all.
        """
        parts = {ROWS: "sum(_sign)"}
        for name in self.complete:
            parts[f"null.{name}"] = _signed(f"{dialect.identifier(name)} IS NULL")
        for name in self.keys:
            parts[f"unknown.{name}"] = _signed(f"{dialect.identifier(name)} = -1")
        for name in self.unique:
            parts[f"distinct.{name}"] = _distinct(dialect.identifier(name), changes, table)
        if self.scored:
            for tier, _ in TIERS:
                parts[f"tier.{tier}"] = _signed(f"quality_tier = {dialect.text(tier)}")
            parts[SCORE] = "sum(_sign * quality_score)"
        selected = [f"{sql} AS {dialect.identifier(name)}" for name, sql in parts.items()]
        return f"SELECT {', '.join(selected)} FROM {changes}"


def _signed(condition: str) -> str:
    return f"sum(CASE WHEN {condition} THEN _sign ELSE 0 END)"


def _distinct(column: str, changes: str, table: str | None) -> str:
    """By how many the distinct values have grown; counted apart, or Spark would carry every other sum along for each value.

    A value that the table has `now` times, and that the changes brought `came` times, was there before if there are more than came.
    """
    if table is None:
        return f"(SELECT count({column}) FROM (SELECT DISTINCT {column} FROM {changes}))"
    changed = f"SELECT {column} AS value, sum(_sign) AS came FROM {changes} WHERE {column} IS NOT NULL GROUP BY {column}"
    held = (
        f"SELECT {column} AS value, count(*) AS now FROM {table} "
        f"WHERE {column} IN (SELECT {column} FROM {changes}) GROUP BY {column}"
    )
    return (
        "(SELECT count(now) - count(CASE WHEN coalesce(now, 0) > came THEN 1 END) "
        f"FROM ({changed}) AS changed LEFT JOIN ({held}) AS held USING (value))"
    )


def add(before: Mapping[str, object], new: Mapping[str, object]) -> Measures:
    """Return the sum of two sets of measures; one that either lacks counts as 0 there."""
    names = dict.fromkeys([*before, *new])
    return {name: _number(before.get(name)) + _number(new.get(name)) for name in names}


def _number(value: object) -> Decimal:
    return Decimal(str(value)) if value is not None else Decimal(0)


def metrics(measures: Measures) -> dict[str, Decimal]:
    """Return the metrics that a table's measures make; without rows there is only `total_records`."""
    rows = measures.get(ROWS, Decimal(0))
    found = {"total_records": rows}
    if rows == 0:
        return found
    for measure, value in measures.items():
        kind, _, name = measure.partition(".")
        match kind:
            case "null":
                found[f"{name}_completeness"] = _percent(rows - value, rows)
            case "unknown":
                found[f"{name}_known_percentage"] = _percent(rows - value, rows)
            case "distinct":
                found[f"{name}_uniqueness"] = _percent(value, rows)
            case "tier":
                found[f"quality_{name.lower()}_percentage"] = _percent(value, rows)
    if SCORE in measures:
        found["average_quality_score"] = (measures[SCORE] / rows).quantize(CENT, ROUND_HALF_UP)
    return found


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    """Return a percentage; one duplicate in a million rows is not 100, nor one missing value 0."""
    rounded = (100 * part / whole).quantize(CENT, ROUND_HALF_UP)
    if part in (0, whole):
        return rounded
    return min(max(rounded, CENT), 100 - CENT)
