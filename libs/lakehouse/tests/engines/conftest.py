"""An engine per test."""

from collections.abc import Iterator

import pytest
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine


@pytest.fixture
def engine() -> Iterator[DuckDbEngine]:
    """Open an engine that is closed after the test."""
    with duckdb_engine() as opened:
        yield opened
