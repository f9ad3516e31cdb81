"""From an expression of the pipeline file to an engine's SQL, checked against the columns and the closed list.

The text is parsed with every built-in function of the parser switched off, so that nothing gets in under another name; then
the tree is walked once, types are inferred, and each node is lowered to the engine's own SQL. Decimals are cast after each
operation, because the engines widen them differently.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from podium_contracts.pipeline import ColumnType, shared_pattern
from podium_contracts.pipeline.types import BIGINT, BOOLEAN, DATE_TYPE, STRING, TIMESTAMP
from sqlglot import exp, parser
from sqlglot.dialects.dialect import Dialect as SqlglotDialect
from sqlglot.errors import SqlglotError

from podium_lakehouse.expressions.dialects import Dialect
from podium_lakehouse.expressions.functions import FUNCTIONS, Family, Function

MAX_DIGITS = 38


class ExpressionError(ValueError):
    """An expression that means nothing here; `hint` says what would be right."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Typed:
    """A lowered expression: SQL text in the engine's dialect, and its type; None is the type of a bare null."""

    sql: str
    type: ColumnType | None


class _Expressions(SqlglotDialect):
    """The language of expressions: operators and calls, and no function that the parser would rewrite."""

    class Parser(parser.Parser):
        FUNCTIONS = {}
        NO_PAREN_FUNCTIONS = {}
        NO_PAREN_FUNCTION_PARSERS = {"CASE": lambda self: self._parse_case()}
        FUNCTION_PARSERS = {"CAST": lambda self: self._parse_cast(True)}


_COMPARISONS = {exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}
_ARITHMETIC = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
_FAMILIES: dict[Family, frozenset[str]] = {
    "string": frozenset({"string"}),
    "number": frozenset({"integer", "bigint", "decimal"}),
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

    def lower(self, node: exp.Expression) -> Typed:
        """Return any node, or refuse it by name."""
        match node:
            case exp.Column():
                return self._column(node)
            case exp.Literal() | exp.Neg() | exp.Boolean() | exp.Null():
                return self._constant(node)
            case exp.Paren():
                inner = self.lower(node.this)
                return Typed(f"({inner.sql})", inner.type)
            case exp.And() | exp.Or():
                word = "AND" if isinstance(node, exp.And) else "OR"
                return Typed(f"({self._boolean(node.left)} {word} {self._boolean(node.right)})", BOOLEAN)
            case exp.Not():
                return Typed(f"(NOT {self._boolean(node.this)})", BOOLEAN)
            case exp.Is() if isinstance(node.expression, exp.Null):
                return Typed(f"({self.lower(node.this).sql} IS NULL)", BOOLEAN)
            case exp.Between():
                low, high = node.args["low"], node.args["high"]
                return Typed(
                    f"({self._compare(node.this, low, '>=')} AND {self._compare(node.this, high, '<=')})",
                    BOOLEAN,
                )
            case exp.In() if node.expressions:
                equal = [self._compare(node.this, item, "=") for item in node.expressions]
                return Typed(f"({' OR '.join(equal)})", BOOLEAN)
            case exp.Case():
                return self._case(node)
            case exp.DPipe():
                left, right = self._family(node.left, "string"), self._family(node.right, "string")
                return Typed(f"({left.sql} || {right.sql})", STRING)
            case exp.Cast():
                return self._cast(node)
            case exp.Anonymous():
                return self._call(node)
        if type(node) in _COMPARISONS:
            return Typed(f"({self._compare(node.left, node.right, _COMPARISONS[type(node)])})", BOOLEAN)
        if type(node) in _ARITHMETIC:
            return self._arithmetic(node)
        raise ExpressionError(
            f"{node.sql()!r} ({type(node).__name__}) is not allowed in an expression",
            f"use columns, literals, comparisons, + - *, CASE, ||, and: {', '.join(sorted(FUNCTIONS))}",
        )

    def _column(self, node: exp.Column) -> Typed:
        if node.table:
            raise ExpressionError(f"{node.sql()!r}: write the column alone, without a table")
        if node.name not in self.columns:
            known = ", ".join(self.columns) or "none"
            raise ExpressionError(f"no column {node.name!r} here", f"the columns are: {known}")
        return Typed(self.dialect.identifier(node.name), self.columns[node.name])

    def _constant(self, node: exp.Expression) -> Typed:
        if isinstance(node, exp.Null):
            return Typed("NULL", None)
        if isinstance(node, exp.Boolean):
            return Typed("TRUE" if node.this else "FALSE", BOOLEAN)
        if isinstance(node, exp.Neg):
            inner = self._family(node.this, "number")
            return Typed(f"(-{inner.sql})", inner.type)
        if node.is_string:
            return Typed(self.dialect.text(node.this), STRING)
        return self._number(node.this)

    def _number(self, text: str) -> Typed:
        whole, _, fraction = text.partition(".")
        if not (whole + fraction).isdigit() or len(whole + fraction) > MAX_DIGITS:
            raise ExpressionError(f"{text} is not a number of at most {MAX_DIGITS} digits")
        if not fraction and len(whole) <= 18:
            return Typed(f"cast({whole} AS {self.dialect.type_name(BIGINT)})", BIGINT)
        kind = ColumnType.decimal(max(len(whole) + len(fraction), 1), len(fraction))
        return Typed(f"cast('{text}' AS {self.dialect.type_name(kind)})", kind)

    def _cast(self, node: exp.Cast) -> Typed:
        """Only `cast(x as string)` and the literals `date '…'`, `timestamp '…'`: other casts belong to the columns."""
        target = node.to.sql().lower()
        if target in {"text", "varchar", "string"}:
            inner = self.lower(node.this)
            return Typed(self.dialect.canonical(inner.sql, inner.type or STRING), STRING)
        kind = {"date": DATE_TYPE, "timestamp": TIMESTAMP, "timestamptz": TIMESTAMP}.get(target)
        if kind and isinstance(node.this, exp.Literal) and node.this.is_string:
            literal = self.dialect.text(node.this.this)
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
        when = " ".join(f"WHEN {condition} THEN {value.sql}" for condition, value in branches)
        otherwise = f" ELSE {values[-1].sql}" if len(values) > len(branches) else ""
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
        if function.result is None and "any" in families:
            kind = self._common(arguments, node)
            return self._fixed(function.lower(self.dialect, [item.sql for item in arguments], types), kind)
        sql = function.lower(self.dialect, [item.sql for item in arguments], types)
        return Typed(sql, function.result or types[0])

    def _argument(self, node: exp.Expression, family: Family) -> Typed:
        if family in {"pattern", "text"}:
            if not (isinstance(node, exp.Literal) and node.is_string):
                raise ExpressionError(f"{node.sql()!r} must be a text in quotes")
            try:
                return Typed(shared_pattern(node.this) if family == "pattern" else _plain(node.this), STRING)
            except ValueError as error:
                raise ExpressionError(str(error)) from error
        if family == "count":
            if not (isinstance(node, exp.Literal) and not node.is_string and node.this.isdigit()):
                raise ExpressionError(f"{node.sql()!r} must be a whole number")
            return Typed(node.this, BIGINT)
        return self._family(node, family)

    def _family(self, node: exp.Expression, family: Family) -> Typed:
        value = self.lower(node)
        if family != "any" and value.type is not None and value.type.name not in _FAMILIES[family]:
            raise ExpressionError(f"{node.sql()!r} is {value.type}, not a {family}")
        return value

    def _boolean(self, node: exp.Expression) -> str:
        value = self.lower(node)
        if value.type not in {BOOLEAN, None}:
            raise ExpressionError(f"{node.sql()!r} is {value.type}, not a condition")
        return value.sql

    def _compare(self, left: exp.Expression, right: exp.Expression, operator: str) -> str:
        one, other = self.lower(left), self.lower(right)
        if one.type and other.type and one.type.name != other.type.name:
            if not (one.type.numeric and other.type.numeric):
                raise ExpressionError(f"{left.sql()} is {one.type} and {right.sql()} is {other.type}")
            wide = self.dialect.type_name(_common_number(one.type, other.type))
            return f"cast({one.sql} AS {wide}) {operator} cast({other.sql} AS {wide})"
        return f"{one.sql} {operator} {other.sql}"

    def _arithmetic(self, node: exp.Expression) -> Typed:
        left, right = self._family(node.left, "number"), self._family(node.right, "number")
        one, other = _as_decimal(left.type), _as_decimal(right.type)
        if isinstance(node, exp.Mul):
            precision, scale = one.precision + other.precision, one.scale + other.scale
        else:
            scale = max(one.scale, other.scale)
            precision = max(one.precision - one.scale, other.precision - other.scale) + scale + 1
        if precision > MAX_DIGITS:
            raise ExpressionError(
                f"{node.sql()!r} may need {precision} digits, more than {MAX_DIGITS}",
                "declare narrower decimals",
            )
        kind = ColumnType.decimal(precision, scale)
        sides = [
            f"cast({side.sql} AS {self.dialect.type_name(exact)})"
            for side, exact in ((left, one), (right, other))
        ]
        return self._fixed(f"{sides[0]} {_ARITHMETIC[type(node)]} {sides[1]}", kind)

    def _common(self, values: list[Typed], node: exp.Expression) -> ColumnType:
        kinds = {value.type for value in values if value.type is not None}
        if not kinds:
            raise ExpressionError(f"{node.sql()!r} is always null")
        first, *rest = kinds
        for kind in rest:
            if not (first.numeric and kind.numeric):
                raise ExpressionError(f"{node.sql()!r} mixes {first} and {kind}")
            first = _common_number(first, kind)
        return first

    def _fixed(self, sql: str, kind: ColumnType) -> Typed:
        return Typed(f"cast({sql} AS {self.dialect.type_name(kind)})", kind)


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


def _as_decimal(kind: ColumnType | None) -> ColumnType:
    if kind is None or kind.name == "decimal":
        return kind or ColumnType.decimal(1, 0)
    return ColumnType.decimal(10 if kind.name == "integer" else 19, 0)


def _common_number(one: ColumnType, other: ColumnType) -> ColumnType:
    if one.name != "decimal" and other.name != "decimal":
        return BIGINT
    left, right = _as_decimal(one), _as_decimal(other)
    scale = max(left.scale, right.scale)
    whole = max(left.precision - left.scale, right.precision - right.scale)
    return ColumnType.decimal(min(MAX_DIGITS, whole + scale), scale)
