"""What takes the place of null where a dataset interpolates: made of the other rows of the same file, before any row is judged.

The scope is the file: it is ingested as a whole and never changes, so what is filled in does not depend on batches (law 6). Numbers are
counted in units of their last digit, as whole numbers, and a quotient is rounded half away from zero: exact, and the same on both engines.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from podium_contracts.pipeline import ColumnType, Dataset, NullStrategy
from sqlglot import exp

from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing.moments import in_iso
from podium_lakehouse.cleansing.staging import bronze_columns, typed
from podium_lakehouse.expressions.dialects import Dialect

IDENTITY = ("source_file", "ingestion_batch_id", names.ROW)
Steps = tuple[list[list[str]], str]
"""What each step adds to the rows of the one before, and the value that is made of it."""


def interpolated(dataset: Dataset) -> dict[str, NullStrategy]:
    """Return the columns that a dataset interpolates."""
    return {name: rule for name, rule in dataset.nulls.items() if rule.strategy == "interpolate"}


def interpolation_statement(
    dataset: Dataset, source_names: Mapping[str, str], dialect: Dialect, relation: str
) -> exp.Select:
    """Return the statement over Bronze's rows of whole files; its rows are those that get a value, by identity, with `_fill_COLUMN`."""
    stored = bronze_columns(
        dataset, {**source_names, **{name: name for name in names.topic_columns(dataset)}}
    )
    build = _Interpolation(dataset, stored, dialect)
    rules = interpolated(dataset)
    steps, last = {"typed": build.typed(relation)}, "typed"
    for place, added in enumerate(build.levels(rules)):
        title = f"level_{place}"
        steps[title] = exp.select("*", *added, dialect=dialect.name).from_(last)
        last = title
    made = " OR ".join(f"{build.name(names.fill(column))} IS NOT NULL" for column in rules)
    final = exp.select(*IDENTITY, *(build.name(names.fill(column)) for column in rules), dialect=dialect.name)
    final = final.from_(last).where(made, dialect=dialect.name)
    for title, step in steps.items():
        final.with_(title, as_=step, dialect=dialect.name, copy=False)
    return final


@dataclass(frozen=True)
class _Interpolation:
    dataset: Dataset
    stored: Mapping[str, str]
    dialect: Dialect

    def typed(self, relation: str) -> exp.Select:
        """The columns that count, read as their types; one that is to be filled without the rows whose order is not known."""
        rules = interpolated(self.dataset)
        used = [
            name for column, rule in rules.items() for name in (column, *rule.partition_by, *rule.order_by)
        ]
        selected = [f"{self._read(name)} AS {self.name(name)}" for name in dict.fromkeys(used)]
        for column, rule in rules.items():
            ordered = " AND ".join([f"{self._read(name)} IS NOT NULL" for name in rule.order_by]) or "TRUE"
            held = self.name(self.stored[column])
            selected.append(f"({held} IS NULL AND {ordered}) AS {self.name(f'_empty_{column}')}")
            selected.append(
                f"CASE WHEN {ordered} THEN {self._read(column)} END AS {self.name(f'_known_{column}')}"
            )
        select = exp.select(*IDENTITY, *selected, dialect=self.dialect.name).from_(relation)
        return select.where(f"{names.CORRUPT_RECORD} IS NULL", dialect=self.dialect.name)

    def levels(self, rules: Mapping[str, NullStrategy]) -> list[list[str]]:
        """Return what is added to the rows, step by step, for all columns at once: few steps, however many columns there are."""
        levels: list[list[str]] = []
        filled: list[str] = []
        for column, rule in rules.items():
            made = {"mean": self._mean, "median": self._median}.get(rule.method or "", self._near)
            before, value = made(column, rule)
            levels += [[] for _ in range(len(before) - len(levels))]
            for level, added in zip(levels, before, strict=False):
                level.extend(added)
            empty = self.name(f"_empty_{column}")
            filled.append(f"CASE WHEN {empty} THEN {value} END AS {self.name(names.fill(column))}")
        return [*levels, filled]

    def _near(self, column: str, rule: NullStrategy) -> Steps:
        """The last value before and the first after: each begins a group of rows that hold no other."""
        known, scope = self.name(f"_known_{column}"), self._scope(rule)
        order = [*map(self.name, rule.order_by), names.ROW]
        descending = [f"{name} DESC" for name in order]
        groups = {
            side: f"count({known}) OVER (PARTITION BY {scope} ORDER BY {', '.join(listed)} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
            for side, listed in {"before": order, "after": descending}.items()
        }
        counted = [f"{sql} AS {self.name(f'_{side}_{column}')}" for side, sql in groups.items()]
        near, linear = [], rule.method == "linear"
        for side in groups:
            window = f"OVER (PARTITION BY {scope}, {self.name(f'_{side}_{column}')})"
            near.append(f"max({known}) {window} AS {self.name(f'_value_{side}_{column}')}")
            if linear:
                when = f"CASE WHEN {known} IS NOT NULL THEN {self.name(rule.order_by[0])} END"
                near.append(f"max({when}) {window} AS {self.name(f'_at_{side}_{column}')}")
        ends = {side: self.name(f"_value_{side}_{column}") for side in groups}
        value = {"forward": ends["before"], "backward": ends["after"]}.get(rule.method or "")
        return [counted, near], value or self._between(column, rule)

    def _between(self, column: str, rule: NullStrategy) -> str:
        kind, moment = self._kind(column), self._kind(rule.order_by[0])
        low, high = (self._units(self.name(f"_value_{side}_{column}"), kind) for side in ("before", "after"))
        start, end = (self._units(self.name(f"_at_{side}_{column}"), moment) for side in ("before", "after"))
        here = self._units(self.name(rule.order_by[0]), moment)
        weighed = f"({low} * ({end} - {here}) + {high} * ({here} - {start}))"
        on_line = self._quotient(weighed, f"({end} - {start})")
        value = f"CASE WHEN {end} = {start} THEN {low} ELSE {on_line} END"
        return self._value(value, kind)

    def _mean(self, column: str, rule: NullStrategy) -> Steps:
        known, scope, kind = self.name(f"_known_{column}"), self._scope(rule), self._kind(column)
        total, number = self.name(f"_sum_{column}"), self.name(f"_count_{column}")
        summed = [
            f"sum({self._units(known, kind)}) OVER (PARTITION BY {scope}) AS {total}",
            f"count({known}) OVER (PARTITION BY {scope}) AS {number}",
        ]
        value = f"CASE WHEN {number} > 0 THEN {self._value(self._quotient(total, number), kind)} END"
        return [summed], value

    def _median(self, column: str, rule: NullStrategy) -> Steps:
        known, scope, kind = self.name(f"_known_{column}"), self._scope(rule), self._kind(column)
        rank, number = self.name(f"_rank_{column}"), self.name(f"_count_{column}")
        ranked = [
            f"row_number() OVER (PARTITION BY {scope} ORDER BY CASE WHEN {known} IS NULL THEN 1 ELSE 0 END, {known}, {names.ROW}) AS {rank}",
            f"count({known}) OVER (PARTITION BY {scope}) AS {number}",
        ]
        middle = {
            side: f"max(CASE WHEN {rank} * 2 IN ({number} + {one}, {number} + {other}) THEN {known} END) "
            f"OVER (PARTITION BY {scope})"
            for side, one, other in (("low", 0, 1), ("high", 1, 2))
        }
        found = [f"{sql} AS {self.name(f'_{side}_{column}')}" for side, sql in middle.items()]
        low, high = (self._units(self.name(f"_{side}_{column}"), kind) for side in middle)
        return [ranked, found], self._value(self._quotient(f"({low} + {high})", "2"), kind)

    def _scope(self, rule: NullStrategy) -> str:
        return ", ".join(["source_file", "ingestion_batch_id", *map(self.name, rule.partition_by)])

    def _units(self, value: str, kind: ColumnType) -> str:
        """A number, a day or a moment as a whole number: of its last digit, of days, of microseconds."""
        if kind.name == "date":
            whole = self.dialect.day_number(value)
        elif kind.name == "decimal":
            whole = f"replace({self.dialect.canonical(value, kind)}, '.', '')"
        else:
            whole = self.dialect.canonical(value, kind)
        return f"cast({whole} AS {self.dialect.widest_integer})"

    def _value(self, units: str, kind: ColumnType) -> str:
        """A whole number of units as a value of the type."""
        narrow = self.dialect.type_name(ColumnType.decimal(18, 0))
        unit = self.dialect.text(f"{10**-kind.scale:.{kind.scale}f}" if kind.scale else "1")
        size = self.dialect.type_name(ColumnType.decimal(kind.scale + 1, kind.scale))
        return f"cast(cast({units} AS {narrow}) * cast({unit} AS {size}) AS {self.dialect.type_name(kind)})"

    def _quotient(self, number: str, by: str) -> str:
        """A quotient by a positive number, rounded half away from zero."""
        wide = self.dialect.widest_integer
        by = f"cast({by} AS {wide})"
        size = self.dialect.whole_quotient(f"(abs({number}) * 2 + {by})", f"({by} * 2)")
        return f"(CASE WHEN {number} < 0 THEN -{size} ELSE {size} END)"

    def _read(self, name: str) -> str:
        held = self.name(self.stored[name])
        return typed(self.dialect, in_iso(self.dialect, self.dataset, name, held), self._kind(name))

    def _kind(self, name: str) -> ColumnType:
        return self.dataset.columns[name].type

    def name(self, name: str) -> str:
        return self.dialect.identifier(name)
