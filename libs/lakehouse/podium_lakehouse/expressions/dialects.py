"""What the engines write differently for the same meaning: types, casts, patterns, hashes.

Every method returns SQL text in the engine's own dialect; `build` makes it part of a sqlglot tree.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import sqlglot
from podium_contracts.pipeline import ColumnType, portable
from sqlglot import exp

FIELD_SEPARATOR = "\x1f"
NULL_MARK = "\x1e"
HASH_DIGITS = 15
"""Hexadecimal digits of a content hash: 60 bits, so that it fits a signed 64-bit integer."""
UTC_MARK = "(?:Z|[+]00:?00)$"
"""How an accepted text of a timestamp may end: in the only time zone that is accepted."""


@dataclass(frozen=True)
class Dialect(ABC):
    """An engine's SQL. `name` is sqlglot's name for it."""

    name: str
    narrow_digits: int = 0
    """The engine fails on a sum or product of narrower decimals that itself has more than so many digits; 0: it never does."""

    def build(self, text: str) -> exp.Expr:
        """Return the tree of an expression written in this dialect."""
        return sqlglot.parse_one(text, dialect=self.name)

    def statement(self, tree: exp.Expr, *, pretty: bool = False) -> str:
        """Return the SQL text of a tree."""
        return tree.sql(dialect=self.name, pretty=pretty)

    def identifier(self, name: str) -> str:
        """Return a quoted name."""
        return exp.to_identifier(name, quoted=True).sql(dialect=self.name)

    def text(self, value: str) -> str:
        """Return a string literal."""
        return exp.Literal.string(value).sql(dialect=self.name)

    @abstractmethod
    def type_name(self, kind: ColumnType) -> str:
        """Return the engine's name for a column type."""

    @abstractmethod
    def matches(self, text: str, pattern: str, *, whole: bool) -> str:
        """Return whether a text matches a shared pattern, as a whole or somewhere."""

    @abstractmethod
    def matches_verbatim(self, text: str, pattern: str) -> str:
        """Return whether a whole text matches a pattern that is portable as it stands."""

    def group(self, text: str, pattern: str, number: int) -> str:
        """Return what a group of a portable pattern matches in a text that the pattern matches as a whole."""
        return f"regexp_extract({text}, {self.text(f'^(?:{pattern})$')}, {number})"

    @abstractmethod
    def try_cast(self, text: str, kind: ColumnType) -> str:
        """Return an accepted text as a value of a type, null where no such value exists (30 February)."""

    def operand(self, kind: ColumnType, result: ColumnType) -> ColumnType:
        """Return the decimal in which an operand of type `kind` enters a sum or a product of type `result`."""
        if result.precision <= self.narrow_digits:
            return kind
        return ColumnType.decimal(max(kind.precision, self.narrow_digits + 1), kind.scale)

    @abstractmethod
    def canonical(self, value: str, kind: ColumnType) -> str:
        """Return the one text form of a value that content hashes are made of."""

    @abstractmethod
    def seconds(self, moment: str) -> str:
        """Return a date or a timestamp as whole seconds since 1970."""

    @property
    @abstractmethod
    def widest_integer(self) -> str:
        """Return the name of a type of whole numbers with at least 38 digits, in which sums and products stay."""

    @abstractmethod
    def whole_quotient(self, number: str, by: str) -> str:
        """Return how many times a positive whole number goes into one that is not negative; both of the widest type, the result of 18 digits."""

    @abstractmethod
    def day_number(self, day: str) -> str:
        """Return a date as days since 1970."""

    @abstractmethod
    def hash60(self, text: str) -> str:
        """Return the first 60 bits of the text's MD5 as a bigint, 0 to 2^60 - 1."""

    @abstractmethod
    def row_hash(self, values: list[str]) -> str:
        """Return a fast hash, a bigint, for finding candidates; it never leaves the engine."""

    @abstractmethod
    def list_of(self, items: list[tuple[str, str]]) -> str:
        """Return the array of those texts whose condition holds, from (condition, text) pairs."""

    @abstractmethod
    def record(self, members: list[tuple[str, str]]) -> str:
        """Return one value that holds the members, (name, text value) pairs, as they are."""

    @abstractmethod
    def json_object(self, record: str) -> str:
        """Return a record as a JSON object's text; nulls stay as null."""

    def hash_text(self, values: list[tuple[str, ColumnType]]) -> str:
        """Return what a content hash is made of: the canonical texts, separated, nulls marked."""
        mark = self.text(NULL_MARK)
        parts = [f"coalesce({self.canonical(value, kind)}, {mark})" for value, kind in values]
        return f"concat_ws({self.text(FIELD_SEPARATOR)}, {', '.join(parts)})"

    def content_hash(self, values: list[tuple[str, ColumnType]]) -> str:
        """Return the first 15 hexadecimal digits of the MD5 of the values' canonical texts."""
        return f"substring(md5({self.hash_text(values)}), 1, {HASH_DIGITS})"


class DuckDb(Dialect):
    """DuckDB 2.0."""

    def type_name(self, kind: ColumnType) -> str:
        """See `Dialect`."""
        names = {"string": "VARCHAR", "timestamp": "TIMESTAMPTZ"}
        return names.get(kind.name, str(kind).upper())

    def matches(self, text: str, pattern: str, *, whole: bool) -> str:
        """See `Dialect`."""
        if whole:
            return self.matches_verbatim(text, portable(pattern, whole=True))
        return f"regexp_matches({text}, {self.text(portable(pattern, whole=False))})"

    def matches_verbatim(self, text: str, pattern: str) -> str:
        """See `Dialect`. What is extracted is computed once for each text of a Parquet dictionary, `regexp_full_match` for every row."""
        extracted = self.group(text, pattern, 0)
        return f"({extracted} = {text} AND ({text} <> '' OR regexp_full_match('', {self.text(pattern)})))"

    def try_cast(self, text: str, kind: ColumnType) -> str:
        """See `Dialect`. Integers go by way of a decimal: DuckDB rounds '1.5' when it casts text to an integer."""
        if kind.name in {"integer", "bigint"}:
            text = f"try_cast({text} AS DECIMAL(38,0))"
        return f"try_cast({text} AS {self.type_name(kind)})"

    def canonical(self, value: str, kind: ColumnType) -> str:
        """See `Dialect`. DuckDB writes no digit before the point of a decimal whose digits are all after it."""
        if kind.name == "timestamp":
            value = f"epoch_us({value})"
        text = value if kind.name == "string" else f"cast({value} AS VARCHAR)"
        return f"replace({text}, '.', '0.')" if kind.name == "decimal" and not kind.whole else text

    def seconds(self, moment: str) -> str:
        """See `Dialect`. Seconds with a fraction are a double, which cannot tell the end of the year 9999 from 10000."""
        return f"cast(epoch(date_trunc('second', {moment})) AS BIGINT)"

    @property
    def widest_integer(self) -> str:
        """See `Dialect`."""
        return "HUGEINT"

    def whole_quotient(self, number: str, by: str) -> str:
        """See `Dialect`. A decimal is divided as a double here, a whole number is not."""
        return f"cast({number} // {by} AS BIGINT)"

    def day_number(self, day: str) -> str:
        """See `Dialect`."""
        return f"({day} - cast('1970-01-01' AS DATE))"

    def hash60(self, text: str) -> str:
        """See `Dialect`."""
        return f"cast('0x' || substring(md5({text}), 1, {HASH_DIGITS}) AS BIGINT)"

    def row_hash(self, values: list[str]) -> str:
        """See `Dialect`."""
        return f"cast(hash({', '.join(values)}) >> 1 AS BIGINT)"

    def list_of(self, items: list[tuple[str, str]]) -> str:
        """See `Dialect`."""
        if not items:
            return "cast([] AS VARCHAR[])"
        texts = [f"CASE WHEN {condition} THEN {self.text(text)} END" for condition, text in items]
        return f"list_filter([{', '.join(texts)}], x -> x IS NOT NULL)"

    def record(self, members: list[tuple[str, str]]) -> str:
        """See `Dialect`."""
        return "{" + ", ".join(f"{self.text(name)}: {value}" for name, value in members) + "}"

    def json_object(self, record: str) -> str:
        """See `Dialect`."""
        return f"cast(to_json({record}) AS VARCHAR)"


SPARK_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.variable.substitute": "false",
}
"""What the printed SQL takes for granted of its session: moments in UTC, decimals as text without exponents and no silent nulls
(ANSI), and `${…}` in a literal left as it is."""


class Spark(Dialect):
    """Spark SQL 4.2, in a session with `SPARK_SETTINGS`."""

    def type_name(self, kind: ColumnType) -> str:
        """See `Dialect`."""
        names = {"integer": "INT", "string": "STRING"}
        return names.get(kind.name, str(kind).upper())

    def text(self, value: str) -> str:
        """Return a string literal; Spark reads backslashes in one as escapes."""
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def matches(self, text: str, pattern: str, *, whole: bool) -> str:
        """See `Dialect`. Java's RLIKE finds a match anywhere, so a whole match is anchored."""
        if whole:
            return self.matches_verbatim(text, portable(pattern, whole=True))
        return f"regexp_like({text}, {self.text(portable(pattern, whole=False))})"

    def matches_verbatim(self, text: str, pattern: str) -> str:
        """See `Dialect`."""
        anchored = rf"\A(?:{pattern})\z"
        return f"regexp_like({text}, {self.text(anchored)})"

    def try_cast(self, text: str, kind: ColumnType) -> str:
        """See `Dialect`. Spark reads no time zone after minutes; the only one that is accepted is the session's."""
        if kind.name == "timestamp":
            text = f"regexp_replace({text}, {self.text(UTC_MARK)}, '')"
        if kind.name in {"integer", "bigint"}:
            text = f"try_cast({text} AS DECIMAL(38,0))"
        return f"try_cast({text} AS {self.type_name(kind)})"

    def canonical(self, value: str, kind: ColumnType) -> str:
        """See `Dialect`."""
        if kind.name == "timestamp":
            value = f"unix_micros({value})"
        return value if kind.name == "string" else f"cast({value} AS STRING)"

    def seconds(self, moment: str) -> str:
        """See `Dialect`."""
        return f"unix_seconds(cast({moment} AS TIMESTAMP))"

    @property
    def widest_integer(self) -> str:
        """See `Dialect`."""
        return "DECIMAL(38,0)"

    def whole_quotient(self, number: str, by: str) -> str:
        """See `Dialect`."""
        return f"({number} DIV {by})"

    def day_number(self, day: str) -> str:
        """See `Dialect`."""
        return f"unix_date({day})"

    def hash60(self, text: str) -> str:
        """See `Dialect`."""
        return f"cast(conv(substring(md5({text}), 1, {HASH_DIGITS}), 16, 10) AS BIGINT)"

    def row_hash(self, values: list[str]) -> str:
        """See `Dialect`."""
        return f"xxhash64({', '.join(values)})"

    def list_of(self, items: list[tuple[str, str]]) -> str:
        """See `Dialect`."""
        if not items:
            return "cast(array() AS ARRAY<STRING>)"
        texts = [f"CASE WHEN {condition} THEN {self.text(text)} END" for condition, text in items]
        return f"filter(array({', '.join(texts)}), x -> x IS NOT NULL)"

    def record(self, members: list[tuple[str, str]]) -> str:
        """See `Dialect`."""
        return f"struct({', '.join(f'{value} AS {self.identifier(name)}' for name, value in members)})"

    def json_object(self, record: str) -> str:
        """See `Dialect`."""
        return f"to_json({record}, map('ignoreNullFields', 'false'))"


DUCKDB = DuckDb("duckdb", narrow_digits=18)
SPARK = Spark("spark")
