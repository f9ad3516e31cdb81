"""Lanes: order within one, none between them."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated
from podium_contracts.names import Stage
from podium_runtime.service.lanes import Lanes, Task, alike, lane

from libs.runtime.tests.service.conftest import event, task


class Floor:
    """Lanes of cleanse whose work waits until it is told to go on."""

    def __init__(self) -> None:
        self.begun: list[list[str]] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.broken: list[BaseException] = []
        self.lanes = Lanes(Stage.CLEANSE, self.work, self.broken.append)

    async def work(self, tasks: list[Task]) -> None:
        ids = [item.event.id for item in tasks]
        self.begun.append(ids)
        if ids[-1] in self.gates:
            await self.gates[ids[-1]].wait()

    def close(self, *ids: str) -> None:
        self.gates |= {name: asyncio.Event() for name in ids}


def run(test: Callable[[Floor], Awaitable[None]]) -> Floor:
    """Run a test on a floor in a loop of its own, which must end without a task left."""

    async def whole() -> Floor:
        floor = Floor()
        await asyncio.wait_for(test(floor), 5)
        assert [item.get_name() for item in asyncio.all_tasks() if item is not asyncio.current_task()] == []
        return floor

    return asyncio.run(whole())


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_lane_answers_one_after_the_other() -> None:
    """What says different things is answered in its order, each when the one before it is done."""
    first, second = event(QualityEvaluated, number=1), event(LayerCompleted, number=2)

    async def test(floor: Floor) -> None:
        floor.close(first.id)
        for item in (first, second):
            floor.lanes.put(task(item))
        await settle()
        assert floor.begun == [[first.id]]
        floor.gates[first.id].set()
        await settle()
        assert floor.begun == [[first.id], [second.id]]
        assert floor.lanes.open == 0

    run(test)


def test_lanes_do_not_wait_for_each_other() -> None:
    """Other datasets and other pipelines go on while one is at work."""
    here, there, elsewhere = (
        event(LayerCompleted, subject="sales"),
        event(LayerCompleted, subject="stores"),
        event(LayerCompleted, pipeline="other"),
    )

    async def test(floor: Floor) -> None:
        floor.close(here.id)
        for item in (here, there, elsewhere):
            floor.lanes.put(task(item))
        await settle()
        assert floor.begun == [[here.id], [there.id], [elsewhere.id]]
        assert floor.lanes.open == 1
        floor.gates[here.id].set()
        await settle()

    run(test)


def test_what_waits_and_says_the_same_is_answered_together() -> None:
    """Of completions that came while a lane was at work, the newest stands for all."""
    events = [event(LayerCompleted, number=number) for number in (1, 2, 3)]
    verdict = event(QualityEvaluated, number=4)

    async def test(floor: Floor) -> None:
        floor.close(events[0].id)
        for item in (*events, verdict):
            floor.lanes.put(task(item))
            await settle()
        floor.gates[events[0].id].set()
        await settle()
        assert floor.begun == [[events[0].id], [events[1].id, events[2].id], [verdict.id]]

    run(test)


def test_stop_waits_for_what_runs_and_starts_nothing() -> None:
    """A call under way ends; what waits, and what comes later, is left to whoever gets it next."""
    events = [event(LayerCompleted, number=1), event(QualityEvaluated, number=2), event(pipeline="other")]

    async def test(floor: Floor) -> None:
        floor.close(events[0].id)
        floor.lanes.put(task(events[0]))
        floor.lanes.put(task(events[1]))
        await settle()
        stopping = asyncio.create_task(floor.lanes.stop(5))
        await settle()
        floor.lanes.put(task(events[2]))
        floor.gates[events[0].id].set()
        await stopping
        assert floor.begun == [[events[0].id]]

    run(test)


def test_stop_cancels_what_is_late() -> None:
    """A call that does not end in time is cancelled; that is no defect of the service."""
    late = event(LayerCompleted)

    async def test(floor: Floor) -> None:
        floor.close(late.id)
        floor.lanes.put(task(late))
        await settle()
        await floor.lanes.stop(0.01)
        assert floor.lanes.open == 0

    assert run(test).broken == []


def test_a_lane_that_breaks_is_told() -> None:
    """`work` answers for what a stage raises; anything else must end the service, not be passed over."""

    async def test(_floor: Floor) -> None:
        broken: list[BaseException] = []

        async def work(_tasks: list[Task]) -> None:
            raise KeyError("a defect")

        lanes = Lanes(Stage.CLEANSE, work, broken.append)
        lanes.put(task(event(LayerCompleted)))
        await settle()
        assert [type(error) for error in broken] == [KeyError]

    run(test)


LANES = {
    Stage.INGEST: 1,
    Stage.CLEANSE: 2,
    Stage.QUALITY: 2,
    Stage.MODEL: 1,
    Stage.PUBLISH: 1,
}


@pytest.mark.parametrize(("stage", "count"), LANES.items())
def test_a_stage_works_by_dataset_or_by_pipeline(stage: Stage, count: int) -> None:
    """Two datasets of a pipeline are two lanes where a stage answers for each by itself."""
    assert len({lane(stage, event(LayerCompleted, subject=name)) for name in ("sales", "stores")}) == count


ALIKE = {
    "requests": (event(number=1), event(number=2), False),
    "completions": (event(LayerCompleted, number=1), event(LayerCompleted, number=2), True),
    "of other datasets": (event(LayerCompleted), event(LayerCompleted, subject="stores"), False),
    "of other layers": (event(LayerCompleted), event(LayerCompleted, layer="bronze"), False),
    "verdicts": (event(QualityEvaluated, number=1), event(QualityEvaluated, number=2), True),
    "that differ": (event(QualityEvaluated), event(QualityEvaluated, verdict="failed"), False),
    "a completion and a verdict": (event(LayerCompleted), event(QualityEvaluated), False),
}


@pytest.mark.parametrize(("first", "second", "expected"), ALIKE.values(), ids=ALIKE.keys())
def test_which_events_say_the_same(first: CloudEvent, second: CloudEvent, *, expected: bool) -> None:
    """A request is a run of its own; completions and equal verdicts of one subject may be answered together."""
    assert alike(first, second) == expected
