"""By which columns a statement filters, groups and joins, and for which dates it asks: told by its tree, down to the tables' own columns."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from podium_lakehouse.records.queries import DateRange, Usage

DIALECT = "duckdb"
COMPARISONS = (exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
TURNED: Mapping[type[exp.Expr], type[exp.Expr]] = {
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
}
VALUES = (exp.Literal, exp.RawString, exp.ByteString, exp.National)
"""What a value is written as: `'Smith'`, `$$Smith$$`, `E'Smith'`, `N'Smith'`."""
DATE_FORMS = ("%Y-%m-%d", "%Y%m%d")
"""How a date stands in a statement: as a date, or as the number 20101231."""


@dataclass(frozen=True)
class Told:
    """A statement without its values, and how it uses columns."""

    statement: str = ""
    usage: Usage = field(default_factory=Usage)


def told(statement: str, tables: Mapping[str, Sequence[str]], dialect: str = DIALECT) -> Told:
    """Return what a statement over tables says, which are `gold.fact_sale` with their columns; nothing where it is beyond sqlglot, which does not run it."""
    try:
        tree = sqlglot.parse_one(statement, dialect=dialect)
        return Told(_without_values(tree, dialect), usage_of(tree, tables, dialect))
    except SqlglotError:
        return Told()


def usage_of(tree: exp.Expr, tables: Mapping[str, Sequence[str]], dialect: str = DIALECT) -> Usage:
    """Return how a statement uses the columns of tables.

    Raises:
        SqlglotError: it is beyond sqlglot.
    """
    nested: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    for name, columns in tables.items():
        layer, _, table = name.partition(".")
        nested[layer][table] = dict.fromkeys(columns, "unknown")
    qualified = qualify(tree.copy(), dialect=dialect, schema=dict(nested), validate_qualify_columns=False)
    used = _Used({name: {column.lower(): column for column in columns} for name, columns in tables.items()})
    for scope in traverse_scope(qualified):
        used.look(scope)
    return used.usage()


@dataclass
class _Used:
    """What has been found; `known` are the columns of each table by their lower-case names."""

    known: Mapping[str, Mapping[str, str]]
    filtered: set[str] = field(default_factory=set)
    grouped: set[str] = field(default_factory=set)
    joined: set[str] = field(default_factory=set)
    asked: dict[str, list[tuple[str | None, str | None]]] = field(default_factory=lambda: defaultdict(list))

    def look(self, scope: Scope) -> None:
        """Take in one SELECT."""
        for condition in _conditions(scope.expression):
            if _joins(condition):
                self.joined.update(self._columns(scope, condition))
            else:
                self.filtered.update(self._columns(scope, condition))
                self._look_for_dates(scope, condition)
        for expression in _grouped(scope.expression):
            self.grouped.update(self._columns(scope, expression))

    def usage(self) -> Usage:
        """Return it, sorted."""
        ranges = [
            DateRange(
                column,
                max((low for low, _ in asked if low), default=None),
                min((high for _, high in asked if high), default=None),
            )
            for column, asked in sorted(self.asked.items())
        ]
        return Usage(
            tuple(sorted(self.filtered)),
            tuple(sorted(self.grouped)),
            tuple(sorted(self.joined)),
            tuple(ranges),
        )

    def _columns(self, scope: Scope, part: exp.Expr) -> Iterator[str]:
        for column in _own_columns(part):
            yield from self._origins(scope, column.table, column.name)

    def _origins(self, scope: Scope, source: str, column: str) -> Iterator[str]:
        """Yield the columns of tables that a column is, through subqueries and CTEs; none where it is computed."""
        found = scope.sources.get(source)
        if isinstance(found, exp.Table):
            name = f"{found.db}.{found.name}".lower()
            if written := self.known.get(name, {}).get(column.lower()):
                yield f"{name}.{written}"
        elif isinstance(found, Scope):
            for inner in found.set_operation_scopes or [found]:
                for projection in _projections(inner.expression):
                    plain = projection.unalias()
                    if projection.alias_or_name == column and isinstance(plain, exp.Column):
                        yield from self._origins(inner, plain.table, plain.name)

    def _look_for_dates(self, scope: Scope, condition: exp.Expr) -> None:
        for column, low, high in _dates(condition):
            for name in self._origins(scope, column.table, column.name):
                self.asked[name].append((low, high))


def _conditions(select: exp.Expr) -> Iterator[exp.Expr]:
    """Yield what must hold for a row of a SELECT, condition by condition."""
    clauses = [select.args.get("where"), *(join.args.get("on") for join in select.args.get("joins") or ())]
    for clause in filter(None, clauses):
        whole = clause.this if isinstance(clause, exp.Where) else clause
        yield from whole.flatten() if isinstance(whole, exp.And) else [whole]


def _grouped(select: exp.Expr) -> Iterator[exp.Expr]:
    """Yield what a SELECT groups by."""
    group = select.args.get("group")
    if group and group.args.get("all"):
        yield from (item for item in _projections(select) if not item.find(exp.AggFunc))
    elif group:
        yield group


def _projections(select: exp.Expr) -> list[exp.Expr]:
    return select.selects if isinstance(select, exp.Query) else []


def _joins(condition: exp.Expr) -> bool:
    """Whether a condition compares columns of different tables."""
    whole = condition.unnest()
    sides = (whole.left, whole.right) if isinstance(whole, exp.Binary) else ()
    tables = [{column.table for column in _own_columns(side)} for side in sides]
    return len(tables) == 2 and all(tables) and not tables[0] & tables[1]  # noqa: PLR2004 - the two sides


def _own_columns(part: exp.Expr) -> Iterator[exp.Column]:
    """Yield the columns of a part of a statement without those of its subqueries, which are looked at by themselves."""
    for node in part.walk(prune=lambda node: isinstance(node, exp.Query)):
        if isinstance(node, exp.Column):
            yield node


def _dates(condition: exp.Expr) -> Iterator[tuple[exp.Column, str | None, str | None]]:
    """Yield a column with the first and the last date that a condition lets through, if it speaks of dates."""
    whole = condition.unnest()
    if isinstance(whole, exp.Between) and isinstance(whole.this, exp.Column):
        low, high = _date(whole.args["low"]), _date(whole.args["high"])
        if low or high:
            yield whole.this, low, high
    elif isinstance(whole, COMPARISONS):
        kind: type[exp.Expr] = type(whole)
        column, value = whole.left, whole.right
        if isinstance(value, exp.Column):
            kind, column, value = TURNED.get(kind, kind), value, column
        found = _date(value)
        if found and isinstance(column, exp.Column):
            low = None if kind in (exp.LT, exp.LTE) else found
            yield column, low, None if kind in (exp.GT, exp.GTE) else found


def _date(value: exp.Expr) -> str | None:
    """Return a date as an ISO text, of a timestamp its day."""
    while isinstance(value, exp.Cast | exp.TsOrDsToDate | exp.Date):
        value = value.this
    text = value.name[:10] if isinstance(value, exp.Literal) else ""
    for form in DATE_FORMS:
        try:
            return _parsed(text, form).isoformat()
        except ValueError:
            continue
    return None


def _parsed(text: str, form: str) -> date:
    return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day, wherever it is


def _without_values(tree: exp.Expr, dialect: str) -> str:
    blank = tree.transform(lambda node: exp.Placeholder() if isinstance(node, VALUES) else node)
    return blank.sql(dialect=dialect, comments=False)
