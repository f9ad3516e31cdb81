"""The page that describes the language says what the code does."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from podium_contracts.pipeline import ColumnType
from podium_lakehouse.expressions.compiler import compile_expression
from podium_lakehouse.expressions.dialects import DUCKDB
from podium_lakehouse.expressions.functions import FUNCTIONS

from libs.lakehouse.tests.expressions.conftest import Evaluate

PAGE = (Path(__file__).parents[4] / "docs/reference/expressions.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"^\| `(.+)` \| `(.+)` \| (.+) \|$", re.MULTILINE)
EXAMPLES = [
    (text.replace("\\|", "|"), kind, value) for text, kind, value in EXAMPLE.findall(PAGE) if text[0] != "<"
]


def test_the_page_has_examples() -> None:
    """The examples are found, so that none goes unchecked."""
    assert len(EXAMPLES) == 10


@pytest.mark.parametrize(("text", "kind", "value"), EXAMPLES, ids=[text for text, _, _ in EXAMPLES])
def test_an_example_is_true(evaluate: Evaluate, text: str, kind: str, value: str) -> None:
    """Each example of the page has the type and the value that it says."""
    assert compile_expression(text, {}, DUCKDB).type == ColumnType.parse(kind)
    found = evaluate(text)
    assert (f"{found:f}" if isinstance(found, Decimal) else str(found)) == value


def test_every_function_is_on_the_page() -> None:
    """The table lists each function with its signature and meaning, in the order of the code."""
    listed = re.findall(r"^\| `(\w+\(.+)` \| (.+) \|$", PAGE, re.MULTILINE)
    known = [(function.signature, function.meaning) for function in FUNCTIONS.values()]
    assert [row for row in listed if "→" in row[0]] == known
