"""The services around a real broker: the same tables and events as in one process, whatever comes how often in which order."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from podium import host
from podium.opening import open_pipeline
from podium_contracts.events import TOPIC, CloudEvent, KafkaRecord, encode
from podium_contracts.events.v1 import LayerCompleted, Published, QualityEvaluated, RunRequested, StageFailed
from podium_runtime.kafka.dead_letters import DEAD_LETTERS
from podium_runtime.requests import request

from tests.faults.conftest import FIRST
from tests.faults.lakehouse_comparison import contents, differences
from tests.integration.conftest import Shop
from tests.integration.services.conftest import Stall
from tests.integration.services.stack import Stack, events, eventually, letters

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
MOVES_ON_SECONDS = 5


def plain(found: list[CloudEvent], folder: Path) -> list[str]:
    """Return events as text, without what is measured and where they were made."""
    texts = []
    for event in found:
        timed = not isinstance(event.data, RunRequested)
        data = event.data.model_copy(update={"timings": None}) if timed else event.data
        texts.append(event.model_copy(update={"data": data}).model_dump_json().replace(str(folder), "FOLDER"))
    return texts


def without_repeats(found: list[CloudEvent]) -> list[CloudEvent]:
    """Return events as consumers take them: each once."""
    return list({(event.source, event.id): event for event in found}.values())


def test_the_tables_and_events_are_those_of_one_process(stack: Stack, tmp_path: Path) -> None:
    """The same request, answered by five services and by five calls: the same rows, commits, records, events and file."""
    there = Shop(stack.pipelines / "shop")
    there.deliver("one.csv", FIRST)
    here = tmp_path / "shop"
    shutil.copytree(there.folder, here)
    opened = open_pipeline(here / "pipeline.yaml")
    requested = request(opened.pipeline)
    topic = stack.watch()
    stack.put(requested)
    heard: list[CloudEvent] = []
    host.run(opened.pipeline, opened.lakehouse, requested, on_event=heard.append)
    expected = without_repeats(heard)
    assert isinstance(expected[-1].data, Published)
    eventually(lambda: any(isinstance(item.data, Published) for item in events(topic, "retail")))
    assert plain(without_repeats(events(topic, "retail")), there.folder) == plain(expected, here)
    assert differences(stored(there.folder), stored(here)) == []


def test_a_lakehouse_that_was_there_is_announced_as_it_stands(stall: Callable[[], Stall]) -> None:
    """After three runs of one process, the first that the services answer: of each layer the third, then the fourth."""
    shop = stall()
    for number in (1, 2, 3):
        shop.deliver(f"{number}.csv", f"a{number},1,1.00")
        opened = shop.opened()
        host.run(opened.pipeline, opened.lakehouse, request(opened.pipeline))
    shop.deliver("4.csv", "a4,1,1.00")
    shop.wait_for("quality.evaluated", shop.request())
    numbers: dict[tuple[str, str], list[int]] = {}
    for item in without_repeats(shop.events()):
        if not isinstance(item.data, RunRequested):
            numbers.setdefault((type(item.data).__name__, item.subject), []).append(int(item.sequence))
    assert numbers == {
        ("LayerCompleted", "bronze.sales"): [3, 4],
        ("LayerCompleted", "silver.sales"): [3, 4],
        ("QualityEvaluated", "silver.sales"): [3, 4],
    }


def stored(folder: Path) -> dict[str, list[str]]:
    """Return what a pipeline's tables and records hold, wherever it lies; what has been announced only services note."""
    return {
        name: [row.replace(str(folder), "FOLDER") for row in rows]
        for name, rows in contents(folder).items()
        if "announcements" not in name
    }


POISON = {
    "malformed bytes": (b"\xff\x00", None, "MalformedEvent", "no header ce_specversion"),
    "an unknown type": (b"{}", "dev.podium.unheard.v1", "MalformedEvent", "unknown event type"),
    "a tombstone": (None, "", "MalformedEvent", "RunRequested: "),
    "an event without its run": (b"{}", "", "MalformedEvent", "names no run"),
}


@pytest.mark.parametrize(("value", "kind", "reason", "message"), POISON.values(), ids=POISON.keys())
def test_poison_becomes_one_dead_letter_and_the_partition_moves_on(
    stack: Stack, stall: Callable[[], Stall], value: bytes | None, kind: str | None, reason: str, message: str
) -> None:
    """One letter with the bytes as they were, and what comes after it in the partition is answered as ever, and soon."""
    shop, dead = stall(), stack.watch(DEAD_LETTERS)
    shop.deliver("one.csv", "a,1,1.00")
    record = encode(request(open_pipeline(shop.file).pipeline))
    headers = (
        [(name, kind.encode() if kind and name == "ce_type" else raw) for name, raw in record.headers]
        if kind is not None
        else []
    )
    poison = KafkaRecord(TOPIC, record.key, (*headers, ("null", None)), value)
    given_at = time.time()
    stack.put(poison)
    run = shop.request()
    shop.wait_for("layer.completed", run)
    assert time.time() - given_at < MOVES_ON_SECONDS
    shop.wait_for("quality.evaluated", run)
    (letter,) = [item for item in letters(dead) if item.key == record.key]
    assert (letter.value, letter.headers) == (poison.value, poison.headers)
    assert (letter.stage, letter.reason, letter.attempts) == ("ingest", reason, 1)
    assert message in letter.message
    assert letter.failed_at / 1000 - given_at < MOVES_ON_SECONDS
    assert letter.origin.topic == TOPIC


@pytest.mark.parametrize("wrong", ["an unknown pipeline", "a file with mistakes"])
def test_a_pipeline_that_is_not_to_be_had_holds_up_no_other(
    stack: Stack, stall: Callable[[], Stall], wrong: str
) -> None:
    """One letter that says what to do, one event of the failure; a pipeline beside it is answered as ever."""
    shop, other, dead = stall(), stall(), stack.watch(DEAD_LETTERS)
    other.deliver("one.csv", "a,1,1.00")
    requested = request(open_pipeline(shop.file).pipeline)
    if wrong == "an unknown pipeline":
        shop.file.unlink()
    else:
        shop.file.write_text(shop.file.read_text().replace("type: integer", "type: numeral"))
    stack.put(requested)
    run = other.request()
    failed = shop.wait_for("stage.failed", requested)
    other.wait_for("quality.evaluated", run)
    (letter,) = [item for item in letters(dead) if item.key == shop.name.encode()]
    assert isinstance(failed.data, StageFailed)
    assert letter.message == failed.data.message
    assert ("podium dead-letters replay" in letter.message) == (wrong == "an unknown pipeline")
    assert ("line 1" in letter.message) == (wrong == "a file with mistakes")


def quiet(shop: Stall) -> None:
    """Wait until every stage has answered all events of a pipeline, as `podium request --wait` does."""
    run = subprocess.run(
        [str(Path(sys.executable).parent / "podium"), "request", "-f", str(shop.file), "--wait"],
        env={**os.environ, **shop.stack.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == "nothing new\n"


def test_events_again_and_in_reverse_change_nothing(stack: Stack, stall: Callable[[], Stall]) -> None:
    """After two runs every event of them comes again, the last one first, then an old one fifty times: no table has changed."""
    shop = stall()
    for number in (1, 2):
        shop.deliver(f"{number}.csv", f"a,{number},{number}.00", f"b{number},1,1.00")
        run = shop.request()
        shop.wait_for("quality.evaluated", run)
    quiet(shop)
    before, told = stored(shop.folder), without_repeats(shop.events())
    old = next(item for item in told if isinstance(item.data, LayerCompleted) and item.data.layer == "silver")
    assert sum(isinstance(item.data, LayerCompleted | QualityEvaluated) for item in told) == 6
    stack.put(*reversed(told), *[old] * 50)
    quiet(shop)
    assert differences(stored(shop.folder), before) == []
    known = {(item.source, item.id) for item in told}
    new = [item for item in without_repeats(shop.events()) if (item.source, item.id) not in known]
    assert [item for item in new if not isinstance(item.data, RunRequested)] == []
