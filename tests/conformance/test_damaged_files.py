"""A data file of a table that is damaged or gone: both engines say which it is and what to do."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from podium_contracts.errors import TerminalError
from podium_contracts.names import EngineName
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.engines.opening import open_engine
from podium_lakehouse.store.troubles import in_words

pytestmark = [pytest.mark.spark, pytest.mark.integration, pytest.mark.timeout(600)]
WORDS = {
    "cut": ("magic bytes not found", "is not a Parquet file"),
    "gone": ("it is not there", "does not exist"),
}


def read(engine: EngineName, folder: Path) -> None:
    """Read a table with an engine, as a stage does."""
    with in_words(str(folder)), open_engine(engine, lakehouse=str(folder)) as opened:
        opened.offer_table("r", Snapshot(str(folder), 0))
        opened.execute("SELECT * FROM r")


@pytest.mark.parametrize("damage", WORDS)
@pytest.mark.usefixtures("spark")
def test_it_is_told_with_its_path(tmp_path: Path, damage: str) -> None:
    """What is wrong with it is in the engine's words."""
    write_deltalake(str(tmp_path), pa.table({"id": ["x"]}))
    (file,) = tmp_path.glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-20]) if damage == "cut" else file.unlink()
    for engine, words in zip((EngineName.DUCKDB, EngineName.SPARK), WORDS[damage], strict=True):
        said = f"{file.name}: a table's data file cannot be read: .*{words}"
        with pytest.raises(TerminalError, match=said) as told:
            read(engine, tmp_path)
        assert "back as they were" in told.value.hint
