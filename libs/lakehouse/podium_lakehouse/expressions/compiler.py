"""From an expression of the pipeline file to an engine's SQL, checked against the columns and the closed list.

The text is parsed with every built-in function of the parser switched off, so that nothing gets in under another name; then
the tree is walked once, types are inferred, and each node is lowered to the engine's own SQL. Numbers are cast to one type
before they meet, and decimals after each operation, because the engines widen them differently. docs/reference/expressions.md
says the whole language.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from podium_contracts.pipeline import ColumnType
from podium_contracts.pipeline.patterns import replaceable_pattern, shared_pattern
from podium_contracts.pipeline.types import BIGINT, BOOLEAN, DATE_TYPE, STRING, TIMESTAMP
from sqlglot import exp, parser
from sqlglot.dialects.dialect import Dialect as SqlglotDialect
from sqlglot.errors import SqlglotError

from podium_lakehouse.expressions.dialects import Dialect
from podium_lakehouse.expressions.functions import FUNCTIONS, Family, Function

MAX_DIGITS = 38
MAX_PRODUCT_DIGITS = 37
"""Spark counts one digit more than a product can have, and rounds where that is more than 38."""
MAX_SIGNED_DIGITS = 34
"""Spark changes the sign of a wider decimal with 34 digits of precision, rounding the rest away."""
MAX_COUNT = 2**31 - 1


class ExpressionError(ValueError):
    """An expression that means nothing here; `hint` says what would be right."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Typed:
    """A lowered expression: SQL text in the engine's dialect, and its type; None is the type of a bare null.

    `literal` is the narrowest decimal that holds a number written as a literal: with it, `quantity > 0` stays in the type of the
    column.
    """

    sql: str
    type: ColumnType | None
    literal: ColumnType | None = None


class _Expressions(SqlglotDialect):
    """The language of expressions: operators and calls, and no function that the parser would rewrite."""

    class Parser(parser.Parser):
        FUNCTIONS = {}
        NO_PAREN_FUNCTIONS = {}
        NO_PAREN_FUNCTION_PARSERS = {"CASE": lambda self: self._parse_case()}
        FUNCTION_PARSERS = {"CAST": lambda self: self._parse_cast(True)}


_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
}
_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
_WHOLE = re.compile("[0-9]{1,10}")
_NUMBER = re.compile("[0-9]+[.]?[0-9]*")
_NUMBERS = frozenset({"integer", "bigint", "decimal"})
_FAMILIES: dict[Family, frozenset[str]] = {
    "string": frozenset({"string"}),
    "number": _NUMBERS,
    "signed": _NUMBERS,
    "date": frozenset({"date", "timestamp"}),
}


def compile_expression(text: str, columns: Mapping[str, ColumnType], dialect: Dialect) -> Typed:
    """Return the expression for an engine.

    Raises:
        ExpressionError: it does not parse, names an unknown column or function, or mixes types.
    """
    try:
        tree = _Expressions().parse(text)
    except SqlglotError as error:
        first = str(error).splitlines()[0]
        raise ExpressionError(f"{text!r} is not an expression: {first}") from error
    if len(tree) != 1 or tree[0] is None:
        raise ExpressionError(f"{text!r} must be one expression")
    return _Compiler(columns, dialect).lower(tree[0])


@dataclass(frozen=True)
class _Compiler:
    columns: Mapping[str, ColumnType]
    dialect: Dialect

    def lower(self, node: exp.Expr) -> Typed:
        """Return any node, or refuse it by name."""
        match node:
            case exp.Column():
                return self._column(node)
            case exp.Literal() | exp.Neg() | exp.Boolean() | exp.Null():
                return self._constant(node)
            case exp.Paren():
                return self.lower(node.this)
            case exp.And() | exp.Or() | exp.Not() | exp.Is() | exp.Between() | exp.In():
                return Typed(f"({self._condition(node)})", BOOLEAN)
            case exp.Binary() if type(node) in _COMPARISONS:
                return Typed(f"({self._compare(node.left, node.right, _COMPARISONS[type(node)])})", BOOLEAN)
            case exp.Binary() if type(node) in _ARITHMETIC:
                return self._arithmetic(node)
            case exp.Case():
                return self._case(node)
            case exp.DPipe():
                left, right = self._family(node.left, "string"), self._family(node.right, "string")
                return Typed(f"({left.sql} || {right.sql})", STRING)
            case exp.Cast():
                return self._cast(node)
            case exp.Anonymous():
                return self._call(node)
        raise _not_allowed(node)

    def _condition(self, node: exp.Expr) -> str:
        match node:
            case exp.And():
                return f"{self._boolean(node.left)} AND {self._boolean(node.right)}"
            case exp.Or():
                return f"{self._boolean(node.left)} OR {self._boolean(node.right)}"
            case exp.Not():
                return f"NOT {self._boolean(node.this)}"
            case exp.Is() if isinstance(node.expression, exp.Null):
                return f"{self.lower(node.this).sql} IS NULL"
            case exp.Between() if not node.args.get("symmetric"):
                low, high = node.args["low"], node.args["high"]
                return f"{self._compare(node.this, low, '>=')} AND {self._compare(node.this, high, '<=')}"
            case exp.In() if node.expressions:
                return " OR ".join(self._compare(node.this, item, "=") for item in node.expressions)
        raise _not_allowed(node)

    def _column(self, node: exp.Column) -> Typed:
        if node.table:
            raise ExpressionError(f"{node.sql()!r}: write the column alone, without a table")
        if node.name not in self.columns:
            known = ", ".join(self.columns) or "none"
            raise ExpressionError(f"no column {node.name!r} here", f"the columns are: {known}")
        return Typed(self.dialect.identifier(node.name), self.columns[node.name])

    def _constant(self, node: exp.Expr) -> Typed:
        if isinstance(node, exp.Null):
            return Typed("NULL", None)
        if isinstance(node, exp.Boolean):
            return Typed("TRUE" if node.this else "FALSE", BOOLEAN)
        if isinstance(node, exp.Neg):
            if isinstance(node.this, exp.Literal) and not node.this.is_string:
                return self._number(node.this.this, "-")
            inner = self._family(node.this, "signed")
            return self._fixed(f"-{inner.sql}", inner.type or BIGINT)
        if node.is_string:
            return Typed(self.dialect.text(node.this), STRING)
        return self._number(node.this)

    def _number(self, text: str, sign: str = "") -> Typed:
        whole, _, fraction = text.partition(".")
        if not _NUMBER.fullmatch(text) or len(whole + fraction) > MAX_DIGITS:
            raise ExpressionError(f"{text} is not a number of at most {MAX_DIGITS} digits")
        exact = ColumnType.decimal(len(whole) + len(fraction), len(fraction))
        kind = BIGINT if not fraction and len(whole) <= 18 else exact
        value = f"cast({self.dialect.text(sign + text.rstrip('.'))} AS {self.dialect.type_name(kind)})"
        return Typed(value, kind, literal=exact)

    def _cast(self, node: exp.Cast) -> Typed:
        """Only `cast(x as string)` and the literals `date '…'`, `timestamp '…'`: other casts belong to the columns."""
        target = node.to.sql().lower()
        if target in {"text", "varchar", "string"}:
            inner = self._family(node.this, "any")
            return Typed(self.dialect.canonical(inner.sql, inner.type or STRING), STRING)
        kind = {"date": DATE_TYPE, "timestamp": TIMESTAMP, "timestamptz": TIMESTAMP}.get(target)
        if kind and isinstance(node.this, exp.Literal) and node.this.is_string:
            literal = self.dialect.text(_moment(node.this.this, kind))
            return Typed(f"cast({literal} AS {self.dialect.type_name(kind)})", kind)
        raise ExpressionError(f"{node.sql()!r} is not allowed", "declare the column with the type you need")

    def _case(self, node: exp.Case) -> Typed:
        if node.this:
            raise ExpressionError("CASE with an operand is not allowed", "write CASE WHEN x = … THEN …")
        branches = [
            (self._boolean(branch.this), self.lower(branch.args["true"])) for branch in node.args["ifs"]
        ]
        values = [value for _, value in branches]
        if node.args.get("default") is not None:
            values.append(self.lower(node.args["default"]))
        kind = self._common(values, node)
        when = " ".join(f"WHEN {condition} THEN {self._as(value, kind)}" for condition, value in branches)
        otherwise = f" ELSE {self._as(values[-1], kind)}" if len(values) > len(branches) else ""
        return self._fixed(f"CASE {when}{otherwise} END", kind)

    def _call(self, node: exp.Anonymous) -> Typed:
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
            return Typed(
                function.lower(self.dialect, [item.sql for item in arguments], types), function.result
            )
        kind = self._common(arguments, node)
        same = [self._as(item, kind) for item in arguments]
        return self._fixed(function.lower(self.dialect, same, types), kind)

    def _argument(self, node: exp.Expr, family: Family) -> Typed:
        if family in {"pattern", "replaced", "text"}:
            if not (isinstance(node, exp.Literal) and node.is_string):
                raise ExpressionError(f"{node.sql()!r} must be a text in quotes")
            try:
                return Typed(_LITERALS[family](node.this), STRING)
            except ValueError as error:
                raise ExpressionError(str(error)) from error
        if family in {"count", "position"}:
            return self._whole(node, 1 if family == "position" else 0)
        return self._family(node, family)

    def _whole(self, node: exp.Expr, least: int) -> Typed:
        text = node.this if isinstance(node, exp.Literal) and not node.is_string else ""
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= MAX_COUNT:
            raise ExpressionError(f"{node.sql()!r} must be a whole number from {least} to {MAX_COUNT}")
        return Typed(text, BIGINT)

    def _family(self, node: exp.Expr, family: Family) -> Typed:
        value = self.lower(node)
        if family == "any":
            return value
        if value.type is None:
            raise ExpressionError(f"null is not a {family}", "null stands in CASE, coalesce and nullif")
        if value.type.name not in _FAMILIES[family]:
            raise ExpressionError(f"{node.sql()!r} is {value.type}, not a {family}")
        if family == "signed" and value.type.precision > MAX_SIGNED_DIGITS:
            raise ExpressionError(
                f"{node.sql()!r} is {value.type}: a sign can change on at most {MAX_SIGNED_DIGITS} digits",
                "declare narrower decimals",
            )
        return value

    def _boolean(self, node: exp.Expr) -> str:
        value = self.lower(node)
        if value.type != BOOLEAN:
            raise ExpressionError(f"{node.sql()!r} is {value.type or 'null'}, not a condition")
        return value.sql

    def _compare(self, left: exp.Expr, right: exp.Expr, operator: str) -> str:
        one, other = self.lower(left), self.lower(right)
        if one.type is None or other.type is None:
            raise ExpressionError("a comparison with null is always null", "write `is null`")
        text = f"{left.sql()} {operator} {right.sql()}"
        kind = one.type if one.type == other.type else _common_number(one, other, text)
        return f"{self._as(one, kind)} {operator} {self._as(other, kind)}"

    def _arithmetic(self, node: exp.Binary) -> Typed:
        left, right = self._family(node.left, "number"), self._family(node.right, "number")
        one, other = _as_decimal(left), _as_decimal(right)
        if isinstance(node, exp.Mul):
            whole, scale = one.whole + other.whole, one.scale + other.scale
            most = MAX_PRODUCT_DIGITS
        else:
            whole, scale = max(one.whole, other.whole) + 1, max(one.scale, other.scale)
            most = MAX_DIGITS
        kind = _decimal(whole, scale, most, node.sql())
        return self._fixed(f"{self._as(left, one)} {_ARITHMETIC[type(node)]} {self._as(right, other)}", kind)

    def _common(self, values: list[Typed], node: exp.Expr) -> ColumnType:
        first, *rest = [value for value in values if value.type is not None] or [Typed("NULL", None)]
        for value in rest:
            if first.type != value.type:
                first = Typed("", _common_number(first, value, node.sql()))
        if first.type is None:
            raise ExpressionError(f"{node.sql()!r} is always null")
        return first.type

    def _as(self, value: Typed, kind: ColumnType) -> str:
        return value.sql if value.type in {kind, None} else self._fixed(value.sql, kind).sql

    def _fixed(self, sql: str, kind: ColumnType) -> Typed:
        return Typed(f"cast({sql} AS {self.dialect.type_name(kind)})", kind)


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


_LITERALS: dict[Family, Callable[[str], str]] = {
    "pattern": shared_pattern,
    "replaced": replaceable_pattern,
    "text": _plain,
}


def _moment(text: str, kind: ColumnType) -> str:
    try:
        date.fromisoformat(text[:10])
    except ValueError as error:
        raise ExpressionError(f"{text!r} is no {kind}: {error}") from error
    if not re.fullmatch(kind.accepts or "", text):
        raise ExpressionError(f"{text!r} is no {kind}", "write '2024-02-29' or '2024-02-29 23:59:59.999999'")
    return text


def _as_decimal(value: Typed) -> ColumnType:
    kind = value.literal or value.type
    if kind is None or kind.name == "decimal":
        return kind or ColumnType.decimal(1, 0)
    return ColumnType.decimal(10 if kind.name == "integer" else 19, 0)


def _common_number(one: Typed, other: Typed, text: str) -> ColumnType:
    """Return the type that holds the values of both, in full."""
    if not (one.type and other.type and one.type.numeric and other.type.numeric):
        raise ExpressionError(f"{text!r} mixes {one.type} and {other.type}")
    if one.type.name != "decimal" and other.type.name != "decimal":
        return BIGINT
    left, right = _as_decimal(one), _as_decimal(other)
    return _decimal(max(left.whole, right.whole), max(left.scale, right.scale), MAX_DIGITS, text)


def _decimal(whole: int, scale: int, most: int, text: str) -> ColumnType:
    if whole + scale > most:
        raise ExpressionError(
            f"{text!r} may need {whole + scale} digits, more than {most}", "declare narrower decimals"
        )
    return ColumnType.decimal(whole + scale, scale)
