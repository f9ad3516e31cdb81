"""The closed list of functions that an expression may call. Each has one meaning, whatever the engine.

An argument's family is `string`, `number` (`signed`: one whose sign may change), `date` (date or timestamp) or `any`; `pattern`
(`replaced`: one that does not match the empty text), `text`, `count` and `position` (from 1) must be written as literals. What
the engines do differently is settled here and shown equal by the conformance tests.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from podium_contracts.pipeline import ColumnType, portable
from podium_contracts.pipeline.types import BIGINT, BOOLEAN, INTEGER, STRING

from podium_lakehouse.expressions.dialects import Dialect

Family = Literal[
    "string", "number", "signed", "date", "any", "pattern", "replaced", "text", "count", "position"
]
Lowering = Callable[[Dialect, Sequence[str], Sequence[ColumnType]], str]
SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
"""The space characters of Unicode (category Zs)."""
SIMILARITY = ColumnType.decimal(5, 4)
LAST_CASED = 0x1E943
"""No letter above this one changes case."""


@dataclass(frozen=True)
class Function:
    """A function of the closed list. The last parameter repeats where `variadic`."""

    name: str
    parameters: tuple[Family, ...]
    result: ColumnType | None
    """None: the common type of the arguments."""
    lower: Lowering
    meaning: str
    variadic: bool = False

    @property
    def signature(self) -> str:
        """The function as the docs write it: `substring(string, count, count) → string`."""
        inside = ", ".join(self.parameters) + (", …" if self.variadic else "")
        return f"{self.name}({inside}) → {self.result or 'as the arguments'}"


def _call(template: str) -> Lowering:
    return lambda _dialect, args, _types: template.format(*args)


def _extract(part: str) -> Lowering:
    return lambda _dialect, args, _types: f"cast(extract({part} FROM {args[0]}) AS INTEGER)"


def _replace_pattern(dialect: Dialect, args: Sequence[str], _types: Sequence[ColumnType]) -> str:
    pattern = dialect.text(portable(args[1], whole=False))
    everywhere = ", 'g'" if dialect.name == "duckdb" else ""
    return f"regexp_replace({args[0]}, {pattern}, {dialect.text(args[2])}{everywhere})"


def _case(direction: Literal["upper", "lower"]) -> Lowering:
    def lower(dialect: Dialect, args: Sequence[str], _types: Sequence[ColumnType]) -> str:
        if dialect.name == "duckdb":
            return f"{direction}({args[0]})"
        origin, target = case_mapping(direction)
        return f"translate({args[0]}, {dialect.text(origin)}, {dialect.text(target)})"

    return lower


COMPARED = 60
"""Characters at the beginning of a text that a distance looks at: DuckDB counts bytes, and so many different characters of two texts fit bytes."""


def _levenshtein(dialect: Dialect, args: Sequence[str], _types: Sequence[ColumnType]) -> str:
    """DuckDB's own distance is one of bytes: where a character has several, it is given one byte for each, its place among those of both texts."""
    one, other = (f"substring({text}, 1, {COMPARED})" for text in args)
    distance = f"levenshtein({one}, {other})"
    if dialect.name == "duckdb":
        characters = f"list_distinct(string_split({one} || {other}, ''))"
        numbered = (
            f"CASE WHEN {text} = '' THEN '' ELSE array_to_string("
            f"list_transform(string_split({text}, ''), c -> chr(cast(list_position({characters}, c) AS INTEGER))), '') END"
            for text in (one, other)
        )
        plain = " AND ".join(f"strlen({text}) = length({text})" for text in (one, other))
        distance = f"CASE WHEN {plain} THEN {distance} ELSE levenshtein({', '.join(numbered)}) END"
    return f"cast({distance} AS INTEGER)"


def _similarity(dialect: Dialect, args: Sequence[str], types: Sequence[ColumnType]) -> str:
    lengths = [f"length(substring({text}, 1, {COMPARED}))" for text in args]
    longer = f"greatest({', '.join(lengths)})"
    kept = f"({longer} - {_levenshtein(dialect, args, types)})"
    wide = dialect.widest_integer
    parts = dialect.whole_quotient(f"(cast({kept} AS {wide}) * 10000)", f"cast({longer} AS {wide})")
    unit = f"cast('0.0001' AS {dialect.type_name(ColumnType.decimal(5, 4))})"
    share = f"cast({parts} AS {dialect.type_name(ColumnType.decimal(5, 0))}) * {unit}"
    # `||` is null where either text is: so is the whole.
    return f"CASE WHEN {args[0]} || {args[1]} = '' THEN 1 WHEN {args[0]} || {args[1]} IS NOT NULL THEN {share} END"


def _trim(dialect: Dialect, args: Sequence[str], _types: Sequence[ColumnType]) -> str:
    if dialect.name == "duckdb":
        return f"trim({args[0]})"
    return f"trim(BOTH {dialect.text(SPACES)} FROM {args[0]})"


@cache
def case_mapping(direction: Literal["upper", "lower"]) -> tuple[str, str]:
    """Return the characters that change case, and the one character that each becomes.

    Java maps some characters to several (`ß` to `SS`), some by what surrounds them (final sigma), and knows the letters of its own
    Unicode version. The meaning here is DuckDB's: the simple mapping of Unicode 15, and `ẞ` for `ß`.
    """
    changed = [
        (chr(code), mapped)
        for code in range(LAST_CASED + 1)
        if (mapped := _simple_case(chr(code), direction)) != chr(code)
    ]
    return "".join(one for one, _ in changed), "".join(other for _, other in changed)


def _simple_case(character: str, direction: Literal["upper", "lower"]) -> str:
    """Return the character's one counterpart; Python gives the full mapping, which may be longer."""
    if direction == "lower":
        return character.lower()[0]
    if character == "ß":
        return "ẞ"
    forms = (character.upper(), character.title(), character)
    return next(form for form in forms if len(form) == 1)


_FUNCTIONS = (
    Function("upper", ("string",), STRING, _case("upper"), "each letter as its one upper-case letter"),
    Function("lower", ("string",), STRING, _case("lower"), "each letter as its one lower-case letter"),
    Function(
        "trim",
        ("string",),
        STRING,
        _trim,
        "without the spaces of Unicode at both ends; tabs and line ends stay",
    ),
    Function("length", ("string",), INTEGER, _call("cast(length({0}) AS INTEGER)"), "Unicode characters"),
    Function(
        "substring",
        ("string", "position", "count"),
        STRING,
        _call("substring({0}, {1}, {2})"),
        "from the first position (1 is the first character), at most so many characters",
    ),
    Function(
        "replace",
        ("string", "text", "text"),
        STRING,
        lambda dialect, args, _: f"replace({args[0]}, {dialect.text(args[1])}, {dialect.text(args[2])})",
        "every occurrence of the first text replaced by the second",
    ),
    Function(
        "regexp_replace",
        ("string", "replaced", "text"),
        STRING,
        _replace_pattern,
        "every match of the pattern replaced by the text",
    ),
    Function(
        "matches",
        ("string", "pattern"),
        BOOLEAN,
        lambda dialect, args, _: dialect.matches(args[0], args[1], whole=True),
        "whether the whole string matches the pattern",
    ),
    Function("starts_with", ("string", "string"), BOOLEAN, _call("starts_with({0}, {1})"), "begins with"),
    Function("contains", ("string", "string"), BOOLEAN, _call("contains({0}, {1})"), "holds somewhere"),
    Function(
        "levenshtein",
        ("string", "string"),
        INTEGER,
        _levenshtein,
        f"how many characters must be put in, taken out or replaced to make one of the other; of the first {COMPARED} of each",
    ),
    Function(
        "similarity",
        ("string", "string"),
        SIMILARITY,
        lambda dialect, args, types: (
            f"cast({_similarity(dialect, args, types)} AS {dialect.type_name(SIMILARITY)})"
        ),
        "1 less the levenshtein distance over the longer length, rounded down; 1 is the same",
    ),
    Function("coalesce", ("any", "any"), None, _call("coalesce({0}, {1})"), "the first that is not null"),
    Function("nullif", ("any", "any"), None, _call("nullif({0}, {1})"), "null where both are equal"),
    Function("abs", ("signed",), None, _call("abs({0})"), "without its sign"),
    Function("year", ("date",), INTEGER, _extract("year"), "the year, in UTC"),
    Function("month", ("date",), INTEGER, _extract("month"), "the month, 1 to 12, in UTC"),
    Function("day", ("date",), INTEGER, _extract("day"), "the day of the month, 1 to 31, in UTC"),
    Function("hour", ("date",), INTEGER, _extract("hour"), "the hour, 0 to 23, in UTC"),
    Function(
        "content_hash",
        ("any",),
        STRING,
        lambda dialect, args, types: dialect.content_hash(list(zip(args, types, strict=True))),
        "15 hexadecimal digits of the MD5 of the values' canonical texts",
        variadic=True,
    ),
    Function(
        "hash60",
        ("any",),
        BIGINT,
        lambda dialect, args, types: dialect.hash60(dialect.hash_text(list(zip(args, types, strict=True)))),
        "the content hash as a bigint, 0 to 2^60 - 1",
        variadic=True,
    ),
)
FUNCTIONS = {function.name: function for function in _FUNCTIONS}
