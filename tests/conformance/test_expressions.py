"""Law 5: an expression and a cast mean the same on both engines, row for row."""

import re
from collections.abc import Iterable
from itertools import product

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from podium_contracts.pipeline import ColumnType, portable
from podium_contracts.pipeline.patterns import replaceable_pattern
from podium_lakehouse.expressions import compiler
from podium_lakehouse.expressions.compiler import ExpressionError, compile_expression
from podium_lakehouse.expressions.dialects import DUCKDB, Dialect
from podium_lakehouse.expressions.functions import FUNCTIONS

from tests.conformance.cases import COLUMNS, every_character, mixed_rows, texts
from tests.conformance.conftest import Engines, Lowered
from tests.conformance.generated import expressions, patterns

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]


def repeatable(examples: int) -> settings:
    """Return settings under which every run draws the same examples; a failure is shown as it is, not made smaller."""
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.large_base_example]
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=checks,
    )


TEXT = [
    "upper(s)", "lower(s)", "upper(lower(s))", "trim(s)", "trim(s) = s", "length(s)", "length(trim(s))",
    "substring(s, 2, 3)", "substring(s, 1, 2147483647)", "substring(s, 2147483647, 2147483647)", "substring(s, 1, 0)",
    "replace(s, 'a', 'b')", "replace(s, '', 'b')", "replace(s, 'ß', '')",
    "regexp_replace(s, '[a-z]+', '_')", "regexp_replace(s, '^.', '<')", "regexp_replace(s, '.$', '>')",
    r"regexp_replace(s, '\s', '')", r"regexp_replace(s, '\d+', '#')", r"regexp_replace(s, '[^\w]', '')",
    "matches(s, '.*')", r"matches(s, '\w+')", "matches(s, '[^a]*')", r"matches(s, '(.|\n)*')",
    "starts_with(s, '')", "starts_with(s, t)", "starts_with(s, 'a')", "contains(s, '')", "contains(s, t)", "contains(s, 'ß')",
    "levenshtein(s, t)", "levenshtein(s, 'straße')", "similarity(s, t)", "similarity(s || s || s || s || s || s, s)", "similarity(s, s)",
    "s || t", "s || '' || t", "coalesce(s, t)", "coalesce(null, s)", "nullif(s, '')", "nullif(s, null)", "nullif(s, t)",
    "s = t", "s < t", "s <= t", "s >= t", "s > 'Z'", "s <> upper(s)", "s in ('', 'a', t)", "s between 'a' and 'z'", "s is null",
    "cast(s as string)", "content_hash(s)", "content_hash(s, t)", "hash60(s)", "hash60(t, s)",
    "case when s = '' then 'e' when s is null then 'n' else s end",
    "s || 'it''s \\ \" ` ${x} % \n\t {{ }} -- /* :x ? $1 @ \\u0041 ü😀\x00'",
]  # fmt: skip
CHARACTERS = [
    "upper(s)", "lower(s)", "trim(s) = s", "length(s)", "substring(s, 2, 3)", r"regexp_replace(s, '[^\w]', '')",
    r"regexp_replace(s, '\s', '_') = s", r"matches(s, '(.|\n)*')", "s < 'ß'", "content_hash(s)",
]  # fmt: skip
TRUTH_AND_TIME = [
    "x = true", "x <> false", "x < true", "x and d > 0", "x or (x is null)", "not x", "x and null is null", "x in (true)",
    "x between false and true", "coalesce(x, true)", "nullif(x, true)", "cast(x as string)", "content_hash(x)", "true", "false",
    "case when x then 1 end", "case when x then 'a' when not x then 'b' else null end", "case when x then null else i end",
    "content_hash(x, i, b, d, f, w, h, y, z, s)", "hash60(s, z, y, h, w, f, d, b, i, x, null)", "content_hash(null)", "null is null",
    "y >= date '1582-10-10'", "y = date '0100-01-01'", "coalesce(y, date '2024-02-29')", "z > timestamp '2009-12-01'",
    "z = timestamp '2009-12-01 07:45'", "z = timestamp '2009-12-01 07:45Z'", "z = timestamp '2009-12-01T07:45:00+00:00'",
    "z = timestamp '2009-12-01 07:45:00+0000'", "z = timestamp '9999-12-31 23:59:59.999999'",
    *(
        template.format(column)
        for column in "yz"
        for template in ("year({})", "month({})", "day({})", "hour({})", "cast({} as string)", "hash60({})", "nullif({0}, {0})")
    ),
]  # fmt: skip
NUMBERS = ["i", "b", "d", "f", "w", "h"]
OTHERS = [*NUMBERS, "0", "-1", ".5", "-0.001", "7.", "999999999999999999", "1000000000000000000"]
PAIRS = [
    "{} + {}", "{} - {}", "{} * {}", "{} = {}", "{} < {}", "{} <= {}", "{} >= {}", "coalesce({}, {})", "nullif({}, {})",
    "{0} between {1} and {0}", "{0} not in ({1}, 1)", "case when x then {} else {} end",
]  # fmt: skip
ALONE = [
    "- {}",
    "- (- {})",
    "abs({})",
    "- abs({} - 1)",
    "cast({} as string)",
    "content_hash({})",
    "{} is not null",
    "{0} + {0} * 2",
]


def lowered(texts: Iterable[str]) -> dict[str, Lowered]:
    """Return the expressions as columns, without those that need more digits than there are."""

    def column(text: str) -> Lowered:
        return lambda dialect: compile_expression(text, COLUMNS, dialect).sql

    return {text: column(text) for text in texts if not _too_wide(text)}


def _too_wide(text: str) -> bool:
    try:
        compile_expression(text, COLUMNS, DUCKDB)
    except ExpressionError as error:
        if error.hint != "declare narrower decimals":
            raise
        return True
    return False


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param([*TEXT, *TRUTH_AND_TIME], id="text, truth and time"),
        pytest.param(
            [pair.format(*two) for pair in PAIRS for two in product(NUMBERS, OTHERS)], id="two numbers"
        ),
        pytest.param([one.format(number) for one in ALONE for number in OTHERS], id="one number"),
    ],
)
def test_an_expression_means_the_same_on_both_engines(engines: Engines, batch: list[str]) -> None:
    """Values at the edge of each type, and nulls, give the same results in the same types."""
    assert engines.same(mixed_rows(), lowered(batch)).num_rows == 100


def test_every_character_is_treated_alike(engines: Engines) -> None:
    """Every character of Unicode changes case, is a space, matches and sorts alike on both engines."""
    assert engines.same(every_character(), lowered(CHARACTERS)).num_rows > 17_000


def test_every_function_and_operator_is_compared() -> None:
    """A function or operator that is new in the language must be added to the cases here."""
    listed = [*TEXT, *TRUTH_AND_TIME, *(one.format("i", "i") for one in [*PAIRS, *ALONE])]
    nodes = [node for text in listed for node in compiler._parse(text).walk()]
    called = {node.name.lower() for node in nodes if isinstance(node, compiler.exp.Anonymous)}
    assert called == set(FUNCTIONS)
    assert {type(node) for node in nodes} >= set(compiler._NODES)


@repeatable(8)
@given(batch=st.lists(expressions(), min_size=30, max_size=30))
def test_composed_expressions_mean_the_same(engines: Engines, batch: list[str]) -> None:
    """Hundreds of expressions made up from the whole list give the same results."""
    engines.same(mixed_rows(), lowered(batch) or lowered(["x"]))


@repeatable(6)
@given(
    found=st.lists(patterns(), min_size=30, max_size=30),
    texts=st.lists(st.text("aabbß😀é1 -.$\n\r\t\u00a0٣", max_size=8), min_size=30, max_size=30),
)
def test_a_pattern_means_the_same_to_both_engines_and_to_python(
    engines: Engines, found: list[str], texts: list[str]
) -> None:
    """Shared patterns match, find and replace the same parts of a text, whoever reads them."""
    rows = pa.table({"s": pa.array(texts, pa.string())})
    usable = [pattern for pattern in found if _shared(pattern)]
    replacing = [pattern for pattern in usable if _replaceable(pattern)]
    columns = {f"matches {pattern}": _called("matches(s, '{}')", pattern) for pattern in usable}
    columns |= {
        f"replace {pattern}": _called("regexp_replace(s, '{}', '_')", pattern) for pattern in replacing
    }
    ours = engines.same(rows, columns or lowered(["true"]))
    for pattern in usable:
        whole = re.compile(portable(pattern, whole=True))
        assert ours[f"matches {pattern}"].to_pylist() == [bool(whole.fullmatch(text)) for text in texts]
    for pattern in replacing:
        part = re.compile(portable(pattern, whole=False).replace(r"\z", r"\Z"))
        assert ours[f"replace {pattern}"].to_pylist() == [part.sub("_", text) for text in texts]


def _called(template: str, pattern: str) -> Lowered:
    text = template.format(pattern)
    return lambda dialect: compile_expression(text, COLUMNS, dialect).sql


def _shared(pattern: str) -> bool:
    try:
        compile_expression(f"matches(s, '{pattern}')", COLUMNS, DUCKDB)
    except ExpressionError:
        return False
    return True


def _replaceable(pattern: str) -> bool:
    try:
        replaceable_pattern(pattern)
    except ValueError:
        return False
    return True


KINDS = [
    ColumnType.parse(name)
    for name in (
        "boolean", "integer", "bigint", "date", "timestamp", "decimal(1,0)", "decimal(5,5)", "decimal(12,3)",
        "decimal(18,18)", "decimal(38,0)", "decimal(38,2)", "decimal(38,38)",
    )
]  # fmt: skip


def test_a_text_is_accepted_and_cast_alike(engines: Engines) -> None:
    """For each type, engines and Python accept the same texts, and every one becomes the same value; only dates may not exist."""
    columns: dict[str, Lowered] = {}
    for kind in KINDS:
        columns |= {f"{kind} accepts": _accepts(kind), str(kind): _typed(kind)}
    rows = texts()
    found = engines.same(rows, columns)
    for kind in KINDS:
        accepted = found[f"{kind} accepts"].to_pylist()
        values = dict(
            zip(rows["t"].to_pylist(), zip(accepted, found[str(kind)].to_pylist(), strict=True), strict=True)
        )
        assert {text for text, (fits, _) in values.items() if fits} == {
            text for text in values if text is not None and re.fullmatch(kind.accepts or "", text)
        }
        unread = {text[:10] for text, (fits, value) in values.items() if fits and value is None}
        missing = {"2023-02-29", "2023-02-30", "2024-04-31", "1900-02-29"}
        assert unread == (missing if kind.name in {"date", "timestamp"} else set())


def _accepts(kind: ColumnType) -> Lowered:
    return lambda dialect: dialect.matches_verbatim("t", kind.accepts or "")


def _typed(kind: ColumnType) -> Lowered:
    def sql(dialect: Dialect) -> str:
        return f"CASE WHEN {_accepts(kind)(dialect)} THEN {dialect.try_cast('trim(t)', kind)} END"

    return sql


def test_refused_rows_are_written_down_alike(engines: Engines) -> None:
    """The JSON of a row's source columns and the list of broken rules are the same text, whatever the names and values hold."""
    sources = [("Customer ID", "s"), ("it's", "t"), ('q"q`', "s"), ("x.y", "t"), ("ü\\", "s")]
    rules: list[tuple[str, str]] = [("s = ''", "rule.empty"), ("s IS NULL", "it's \\"), ("t > 'a'", "rule.ü")]
    control = ["".join(map(chr, range(first, first + 32))) for first in (0, 127, 0x2010, 0xFDE0)]
    rows = pa.table(
        {
            "s": pa.array([*control, "", None, '"\\/', "😀"]),
            "t": pa.array(["a", None, "b", "", "c", "d", "e", "f"]),
        }
    )
    found = engines.same(
        rows,
        {
            "raw": lambda dialect: dialect.json_object(dialect.record(sources)),
            "rules": lambda dialect: dialect.list_of(rules),
            "none": lambda dialect: dialect.list_of([]),
        },
    )
    assert found["rules"].to_pylist()[4:6] == [["rule.empty", "rule.ü"], ["it's \\", "rule.ü"]]
