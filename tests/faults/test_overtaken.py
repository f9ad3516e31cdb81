"""Two hosts that cross: one stops in the middle of a stage, another finds more news and begins, then both go on.

As services do while partitions move from one replica to another: nobody may count twice, forget what the other has begun, or have the last
word with what is old.
"""

from pathlib import Path

import pytest
from podium.opening import open_pipeline

from tests.faults.account import differences, miscounted, misnumbered
from tests.faults.killed_run import EXIT_TRANSIENT, Stopped
from tests.integration.test_gold import Stall

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

FILES = (
    ("a,1,Bath,1.00", "b,1,Wells,2.00", "c,1,BTH,4.00", "x,1,Bath,cheap"),
    ("a,2,Bath,10.00", "d,1,BTH,3.00"),
    ("e,1,Wells,7.00", "b,2,Wells,20.00"),
)
"""The second changes Bath, the third Wells: who forgets one of them is found out."""
KILLED = "after model gold commit fact"
CROSSINGS = [
    ("after quality silver.sales intent", "after quality silver.sales intent", None),
    ("after publish duckdb intent", "after publish duckdb event", None),
    ("after model gold intent", "after model gold intent", KILLED),
]
MORE = [
    *(
        (f"after {scope} intent", f"{point} {scope} {step}", None)
        for scope in ("cleanse silver.sales", "quality silver.sales", "model gold", "quality gold")
        for point, step in (("after", "intent"), ("before", "completion"))
    ),
    ("after publish duckdb intent", "after publish duckdb intent", None),
    ("after quality silver.sales intent", "before quality silver.sales metrics", None),
    ("after model gold intent", "after model gold commit fact", None),
    ("after model gold intent", "before model gold commit fact", KILLED),
]


class Till(Stall):
    """A pipeline with two models that publishes its Gold."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with self.file.open("a") as file:
            file.write("  publish: {duckdb: {path: shop.duckdb}}\n")

    @property
    def file(self) -> Path:
        return self.folder / "pipeline.yaml"


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Till:
    """A pipeline that got its three files one after the other."""
    till = Till(tmp_path_factory.mktemp("quiet") / "till")
    for lines in FILES:
        till.run(*lines)
    return till


def cross(folder: Path, quiet: Till, first: str, second: str, killed: str | None) -> None:
    """Let one run stop at a point and another, with one more file, at another point; let them go on in this order; check what is left."""
    till = Till(folder / "till")
    till.run(*FILES[0])
    till.deliver(*FILES[1])
    slow = Stopped(till.file, first, killed)
    till.deliver(*FILES[2])
    fast = Stopped(till.file, second)
    assert slow.go_on() in ({-9} if killed else {0, EXIT_TRANSIENT})
    assert fast.go_on() in {0, EXIT_TRANSIENT}
    till.run()
    assert till.run().fresh == []
    opened = open_pipeline(till.file)
    assert misnumbered(opened) == []
    assert miscounted(opened, sum(map(len, FILES))) == []
    assert differences(opened, open_pipeline(quiet.file)) == []


@pytest.mark.parametrize(("first", "second", "killed"), CROSSINGS)
def test_two_hosts_that_cross(
    tmp_path: Path, quiet: Till, first: str, second: str, killed: str | None
) -> None:
    """The tables, measures and the file are those of runs one after the other; completions have numbers of their own; ledgers follow."""
    cross(tmp_path, quiet, first, second, killed)


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second", "killed"), MORE)
def test_more_hosts_that_cross(
    tmp_path: Path, quiet: Till, first: str, second: str, killed: str | None
) -> None:
    """The same at other points."""
    cross(tmp_path, quiet, first, second, killed)
