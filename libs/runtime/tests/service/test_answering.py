"""Answering: what is announced, retried and given up, and in which order."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest
from podium_contracts.errors import BadSource, CommitConflict, Problem, TerminalError, TransientError
from podium_contracts.events import TOPIC, CloudEvent, KafkaRecord, decode
from podium_contracts.events.v1 import LayerCompleted, StageFailed
from podium_contracts.names import Stage
from podium_contracts.pipeline import Pipeline, Spec
from podium_contracts.watching import EVERYWHERE, Look
from podium_runtime.kafka.dead_letters import DEAD_LETTERS, DeadLetter
from podium_runtime.requests import request_of_batch
from podium_runtime.service.answering import Answering
from podium_runtime.service.calls import Failure
from podium_runtime.service.processes import Processes, StageProcessDied
from podium_runtime.settings import RetrySettings
from podium_runtime.telemetry import fields
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from libs.runtime.tests.service.conftest import event, partition, task
from libs.runtime.tests.service.test_calls import write

FAST = RetrySettings(attempts=3, first_seconds=0.001, longest_seconds=0.002)


@dataclass(eq=False)
class Stagehand:
    """A stage whose calls end as a script says; it notes what happens, in order."""

    script: list[Exception | None] = field(default_factory=list)
    happened: list[str] = field(default_factory=list)
    stage: Stage = Stage.QUALITY
    waiting: list[CloudEvent] = field(default_factory=list)
    looks: list[Exception | None] = field(default_factory=list)
    """How looks for what is waiting end, None for well."""

    def problems(self, _spec: Spec) -> list[Problem]:
        return []

    def answer(self, given: CloudEvent, _pipeline: Pipeline) -> list[CloudEvent]:
        self.happened.append(f"answer {given.id}")
        if error := self.script.pop(0) if self.script else None:
            raise error
        return [event(LayerCompleted, number=9)]

    def bring(self, _given: CloudEvent, _pipeline: Pipeline, look: Look) -> list[CloudEvent]:
        return [event(LayerCompleted, number=9)] if look == EVERYWHERE else []

    def outstanding(self, _pipeline: Pipeline) -> list[CloudEvent]:
        if error := self.looks.pop(0) if self.looks else None:
            raise error
        return self.waiting

    def announced(self, _pipeline: Pipeline, events: list[CloudEvent]) -> None:
        self.happened.append(f"noted {' '.join(item.id for item in events)}")


class Here(Processes):
    """Calls in this process: what a child adds is shown by its own tests."""

    def __init__(self) -> None:
        super().__init__(0, ["json"])
        self.deaths = 0

    async def call(self, function: Callable[..., object], *arguments: object) -> object:  # type: ignore[override]
        if self.deaths:
            self.deaths -= 1
            raise StageProcessDied("killed", hint="look")
        return function(*arguments)


class Desk:
    """A stage being answered for, and what Kafka has been given."""

    def __init__(self, folder: Path, *script: Exception | None) -> None:
        write(folder, "shop.yaml")
        self.hand = Stagehand(list(script))
        self.here = Here()
        self.sent: list[KafkaRecord] = []
        self.refusals = 0
        self.refused: str | None = None
        """The topic that takes nothing before somebody changes something."""
        self.answering = Answering(self.hand, folder, FAST, self.here, self.send)
        self.partition = partition()

    async def send(self, record: KafkaRecord) -> None:
        if self.refusals:
            self.refusals -= 1
            raise TransientError("no broker")
        if record.topic == self.refused:
            raise TerminalError("too large", hint="raise max.message.bytes")
        self.sent.append(record)
        self.hand.happened.append(f"sent to {record.topic}")

    def work(self, *events: CloudEvent) -> None:
        """Answer events of a lane; an offset that moves is noted."""
        tasks = [task(item, self.partition, partial(self.hand.happened.append, "moved")) for item in events]
        asyncio.run(self.answering.work(tasks))

    @property
    def letters(self) -> list[DeadLetter]:
        found = [record for record in self.sent if record.topic == DEAD_LETTERS]
        return [DeadLetter.decode(record.key, record.value, record.headers) for record in found]

    @property
    def announced(self) -> list[CloudEvent]:
        return [decode(record.headers, record.value) for record in self.sent if record.topic == TOPIC]


@pytest.fixture
def desk(tmp_path: Path) -> Callable[..., Desk]:
    """Return a maker of desks."""
    return partial(Desk, tmp_path)


def test_an_answer_is_announced_noted_and_acknowledged_in_this_order(desk: Callable[..., Desk]) -> None:
    """Killed at any place in between, what comes after it is done again."""
    given = desk()
    given.work(event(LayerCompleted))
    answer = "shop-9/silver.sales/9"
    assert given.hand.happened == [
        "answer shop-1/silver.sales/1",
        f"sent to {TOPIC}",
        f"noted {answer}",
        "moved",
    ]


def test_the_newest_of_a_batch_is_answered_for_all(desk: Callable[..., Desk]) -> None:
    """One call, and every offset moves."""
    given = desk()
    given.work(*(event(LayerCompleted, number=number) for number in (1, 2, 3)))
    assert [said for said in given.hand.happened if said.startswith("answer")] == [
        "answer shop-3/silver.sales/3"
    ]
    assert given.hand.happened[-3:] == ["moved"] * 3


def test_what_may_pass_later_is_tried_again(desk: Callable[..., Desk]) -> None:
    """A conflict, then an answer: no dead letter, and nobody hears of it."""
    given = desk(CommitConflict("overtaken"), OSError("busy"))
    given.work(event(LayerCompleted))
    assert given.letters == []
    assert [item.id for item in given.announced] == ["shop-9/silver.sales/9"]


def test_what_never_passes_becomes_a_dead_letter_after_all_attempts(desk: Callable[..., Desk]) -> None:
    """As many calls as the settings say, then a letter, and an event that says that the stage failed for now."""
    given = desk(*(CommitConflict("overtaken", hint="again") for _ in range(9)))
    given.work(event(LayerCompleted))
    (letter,) = given.letters
    assert (letter.attempts, letter.reason, letter.message) == (3, "CommitConflict", "overtaken: again")
    assert [item.data.transient for item in given.announced if isinstance(item.data, StageFailed)] == [True]


def test_what_a_person_must_mend_becomes_a_dead_letter_at_once(desk: Callable[..., Desk]) -> None:
    """One call; the letter has the record as it was; the offset moves when Kafka has the letter and the event, not before."""
    given = desk(BadSource("no file"))
    cause = event(LayerCompleted)
    given.work(cause)
    (letter,) = given.letters
    record = task(cause).delivery.record
    assert (letter.key, letter.value, letter.headers) == (record.key, record.value, record.headers)
    assert (letter.origin, letter.stage, letter.attempts) == (record.origin, "quality", 1)
    (failed,) = given.announced
    assert isinstance(failed.data, StageFailed)
    assert (failed.causationid, failed.correlationid) == (cause.id, cause.correlationid)
    assert given.hand.happened[-3:] == [f"sent to {DEAD_LETTERS}", f"sent to {TOPIC}", "moved"]


def test_nothing_moves_while_kafka_does_not_take_it(desk: Callable[..., Desk]) -> None:
    """More refusals than attempts of a call: the answer waits for the broker, and the stage is not called again."""
    given = desk()
    given.refusals = 10
    given.work(event(LayerCompleted))
    assert [said.split()[0] for said in given.hand.happened] == ["answer", "sent", "noted", "moved"]


@pytest.mark.parametrize(("refused", "error"), [(TOPIC, None), (DEAD_LETTERS, BadSource("no file"))])
def test_an_offset_does_not_move_past_what_kafka_refuses(
    desk: Callable[..., Desk], refused: str, error: Exception | None
) -> None:
    """An answer or a dead letter that cannot pass ends the work, with the next step in the log; it is not tried for ever."""
    given = desk(error)
    given.refused = refused
    with capture_logs() as said, pytest.raises(TerminalError):
        given.work(event(LayerCompleted))
    assert [happened.split()[0] for happened in given.hand.happened] == ["answer"]
    last = {"topic": refused, "log_level": "critical", "next": "raise max.message.bytes"}
    assert last.items() <= said[-1].items()


def test_a_record_that_waits_for_kafka_is_seen_to_wait(desk: Callable[..., Desk]) -> None:
    """From its first try to its last, so that its age shows what is stuck."""
    given, seen = desk(), list[str]()

    async def send(_record: KafkaRecord) -> None:
        seen.append(given.answering.waits.oldest()[0])
        if len(seen) < 3:
            raise TransientError("no broker")

    given.answering = replace(given.answering, send=send)
    given.work(event(LayerCompleted))
    assert seen == [f"a record for {TOPIC}"] * 3
    assert given.answering.waits.oldest()[0] == ""


def test_a_batch_of_a_stream_is_said_and_measured(desk: Callable[..., Desk]) -> None:
    """With the run, the trace and the event that it made, as an answer is; what fails names its run; finding nothing is no news."""
    given, asked = desk(), request_of_batch("shop", "sales")
    with capture_logs() as said:
        before = measured()
        assert asyncio.run(given.answering.bring(asked, Look(sweep=False))) == 0
        assert (said, measured()) == ([], before)
        assert asyncio.run(given.answering.bring(asked, EVERYWHERE)) == 1
        assert measured() == before + 1
        lost = request_of_batch("gone", "sales")
        assert isinstance(asyncio.run(given.answering.bring(lost, EVERYWHERE)), Failure)
    (made,) = given.announced
    assert {"event": "brought", "answers": 1, **fields(made)}.items() <= said[0].items()
    assert {"event": "stream failed", "dataset": "sales", **fields(lost)}.items() <= said[1].items()


def measured() -> float:
    """Return how many calls of the stage have been measured."""
    return REGISTRY.get_sample_value("podium_stage_seconds_count", {"stage": Stage.QUALITY}) or 0


def test_a_process_that_died_is_a_failure_that_may_pass(desk: Callable[..., Desk]) -> None:
    """The next call gets another process; where all die, the letter says so."""
    given = desk()
    given.here.deaths = 1
    given.work(event(LayerCompleted))
    assert given.letters == []
    given.here.deaths = 99
    given.work(event(LayerCompleted))
    assert [letter.reason for letter in given.letters] == ["StageProcessDied"]


def test_what_was_revoked_is_left_to_others(desk: Callable[..., Desk]) -> None:
    """Events of a partition that is another worker's by now are not even called for."""
    given = desk()
    given.partition.revoked = True
    given.work(event(LayerCompleted))
    assert given.hand.happened == []


def test_what_is_revoked_in_the_middle_makes_no_dead_letter(desk: Callable[..., Desk]) -> None:
    """The other worker writes it, so there is one."""
    given = desk()

    def revoke(_event: CloudEvent, _pipeline: Pipeline) -> list[CloudEvent]:
        given.partition.revoked = True
        raise CommitConflict("overtaken")

    given.hand.answer = revoke  # type: ignore[method-assign]
    given.work(event(LayerCompleted))
    assert given.sent == []


def test_what_nobody_announced_is_announced_at_the_start(desk: Callable[..., Desk]) -> None:
    """In its order, and then noted."""
    given = desk()
    given.hand.waiting = [event(LayerCompleted, number=number) for number in (1, 2)]
    asyncio.run(given.answering.announce_outstanding())
    ids = [item.id for item in given.hand.waiting]
    assert [item.id for item in given.announced] == ids
    assert given.hand.happened[-1] == f"noted {' '.join(ids)}"


def test_what_could_not_be_seen_at_the_start_is_looked_for_again(desk: Callable[..., Desk]) -> None:
    """Until the lakehouse answers; where a person must mend it, another look helps nobody."""
    given = desk()
    given.hand.waiting = [event(LayerCompleted)]
    given.hand.looks = [OSError("away"), OSError("away"), None, BadSource("no lakehouse")]
    assert asyncio.run(given.answering.announce_outstanding())
    assert given.sent == []
    asyncio.run(given.answering.announce_outstanding_again())
    assert [item.id for item in given.announced] == [event(LayerCompleted).id]
    assert not asyncio.run(given.answering.announce_outstanding())


def test_a_look_for_unannounced_events_that_fails_does_not_end_the_service(
    desk: Callable[..., Desk], tmp_path: Path
) -> None:
    """They are found with the next answer of the stage."""
    given = desk()
    shutil.rmtree(tmp_path)
    asyncio.run(given.answering.announce_outstanding())
    assert given.sent == []


def test_a_record_that_is_no_event_can_be_given_up(desk: Callable[..., Desk]) -> None:
    """There is no run to say that it failed."""
    given = desk()
    failed = Failure("MalformedEvent", "no header", transient=False)
    asyncio.run(given.answering.give_up(task(event()).delivery.record, failed, attempts=1))
    assert [record.topic for record in given.sent] == [DEAD_LETTERS]
