"""A dataset's declared rules as conditions: which rows break them, and what takes the place of a value that does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from podium_contracts.pipeline import (
    TIERS,
    ColumnType,
    CustomLogic,
    Dataset,
    Lookup,
    RangeCheck,
    ReferenceDataCheck,
    Rule,
)
from sqlglot import exp

from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.expressions.compiler import compile_expression
from podium_lakehouse.expressions.dialects import Dialect


def lookup_relation(name: str) -> str:
    """Return the name under which the engine offers a lookup."""
    return f"lookup__{name}"


def outside(column: str, low: Decimal | None, high: Decimal | None) -> str:
    """Return the condition that a value lies below one bound or above the other."""
    sides = [
        f"{column} < {low:f}" if low is not None else "",
        f"{column} > {high:f}" if high is not None else "",
    ]
    return f"({' OR '.join(side for side in sides if side)})"


def tier(dialect: Dialect) -> str:
    """Return the tier of a `quality_score`."""
    *better, (worst, _) = TIERS
    tiers = " ".join(f"WHEN quality_score >= {low} THEN {dialect.text(title)}" for title, low in better)
    return f"CASE {tiers} ELSE {dialect.text(worst)} END"


@dataclass(frozen=True)
class Judging:
    """Conditions over a relation that has the dataset's columns, and, joined to it, the lookups of `reference_data_check`."""

    dataset: Dataset
    lookups: Mapping[str, Lookup]
    dialect: Dialect

    @property
    def correcting(self) -> dict[str, Rule]:
        """The rules that correct, in the order of the file."""
        return {name: rule for name, rule in self.dataset.rules.items() if rule.on_failure == "correct"}

    def joined(self, select: exp.Select, relation: str, rules: Mapping[str, Rule]) -> exp.Select:
        """Return a SELECT from a relation with the keys of the rules' lookups beside each row, null where there is none."""
        for name, rule in rules.items():
            if not isinstance(rule, ReferenceDataCheck):
                continue
            alias, key = self._name(f"_reference_{name}"), self._name(f"_key_{name}")
            held = self._name(self.lookups[rule.lookup].key)
            select = select.join(
                f"(SELECT {held} AS {key} FROM {lookup_relation(rule.lookup)}) AS {alias}",
                on=f"{relation}.{self._name(rule.column)} = {alias}.{key}",
                join_type="left",
                dialect=self.dialect.name,
            )
        return select

    def broken(self, name: str, rule: Rule) -> str:
        """Return the condition that a row breaks a rule; null where it cannot be told."""
        if isinstance(rule, CustomLogic):
            return f"({self._intact()} AND NOT {self._condition(rule)})"
        column = self._name(rule.column)
        if isinstance(rule, RangeCheck):
            return outside(column, rule.min, rule.max)
        if isinstance(rule, ReferenceDataCheck):
            return f"({column} IS NOT NULL AND {self._name(f'_key_{name}')} IS NULL)"
        return f"NOT {self.dialect.matches(column, rule.pattern, whole=True)}"

    def unevaluated(self, rule: CustomLogic) -> str:
        """Return the condition that a row that was read says neither that it keeps a rule nor that it breaks it."""
        return f"({self._intact()} AND {self._condition(rule)} IS NULL)"

    def corrections(self) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
        """Yield each column that rules correct, its corrected value, and the rules with the condition that theirs is the correction.

        The first broken rule of a column corrects it; all of them look at the values before any correction.
        """
        by_column: dict[str, list[tuple[str, Rule]]] = {}
        for name, rule in self.correcting.items():
            by_column.setdefault(rule.column or "", []).append((name, rule))
        for column, rules in by_column.items():
            broken = [f"coalesce({self.broken(name, rule)}, FALSE)" for name, rule in rules]
            whens = " ".join(
                f"WHEN {condition} THEN {self._correction(rule)}"
                for condition, (_, rule) in zip(broken, rules, strict=True)
            )
            applied = [
                (name, " AND ".join([broken[place], *(f"NOT {other}" for other in broken[:place])]))
                for place, (name, _) in enumerate(rules)
            ]
            yield column, f"CASE {whens} ELSE {self._name(column)} END", applied

    def _correction(self, rule: Rule) -> str:
        kind = self.dataset.columns[rule.column or ""].type
        if rule.correction:
            lowered = compile_expression(rule.correction, self._read(), self.dialect)
            return self._cast(lowered.sql, kind)
        assert isinstance(rule, RangeCheck)
        column = self._name(rule.column)
        low, high = (self._bound(bound, kind) for bound in (rule.min, rule.max))
        if rule.min is None or rule.max is None:
            return low or high
        return f"CASE WHEN {column} < {rule.min:f} THEN {low} ELSE {high} END"

    def _bound(self, bound: Decimal | None, kind: ColumnType) -> str:
        return self._cast(self.dialect.text(f"{bound:f}"), kind) if bound is not None else ""

    def _condition(self, rule: CustomLogic) -> str:
        kinds = self._read() if rule.on_failure == "correct" else names.declared_columns(self.dataset)
        return compile_expression(rule.expression, kinds, self.dialect).sql

    def _intact(self) -> str:
        return f"{self._name(names.CORRUPT_RECORD)} IS NULL"

    def _read(self) -> dict[str, ColumnType]:
        return names.read_columns(self.dataset)

    def _cast(self, sql: str, kind: ColumnType) -> str:
        return f"cast({sql} AS {self.dialect.type_name(kind)})"

    def _name(self, name: str) -> str:
        return self.dialect.identifier(name)
