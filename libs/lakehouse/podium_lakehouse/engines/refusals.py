"""Whether an engine has refused a statement for what it says, or has failed for another reason."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb


@contextmanager
def refusals_as(told: Callable[[str], Exception]) -> Iterator[None]:
    """Let an engine's refusal of a statement through as the error that is told of its reason, and any other error as it is."""
    try:
        yield
    except Exception as error:
        if (reason := refusal(error)) is None:
            raise
        raise told(reason) from error


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
