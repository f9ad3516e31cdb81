"""The report in a real browser: on a wide screen and on a phone, by day and by night, for people and for what reads pages to them."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.integration.pages.conftest import DAYS, Opened

pytestmark = pytest.mark.integration
PHONE, DESK = 390, 1280
GRAVE = {"serious", "critical"}
Open = Callable[..., Opened]


def grave(page: Page) -> dict[str, list[str]]:
    """Return what axe-core finds serious or critical in a page, by rule."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return {
        rule["id"]: [node["html"][:200] for node in rule["nodes"]]
        for rule in found
        if rule["impact"] in GRAVE
    }


@pytest.fixture(params=["first_run", "weeks"])
def report(request: pytest.FixtureRequest) -> Path:
    """Return a report: of one run of the real file, and of sixteen days that get worse."""
    path: Path = request.getfixturevalue(request.param)
    return path


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_page_loads_without_a_complaint(open_page: Open, report: Path, width: int) -> None:
    """Nothing goes to the console, and nothing is asked of any server."""
    opened = open_page(report, width)
    assert opened.page.title().endswith("Podium report")
    assert opened.errors == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_nothing_keeps_people_out(open_page: Open, report: Path, width: int, *, dark: bool) -> None:
    """axe-core, with everything unfolded: names, headings, landmarks, contrast, tables; nothing serious or critical."""
    page = open_page(report, width, dark=dark).page
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert grave(page) == {}


def test_what_keeps_people_out_is_noticed(open_page: Open, weeks: Path) -> None:
    """Grey on white, and a drawing without words."""
    page = open_page(weeks, DESK).page
    page.evaluate("document.querySelector('h1').style.color = '#ccc'")
    page.evaluate("document.querySelector('svg[role=img]').removeAttribute('aria-label')")
    assert set(grave(page)) == {"color-contrast", "svg-img-alt"}


def test_a_phone_never_scrolls_the_page_sideways(open_page: Open, report: Path) -> None:
    """Tables fold or scroll by themselves, also when everything is unfolded."""
    page = open_page(report, PHONE).page
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_long_names_of_checks_stay_in_their_box(open_page: Open, weeks: Path, width: int) -> None:
    """An expectation's name has no blank to break at; no table is wider than the section that it is in, nor scrolls."""
    page = open_page(weeks, width).page
    page.evaluate(
        "name => document.querySelectorAll('th code.quiet, .check').forEach(one => one.append(name))",
        "gx.expect_column_proportion_of_unique_values_to_be_between.customer_id",
    )
    for section in ("issues", "checks", "history"):
        tables = page.locator(f"section[aria-labelledby={section}] table.fold")
        assert tables.count() > 0
        for table in tables.all():
            assert table.evaluate("one => one.scrollWidth <= one.closest('section').clientWidth - 28")


def test_headings_and_landmarks_are_in_order(open_page: Open, report: Path) -> None:
    """One title, no level left out, and one place each for head, body and foot."""
    page = open_page(report, DESK).page
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(one => Number(one.tagName[1]))")
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert [page.locator(name).count() for name in ("header", "main", "footer")] == [1, 1, 1]


def test_every_drawing_has_words(open_page: Open, report: Path) -> None:
    """Or is hidden from who cannot see it, because a table beside it says the same."""
    page = open_page(report, DESK).page
    unnamed = page.locator("svg:not([aria-hidden]):not([aria-label])")
    assert page.locator("svg").count() > 0
    assert unnamed.count() == 0


def test_the_days_are_drawn_and_told(open_page: Open, weeks: Path) -> None:
    """A dot and a bar for every day, and the numbers in the table below."""
    page = open_page(weeks, DESK).page
    assert (page.locator("path.dot").first.get_attribute("d") or "").count("M") == DAYS
    assert page.locator(".plot.low rect").count() == DAYS
    page.get_by_text("Every day and layer").click()
    assert page.get_by_role("region", name="Quality by day and layer").locator("tbody tr").count() == 2 * DAYS
    drawn = page.locator(".plot").first.bounding_box()
    assert drawn
    assert drawn["width"] > 600


def test_the_report_says_what_is_wrong_and_what_to_do(open_page: Open, weeks: Path) -> None:
    """The batch that is unlike all before, what fell, and the advice, on a phone too."""
    page = open_page(weeks, PHONE).page
    said = page.locator("main").inner_text()
    assert "rows: 400 is" in said
    assert "the average quality score fell from" in said
    assert "Overall Quality" in said
    assert page.locator("table.fold thead").first.is_hidden()


def test_print_shows_what_is_folded(open_page: Open, weeks: Path) -> None:
    """Paper cannot be unfolded."""
    page = open_page(weeks, DESK).page
    page.emulate_media(media="print")
    assert page.get_by_role("region", name="Quality by day and layer").locator("tbody tr").first.is_visible()
