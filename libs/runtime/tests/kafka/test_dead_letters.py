"""Dead letters: bytes in, the same bytes out, and why."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from podium_contracts.events.cloudevents import Header
from podium_runtime.kafka.dead_letters import REPLAYED_FOR, DeadLetter, replayed_for, replaying
from podium_runtime.kafka.letters import Filed
from podium_runtime.kafka.records import Origin

LETTER = DeadLetter(
    origin=Origin("podium.events.v1", 3, 17),
    key=b"shop",
    value=b"\xff",
    headers=(("ce_type", b"dev.podium.run.requested.v1"), ("twice", b"1"), ("twice", None)),
    stage="ingest",
    reason="BadSource",
    message="no file: look là-bas",
    attempts=2,
    failed_at=1_767_225_600_000,
)

headers = st.lists(st.tuples(st.text(), st.none() | st.binary()))


@given(st.none() | st.binary(), st.none() | st.binary(), headers, st.text())
def test_a_record_comes_back_as_it_was(
    key: bytes | None, value: bytes | None, given_headers: list[Header], message: str
) -> None:
    """Whatever its bytes, with repeated, empty and missing headers in their order."""
    letter = replace(LETTER, key=key, value=value, headers=tuple(given_headers), message=message)
    assert DeadLetter.decode(key, value, letter.encode()) == letter


def test_a_foreign_record_is_no_dead_letter() -> None:
    """Somebody else's record in the topic is told from ours."""
    with pytest.raises(KeyError):
        DeadLetter.decode(b"key", b"value", [("podium_dead_letter_topic", b"x")])


def test_a_replay_is_the_record_with_a_mark() -> None:
    """It goes where it came from, for the stage that failed; the mark of an earlier replay is replaced."""
    record = replaying(replace(LETTER, headers=(*LETTER.headers, (REPLAYED_FOR, b"model"))))
    assert (record.topic, record.key, record.value) == ("podium.events.v1", b"shop", b"\xff")
    assert record.headers == (*LETTER.headers, (REPLAYED_FOR, b"ingest"))
    assert replayed_for(record.headers) == "ingest"
    assert replayed_for(LETTER.headers) is None


def test_what_people_call_a_letter() -> None:
    """A number, with the partition where there are several; a record that is no event has the key for a pipeline."""
    filed = Filed(0, 17, LETTER)
    assert (filed.id, filed.pipeline, filed.event_type) == ("17", "shop", "dev.podium.run.requested.v1")
    assert Filed(1, 17, LETTER).id == "1:17"
    assert f"{LETTER.time:%Y-%m-%d}" == "2026-01-01"
    assert Filed(0, 0, replace(LETTER, key=None, headers=())).pipeline == ""
