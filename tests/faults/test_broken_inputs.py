"""Inputs that change, grow or vanish at the worst moment: a clear error, nothing half-done, and the way on that it names."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import pytest
from podium import host
from podium_contracts.errors import BadSource, InvalidPipeline, PodiumError
from podium_contracts.events.v1 import LayerCompleted
from podium_contracts.names import Layer
from podium_ingest.files import pin
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.catalogue import Catalogue
from podium_runtime.requests import request

from tests.faults.conftest import FIRST, SECOND, Trial, Which
from tests.faults.lakehouse_comparison import completions, contents, unbalanced
from tests.integration.conftest import Shop

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

PINNED, COMMITTED = "after ingest bronze.sales intent", "after ingest bronze.sales commit bronze"
ONE_MORE = b"489499,85048,LATE,1,2009-12-09 09:00:00,1.5,13085.0,France\n"


@pytest.fixture
def undisturbed(trial: Callable[[Which, bool], Trial]) -> Trial:
    """A shop before its first run."""
    made = trial("first", False)
    made.reset()
    return made


def source(shop: Shop) -> Path:
    """Return the file that the first run reads."""
    return shop.folder / "data" / "one.csv"


def taken_in(shop: Shop) -> list[int]:
    """Return the rows that each ingestion took in, first to last."""
    opened = shop.open()
    done = [event.data for event in opened.lakehouse.completions.all(opened.pipeline.name)]
    books = [data.ledger for data in done if isinstance(data, LayerCompleted) and data.layer == Layer.BRONZE]
    return [book.flow.rows_in for book in books if book and book.flow]


def refuse(shop: Shop, reason: str) -> BadSource:
    """Run, which is refused for a reason without anything being completed; return the error."""
    with pytest.raises(BadSource, match=reason) as refused:
        shop.run()
    assert completions(shop.folder) == set()
    return refused.value


def test_a_file_that_changes_before_bronze_has_it(undisturbed: Trial) -> None:
    """A file that changed after it was pinned is taken as it is now, whole, and nothing of what it was."""
    shop = undisturbed.shop
    undisturbed.kill_at(PINNED)
    shop.deliver("one.csv", SECOND)
    shop.run()
    assert taken_in(shop) == [len(SECOND)]
    assert len(shop.rows("bronze/sales")) == len(SECOND)
    assert unbalanced(shop.folder) == []


def test_a_file_that_changes_when_bronze_has_it(undisturbed: Trial) -> None:
    """When Bronze has a file's rows and they are not accounted for yet, another content is refused; the hint leads on."""
    shop = undisturbed.shop
    undisturbed.kill_at(COMMITTED)
    before = source(shop).read_bytes()
    shop.deliver("one.csv", SECOND)
    refused = refuse(shop, r"one\.csv has changed since it was pinned")
    assert "put the file back as it was, or give the new content a new name" in refused.hint
    assert shop.version("bronze/sales") == 1
    source(shop).rename(source(shop).with_name("two.csv"))
    source(shop).write_bytes(before)
    shop.run()
    shop.run()
    assert taken_in(shop) == [len(FIRST), len(SECOND)]
    assert unbalanced(shop.folder) == []


@pytest.mark.parametrize(
    ("point", "reason"),
    [(PINNED, "no file matches"), (COMMITTED, r"one\.csv was pinned for ingestion and is gone")],
)
def test_a_pinned_file_that_is_gone(undisturbed: Trial, point: str, reason: str) -> None:
    """A file that is gone after it was pinned is named; once it is back, the run ends as if nothing had been."""
    undisturbed.kill_at(point)
    away = source(undisturbed.shop).rename(undisturbed.shop.folder / "one.csv")
    refuse(undisturbed.shop, reason)
    away.rename(source(undisturbed.shop))
    undisturbed.repeat()
    undisturbed.check()


class Growing(type(Path())):
    """A file that somebody appends to whenever it is opened."""

    def open(self, mode: str = "rb") -> IO[Any]:
        grow(Path(self))
        return Path(self).open(mode)


def grow(path: Path) -> None:
    """Append a line."""
    with path.open("ab") as file:
        file.write(ONE_MORE)


def test_a_file_that_grows_while_it_is_pinned(undisturbed: Trial) -> None:
    """A file that is still being written is not taken; the error says when to run again."""
    with pytest.raises(BadSource, match="changed while it was read") as refused:
        pin(Growing(source(undisturbed.shop)), "data/one.csv")
    assert "when the file is complete" in refused.value.hint


class Growth(Lakehouse):
    """A lakehouse whose catalogue is looked up just when somebody appends to the source, pinned and not yet read."""

    @cached_property
    def catalogue(self) -> Catalogue:
        grow(Path(self.uri).parent / "data" / "one.csv")
        return super().catalogue


def test_a_file_that_grows_before_it_is_read(undisturbed: Trial) -> None:
    """Lines that come between pinning and reading are not taken unseen: Bronze stays empty until the file is pinned anew."""
    shop = undisturbed.shop
    opened = shop.open()
    growing = Growth(opened.lakehouse.uri)
    with pytest.raises(PodiumError):
        host.run(opened.pipeline, growing, request(opened.pipeline))
    assert completions(shop.folder) == set()
    assert opened.lakehouse.version(opened.lakehouse.table_uri(Layer.BRONZE, "sales")) <= 0
    shop.run()
    assert taken_in(shop) == [len(FIRST) + 1]
    assert unbalanced(shop.folder) == []


def test_a_lookup_file_that_is_gone(undisturbed: Trial) -> None:
    """A lookup file that is gone after a kill is a mistake of the pipeline; once it is back, the run ends as it should."""
    undisturbed.kill_at("after cleanse silver.sales commit silver")
    lookup = undisturbed.shop.folder / "lookups" / "countries.csv"
    away = lookup.rename(undisturbed.shop.folder / "countries.csv")
    with pytest.raises(InvalidPipeline) as refused:
        undisturbed.shop.run()
    assert [problem.message for problem in refused.value.problems] == ["lookups/countries.csv does not exist"]
    away.rename(lookup)
    undisturbed.repeat()
    undisturbed.check()


def test_a_lookup_that_changes_does_not_split_a_batch(undisturbed: Trial) -> None:
    """When Silver has a batch's rows, its quarantine gets what the same lookup refuses, though its file is another now."""
    undisturbed.kill_at("after cleanse silver.sales commit silver")
    lookup = undisturbed.shop.folder / "lookups" / "countries.csv"
    lines = lookup.read_text().splitlines(keepends=True)
    lookup.write_text("".join(line for line in lines if not line.startswith(("EIRE", "France"))))
    undisturbed.shop.run()
    found = contents(undisturbed.shop.folder)
    for table in ("silver/sales", "quarantine/sales"):
        assert found[table] == undisturbed.expected[table]
    assert unbalanced(undisturbed.shop.folder) == []
