"""From an expression of the pipeline file to an engine's SQL, checked against the columns and the closed list.

The text is parsed with every built-in function of the parser switched off, so that nothing gets in under another name; then
the tree is walked once, types are inferred, and each node is lowered to the engine's own SQL. Numbers are cast to one type
before they meet, and decimals after each operation, because the engines widen them differently. The whole language is in
docs/reference/expressions.md.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from podium_contracts.pipeline import ColumnType
from podium_contracts.pipeline.patterns import replaceable_pattern, shared_pattern
from podium_contracts.pipeline.types import BIGINT, BOOLEAN, DATE_TYPE, MAX_DIGITS, STRING, TIMESTAMP
from sqlglot import exp, parser
from sqlglot.dialects.dialect import Dialect as SqlglotDialect
from sqlglot.errors import SqlglotError

from podium_lakehouse.expressions.dialects import UTC_MARK, Dialect
from podium_lakehouse.expressions.functions import FUNCTIONS, Family, Function
from podium_lakehouse.expressions.typed import (
    MAX_SIGNED_DIGITS,
    ExpressionError,
    Typed,
    UnknownColumn,
    common_type,
    product_type,
    sum_type,
)

__all__ = ["ExpressionError", "Typed", "UnknownColumn", "compile_expression"]

MAX_COUNT = 2**31 - 1
MAX_BIGINT_DIGITS = 18
"""Whole numbers of up to so many digits are bigints, wider ones decimals."""
SPARE_LEVELS = 8
"""What the statement around an expression adds to its nesting, at most."""
QUOTED = 40
"""Characters of a long expression that an error quotes."""


class _Expressions(SqlglotDialect):
    """The language of expressions: operators and calls, and no function that the parser would rewrite."""

    class Parser(parser.Parser):
        FUNCTIONS: ClassVar = {}
        NO_PAREN_FUNCTIONS: ClassVar = {}
        NO_PAREN_FUNCTION_PARSERS: ClassVar = {"CASE": lambda self: self._parse_case()}
        FUNCTION_PARSERS: ClassVar = {"CAST": lambda self: self._parse_cast(True)}


_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
}
_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
_NUMBERS = frozenset({"integer", "bigint", "decimal"})
_FAMILIES: dict[Family, frozenset[str]] = {
    "string": frozenset({"string"}),
    "number": _NUMBERS,
    "signed": _NUMBERS,
    "date": frozenset({"date", "timestamp"}),
}
_WHOLE = re.compile("[0-9]{1,10}")
_NUMBER = re.compile("[0-9]+[.]?[0-9]*")
_LACKING = re.compile("Required keyword: '[a-z_]+' missing for <class '[^']+'>")


def compile_expression(text: str, columns: Mapping[str, ColumnType], dialect: Dialect) -> Typed:
    """Return the expression for an engine.

    Raises:
        ExpressionError: it does not parse, is nested too deeply, names an unknown column or function, or mixes types.
    """
    try:
        lowered = _Compiler(columns, dialect).lower(_parse(text))
        dialect.statement(dialect.build("(" * SPARE_LEVELS + lowered.sql + ")" * SPARE_LEVELS))
    except RecursionError as error:
        raise ExpressionError(
            f"{text[:QUOTED]!r}… is nested too deeply", "make columns of its parts"
        ) from error
    return lowered


def _parse(text: str) -> exp.Expr:
    try:
        tree = _Expressions().parse(text)
    except SqlglotError as error:
        first = _LACKING.sub("something is missing", str(error).splitlines()[0])
        raise ExpressionError(f"{text!r} is not an expression: {first}") from error
    if len(tree) != 1 or tree[0] is None:
        raise ExpressionError(f"{text!r} must be one expression")
    return tree[0]


@dataclass(frozen=True)
class _Compiler:
    """Lowers each kind of node that `_NODES` lists; what it returns needs no parentheses around it."""

    columns: Mapping[str, ColumnType]
    dialect: Dialect

    def lower(self, node: exp.Expr) -> Typed:
        """Return any node, or refuse it by name."""
        lowering = _NODES.get(type(node))
        if lowering is None:
            raise _not_allowed(node)
        return lowering(self, node)

    def column(self, node: exp.Column) -> Typed:
        if node.table:
            raise ExpressionError(f"{node.sql()!r}: write the column alone, without a table")
        if node.name not in self.columns:
            raise UnknownColumn(node.name, self.columns)
        return Typed(self.dialect.identifier(node.name), self.columns[node.name])

    def parenthesis(self, node: exp.Paren) -> Typed:
        return self.lower(node.this)

    def null(self, _node: exp.Null) -> Typed:
        return Typed("NULL", None)

    def boolean(self, node: exp.Boolean) -> Typed:
        return Typed("TRUE" if node.this else "FALSE", BOOLEAN)

    def literal(self, node: exp.Literal, sign: str = "") -> Typed:
        if node.is_string:
            return Typed(self.dialect.text(node.this), STRING)
        whole, _, fraction = node.this.partition(".")
        if not _NUMBER.fullmatch(node.this) or len(whole + fraction) > MAX_DIGITS:
            raise ExpressionError(f"{node.this} is not a number of at most {MAX_DIGITS} digits")
        exact = ColumnType.decimal(len(whole + fraction), len(fraction))
        kind = exact if fraction or len(whole) > MAX_BIGINT_DIGITS else BIGINT
        digits = self.dialect.text(sign + node.this.rstrip("."))
        return Typed(self._cast(digits, kind), kind, literal=exact)

    def negative(self, node: exp.Neg) -> Typed:
        if isinstance(node.this, exp.Literal) and not node.this.is_string:
            return self.literal(node.this, "-")
        inner = self._of(node.this, "signed")
        kind = common_type([inner], node.sql())
        return Typed(self._cast(f"-{inner.sql}", kind), kind)

    def both(self, node: exp.And | exp.Or) -> Typed:
        word = "AND" if isinstance(node, exp.And) else "OR"
        return Typed(f"({f' {word} '.join(self._truth(side) for side in _sides(node))})", BOOLEAN)

    def opposite(self, node: exp.Not) -> Typed:
        return Typed(f"(NOT {self._truth(node.this)})", BOOLEAN)

    def is_null(self, node: exp.Is) -> Typed:
        if not isinstance(node.expression, exp.Null):
            raise _not_allowed(node)
        return Typed(f"({self.lower(node.this).sql} IS NULL)", BOOLEAN)

    def comparison(self, node: exp.Binary) -> Typed:
        return Typed(f"({self._compare(node.left, node.right, _COMPARISONS[type(node)])})", BOOLEAN)

    def between(self, node: exp.Between) -> Typed:
        if node.args.get("symmetric"):
            raise _not_allowed(node)
        low, high = node.args["low"], node.args["high"]
        return Typed(
            f"({self._compare(node.this, low, '>=')} AND {self._compare(node.this, high, '<=')})", BOOLEAN
        )

    def among(self, node: exp.In) -> Typed:
        if not node.expressions:
            raise _not_allowed(node)
        equal = [self._compare(node.this, item, "=") for item in node.expressions]
        return Typed(f"({' OR '.join(equal)})", BOOLEAN)

    def joined(self, node: exp.DPipe) -> Typed:
        return Typed(f"({' || '.join(self._of(side, 'string').sql for side in _sides(node))})", STRING)

    def arithmetic(self, node: exp.Binary) -> Typed:
        left, right = self._of(node.left, "number"), self._of(node.right, "number")
        result = product_type if isinstance(node, exp.Mul) else sum_type
        kind = result(left.as_decimal, right.as_decimal, node.sql())
        one, other = (self._as(side, self.dialect.operand(side.as_decimal, kind)) for side in (left, right))
        return Typed(self._cast(f"{one} {_ARITHMETIC[type(node)]} {other}", kind), kind)

    def case(self, node: exp.Case) -> Typed:
        if node.this:
            raise ExpressionError("CASE with an operand is not allowed", "write CASE WHEN x = … THEN …")
        branches = [
            (self._truth(branch.this), self.lower(branch.args["true"])) for branch in node.args["ifs"]
        ]
        default = [self.lower(node.args["default"])] if node.args.get("default") is not None else []
        kind = common_type([*(value for _, value in branches), *default], node.sql())
        when = "".join(f" WHEN {condition} THEN {self._as(value, kind)}" for condition, value in branches)
        otherwise = "".join(f" ELSE {self._as(value, kind)}" for value in default)
        return Typed(self._cast(f"CASE{when}{otherwise} END", kind), kind)

    def cast(self, node: exp.Cast) -> Typed:
        """Only `cast(x as string)` and the literals `date '…'`, `timestamp '…'`: other casts belong to the columns."""
        target = node.to.sql().lower()
        if target in {"text", "varchar", "string"} and not node.args.get("format"):
            inner = self.lower(node.this)
            kind = common_type([inner], node.sql())
            return Typed(self.dialect.canonical(inner.sql, kind), STRING)
        moment = {"date": DATE_TYPE, "timestamp": TIMESTAMP, "timestamptz": TIMESTAMP}.get(target)
        if moment and isinstance(node.this, exp.Literal) and node.this.is_string:
            return Typed(self._cast(self.dialect.text(_moment(node.this.this, moment)), moment), moment)
        raise ExpressionError(f"{node.sql()!r} is not allowed", "declare the column with the type you need")

    def call(self, node: exp.Anonymous) -> Typed:
        function = FUNCTIONS.get(node.name.lower())
        if function is None:
            raise ExpressionError(
                f"no function {node.name!r}", f"the functions are: {', '.join(sorted(FUNCTIONS))}"
            )
        families = _families(function, len(node.expressions))
        arguments = [
            self._argument(item, family) for item, family in zip(node.expressions, families, strict=True)
        ]
        types = [argument.type or STRING for argument in arguments]
        if function.result:
            texts = [argument.sql for argument in arguments]
            return Typed(function.lower(self.dialect, texts, types), function.result)
        kind = common_type(arguments, node.sql())
        same = [self._as(argument, kind) for argument in arguments]
        return Typed(self._cast(function.lower(self.dialect, same, types), kind), kind)

    def _argument(self, node: exp.Expr, family: Family) -> Typed:
        if family in _TEXTS:
            if not (isinstance(node, exp.Literal) and node.is_string):
                raise ExpressionError(f"{node.sql()!r} must be a text in quotes")
            try:
                return Typed(_TEXTS[family](node.this), STRING)
            except ValueError as error:
                raise ExpressionError(str(error)) from error
        if family in {"count", "position"}:
            return _whole(node, least=1 if family == "position" else 0)
        return self._of(node, family)

    def _of(self, node: exp.Expr, family: Family) -> Typed:
        """Return a node whose type is one of a family's."""
        value = self.lower(node)
        if family == "any":
            return value
        wanted = "number" if family == "signed" else family
        if value.type is None:
            raise ExpressionError(f"null is no {wanted}", "null stands in CASE, coalesce and nullif")
        if value.type.name not in _FAMILIES[family]:
            raise ExpressionError(f"{node.sql()!r} is {value.type}, not a {wanted}")
        if family == "signed" and value.type.precision > MAX_SIGNED_DIGITS:
            raise ExpressionError(
                f"{node.sql()!r} is {value.type}: a sign can change on at most {MAX_SIGNED_DIGITS} digits",
                "declare narrower decimals",
            )
        return value

    def _truth(self, node: exp.Expr) -> str:
        value = self.lower(node)
        if value.type != BOOLEAN:
            raise ExpressionError(f"{node.sql()!r} is {value.type or 'null'}, not a condition")
        return value.sql

    def _compare(self, left: exp.Expr, right: exp.Expr, operator: str) -> str:
        one, other = self.lower(left), self.lower(right)
        if one.type is None or other.type is None:
            raise ExpressionError("a comparison with null is always null", "write `is null`")
        kind = common_type([one, other], f"{left.sql()} {operator} {right.sql()}")
        return f"{self._as(one, kind)} {operator} {self._as(other, kind)}"

    def _as(self, value: Typed, kind: ColumnType) -> str:
        return value.sql if value.type in {kind, None} else self._cast(value.sql, kind)

    def _cast(self, sql: str, kind: ColumnType) -> str:
        return f"cast({sql} AS {self.dialect.type_name(kind)})"


_NODES: dict[type[exp.Expr], Callable[[_Compiler, Any], Typed]] = {
    exp.Column: _Compiler.column,
    exp.Paren: _Compiler.parenthesis,
    exp.Null: _Compiler.null,
    exp.Boolean: _Compiler.boolean,
    exp.Literal: _Compiler.literal,
    exp.Neg: _Compiler.negative,
    exp.And: _Compiler.both,
    exp.Or: _Compiler.both,
    exp.Not: _Compiler.opposite,
    exp.Is: _Compiler.is_null,
    exp.Between: _Compiler.between,
    exp.In: _Compiler.among,
    exp.DPipe: _Compiler.joined,
    exp.Case: _Compiler.case,
    exp.Cast: _Compiler.cast,
    exp.Anonymous: _Compiler.call,
    **dict.fromkeys(_COMPARISONS, _Compiler.comparison),
    **dict.fromkeys(_ARITHMETIC, _Compiler.arithmetic),
}
"""Everything that an expression may be made of."""


def _sides(node: exp.Binary) -> list[exp.Expr]:
    """Return all that a chain of one operator joins, so that a long chain is no deep one."""
    return list(node.flatten(unnest=False))


def _not_allowed(node: exp.Expr) -> ExpressionError:
    return ExpressionError(
        f"{node.sql()!r} ({type(node).__name__}) is not allowed in an expression",
        f"use columns, literals, comparisons, + - *, CASE, ||, and: {', '.join(sorted(FUNCTIONS))}",
    )


def _families(function: Function, given: int) -> tuple[Family, ...]:
    families = function.parameters
    if function.variadic and given > len(families):
        return families + (families[-1],) * (given - len(families))
    if len(families) != given:
        raise ExpressionError(
            f"{function.name} takes {len(families)} argument(s), not {given}", function.signature
        )
    return families


def _plain(text: str) -> str:
    if set(text) & {"\\", "$"}:
        raise ExpressionError(f"{text!r}: a replacement holds no backslash and no dollar sign")
    return text


_TEXTS: dict[Family, Callable[[str], str]] = {
    "pattern": shared_pattern,
    "replaced": replaceable_pattern,
    "text": _plain,
}
"""The families of texts that must be written as literals, and what checks them."""


def _whole(node: exp.Expr, least: int) -> Typed:
    text = node.this if isinstance(node, exp.Literal) and not node.is_string else ""
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= MAX_COUNT:
        raise ExpressionError(f"{node.sql()!r} must be a whole number from {least} to {MAX_COUNT}")
    return Typed(text, BIGINT)


def _moment(text: str, kind: ColumnType) -> str:
    try:
        date.fromisoformat(text[:10])
    except ValueError as error:
        raise ExpressionError(f"{text!r} is no {kind}: {error}") from error
    if not re.fullmatch(kind.accepts or "", text):
        raise ExpressionError(f"{text!r} is no {kind}", "write '2024-02-29' or '2024-02-29 23:59:59.999999'")
    return re.sub(UTC_MARK, "", text)
