"""What an engine refuses for what a statement says is told from what goes wrong beside it."""

import duckdb
import pytest
from podium_lakehouse.engines.refusals import refusal
from pyspark.errors import AnalysisException, PySparkRuntimeError


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "SELECT sum(b) FROM (SELECT 1 AS a)",
            'Binder Error: Referenced column "b" not found in FROM clause!',
        ),
        ("SELECT 1 FROM nothing", "Catalog Error: Table with name nothing does not exist!"),
        ("SELECT cast('x' AS INT)", "Conversion Error: Could not convert string 'x' to INT32"),
        ("SELECT sum( FROM", "Parser Error: "),
    ],
)
def test_what_duckdb_refuses_is_said_in_a_line(statement: str, words: str) -> None:
    """Without the statement, which is not what a person wrote."""
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as caught:
        connection.execute(statement)
    said = refusal(caught.value)
    assert said is not None
    assert said.startswith(words)
    assert "LINE 1" not in said
    assert "\n" not in said


def test_what_spark_refuses_is_said_in_a_line() -> None:
    """Without its plan."""
    error = AnalysisException(
        "[UNRESOLVED_COLUMN] A column `b`\ncannot be resolved; line 1 pos 4;\n'Project\n+- x"
    )
    assert refusal(error) == "[UNRESOLVED_COLUMN] A column `b` cannot be resolved"


@pytest.mark.parametrize(
    "error",
    [
        duckdb.IOException("HTTP 503"),
        duckdb.OutOfMemoryException("could not allocate"),
        PySparkRuntimeError("no session"),
        OSError(28, "No space left on device"),
    ],
    ids=repr,
)
def test_another_failure_is_no_refusal(error: Exception) -> None:
    """It is let through to those who know what it means."""
    assert refusal(error) is None
