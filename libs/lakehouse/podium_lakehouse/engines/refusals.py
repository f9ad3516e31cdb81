"""Whether an engine has refused a statement for what it says, or has failed for another reason."""

import duckdb


def refusal(error: Exception) -> str | None:
    """Return, in one line, why an engine refuses a statement: an unknown column, a wrong type, a number out of range; None where that is not what is wrong."""
    if not (isinstance(error, duckdb.ProgrammingError | duckdb.DataError) or _is_sparks(error)):
        return None
    return " ".join(str(error).split("\nLINE ")[0].split("; line ")[0].split("\n== SQL")[0].split())


def _is_sparks(error: Exception) -> bool:
    if not type(error).__module__.startswith("pyspark."):
        return False
    from pyspark.errors import (  # noqa: PLC0415 - see `spark_session`
        AnalysisException,
        ArithmeticException,
        DateTimeException,
        NumberFormatException,
        SparkRuntimeException,
    )

    refused = AnalysisException | ArithmeticException | DateTimeException | NumberFormatException
    return isinstance(error, refused | SparkRuntimeException)
