"""What pyspark writes by itself."""

import pytest
from podium_lakehouse.engines.spark_session import quiet_exceptions


@pytest.mark.parametrize("name", ["DataFrameQueryContextLogger", "SQLQueryContextLogger"])
def test_an_exception_is_left_to_whoever_catches_it(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """No JSON with the JVM's stack stands before the words that say what to do."""
    logger = pytest.importorskip("pyspark.logger").PySparkLogger.getLogger(name)
    quiet_exceptions()
    logger.error("[CAST_INVALID_INPUT] it is malformed", errorClass="CAST_INVALID_INPUT")
    assert capfd.readouterr() == ("", "")
