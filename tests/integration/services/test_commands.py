"""`podium request` and `podium dead-letters` against real services."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from podium.cli import call
from podium_contracts.events import TOPIC, KafkaRecord, encode
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated, RunRequested, StageFailed
from podium_contracts.names import Stage
from podium_runtime.kafka.dead_letters import DEAD_LETTERS, REPLAYED_FOR, DeadLetter

from tests.integration.services.conftest import Stall
from tests.integration.services.stack import Stack, Topic, eventually, letters

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
KILLED = Path(__file__).with_name("killed_replay.py")
CRITICAL = (
    "  quality: {thresholds: {sales: {total_records: {type: minimum, value: 9, severity: CRITICAL}}}}\n"
)


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Podium = Callable[..., Answer]


@pytest.fixture
def podium(stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Podium:
    """Return `podium` in this process, with the connection of the services."""
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Answer:
        capsys.readouterr()
        code = call(arguments)
        return Answer(code, *capsys.readouterr())

    return run


def test_a_request_is_followed_to_its_end(stall: Callable[[], Stall], podium: Podium) -> None:
    """A run with news ends completed, one without at once; a stage that fails is 1, a verdict that fails 3, too little time 75."""
    shop = stall()
    shop.deliver("one.csv", "a,1,1.00")
    file = ("request", "-f", str(shop.file))
    answer = podium(*file, "--wait")
    assert (answer.code, answer.out) == (0, f"{shop.events()[0].id}\n")
    assert answer.err.splitlines() == [
        "bronze sales: 1 rows",
        "silver sales: 1 rows",
        "quality of silver sales: passed",
        "completed",
    ]
    assert podium(*file, "--wait", "-o", "json").json["outcome"] == "nothing new"
    assert podium(*file, "--wait", "--timeout", "0").code == 75

    shop.file.write_text(shop.file.read_text() + CRITICAL)
    shop.deliver("two.csv", "b,1,1.00")
    held = podium(*file, "--wait")
    assert (held.code, held.err.splitlines()[-2][:6]) == (3, "error:")
    assert podium(*file, "--wait").code == 3, "without news, what holds the data is still said"

    for name in ("one.csv", "two.csv"):
        (shop.folder / "in" / name).unlink()
    failed = podium(*file, "--wait")
    assert failed.code == 1
    assert "BadSource" in failed.err


def test_dead_letters_are_listed_shown_and_replayed(stall: Callable[[], Stall], podium: Podium) -> None:
    """A request that failed is mended, replayed for its stage alone, and then no longer listed, unless one asks for all."""
    shop = stall()
    assert podium("request", "-f", str(shop.file), "--wait").code == 1
    run = shop.events()[0]
    mine = ("--pipeline", shop.name)
    (row,) = podium("dead-letters", "ls", *mine, "-o", "json").json
    assert (row["stage"], row["reason"], row["type"]) == ("ingest", "BadSource", run.type)
    assert row["attempts"] == 1
    assert row["message"].startswith("no file matches in/*.csv")
    assert podium("dead-letters", "ls", *mine, "--stage", "model", "-o", "json").json == []
    assert podium("dead-letters", "ls", *mine, "--reason", "TerminalError", "-o", "json").json == []
    assert shop.name in podium("dead-letters", "ls", *mine).out

    shown = podium("dead-letters", "show", row["id"], "-o", "json").json
    assert json.loads(shown["value"]) == json.loads(run.data.to_json())
    assert (shown["key"], shown["headers"]["ce_id"]) == (shop.name, run.id)
    assert f"podium dead-letters replay {row['id']}" in shown["next"]
    assert "ce_traceparent: " in podium("dead-letters", "show", row["id"]).out

    shop.deliver("one.csv", "a,1,1.00")
    assert podium("dead-letters", "replay", *mine).out == f"replayed {row['id']} for ingest\n"
    shop.wait_for("quality.evaluated", run)
    replayed = [record for record in shop.topic.records() if (REPLAYED_FOR, b"ingest") in record.headers]
    (record,) = [item for item in replayed if item.key == shop.name.encode()]
    assert record.value == run.data.to_json()
    assert podium("dead-letters", "ls", *mine, "-o", "json").json == []
    (again,) = podium("dead-letters", "ls", *mine, "--all", "-o", "json").json
    assert again == row
    assert podium("dead-letters", "replay", *mine).out == "no dead letters\n"


def test_a_replay_that_was_killed_is_run_again(
    stack: Stack, stall: Callable[[], Stall], podium: Podium
) -> None:
    """Killed between sending and noting, the letter is still listed; sent twice, its request is answered once."""
    shop = stall()
    assert podium("request", "-f", str(shop.file), "--wait").code == 1
    run, mine = shop.events()[0], ("--pipeline", shop.name)
    shop.deliver("one.csv", "a,1,1.00", "b,1,2.00")
    killed = subprocess.run(
        [sys.executable, str(KILLED), *mine], env={**os.environ, **stack.environment}, timeout=60, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    shop.wait_for("quality.evaluated", run)
    (row,) = podium("dead-letters", "ls", *mine, "-o", "json").json

    assert podium("dead-letters", "replay", *mine).out == f"replayed {row['id']} for ingest\n"
    assert podium("dead-letters", "ls", *mine, "-o", "json").json == []
    lines = stack.services[Stage.INGEST].said
    eventually(lambda: sum(line["event"] == "answered" and line["run"] == run.id for line in lines()) == 2)
    assert podium("request", "-f", str(shop.file), "--wait", "-o", "json").json["outcome"] == "nothing new"
    told = {(item.source, item.id): item for item in shop.events() if item.correlationid == run.id}
    kinds = [RunRequested, StageFailed, LayerCompleted, LayerCompleted, QualityEvaluated]
    assert [type(item.data) for item in told.values()] == kinds
    tables = [DeltaTable(str(shop.folder / "lakehouse" / layer / "sales")) for layer in ("bronze", "silver")]
    assert [table.to_pyarrow_table().num_rows for table in tables] == [2, 2]


def test_only_the_stage_that_failed_answers_a_replay(stack: Stack, stall: Callable[[], Stall]) -> None:
    """A verdict is for cleanse and model; replayed for model, cleanse leaves it alone."""
    shop = stall()
    shop.deliver("one.csv", "a,1,1.00")
    verdict = shop.wait_for("quality.evaluated", shop.request())

    def answers(stage: Stage) -> int:
        lines = stack.services[stage].said()
        return sum(line["event"] == "answered" and line.get("event_id") == verdict.id for line in lines)

    both = (Stage.CLEANSE, Stage.MODEL)
    eventually(lambda: [answers(stage) for stage in both] == [1, 1])
    record = encode(verdict)
    stack.put(
        KafkaRecord(record.topic, record.key, (*record.headers, (REPLAYED_FOR, b"model")), record.value)
    )
    eventually(lambda: answers(Stage.MODEL) == 2)
    stack.put(verdict)
    eventually(lambda: answers(Stage.CLEANSE) == 2)
    eventually(lambda: answers(Stage.MODEL) == 3)


def test_a_record_that_is_no_event_becomes_a_letter_again(
    stack: Stack, stall: Callable[[], Stall], podium: Podium
) -> None:
    """Bytes that are no text are shown in hex; replayed, they end where they were, with the mark of the replay."""
    shop, dead = stall(), stack.watch(DEAD_LETTERS)
    stack.put(KafkaRecord(TOPIC, shop.name.encode(), (("x", b"\xff"), ("y", None)), b"\xfe"))
    eventually(lambda: _own(dead, shop))
    (row,) = podium("dead-letters", "ls", "--pipeline", shop.name, "-o", "json").json
    shown = podium("dead-letters", "show", row["id"]).out
    assert "hex fe" in shown
    assert "x: hex ff" in shown
    assert podium("dead-letters", "replay", row["id"]).code == 0
    first, second = eventually(lambda: found if len(found := _own(dead, shop)) == 2 else [])
    assert (second.value, second.headers) == (first.value, (*first.headers, (REPLAYED_FOR, b"ingest")))
    assert len(podium("dead-letters", "ls", "--pipeline", shop.name, "-o", "json").json) == 1


def _own(dead: Topic, shop: Stall) -> list[DeadLetter]:
    return [item for item in letters(dead) if item.key == shop.name.encode()]


def test_mistakes_say_the_next_step(podium: Podium, monkeypatch: pytest.MonkeyPatch) -> None:
    """No such letter, no choice, no broker, no settings."""
    missing = podium("dead-letters", "show", "999999")
    assert (missing.code, "podium dead-letters ls" in missing.err) == (1, True)
    assert podium("dead-letters", "replay").code == 2
    assert podium("dead-letters", "replay", "1", "--all").code == 2
    monkeypatch.setenv("PODIUM_KAFKA__REPLICATION", "none")
    wrong = podium("dead-letters", "ls")
    assert (wrong.code, "PODIUM_KAFKA__REPLICATION" in wrong.err) == (1, True)


@pytest.mark.slow
def test_a_broker_that_does_not_answer_may_answer_later(podium: Podium) -> None:
    """Exit code 75, and where it was looked for."""
    away = podium("dead-letters", "ls", "--bootstrap-servers", "127.0.0.1:9")
    assert (away.code, "127.0.0.1:9" in away.err) == (75, True)
