"""Drivers, as the Jobs of a PipelineRun run them, one process for each stage: only Kafka and their last words tell what comes next."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from podium_contracts.events import CloudEvent, decode
from podium_contracts.events.v1 import Published
from podium_contracts.names import Layer, Stage
from podium_contracts.resources import Reason, StageOutcome
from podium_contracts.resources.course import RUN_HEADER, Step, announced, expected, following
from podium_runtime.bundles import digest, pack
from podium_runtime.kafka.topics import ensure_topics
from podium_runtime.pipeline_file import load
from podium_runtime.requests import request

from tests.faults.conftest import FIRST, SECOND
from tests.integration.conftest import Line, Shop
from tests.integration.services.stack import Broker, Stack, Topic

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
STOPPED = Path(__file__).with_name("stopped_driver.py")
RUN = "team/shop-1/0c2d9b52-97a4-4c4f-8a53-3f3f2b8e7f10"
CLEANSED = ("silver/sales", "quarantine/sales")
TABLES = (
    "silver/sales",
    "gold/fact_sale",
    "gold/dim_customer",
    "gold/agg_daily_sales_summary",
)


def pinned(shop: Shop, folder: Path) -> Path:
    """Return the pipeline file of a shop as a pod has it: alone, with a bundle of what it refers to."""
    archive = pack(load(shop.file))
    (folder / "bundle.zip").write_bytes(archive)
    text = shop.file.read_text()
    for relative in ("data/*.csv*", "./lakehouse", "retail.duckdb"):
        text = text.replace(relative, str(shop.folder / relative))
    path = folder / "pipeline.yaml"
    path.write_text(f"{text}  bundle: {{uri: {folder}/bundle.zip, sha256: {digest(archive)}}}\n")
    return path


@dataclass
class Driver:
    """A driver at work."""

    process: subprocess.Popen[str]
    words: Path
    told: str

    def end(self) -> tuple[int, StageOutcome]:
        """Wait for its end, wherever it has stopped; return its exit code and its last words."""
        self.process.send_signal(signal.SIGCONT)
        try:
            _, errors = self.process.communicate(timeout=120)
        finally:
            self.process.kill()
        assert self.words.read_text(), errors
        return self.process.returncode, StageOutcome.heard(self.words.read_text(), self.told)


@dataclass
class Course:
    """A run that goes its course."""

    stack: Stack
    shop: Shop
    pipeline: Path
    folder: Path
    topic: Topic
    outcomes: dict[Step, StageOutcome] = field(default_factory=dict)
    count: Iterator[int] = field(default_factory=count)

    def drive(self, stage: Stage, event: CloudEvent) -> tuple[int, StageOutcome]:
        """Run a driver; return its exit code and its last words."""
        return self._start([sys.executable, "-m", f"podium_{stage}.job"], event).end()

    def stopped(self, stage: Stage, event: CloudEvent, point: str) -> "Driver":
        """Start a driver and return it when it has stopped at a point of its stage."""
        driver = self._start([sys.executable, str(STOPPED), stage, point], event)
        _, status = os.waitpid(driver.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"{point} was never reached"
        return driver

    def _start(self, command: list[str], event: CloudEvent) -> "Driver":
        words = self.folder / f"termination-log-{next(self.count)}"
        words.write_text("")
        told = event.model_dump_json(by_alias=True)
        given = {
            **self.stack.environment,
            "PODIUM_EVENT": told,
            "PODIUM_PIPELINE_RUN": RUN,
            "PODIUM_PIPELINES": str(self.pipeline),
            "PODIUM_TERMINATION_LOG": str(words),
        }
        process = subprocess.Popen(
            command, env={**os.environ, **given}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        return Driver(process, words, told)

    def ingest(self) -> CloudEvent:
        """Take what was delivered into Bronze; return the event that says so."""
        code, outcome = self.drive(Stage.INGEST, request(self.shop.open().pipeline))
        assert (code, outcome.reason) == (0, Reason.COMPLETED)
        return self.events()[-1]

    def go(self, requested: CloudEvent) -> None:
        """Take every step that follows, each with the event that its service hears."""
        self.outcomes = {}
        while step := self._next():
            event = requested if step.stage == Stage.INGEST else self._heard(step)
            code, outcome = self.drive(step.stage, event)
            assert code == 0, outcome
            self.outcomes[step] = outcome

    def _next(self) -> Step | None:
        news = [item for outcome in self.outcomes.values() for item in outcome.announced]
        steps = expected(["sales"], news, has_model=True, has_destination=True)
        return next((step for step in steps if step not in self.outcomes), None)

    def events(self) -> list[CloudEvent]:
        """Return the events of the run: every record says whose it is."""
        records = [record for record in self.topic.records() if (RUN_HEADER, RUN.encode()) in record.headers]
        return [decode(record.headers, record.value) for record in records]

    def _heard(self, step: Step) -> CloudEvent:
        """Return the last event that a step follows from."""
        for event in reversed(self.events()):
            news = announced(event)
            if following(news) == step or (
                step.stage == Stage.MODEL and news.layer == Layer.SILVER and news.verdict
            ):
                return event
        raise AssertionError(f"nobody was told of what {step} follows from")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Stack:
    """Return services none of which is up: drivers need the broker alone."""
    stack = Stack(tmp_path_factory.mktemp("drivers"), broker)
    ensure_topics(stack.kafka)
    return stack


@pytest.fixture
def course(stack: Stack, tmp_path: Path) -> Course:
    shop = Shop(tmp_path / "shop")
    shop.deliver("one.csv", FIRST)
    (tmp_path / "pod").mkdir()
    return Course(stack, shop, pinned(shop, tmp_path / "pod"), tmp_path, stack.watch())


def test_a_run_goes_its_course(course: Course, tmp_path: Path) -> None:
    """From its request to its publication, the tables are those of one process; a second run finds nothing new, and says so."""
    course.go(request(course.shop.open().pipeline))
    assert [step.stage for step in course.outcomes] == [
        Stage.INGEST,
        Stage.CLEANSE,
        Stage.QUALITY,
        Stage.MODEL,
        Stage.QUALITY,
        Stage.PUBLISH,
    ]
    assert {outcome.reason for outcome in course.outcomes.values()} == {Reason.COMPLETED}
    accounts = {
        account.subject: account for outcome in course.outcomes.values() for account in outcome.ledger
    }
    assert accounts["bronze.sales"].rows_in == len(FIRST)
    assert accounts["silver.sales"].rows_in == len(FIRST)
    alone = Shop(tmp_path / "alone")
    alone.deliver("one.csv", FIRST)
    alone.run()
    for table in TABLES:
        assert course.shop.rows(table) == alone.rows(table), table
    assert len(course.shop.rows("quarantine/sales")) == len(alone.rows("quarantine/sales"))
    assert sum(isinstance(event.data, Published) for event in course.events()) == 1

    course.go(request(course.shop.open().pipeline))
    assert {outcome.reason for outcome in course.outcomes.values()} == {Reason.NOTHING_NEW}
    assert not any(item.fresh for outcome in course.outcomes.values() for item in outcome.announced)


def test_a_source_that_cannot_be_read_is_said(course: Course) -> None:
    """By a code that nobody tries again, and in words."""
    (course.shop.folder / "data/two.csv.gz").write_text("nothing of the kind")
    code, outcome = course.drive(Stage.INGEST, request(course.shop.open().pipeline))
    assert (code, outcome.reason) == (1, Reason.BAD_SOURCE)
    assert "two.csv.gz" in outcome.message


def test_a_bundle_that_is_another_is_refused(course: Course) -> None:
    """Nothing of it is run."""
    requested = request(course.shop.open().pipeline)
    (course.pipeline.parent / "bundle.zip").write_bytes(b"other")
    code, outcome = course.drive(Stage.INGEST, requested)
    assert (code, outcome.reason) == (1, Reason.BUNDLE_UNREADABLE)
    assert "sha256" in outcome.message


POINTS = ("after cleanse silver.sales intent", "after cleanse silver.sales commit silver")


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("news", [(), SECOND], ids=["the same intent", "a later one"])
def test_a_late_driver_ends_with_what_another_has_completed(
    course: Course, tmp_path: Path, point: str, news: Sequence[Line]
) -> None:
    """Another one has finished its intent, and perhaps a later one: it commits nothing, and has the same account as the other."""
    bronze = course.ingest()
    late = course.stopped(Stage.CLEANSE, bronze, point)
    code, other = course.drive(Stage.CLEANSE, bronze)
    assert (code, other.reason) == (0, Reason.COMPLETED)
    if news:
        course.shop.deliver("two.csv", news)
        assert course.drive(Stage.CLEANSE, course.ingest())[1].reason == Reason.COMPLETED
    versions = {table: course.shop.version(table) for table in CLEANSED}
    assert late.end() == (0, other)
    assert {table: course.shop.version(table) for table in CLEANSED} == versions
    alone = Shop(tmp_path / "alone", gold=False)
    alone.deliver("one.csv", FIRST)
    if news:
        alone.deliver("two.csv", news)
    alone.run()
    assert course.shop.rows("silver/sales") == alone.rows("silver/sales")


def test_a_late_driver_whose_intent_was_given_up_is_fenced(course: Course) -> None:
    """The pipeline has changed, so another driver began anew and completed the work: the late one commits nothing, and may be tried again."""
    bronze = course.ingest()
    late = course.stopped(Stage.CLEANSE, bronze, POINTS[0])
    text = course.pipeline.read_text()
    course.pipeline.write_text(text.replace("max: 100000", "max: 99999"))
    assert course.pipeline.read_text() != text
    assert course.drive(Stage.CLEANSE, bronze)[1].reason == Reason.COMPLETED
    versions = {table: course.shop.version(table) for table in CLEANSED}
    code, outcome = late.end()
    assert (code, outcome.reason) == (75, Reason.FENCED)
    assert {table: course.shop.version(table) for table in CLEANSED} == versions
    assert course.drive(Stage.CLEANSE, bronze)[1].reason == Reason.NOTHING_NEW
