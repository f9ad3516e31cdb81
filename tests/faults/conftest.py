"""Runs to be disturbed: a shop before a run, and what that run makes of it when nothing happens."""

import shutil
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal

import pytest
from podium import host
from podium.opening import open_pipeline
from podium_contracts.names import EngineName
from podium_runtime.requests import request

from tests.faults.killed_run import killed_at
from tests.faults.lakehouse_comparison import completions, contents, differences, in_order, unbalanced
from tests.integration.conftest import Line, Shop

Which = Literal["first", "second"]


def sale(invoice: str, code: str, quantity: str, date: str, price: str = "2.5", **other: str) -> Line:
    """Return a line of a sales file."""
    customer, country = other.get("customer", "13085.0"), other.get("country", "United Kingdom")
    return (invoice, code, other.get("text", f"ITEM {code}"), quantity, date, price, customer, country)


BROKEN = ("489450", "85048", "TOO", "MANY", "VALUES", "IN", "THIS", "LINE", "HERE")
FIRST = (
    sale("489434", "85048", "12", "2009-12-01 07:45:00"),
    sale("489434", "79323P", "12", "2009-12-01 07:45:00", "6.75"),
    sale("489434", "79323P", "12", "2009-12-01 07:45:00", "6.75"),
    sale("489435", "22350", "24", "2009-12-01 07:46:00", customer=""),
    sale("489436", "48173C", "10", "2009-12-02 09:06:00", country="EIRE"),
    sale("C489437", "22350", "-4", "2009-12-03 09:08:00"),
    sale("489438", "POST", "1", "2009-12-04 10:00:00", country="Atlantis"),
    sale("489439", "21523", "many", "2009-12-04 10:01:00"),
    BROKEN,
    sale("489440", "21523", "3", "2009-12-05 10:02:00", country="France", customer="12682.0"),
)
SECOND = (
    FIRST[0],
    sale("489435", "22350", "20", "2009-12-01 09:00:00"),
    sale("489436", "48173C", "11", "2009-12-01 09:06:00", country="EIRE"),
    sale("489441", "22041", "6", "2009-12-06 11:00:00", country="Germany", customer="12471.0"),
    sale("489441", "22041", "7", "2009-12-06 11:30:00", country="Germany", customer="12471.0"),
    sale("489442", "21523", "1", "2009-12-06 12:00:00", "-1"),
    BROKEN,
    sale("489443", "85048", "2", "2009-12-05 13:00:00"),
)
"""A repeat, a correction, a late line, a new key twice, a refused line, one that does not parse, and news for an old day."""


class Trial:
    """A run that can be disturbed again and again.

    Tables name each other by absolute paths, so every attempt is made in the same folder, set back to its start.
    """

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.start = shop.folder.with_name(f"{shop.folder.name}-start")
        shutil.copytree(shop.folder, self.start)
        self.before = completions(shop.folder)
        self.points: list[str] = []
        opened = open_pipeline(shop.file, self.points.append)
        outcome = host.run(opened.pipeline, opened.lakehouse, request(opened.pipeline))
        self.expected = contents(shop.folder)
        self.events = in_order(announced(outcome), shop.folder)

    def points_of(self, stage: str) -> list[str]:
        """Return the points that a stage passes, in order."""
        return [point for point in self.points if point.split()[1] == stage]

    def reset(self) -> None:
        """Set the shop back to what it was before the run."""
        shutil.rmtree(self.shop.folder)
        shutil.copytree(self.start, self.shop.folder)

    def kill_at(self, point: str, engine: EngineName = EngineName.DUCKDB) -> None:
        """Run, killed at a point."""
        assert killed_at(self.shop.file, point, engine) == -signal.SIGKILL, point

    def repeat(self, engine: EngineName = EngineName.DUCKDB) -> None:
        """Run to the end; check the events, each of a completion that was there under the id that it had."""
        completed = completions(self.shop.folder)
        repeated = announced(self.shop.run(engine))
        assert completed - self.before <= set(repeated)
        assert in_order(repeated, self.shop.folder) == self.events

    def check(self) -> None:
        """Check that the shop is as the undisturbed run left it."""
        assert differences(contents(self.shop.folder), self.expected) == []
        assert unbalanced(self.shop.folder) == []
        assert list(self.shop.folder.glob(".*.duckdb.*")) == []


def announced(outcome: host.Outcome) -> list[str]:
    """Return the events of a run as their consumers tell them apart."""
    return [f"{event.source} {event.id}" for event in outcome.events]


def corrected_shop(folder: Path, *, gold: bool) -> Shop:
    """Return a shop where a line of an invoice may be corrected: Silver is then merged, not only appended to."""
    shop = Shop(folder, gold=gold)
    text = shop.file.read_text()
    assert "keys: [sale_id]" in text
    shop.file.write_text(text.replace("keys: [sale_id]", "keys: [invoice_no, stock_code]"))
    shop.deliver("one.csv", FIRST)
    return shop


@pytest.fixture(scope="session")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Which, bool], Trial]:
    """Return a maker of trials: of the first run, or of the second over one more file; with Gold or without."""

    @cache
    def make(which: Which, gold: bool) -> Trial:  # noqa: FBT001 - `cache` tells positions apart, not names
        shop = corrected_shop(tmp_path_factory.mktemp("trial") / "shop", gold=gold)
        if which == "second":
            shop.run()
            shop.deliver("two.csv", SECOND)
        return Trial(shop)

    return make
