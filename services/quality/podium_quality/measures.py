"""Measures of a table: counts and sums that add up, so that a verdict costs what is new, and the metrics made of them.

All measures of a table come from one aggregate query over its changed rows, each weighted by `_sign`: +1 for a row that came,
-1 for one that went. Metrics are the percentages and averages that thresholds speak of, rounded to two places.
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

    def query(self, relation: str, dialect: Dialect) -> str:
        """Return the one aggregate query; its columns are named by measure."""
        parts = [f"sum(_sign) AS {dialect.identifier(ROWS)}"]
        conditions = {f"null.{name}": f"{dialect.identifier(name)} IS NULL" for name in self.complete}
        conditions |= {f"unknown.{name}": f"{dialect.identifier(name)} = -1" for name in self.keys}
        parts += [self._count(condition, measure, dialect) for measure, condition in conditions.items()]
        for name in self.unique:
            column = dialect.identifier(name)
            came = f"count(DISTINCT {column}) FILTER (_arrived)"
            went = f"count(DISTINCT {column}) FILTER (_departed)"
            parts.append(f"{came} - {went} AS {dialect.identifier(f'distinct.{name}')}")
        if self.scored:
            parts += [self._count(f"quality_tier = '{tier}'", f"tier.{tier}", dialect) for tier, _ in TIERS]
            parts.append(f"sum(_sign * quality_score) AS {dialect.identifier(SCORE)}")
        return f"SELECT {', '.join(parts)} FROM {relation}"

    @staticmethod
    def _count(condition: str, measure: str, dialect: Dialect) -> str:
        return f"sum(CASE WHEN {condition} THEN _sign ELSE 0 END) AS {dialect.identifier(measure)}"


def add(before: Mapping[str, object], new: Mapping[str, object]) -> Measures:
    """Return the sum of two sets of measures; one that is new starts at 0."""
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
    return (100 * part / whole).quantize(CENT, ROUND_HALF_UP)
