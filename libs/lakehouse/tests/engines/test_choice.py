"""Which engine a run takes."""

from pathlib import Path

import pytest
from podium_contracts.names import EngineName, EngineWish
from podium_lakehouse.engines.choice import Choice, choose


@pytest.mark.parametrize("wish", [EngineWish.DUCKDB, EngineWish.SPARK])
def test_a_wish_is_followed_whatever_the_size(tmp_path: Path, wish: EngineWish) -> None:
    """Who names an engine gets it."""
    assert choose(wish, {"large.csv": 10**12}, tmp_path) == Choice(EngineName(wish), "as asked")


def test_small_input_stays_on_one_machine(tmp_path: Path) -> None:
    """The reason says how much there is and how much would fit; a lakehouse that is not there yet is no obstacle."""
    found = choose(EngineWish.AUTO, {"a.csv": 5 * 10**6}, tmp_path / "not" / "there")
    assert found.engine == EngineName.DUCKDB
    assert found.reason.startswith("0.0 GB of new text, ")
    assert "fit this machine" in found.reason


def test_a_lakehouse_elsewhere_needs_no_room_here() -> None:
    """What lies in an object store is staged here, no more."""
    assert choose(EngineWish.AUTO, {"a.csv": 5 * 10**6}, None).engine == EngineName.DUCKDB


def test_large_input_goes_to_spark(tmp_path: Path) -> None:
    """All files of a run count together."""
    files = {f"{number}.csv": 10**12 for number in range(8)}
    assert choose(EngineWish.AUTO, files, tmp_path).engine == EngineName.SPARK


def test_a_compressed_file_counts_as_its_text(tmp_path: Path) -> None:
    """What fits on disk need not fit when it is unpacked."""
    assert choose(EngineWish.AUTO, {"a.csv.gz": 10**9}, tmp_path).reason.startswith("8.0 GB of new text")
