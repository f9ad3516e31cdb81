"""A pipeline that runs while its tables are optimised and vacuumed all the time, with nothing kept for its age, and that process is killed."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

import podium
import pytest
from deltalake import DeltaTable
from podium.cli import call

from tests.integration.test_layout import LaidOut

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(500)]
BATCHES = 3
TABLES = ("bronze/sales", "silver/sales", "gold/fact", "gold/by_town", "quarantine/sales")


def maintain(folder: Path, begun: Event) -> None:
    """Optimise and vacuum until somebody ends this process."""
    file = ("-f", str(folder / "pipeline.yaml"))
    while True:
        call(("optimize", *file, "--retain", "0", "-o", "json"))
        begun.set()
        call(("vacuum", *file, "--retain", "0", "-o", "json"))


@contextmanager
def maintained(folder: Path) -> Iterator[BaseProcess]:
    """Lend the process that does so, once it has gone through all tables; it is killed in the end, wherever it is."""
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    process = context.Process(target=maintain, args=(folder, begun))
    process.start()
    assert begun.wait(90)
    yield process
    assert process.is_alive(), "it has failed"
    process.kill()
    process.join()


def test_a_pipeline_runs_beside_maintenance(tmp_path: Path) -> None:
    """Every row is there once, corrections find theirs, and certified tables can be read at any moment."""
    stall = LaidOut(tmp_path / "stall", "none")
    stall.run("n0,1,Wells,1.00,2010-01-05", "bad0,1,Bath,x,")
    for number in range(1, BATCHES):
        with maintained(stall.folder):
            stall.run(
                f"n{number},1,Wells,1.00,2010-01-05", f"bad{number},1,Bath,x,", f"n{number - 1},2,Bath,2.00,"
            )
            for name in ("silver.sales", "gold.fact"):
                assert podium.scan(name, file=stall.folder / "pipeline.yaml").collect().height == number + 1
    assert any("podium.maintenance" in entry for entry in stall.fact.history())
    assert stall.prices() == {"Wells": 1.0, "Bath": 2.0 * (BATCHES - 1)}
    lakehouse = stall.folder / "lakehouse"
    assert DeltaTable(str(lakehouse / "bronze" / "sales")).count() == 3 * BATCHES - 1
    assert DeltaTable(str(lakehouse / "quarantine" / "sales")).count() == BATCHES
    file = str(stall.folder / "pipeline.yaml")
    assert call(("optimize", "-f", file)) == call(("vacuum", "-f", file, "--retain", "0")) == 0
    for name in TABLES:
        table = DeltaTable(str(lakehouse / name))
        assert table.to_pyarrow_table().num_rows == table.count()
    assert stall.prices() == {"Wells": 1.0, "Bath": 2.0 * (BATCHES - 1)}
