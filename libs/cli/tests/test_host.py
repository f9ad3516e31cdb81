"""The host: five stages around a bus, and what a run did."""

from collections.abc import Callable
from pathlib import Path

import pytest
from podium import host
from podium.opening import Opened, open_pipeline
from podium_contracts.errors import BadSource
from podium_contracts.events import CloudEvent
from podium_contracts.events.routing import answering, origin
from podium_contracts.events.v1 import LayerCompleted, StageFailed
from podium_contracts.names import Stage
from podium_lakehouse.lakehouse import nobody
from podium_runtime.requests import request

from libs.cli.tests.conftest import PIPELINE


class Killed(BaseException):
    """The end of a process, as far as a test without a process can have it."""


class Machine:
    """A pipeline, and a run of it in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "in").mkdir()
        (folder / "pipeline.yaml").write_text(PIPELINE)

    def deliver(self, name: str, *lines: str) -> None:
        (self.folder / "in" / name).write_text("\n".join(["id,at,price", *lines]) + "\n")

    def open(self, observer: Callable[[str], None] = nobody) -> Opened:
        return open_pipeline(self.folder / "pipeline.yaml", observer)

    def run(
        self, on_event: Callable[[CloudEvent], None] = lambda _event: None, *, killed_at: str = ""
    ) -> host.Outcome:
        def reached(point: str) -> None:
            if point == killed_at:
                raise Killed

        opened = self.open(reached)
        return host.run(opened.pipeline, opened.lakehouse, request(opened.pipeline), on_event=on_event)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def subjects(events: list[CloudEvent]) -> list[str]:
    return [f"{origin(event)} {event.subject}" for event in events]


def test_fresh_events_are_those_of_this_runs_completions(machine: Machine) -> None:
    """A run without news announces what is known again, and claims none of it."""
    machine.deliver("one.csv", "a,1,1.00")
    first = machine.run()
    assert subjects(first.fresh) == ["ingest bronze.sales", "cleanse silver.sales", "quality silver.sales"]
    second = machine.run()
    assert (second.events, second.fresh) == (first.events, [])


def test_completions_are_reported_as_they_are_written(machine: Machine) -> None:
    """Who watches a run hears of each completion once, in order, and of nothing that was there before."""
    machine.deliver("one.csv", "a,1,1.00")
    machine.run()
    machine.deliver("two.csv", "b,1,1.00")
    opened, heard = machine.open(), []
    outcome = host.run(opened.pipeline, opened.lakehouse, request(opened.pipeline), on_completed=heard.append)
    assert heard == outcome.fresh
    assert [int(event.sequence) for event in heard] == [2, 2, 2]


def test_one_run_finishes_an_interrupted_one_and_then_its_own(machine: Machine) -> None:
    """After a kill, one run brings both what was left undone and what has come since to the end."""
    machine.deliver("one.csv", "a,1,1.00")
    with pytest.raises(Killed):
        machine.run(killed_at="after ingest bronze.sales commit bronze")
    machine.deliver("two.csv", "b,1,1.00")
    outcome = machine.run()
    read = [
        event.data.ledger.flow.rows_in
        for event in outcome.fresh
        if isinstance(event.data, LayerCompleted) and event.data.ledger and event.data.ledger.flow
    ]
    assert read == [1, 1, 2], "Bronze, Bronze, and Silver of both"
    assert len({event.correlationid for event in outcome.fresh}) == 2
    assert machine.run().fresh == []


def test_a_failure_is_announced_before_it_is_raised(machine: Machine) -> None:
    """A stage that fails is an event with its class, its message and whether a retry may help; then the error ends the run."""
    heard: list[CloudEvent] = []
    with pytest.raises(BadSource, match="no file matches"):
        machine.run(heard.append)
    requested, failed = heard
    assert (failed.type, failed.causationid) == ("dev.podium.stage.failed.v1", requested.id)
    data = failed.data
    assert isinstance(data, StageFailed)
    assert (data.stage, data.subject, data.reason, data.transient) == ("ingest", "stall", "BadSource", False)
    assert data.message.startswith("no file matches in/*.csv")


def test_a_failure_is_never_taken_for_a_completion(machine: Machine) -> None:
    """Consumers drop what has the source and id of an event they know: a failure shares them with no completion."""
    heard: list[CloudEvent] = []
    with pytest.raises(BadSource):
        machine.run(heard.append)
    machine.deliver("one.csv", "a,1,1.00")
    known = {(event.source, event.id) for event in heard}
    assert known.isdisjoint({(event.source, event.id) for event in machine.run().events})


def test_every_event_has_the_stages_that_answer_it(machine: Machine) -> None:
    """The wiring is the same as on Kafka: a request is for ingest, Bronze for cleanse, Silver and Gold for quality."""
    machine.deliver("one.csv", "a,1,1.00")
    events: list[CloudEvent] = []
    machine.run(events.append)
    assert [answering(event) for event in events] == [
        (Stage.INGEST,),
        (Stage.CLEANSE,),
        (Stage.QUALITY,),
        (Stage.CLEANSE, Stage.MODEL),
    ]
