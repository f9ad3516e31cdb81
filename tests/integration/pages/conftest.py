"""Pages in a Chromium without a window, and lakehouses whose reports are worth looking at."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from podium import host
from podium_contracts.events import CloudEvent, envelope
from podium_contracts.events.v1 import Run, RunRequested
from podium_contracts.pipeline import Pipeline
from podium_quality import report

from tests.integration.conftest import Shop

ROOT = Path(__file__).resolve().parents[3]
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DAYS = 16
FIRST_DAY = datetime(2026, 1, 5, 2, tzinfo=UTC)


@dataclass
class Opened:
    """A page that is open in a browser, and what it complained of."""

    page: Page
    errors: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a Chromium; a machine that has none and cannot install it skips what needs one.

    Not for the whole session: while Playwright runs, its event loop is this thread's, and no test can have one of its own.
    """
    subprocess.run([ROOT / "scripts" / "chromium"], check=False, capture_output=True, timeout=100)
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs Chromium: scripts/chromium installs Debian's")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield opened
        opened.close()


def requested(pipeline: Pipeline, time: datetime) -> CloudEvent:
    """Return the request of a run at a time."""
    run = Run(
        pipeline=pipeline.name,
        id=f"{pipeline.name}-{time:%Y%m%d}",
        executor="job",
        requested_at=time,
        datasets=tuple(pipeline.spec.datasets),
        fingerprint=pipeline.fingerprint,
    )
    return envelope(
        RunRequested(run=run),
        stage=None,
        subject=pipeline.name,
        sequence=0,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        causation="",
    )


@pytest.fixture(scope="session")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report of sixteen days: what comes gets worse, and the last batch is unlike all before."""
    shop = Shop(tmp_path_factory.mktemp("weeks") / "shop", gold=False)
    text = shop.file.read_text()
    watched = "    anomalies: {distributions: {sales: [quantity]}}\n    on_failure: hold"
    shop.file.write_text(
        text.replace("    on_failure: hold", watched).replace("value: 90, severity: CRITICAL", "value: 90")
    )
    for day in range(DAYS):
        rows = 400 if day == DAYS - 1 else 20 + day % 3
        free = rows * day // DAYS
        shop.deliver(
            f"{day}.csv",
            [
                (
                    f"{500_000 + 1000 * day + number}",
                    "85123A",
                    "LANTERN" if number >= free // 2 else "",
                    "5000" if number < free // 4 else "6",
                    f"2026-01-{5 + day:02} 01:{number % 60:02}:00",
                    "0.00" if number < free else "-1.00" if number == rows - 1 else "2.55",
                    "17850.0" if number >= free else "",
                    "United Kingdom",
                )
                for number in range(rows)
            ],
        )
        opened = shop.open()
        host.run(
            opened.pipeline, opened.lakehouse, requested(opened.pipeline, FIRST_DAY + timedelta(days=day))
        )
    opened = shop.open()
    report.write(opened.pipeline, opened.lakehouse, opened.report)
    return Path(opened.report)


@pytest.fixture(scope="session")
def first_run(retail: Shop) -> Path:
    """Return the report of the real file, after one run."""
    opened = retail.open()
    report.write(opened.pipeline, opened.lakehouse, opened.report)
    return Path(opened.report)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Opened]]:
    """Return what opens a file at a width, and hears what the browser complains of."""
    contexts = []

    def open_at(path: Path, width: int, *, dark: bool = False) -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        opened = Opened(page)
        page.on(
            "console", lambda message: opened.errors.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: opened.errors.append(str(error)))
        page.on(
            "request",
            lambda asked: opened.errors.append(asked.url) if not asked.url.startswith("file:") else None,
        )
        page.goto(path.as_uri())
        return opened

    yield open_at
    for context in contexts:
        context.close()
