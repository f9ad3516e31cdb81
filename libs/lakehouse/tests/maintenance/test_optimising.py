"""One call brings a table's files into order, changes no row, is no news, and is recorded."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.transaction import AddAction
from podium_lakehouse.delta.commits import is_maintenance
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.maintenance import optimising
from podium_lakehouse.maintenance.needed import Needed
from podium_lakehouse.maintenance.optimising import Table, optimise
from podium_lakehouse.maintenance.statistics import refresh


class Made:
    """A table of six small files."""

    def __init__(self, folder: Path) -> None:
        self.lakehouse = Lakehouse(str(folder))
        self.uri = f"{folder}/gold/fact"
        for number in range(6):
            rows = pa.table({"a": [number, 100 - number], "b": [number % 2, 9]})
            write_deltalake(
                self.uri, rows, mode="append", configuration={"delta.enableChangeDataFeed": "true"}
            )

    def optimise(self, *z_order: str, hours: float = 168) -> list[tuple[str, int, int]]:
        table = Table("gold.fact", self.uri, z_order)
        done = optimise(self.lakehouse, table, Needed, hours)
        return [(action.action, action.files_before, action.files_after) for action in done]

    @property
    def table(self) -> DeltaTable:
        return DeltaTable(self.uri)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Return it."""
    return Made(tmp_path)


def test_it_is_done_in_the_references_order(made: Made) -> None:
    """Z-order, vacuum, statistics, compaction; what is in order already is left alone."""
    rows = sorted(made.table.to_pyarrow_table()["a"].to_pylist())
    assert made.optimise("a", "b") == [
        ("z_order", 6, 1),
        ("vacuum", 0, 0),
        ("statistics", 0, 0),
        ("compaction", 0, 0),
    ]
    assert sorted(made.table.to_pyarrow_table()["a"].to_pylist()) == rows
    version = made.table.version()
    assert made.optimise("a", "b")[0] == ("z_order", 1, 1)
    assert made.table.version() == version


def test_a_table_without_columns_is_put_together(made: Made) -> None:
    """Not Z-ordered."""
    assert made.optimise() == [("vacuum", 0, 0), ("statistics", 0, 0), ("compaction", 6, 1)]
    assert len(made.table.file_uris()) == 1


def test_the_retention_is_for_its_vacuum(made: Made) -> None:
    """What the Z-order has replaced goes at once where nothing is kept."""
    assert made.optimise("a", hours=0)[:2] == [("z_order", 6, 1), ("vacuum", 6, 0)]
    assert len(list(Path(made.uri).rglob("part-*.parquet"))) == 1


def test_it_is_no_news(made: Made) -> None:
    """Every commit is maintenance, and the change feed is silent."""
    before = made.table.version()
    made.optimise("a")
    made.optimise()
    later = made.table.history(made.table.version() - before)
    assert later
    assert all(map(is_maintenance, later))
    feed = pa.table(made.table.load_cdf(starting_version=before + 1, allow_out_of_range=True).read_all())
    assert feed.num_rows == 0


def test_each_action_is_recorded(made: Made) -> None:
    """With the table, its columns or the retention."""
    made.optimise("a", "b", hours=200)
    actions = made.lakehouse.maintenance.all()
    assert [action.action for action in actions] == ["z_order", "vacuum", "statistics", "compaction"]
    assert {action.table for action in actions} == {"gold.fact"}
    assert actions[0].columns == ("a", "b")
    assert actions[1].retention_hours == 200


def test_files_without_statistics_get_them(made: Made) -> None:
    """From their footers, so that rows are counted and files left out."""
    path = Path(made.uri, "late.parquet")
    pq.write_table(pa.table({"a": [7, 8], "b": [1, None]}), path)
    bare = AddAction(path.name, path.stat().st_size, {}, 1000, True, "")
    made.table.create_write_transaction([bare], "append", made.table.schema())
    assert None in made.table.get_add_actions()["num_records"].to_pylist()
    assert refresh(made.uri) == 1
    assert made.table.count() == 14
    actions = {
        action["path"]: action for action in pa.table(made.table.get_add_actions(flatten=True)).to_pylist()
    }
    late = actions["late.parquet"]
    assert (late["num_records"], late["min.a"], late["max.a"], late["null_count.b"]) == (2, 7, 8, 1)
    assert is_maintenance(made.table.history(1)[0])
    assert refresh(made.uri) == 0


def test_a_checkpoint_is_written(made: Made) -> None:
    """So that a reader need not read every commit."""
    refresh(made.uri)
    told = json.loads(Path(made.uri, "_delta_log", "_last_checkpoint").read_text())
    assert told["version"] == made.table.version()


def test_it_can_be_stopped_between_its_steps(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done stays done; the next call does the rest."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(optimising, "refresh", killed)
        with pytest.raises(KeyboardInterrupt):
            made.optimise()
    assert made.optimise()[-1] == ("compaction", 6, 1)
    assert made.table.count() == 12
