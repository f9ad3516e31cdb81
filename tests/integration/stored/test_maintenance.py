"""The tables of a lakehouse in a store are put in order, vacuumed and put back by the commands that do it in a folder."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import obstore
import pytest
from deltalake import DeltaTable
from podium.cli import call
from podium_contracts.pipeline import is_object
from podium_lakehouse.store.objects import below, bucket_and_key, client

from tests.integration.test_gold import Stall
from tests.integration.test_restore import FIRST, NOT_COMPARED, SECOND, THIRD

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]
TABLES = ("bronze/sales", "silver/sales", "quarantine/sales", "gold/fact", "gold/by_town")
OWN = {"time", "run", "seconds", "lakehouse", "report", "bytes_freed", "data"}
"""What a command says of the time and the place, and of the bytes of files, in which times stand."""


class Stored(Stall):
    """A stall whose lakehouse may lie anywhere."""

    def __init__(self, folder: Path, uri: str) -> None:
        super().__init__(folder)
        self.uri = uri
        file = folder / "pipeline.yaml"
        assert "{uri: lakehouse}" in file.read_text()
        file.write_text(file.read_text().replace("{uri: lakehouse}", f"{{uri: {uri}}}"))

    def rows(self, table: str) -> list[str]:
        """Return the rows of a table without what differs from run to run."""
        found = DeltaTable(f"{self.uri}/{table}").to_pyarrow_table().to_pylist()
        return sorted(str({name: row[name] for name in row if name not in NOT_COMPARED}) for row in found)

    def files(self, table: str) -> int:
        """Return how many data files a table has."""
        return len(DeltaTable(f"{self.uri}/{table}").file_uris())


def write(place: str) -> None:
    """Leave a file that no commit has named yet."""
    if is_object(place):
        bucket, key = bucket_and_key(place)
        obstore.put(client(bucket), key, b"about to be committed")
    else:
        Path(place).parent.mkdir(parents=True)
        Path(place).write_bytes(b"about to be committed")


def names(lakehouse: str) -> set[str]:
    """Return the objects of a lakehouse, by their names in it."""
    _, prefix = bucket_and_key(lakehouse)
    return {meta["path"].removeprefix(f"{prefix}/") for meta in below(lakehouse)}


@dataclass(frozen=True)
class Both:
    """A stall in a folder and one in a store, with the same deliveries, each in a run of its own."""

    local: Stored
    stored: Stored
    say: Callable[[], str]

    def podium(self, *arguments: str) -> list[dict[str, object]]:
        """Call a command on both; return what it says of both, once that is the same."""
        said = []
        for stall in (self.local, self.stored):
            self.say()
            assert call([*arguments, "-o", "json", "-f", str(stall.folder / "pipeline.yaml")]) == 0
            answer = json.loads(self.say())
            rows = answer["stages"] if isinstance(answer, dict) else answer
            said.append([{name: row[name] for name in row if name not in OWN} for row in rows])
        assert said[0] == said[1]
        assert said[1]
        return said[1]

    def check(self) -> None:
        """Compare every table of both."""
        for table in TABLES:
            assert self.stored.rows(table) == self.local.rows(table), table

    def run(self, *lines: str) -> None:
        """Deliver to both, and run both."""
        for stall in (self.local, self.stored):
            stall.run(*lines)


@pytest.fixture
def both(bucket: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Both:
    """After two deliveries."""
    made = Both(
        Stored(tmp_path / "local", str(tmp_path / "local" / "lakehouse")),
        Stored(tmp_path / "stored", f"{bucket}/podium/lake"),
        lambda: capfd.readouterr().out,
    )
    made.run(*FIRST)
    made.run(*SECOND)
    return made


def test_a_lakehouse_is_kept_in_order_and_put_back(both: Both) -> None:
    """Vacuumed, ordered, put together, put back, and gone on with: what each command says and leaves is as in a folder.

    Files go as from a folder, but not one that a commit may still name; no row changes where none should.
    """
    orphan = f"{both.stored.uri}/silver/sales/data/abc/part-0.parquet"
    for stall in (both.local, both.stored):
        write(f"{stall.uri}/silver/sales/data/abc/part-0.parquet")
    before = names(both.stored.uri)
    would = both.podium("vacuum", "--dry-run", "--retain", "0")
    assert names(both.stored.uri) == before
    assert both.podium("vacuum", "--retain", "0") == would
    gone = before - names(both.stored.uri)
    assert len(gone) == sum(int(str(row["files_before"])) - int(str(row["files_after"])) for row in would) > 0
    assert orphan.partition(f"{both.stored.uri}/")[2] not in gone
    both.check()

    assert both.podium("optimize", "gold.fact", "--zorder-by", "town,id")[0]["columns"] == ["town", "id"]
    files = both.stored.files("bronze/sales")
    both.podium("optimize")
    assert both.stored.files("bronze/sales") < files
    both.check()

    moment = datetime.now(UTC).isoformat()
    both.run(*THIRD)
    whole = both.stored.rows("silver/sales")
    both.podium("restore", "gold.by_town", "--at", moment, "--dry-run")
    both.podium("restore", "--at", moment)
    assert len(both.stored.rows("silver/sales")) == len(whole) - 1
    both.check()
    both.run("x,2,Atlantis,1.00")
    assert both.stored.rows("silver/sales") == whole
    both.check()
