"""The examples of docs/how-to/consume-events.md, run as a reader would run them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from contract.golden import read_all
from contract.pages import examples, renewed

from tests.events.conftest import EventsBroker, bronze, verdict

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.integration

FOLDER = ROOT / "examples/consumers"
PAGE = ROOT / "docs/how-to/consume-events.md"
FOREIGN = [golden.record() for golden in read_all().values() if golden.attributes is None]


def command(file: Path, brokers: str) -> list[str]:
    """Return what the example says is to be typed."""
    if file.suffix == ".java":
        return ["java", "-cp", ".tools/kafka/*", str(file), brokers]
    return [sys.executable, str(file), brokers]


@pytest.mark.parametrize("name", sorted(examples()))
def test_an_example_follows_the_events(broker: EventsBroker, name: str) -> None:
    """Each prints every certified Gold once, also of a lakehouse made anew; it skips the rest, and ends with an error where an event is missing."""
    broker.send(
        *FOREIGN,
        bronze(1),
        verdict(1),
        verdict(1, layer="silver"),
        verdict(1),
        verdict(2, "failed"),
        *FOREIGN,
        verdict(3, "warned"),
        verdict(2, "failed"),
        verdict(1, of_run=11),
        verdict(3, "warned"),
        verdict(2, of_run=12),
        verdict(1, of_run=11),
        verdict(3, "failed", of_run=13),
        verdict(5, of_run=15),
    )
    brokers = broker.settings.bootstrap_servers
    environment = {**os.environ, "PODIUM_KAFKA__BOOTSTRAP_SERVERS": brokers}
    ended = subprocess.run(
        command(FOLDER / name, brokers),
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout.splitlines() == [
        "retail: gold.fact_sale version 1, 1001 rows",
        "retail: gold.fact_sale version 3, 1003 rows",
        "retail: gold.fact_sale version 1, 1001 rows",
        "retail: gold.fact_sale version 2, 1002 rows",
    ], ended.stderr
    assert ended.returncode == 1
    assert "/podium/retail/quality announced 4 of gold, which never came" in ended.stderr


def test_the_page_shows_what_is_run() -> None:
    """Every example is in the page, letter by letter."""
    assert len(examples()) == 3
    text = PAGE.read_text(encoding="utf-8")
    assert renewed(text, examples()) == text
    for name in examples():
        assert (FOLDER / name).read_text(encoding="utf-8") in text
