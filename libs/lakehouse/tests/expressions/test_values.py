"""What each function and operator gives, held against values written by hand: both engines might be wrong together."""

from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import md5
from itertools import product
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from podium_contracts.pipeline import ColumnType
from podium_contracts.pipeline.patterns import portable
from podium_lakehouse.expressions.compiler import compile_expression
from podium_lakehouse.expressions.dialects import DUCKDB, SPARK
from podium_lakehouse.expressions.functions import FUNCTIONS, case_mapping

from libs.lakehouse.tests.expressions.conftest import Evaluate

MOMENT = "timestamp '2010-03-28 23:59:59.000001'"
CALLS = [
    ("upper('straße ǆ ŉ i')", "STRAẞE Ǆ ŉ I"),
    ("lower('ΟΔΥΣΣΕΥΣ İI')", "οδυσσευσ ii"),
    ("trim(' \u00a0\u3000x \t')", "x \t"),
    ("trim('\tx\n')", "\tx\n"),
    ("length('e\u0301😀')", 3),
    ("length('')", 0),
    ("substring('straße', 5, 9)", "ße"),
    ("substring('😀abc', 2, 2)", "ab"),
    ("substring('abc', 4, 1)", ""),
    ("substring('abc', 1, 0)", ""),
    ("replace('banana', 'an', '')", "ba"),
    ("replace('abc', '', 'x')", "abc"),
    ("regexp_replace('a1b22', '[0-9]+', '#')", "a#b#"),
    ("regexp_replace('13085.0', '[.]0+$', '')", "13085"),
    ("regexp_replace('aaa', '^a', 'b')", "baa"),
    (r"regexp_replace('a٣1', '\d', '_')", "a٣_"),
    ("regexp_replace('a.b', '[.]', '%s')", "a%sb"),
    ("matches('C489449', '[A-Z]?[0-9]{6}')", True),
    ("matches('C4894490', '[A-Z]?[0-9]{6}')", False),
    ("matches('a\n', 'a')", False),
    ("matches('a\n', '^a.?$')", False),
    (r"matches('a\', 'a\\')", True),
    ("starts_with('Copper', 'C')", True),
    ("starts_with('copper', 'C')", False),
    ("starts_with('', '')", True),
    ("contains('50% off', '% o')", True),
    ("contains('abc', 'B')", False),
    ("levenshtein('kitten', 'sitting')", 3),
    ("levenshtein('é', 'e')", 1),
    ("levenshtein('', '😀a')", 2),
    (f"levenshtein('{'a' * 60}b', '{'a' * 60}c')", 0),
    ("similarity('Jon Smith', 'John Smith')", Decimal("0.9000")),
    ("similarity('straße', 'strasse')", Decimal("0.7142")),
    ("similarity('', '')", Decimal("1.0000")),
    ("similarity('a', '')", Decimal("0.0000")),
    ("coalesce(null, 'a')", "a"),
    ("coalesce(2, 3)", 2),
    ("nullif('a', 'a')", None),
    ("nullif(1, 2)", 1),
    ("nullif(1, null)", 1),
    ("abs(-1.50)", Decimal("1.50")),
    ("abs(7)", 7),
    (f"year({MOMENT})", 2010),
    (f"month({MOMENT})", 3),
    (f"day({MOMENT})", 28),
    (f"hour({MOMENT})", 23),
    ("hour(date '2024-02-29')", 0),
    ("day(date '2024-02-29')", 29),
    ("content_hash('a')", md5(b"a").hexdigest()[:15]),
    ("content_hash('a', null, 1.50, true)", md5(b"a\x1f\x1e\x1f1.50\x1ftrue").hexdigest()[:15]),
    ("content_hash(date '2024-02-29')", md5(b"2024-02-29").hexdigest()[:15]),
    ("content_hash(timestamp '1970-01-01 00:00:01')", md5(b"1000000").hexdigest()[:15]),
    ("hash60('a')", int(md5(b"a").hexdigest()[:15], 16)),
]


@pytest.mark.parametrize(("text", "value"), CALLS, ids=[text for text, _ in CALLS])
def test_a_function_gives_what_its_meaning_says(evaluate: Evaluate, text: str, value: object) -> None:
    """The functions, at the places where engines would differ by themselves."""
    assert evaluate(text) == value


@pytest.mark.parametrize(
    "pattern", ["", "a", "a*", "a|ab", "(a|b)+?", ".", "^a?$", "(|a)b", "[^a]{2,3}", r"\s*a\s*"]
)
def test_a_pattern_matches_a_whole_text_whatever_is_in_it(tmp_path: Path, pattern: str) -> None:
    """Texts without characters, with line breaks and with NUL, from a file with a dictionary, are matched as DuckDB matches them whole."""
    texts = ["".join(each) for length in range(4) for each in product("ab\n\0", repeat=length)]
    file = tmp_path / "texts.parquet"
    pq.write_table(pa.table({"text": [*texts, None] * 3}), file)
    whole = portable(pattern, whole=True).replace("'", "''")
    alike = f"{DUCKDB.matches('text', pattern, whole=True)} IS NOT DISTINCT FROM regexp_full_match(text, '{whole}')"
    assert duckdb.sql(f"SELECT count(*), bool_and({alike}) FROM '{file}'").fetchall() == [
        (3 * (len(texts) + 1), True)
    ]


def test_every_function_is_tried() -> None:
    """A function that is new in the list must be added to the calls here."""
    assert {text.split("(")[0] for text, _ in CALLS} == set(FUNCTIONS)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'it''s \\n ${x}'", "it's \\n ${x}"),
        ("-7", -7),
        ("- -7", 7),
        ("007", 7),
        (".5", Decimal("0.5")),
        ("12345678901234567890123456789012345678", 12345678901234567890123456789012345678),
        ("date '2024-02-29'", date(2024, 2, 29)),
        ("timestamp '2024-02-29 10:00Z'", datetime(2024, 2, 29, 10, tzinfo=UTC)),
        ("timestamp '2024-02-29T10:00:00.5+0000'", datetime(2024, 2, 29, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("1 - 2 - 3", -4),
        ("0.1 + 0.20", Decimal("0.30")),
        ("0.1 * 0.20", Decimal("0.020")),
        ("999999999 * 999999999.999", Decimal("999999998999000000.001")),
        ("999999999999999999 + 1", 10**18),
        ("1 = 1.00", True),
        ("'a' = 'a '", False),
        ("'Z' < 'a'", True),
        ("'ß' > 'z'", True),
        ("1 <> 2 and not 1 >= 2", True),
        ("2 between 2 and 3", True),
        ("4 not between 2 and 3", True),
        ("2 in (1, 2.0)", True),
        ("null is null", True),
        ("coalesce(nullif(1, 1), 0) is not null", True),
        ("true or nullif(true, true)", True),
        ("false and nullif(true, true)", False),
        ("true and nullif(true, true)", None),
        ("not nullif(true, true)", None),
        ("nullif('a', 'a') || 'b'", None),
        ("'a' || '' || 'b'", "ab"),
        ("case when 1 > 2 then 'a' when 2 > 1 then 'b' else 'c' end", "b"),
        ("case when nullif(true, true) then 1 else 2 end", 2),
        ("case when false then 1 end", None),
        ("case when true then 7 else 0.5 end", Decimal("7.0")),
        ("cast(1.10 as string)", "1.10"),
        ("cast(-0.05 as string)", "-0.05"),
        ("cast(true as string)", "true"),
        ("cast(date '0100-01-01' as string)", "0100-01-01"),
        ("cast(timestamp '1970-01-01 00:00:01' as string)", "1000000"),
    ],
)  # fmt: skip
def test_literals_and_operators_mean_what_the_reference_says(
    evaluate: Evaluate, text: str, value: object
) -> None:
    """Exact arithmetic, the three values of logic, comparison by code points, canonical texts."""
    assert evaluate(text) == value


@pytest.mark.parametrize(
    ("operator", "result"),
    [
        ("+", "0"),
        ("-", "-1999999999999999.998"),
        ("*", "-999999999999999998000000000000.000001"),
    ],
)
def test_columns_at_their_limits_do_not_overflow(operator: str, result: str) -> None:
    """Decimals that fit 64 bits may give a result that does not: it is computed exactly."""
    kind, nines = ColumnType.decimal(18, 3), "9" * 15 + ".999"
    sql = compile_expression(f"one {operator} other", {"one": kind, "other": kind}, DUCKDB).sql
    columns = f"cast('-{nines}' AS {kind}) AS one, cast('{nines}' AS {kind}) AS other"
    assert duckdb.sql(f"SELECT {sql} FROM (SELECT {columns})").fetchall() == [(Decimal(result),)]


def test_a_decimal_below_one_has_a_digit_before_its_point() -> None:
    """The text of a decimal that is all fraction is written with its zero, as others are."""
    kind = ColumnType.decimal(3, 3)
    sql = compile_expression("cast(share as string)", {"share": kind}, DUCKDB).sql
    assert duckdb.sql(f"SELECT {sql} FROM (SELECT cast('-0.05' AS {kind}) AS share)").fetchall() == [
        ("-0.050",)
    ]


@pytest.mark.parametrize("direction", ["upper", "lower"])
def test_the_mapping_of_letters_is_duckdbs_own(evaluate: Evaluate, direction: str) -> None:
    """The letters that Spark is told to translate are those that DuckDB changes, each to the same one."""
    origin, target = case_mapping(direction)  # type: ignore[arg-type]
    assert len(origin) == len(target) > 1400
    every = "".join(
        chr(code) for code in range(1, 0x20000) if not 0xD800 <= code < 0xE000 and code != ord("'")
    )
    assert evaluate(f"{direction}('{every}')") == every.translate(str.maketrans(origin, target))


def test_a_text_reaches_spark_as_it_was_written() -> None:
    """Spark reads backslashes in a literal as escapes, so they and quotes are escaped."""
    assert compile_expression(r"'it''s \n'", {}, SPARK).sql == r"'it\'s \\n'"


@pytest.mark.parametrize("zone", ["Z", "+00:00", "+0000"])
def test_spark_is_not_told_the_time_zone_of_a_literal(zone: str) -> None:
    """Spark reads no time zone after minutes, and its session is in UTC."""
    moment = compile_expression(f"timestamp '2009-12-01 07:45{zone}'", {}, SPARK)
    assert moment.sql == "cast('2009-12-01 07:45' AS TIMESTAMP)"
