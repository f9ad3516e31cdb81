"""What commits said, however old the handle is that asks."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from podium_lakehouse.delta.history import history_of


@pytest.fixture
def table(tmp_path: Path) -> DeltaTable:
    """A handle at version 2 of a table that others have brought to version 4; commits say which number they wanted."""
    uri = str(tmp_path / "a table, 100%")
    for number in range(5):
        said = CommitProperties(custom_metadata={"number": str(number)})
        write_deltalake(uri, pa.table({"n": [number]}), mode="append", commit_properties=said)
    return DeltaTable(uri, version=2)


@pytest.mark.parametrize(
    ("limit", "numbers"), [(None, [2, 1, 0]), (9, [2, 1, 0]), (2, [2, 1]), (1, [2]), (0, [])]
)
def test_commits_that_came_later_are_left_out(
    table: DeltaTable, limit: int | None, numbers: list[int]
) -> None:
    """Each entry has the version of its commit."""
    found = history_of(table, limit)
    assert [(entry["version"], entry["number"]) for entry in found] == [
        (number, str(number)) for number in numbers
    ]


def test_the_newest_handle_has_all(table: DeltaTable) -> None:
    """Nothing is left out where nothing came later."""
    table.update_incremental()
    assert [entry["version"] for entry in history_of(table)] == [4, 3, 2, 1, 0]
