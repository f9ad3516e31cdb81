"""Many small batches leave few files, and whoever reads them, or goes on from them, notices nothing."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from podium_lakehouse.delta import compaction
from podium_lakehouse.delta.commits import is_maintenance

from tests.integration.test_layout import LaidOut

BATCHES = 9
TABLES = ("bronze/sales", "silver/sales", "gold/fact", "quarantine/sales", "_podium/completions")


def table(stall: LaidOut, name: str) -> DeltaTable:
    return DeltaTable(str(stall.folder / "lakehouse" / name))


@pytest.mark.timeout(300)
def test_small_batches_become_few_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A correction of a row that was compacted meanwhile finds it; every row is there once."""
    monkeypatch.setattr(compaction, "EVERY_COMMITS", 3)
    stall = LaidOut(tmp_path / "stall", "none")
    for number in range(BATCHES):
        stall.run(f"n{number},1,Wells,1.00,2010-01-05", f"bad{number},1,Bath,x,")
    stall.run("n0,2,Bath,7.00,2010-01-05")
    for name in TABLES:
        found = table(stall, name)
        assert "compaction" in {entry.get("podium.maintenance") for entry in found.history()}, name
        assert len(found.file_uris()) < BATCHES, name
    assert table(stall, "bronze/sales").count() == 2 * BATCHES + 1
    assert table(stall, "quarantine/sales").count() == BATCHES
    assert stall.prices() == {"Wells": float(BATCHES - 1), "Bath": 7.0}
    assert sorted(stall.gold("fact")) == [f"n{number}" for number in range(BATCHES)]


def test_a_table_is_compacted_once_in_so_many_commits(tmp_path: Path) -> None:
    """Not by every batch."""
    uri, version = str(tmp_path / "table"), -1
    while version < 3 * compaction.EVERY_COMMITS - 1:
        write_deltalake(uri, pa.table({"number": [version]}), mode="append")
        compaction.compact(uri, since=version)
        version = DeltaTable(uri).version()
    compacted = [int(entry["version"]) for entry in DeltaTable(uri).history() if is_maintenance(entry)]
    assert compacted[0] - compacted[1] == compaction.EVERY_COMMITS
    assert len(compacted) == 2
    assert len(DeltaTable(uri).file_uris()) <= compaction.EVERY_COMMITS + 1


def test_compacted_rows_fill_row_groups(tmp_path: Path) -> None:
    """A hundred files become one with one row group, in their order, and numbers of lines take next to no room in it."""
    uri, rows, files = str(tmp_path / "table"), 500, 100
    for number in range(files):
        content = {
            "line": list(range(1, rows + 1)),
            "file": [f"file {number}"] * rows,
            "tags": [["a", None]] * rows,
        }
        write_deltalake(uri, pa.table(content), mode="append")
    before = DeltaTable(uri).to_pyarrow_table()
    compaction.put_together(uri)
    (file,) = DeltaTable(uri).file_uris()
    footer = pq.read_metadata(file)
    assert footer.num_row_groups == 1
    assert footer.row_group(0).column(0).total_compressed_size < rows * files * 0.1
    keys = [("file", "ascending"), ("line", "ascending")]
    assert DeltaTable(uri).to_pyarrow_table().sort_by(keys) == before.sort_by(keys)
