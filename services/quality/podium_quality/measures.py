"""Measures of a table: counts and sums that add up, so that a verdict costs what is new.

All measures of a table come from one query over its changed rows, each weighted by `_sign`: +1 for a row that came, -1 for one
that went. What does not add up that way is looked for in the table: distinct values, of which a row that did not change may have
one; and the newest value where the row that had it has gone.

The names of measures: `rows`; `null.<column>`; `unknown.<key>`, rows of the unknown member; `distinct.<column>`; `found.<column>`, rows whose
value the table that the column refers to has; `bin.<column>.<place>`, of which order of magnitude; `newest.<column>`, seconds since 1970; `tier.<tier>` and `quality_score.sum`;
`evaluated` and `refused`, and by rule `evaluated.<rule>` and `broken.<rule>`, as cleansing counted them. What begins with `batch.` is of the rows that came or changed since the verdict before.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from podium_contracts.names import UNKNOWN_MEMBER
from podium_contracts.pipeline import TIERS
from podium_lakehouse.expressions.dialects import DUCKDB, Dialect

from podium_quality.histogram import BIN, BINS, condition

ROWS = "rows"
SCORE = "quality_score.sum"
EVALUATED = "evaluated"
REFUSED = "refused"
BATCH = "batch."
NEWEST = "newest."
NEVER = Decimal(-(10**11))
"""What `newest` is without any value: more than 3,000 years ago."""
_CAME = "CASE WHEN _sign > 0 THEN 1 ELSE 0 END"

Measures = dict[str, Decimal]


@dataclass(frozen=True)
class Referred:
    """Where the values of a column are to be found: a column of another relation, which may be `moved` on since the last verdict."""

    relation: str | None
    """None where that table does not exist: nothing is found."""
    column: str
    moved: bool = False


@dataclass(frozen=True)
class Measured:
    """What is measured of a table.

    `complete` columns for nulls, `unique` ones for distinct values, `keys` for the unknown member, `binned` ones for their distribution,
    `newest` ones for their newest value, `references` for values that another table has.
    """

    complete: tuple[str, ...]
    unique: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    binned: tuple[str, ...] = ()
    newest: tuple[str, ...] = ()
    references: Mapping[str, Referred] = field(default_factory=dict)
    scored: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the measures of the table as it is, in order."""
        return (
            *self.of_batches,
            *(f"distinct.{name}" for name in self.unique),
            *(f"found.{name}" for name in self.references),
            *(f"{NEWEST}{name}" for name in self.newest),
        )

    @property
    def of_batches(self) -> list[str]:
        """The names of the measures that the rows which came or changed have by themselves, without `batch.`."""
        return list(self._counts(DUCKDB, "_sign"))

    @property
    def whole(self) -> bool:
        """Whether a column has to be read as a whole: the table that it refers to has changed."""
        return any(referred.moved for referred in self.references.values())

    def query(self, changes: str, table: str | None, dialect: Dialect, whole: str | None = None) -> str:
        """Return the one query; its columns are named by measure, those of the rows that came `batch.…`.

        `changes` names the changed rows with `_sign`; `table` the table as it is, or the part of it that may hold a value of the changed
        rows; None where `changes` is all. `whole` is the table where a column has to be read as a whole.
        """
        parts = self._counts(dialect, "_sign")
        if table is not None:
            parts |= self._batch_counts(dialect)
        for name in self.unique:
            parts[f"distinct.{name}"] = _distinct(dialect.identifier(name), changes, table)
        for name, referred in self.references.items():
            parts[f"found.{name}"] = _found(dialect, name, referred, changes, whole)
        for name in self.newest:
            parts[f"{NEWEST}{name}"] = _newest(dialect, name, "_sign > 0")
            if table is not None:
                parts[f"gone.{name}"] = _newest(dialect, name, "_sign < 0")
        return _select(parts, changes, dialect)

    def batch_query(self, changes: str, dialect: Dialect) -> str:
        """Return the query for nothing but the measures of the rows that came or changed."""
        return _select(self._batch_counts(dialect), changes, dialect)

    def _batch_counts(self, dialect: Dialect) -> dict[str, str]:
        return {f"{BATCH}{name}": sql for name, sql in self._counts(dialect, _CAME).items()}

    def _counts(self, dialect: Dialect, weight: str) -> dict[str, str]:
        parts = {ROWS: f"coalesce(sum({weight}), 0)"}
        for name in self.complete:
            parts[f"null.{name}"] = _weighted(f"{dialect.identifier(name)} IS NULL", weight)
        for name in self.keys:
            parts[f"unknown.{name}"] = _weighted(f"{dialect.identifier(name)} = {UNKNOWN_MEMBER}", weight)
        for name in self.binned:
            column = dialect.identifier(name)
            for place in BINS:
                parts[f"{BIN}{name}.{place}"] = _weighted(condition(column, place), weight)
        if self.scored:
            for tier, _ in TIERS:
                parts[f"tier.{tier}"] = _weighted(f"quality_tier = {dialect.text(tier)}", weight)
            parts[SCORE] = f"coalesce(sum({weight} * quality_score), 0)"
        return parts


def _select(parts: Mapping[str, str], relation: str, dialect: Dialect) -> str:
    selected = [f"{sql} AS {dialect.identifier(name)}" for name, sql in parts.items()]
    return f"SELECT {', '.join(selected)} FROM {relation}"


def _weighted(held: str, weight: str) -> str:
    return f"coalesce(sum(CASE WHEN {held} THEN {weight} ELSE 0 END), 0)"


def _newest(dialect: Dialect, name: str, held: str) -> str:
    newest = f"max(CASE WHEN {held} THEN {dialect.identifier(name)} END)"
    return f"coalesce({dialect.seconds(newest)}, {NEVER})"


def _found(dialect: Dialect, name: str, referred: Referred, changes: str, whole: str | None) -> str:
    """Count rows by whether their value is in another table: of the changes while that one is as it was, else of all rows."""
    if referred.relation is None:
        return "0"
    held = f"SELECT {dialect.identifier(referred.column)} FROM {referred.relation}"
    relation, rows = (whole, "count(*)") if referred.moved and whole else (changes, "coalesce(sum(_sign), 0)")
    return f"(SELECT {rows} FROM {relation} WHERE {dialect.identifier(name)} IN ({held}))"


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


def add(before: Mapping[str, object], new: Mapping[str, object], anew: Iterable[str] = ()) -> Measures:
    """Return the sum of two sets of measures; one that either lacks counts as 0 there, and those named `anew` as 0 before.

    Of newest values the later one counts.
    """
    replaced = set(anew)
    names = dict.fromkeys([*before, *new])
    return {name: _sum(name, before.get(name), new.get(name), anew=name in replaced) for name in names}


def _sum(name: str, before: object, new: object, *, anew: bool) -> Decimal:
    if name.startswith(NEWEST):
        return max(NEVER if value is None else _number(value) for value in (before, new))
    return _number(new) if anew else _number(before) + _number(new)


def _number(value: object) -> Decimal:
    return Decimal(str(value)) if value is not None else Decimal(0)


def lost_newest(known: Measures, found: Mapping[str, object]) -> list[str]:
    """Return the columns whose newest value has gone with a row, so that it is not known which one is the newest now."""
    columns = [name.removeprefix(NEWEST) for name in found if name.startswith(NEWEST)]
    return [
        name
        for name in columns
        if known.get(f"{NEWEST}{name}", NEVER) <= _number(found[f"gone.{name}"])
        and _number(found[f"{NEWEST}{name}"]) < known.get(f"{NEWEST}{name}", NEVER)
    ]
