"""When a stream looks for files, and at which."""

import asyncio
import time
from typing import Any

import pytest
from podium_contracts.watching import Look
from podium_runtime.service import watch as watches
from podium_runtime.service.calls import Stream
from podium_runtime.service.watch import Watch

EVENTS = "bucket-events"
NOTHING = Look(sweep=False)


def watch(**fields: Any) -> Watch:
    """Return the watch of a stream that is told of the objects of a folder, and has swept it."""
    told = {"sweep_seconds": 3600.0, "notified": ((EVENTS, "s3://shop/in/*.csv"),)}
    made = Watch(Stream("shop", "sales", **{**told, **fields}))
    made.done(made.look())
    return made


def waited(found: Watch) -> float:
    """Return the seconds of a wait."""
    started = time.monotonic()
    asyncio.run(asyncio.wait_for(found.wait(), 5))
    return time.monotonic() - started


def test_all_files_are_looked_at_first_and_every_so_often() -> None:
    """The time runs from the begin of the last sweep that passed; one that failed is due again."""
    found = Watch(Stream("shop", "sales", sweep_seconds=0.2))
    assert found.look() == found.look() == Look(sweep=True)
    found.done(Look(sweep=True))
    assert found.look() == NOTHING
    assert 0.1 < waited(found) < 1
    assert found.look() == Look(sweep=True)


def test_an_object_that_is_named_is_looked_at_at_once() -> None:
    """Only one of the stream's own, told by its own topic; until a look at it has passed."""
    found = watch()
    assert not found.hear("other-events", "s3://shop/in/a.csv")
    assert not found.hear(EVENTS, "s3://shop/out/a.csv")
    assert found.look() == NOTHING
    assert found.hear(EVENTS, "s3://shop/in/a.csv")
    assert found.hear(EVENTS, "s3://shop/in/a.csv")
    assert waited(found) < 1
    look = found.look()
    assert look == found.look() == Look(sweep=False, objects=("s3://shop/in/a.csv",))
    found.hear(EVENTS, "s3://shop/in/b.csv")
    found.done(look)
    assert found.look() == Look(sweep=False, objects=("s3://shop/in/b.csv",))


def test_where_too_many_are_named_all_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered is bounded."""
    monkeypatch.setattr(watches, "MOST_NAMED", 3)
    found = watch()
    for number in range(4):
        found.hear(EVENTS, f"s3://shop/in/{number}.csv")
    assert found.look() == Look(sweep=True)


def test_topics_of_messages_are_looked_at_in_between() -> None:
    """A dataset that reads messages, too, is called as often as they need it; without looking for files each time."""
    found = watch(poll_seconds=0.1)
    assert 0.05 < waited(found) < 1
    assert found.look() == NOTHING
    only_messages = Watch(Stream("shop", "sales", poll_seconds=0.1))
    assert only_messages.look() == NOTHING
    assert waited(only_messages) < 1


def test_a_wait_can_be_ended() -> None:
    """A stream that is to end does not wait for its next sweep; nor does one that must sweep anew."""
    for end in (Watch.stir, Watch.sweep):
        found = watch()
        found.look()
        end(found)
        assert waited(found) < 1
    assert found.look() == Look(sweep=True)
