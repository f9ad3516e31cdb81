"""What an expression may not say, and how the error helps."""

import pytest
from podium_contracts.pipeline import ColumnType
from podium_lakehouse.expressions.compiler import ExpressionError, compile_expression
from podium_lakehouse.expressions.dialects import DUCKDB, SPARK, Dialect
from podium_lakehouse.expressions.functions import FUNCTIONS

THE_LIST = f"use columns, literals, comparisons, + - *, CASE, ||, and: {', '.join(sorted(FUNCTIONS))}"
FUNCTION_NAMES = f"the functions are: {', '.join(sorted(FUNCTIONS))}"
NARROWER = "declare narrower decimals"
DECLARE = "declare the column with the type you need"
NULL_STANDS = "null stands in CASE, coalesce and nullif"


def refusal(text: str, columns: dict[str, ColumnType], dialect: Dialect) -> tuple[str, str]:
    """Return the message and the hint with which an expression is refused."""
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, columns, dialect)
    return str(caught.value), caught.value.hint


@pytest.mark.parametrize("dialect", [DUCKDB, SPARK], ids=["duckdb", "spark"])
@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "'' must be one expression", ""),
        ("-- nothing", "'-- nothing' must be one expression", ""),
        ("1; 2", "'1; 2' must be one expression", ""),
        ("text; drop table x", "'text; drop table x' must be one expression", ""),
        ("quantity, big", "'quantity, big' is not an expression: Invalid expression / Unexpected token. Line 1, Col: 9.", ""),
        ("quantity +", "'quantity +' is not an expression: something is missing. Line 1, Col: 10.", ""),
        ("case when flag then", "'case when flag then' is not an expression: something is missing. Line 1, Col: 19.", ""),
        ("(quantity", "'(quantity' is not an expression: Expecting ). Line 1, Col: 9.", ""),
        ("quantity as q", "'quantity AS q' (Alias) is not allowed in an expression", THE_LIST),
        ("select 1", "'SELECT 1' (Select) is not allowed in an expression", THE_LIST),
        ("drop table t", "'DROP TABLE t' (Drop) is not allowed in an expression", THE_LIST),
        ("(select 1)", "'(SELECT 1)' (Subquery) is not allowed in an expression", THE_LIST),
        ("exists(select 1)", "'EXISTS(SELECT 1)' (Exists) is not allowed in an expression", THE_LIST),
        ("quantity in (select 1)", "'quantity IN (SELECT 1)' (In) is not allowed in an expression", THE_LIST),
        ("text in ()", "'text IN ()' (In) is not allowed in an expression", THE_LIST),
        ("sum(quantity)", "no function 'sum'", FUNCTION_NAMES),
        ("count(*)", "no function 'count'", FUNCTION_NAMES),
        ("now()", "no function 'now'", FUNCTION_NAMES),
        ("read_csv('/etc/passwd')", "no function 'read_csv'", FUNCTION_NAMES),
        ("upper(text) over ()", "'UPPER(text) OVER ()' (Window) is not allowed in an expression", THE_LIST),
        ("upper(text) filter (where flag)", "'UPPER(text) FILTER(WHERE flag)' (Filter) is not allowed in an expression", THE_LIST),
        ("lower(distinct text)", "'DISTINCT text' (Distinct) is not allowed in an expression", THE_LIST),
        ("*", "'*' (Star) is not allowed in an expression", THE_LIST),
        ("sales.quantity", "'sales.quantity': write the column alone, without a table", ""),
        ("text like 'a%'", "\"text LIKE 'a%'\" (Like) is not allowed in an expression", THE_LIST),
        ("quantity / 2", "'quantity / 2' (Div) is not allowed in an expression", THE_LIST),
        ("quantity % 2", "'quantity % 2' (Mod) is not allowed in an expression", THE_LIST),
        ("flag is true", "'flag IS TRUE' (Is) is not allowed in an expression", THE_LIST),
        ("text is distinct from 'a'", "\"text IS DISTINCT FROM 'a'\" (NullSafeNEQ) is not allowed in an expression", THE_LIST),
        ("day + interval '1' day", "'day' is date, not a number", ""),
        (
            "quantity between symmetric 2 and 1",
            "'(quantity BETWEEN 2 AND 1 OR quantity BETWEEN 1 AND 2)' (Between) is not allowed in an expression",
            THE_LIST,
        ),
        ("text[1]", "'text[1]' (Bracket) is not allowed in an expression", THE_LIST),
        ("case quantity when 1 then 2 end", "CASE with an operand is not allowed", "write CASE WHEN x = … THEN …"),
        ("case when quantity then 1 end", "'quantity' is integer, not a condition", ""),
        ("case when null then 1 end", "'NULL' is null, not a condition", ""),
        ("case when flag then 1 else 'a' end", "\"CASE WHEN flag THEN 1 ELSE 'a' END\" mixes bigint and string", ""),
        ("case when flag then null end", "'CASE WHEN flag THEN NULL END' is always null", ""),
        ("coalesce(null, null)", "'COALESCE(NULL, NULL)' is always null", ""),
        ("cast(text as integer)", "'CAST(text AS INT)' is not allowed", DECLARE),
        ("text::date", "'CAST(text AS DATE)' is not allowed", DECLARE),
        ("cast(quantity as varchar(3))", "'CAST(quantity AS VARCHAR(3))' is not allowed", DECLARE),
        ("try_cast(text as date)", "no function 'try_cast'", FUNCTION_NAMES),
        ("timestamp(text)", "no function 'timestamp'", FUNCTION_NAMES),
        ("date '2023-02-29'", "'2023-02-29' is no date: day is out of range for month", ""),
        ("date '20240229'", "'20240229' is no date", "write '2024-02-29' or '2024-02-29 23:59:59.999999'"),
        ("timestamp '2024-02-29 25:00'", "'2024-02-29 25:00' is no timestamp", "write '2024-02-29' or '2024-02-29 23:59:59.999999'"),
        (
            "timestamp '2024-02-29 10:00:00+01:00'",
            "'2024-02-29 10:00:00+01:00' is no timestamp",
            "write '2024-02-29' or '2024-02-29 23:59:59.999999'",
        ),
        ("quantity = null", "a comparison with null is always null", "write `is null`"),
        ("quantity in (1, null)", "a comparison with null is always null", "write `is null`"),
        ("text = 1", "'text = 1' mixes string and bigint", ""),
        ("day = moment", "'day = moment' mixes date and timestamp", ""),
        ("day < '2024-02-29'", "\"day < '2024-02-29'\" mixes date and string", ""),
        ("quantity and flag", "'quantity' is integer, not a condition", ""),
        ("not text", "'text' is string, not a condition", ""),
        ("text || quantity", "'quantity' is integer, not a string", ""),
        ("text || null", "null is no string", NULL_STANDS),
        ("text + 1", "'text' is string, not a number", ""),
        ("-text", "'text' is string, not a number", ""),
        ("-null", "null is no number", NULL_STANDS),
        ("upper(quantity)", "'quantity' is integer, not a string", ""),
        ("year(text)", "'text' is string, not a date", ""),
        ("upper()", "upper takes 1 argument(s), not 0", "upper(string) → string"),
        ("coalesce(text, text, text)", "coalesce takes 2 argument(s), not 3", "coalesce(any, any) → as the arguments"),
        ("content_hash()", "content_hash takes 1 argument(s), not 0", "content_hash(any, …) → string"),
        ("substring(text, 0, 1)", "'0' must be a whole number from 1 to 2147483647", ""),
        ("substring(text, 1, 2147483648)", "'2147483648' must be a whole number from 0 to 2147483647", ""),
        ("substring(text, quantity, 1)", "'quantity' must be a whole number from 1 to 2147483647", ""),
        ("replace(text, text, 'a')", "'text' must be a text in quotes", ""),
        ("replace(text, 'a', '$1')", "'$1': a replacement holds no backslash and no dollar sign", ""),
        ("matches(text, text)", "'text' must be a text in quotes", ""),
        ("matches(text, 'a(?=b)')", "'(?' is not in the patterns that every engine reads alike", None),
        ("regexp_replace(text, 'a*', '')", "'a*' matches the empty text: write + instead of *", ""),
        ("1e3", "1e3 is not a number of at most 38 digits", ""),
        ("1" * 39, f"{'1' * 39} is not a number of at most 38 digits", ""),
        ("widest + 1", "'widest + 1' may need 39 digits, more than 38", NARROWER),
        ("big * big", "'big * big' may need 38 digits, more than 37", NARROWER),
        ("widest = share", "'widest = share' may need 43 digits, more than 38", NARROWER),
        ("abs(widest)", "'widest' is decimal(38,0): a sign can change on at most 34 digits", NARROWER),
    ],
)  # fmt: skip
def test_a_refusal_says_what_and_what_instead(
    columns: dict[str, ColumnType], dialect: Dialect, text: str, message: str, hint: str | None
) -> None:
    """Whatever the engine, an expression outside of the language is refused with the same words."""
    found, help_ = refusal(text, columns, dialect)
    assert found.startswith(message) if hint is None else found == message
    assert help_ == (hint or "")


@pytest.mark.parametrize("name", ["nope", "Quantity", "current_date", "user", "rowid"])
def test_an_unknown_column_lists_the_columns(columns: dict[str, ColumnType], name: str) -> None:
    """A name that is no column, also in another case or as SQL's own keyword, is refused with those there are."""
    listed = ", ".join(columns)
    assert refusal(name, columns, DUCKDB) == (f"no column {name!r} here", f"the columns are: {listed}")


def test_without_columns_there_are_none_to_list() -> None:
    """Where no column may be read, the hint says so."""
    assert refusal("quantity", {}, DUCKDB) == ("no column 'quantity' here", "the columns are: none")


@pytest.mark.parametrize(
    "text",
    ["(" * 200 + "1" + ")" * 200, "upper(" * 200 + "text" + ")" * 200, "case when flag then " * 200 + "1" + " end" * 200],
    ids=["parentheses", "calls", "cases"],
)  # fmt: skip
def test_an_expression_that_is_nested_too_deeply_is_refused(
    columns: dict[str, ColumnType], text: str
) -> None:
    """Nesting beyond what can be read is an error of the expression, not a crash."""
    assert refusal(text, columns, DUCKDB) == (
        f"{text[:40]!r}… is nested too deeply",
        "make columns of its parts",
    )


@pytest.mark.parametrize(
    "chain", [" and ".join(["flag"] * 300), " || ".join(["text"] * 300)], ids=["and", "||"]
)
def test_a_long_chain_is_not_a_deep_one(columns: dict[str, ColumnType], chain: str) -> None:
    """Hundreds of conditions or texts in a row are fine."""
    sql = compile_expression(chain, columns, DUCKDB).sql
    assert sql.count("(") == 1
    assert sql.count('"') == 600
