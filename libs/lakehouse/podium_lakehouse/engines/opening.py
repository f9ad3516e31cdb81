"""Opening an engine by its name."""

from collections.abc import Iterator
from contextlib import contextmanager

from podium_contracts.names import EngineName

from podium_lakehouse.engines.duckdb import duckdb_engine
from podium_lakehouse.engines.engine import Engine


@contextmanager
def open_engine(name: EngineName, *, shared: bool = False, lakehouse: str = "") -> Iterator[Engine]:
    """Open an engine for a lakehouse; `shared` says that other code of this process will open its database, too.

    Raises:
        TerminalError: what the engine needs is not installed.
    """
    if name == EngineName.SPARK:
        from podium_lakehouse.engines.spark import spark_engine  # noqa: PLC0415 - pyspark is not always installed

        with spark_engine(lakehouse) as engine:
            yield engine
        return
    with duckdb_engine(shared=shared) as engine:
        yield engine
