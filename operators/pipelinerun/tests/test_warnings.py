"""The cluster is asked for its warnings once for all who want to know, and again when its answer is old."""

import asyncio

import pytest
from podium_operator import warnings
from podium_operator.warnings import Warnings

from operators.pipelinerun.tests.memory import Memory


def test_many_who_ask_are_one_call() -> None:
    """At the same time, and soon afterwards; what nothing was said of is no warning."""

    async def show() -> None:
        cluster = Memory(warned={"pod": "no such secret"})
        known = Warnings(cluster)
        said = await asyncio.gather(*(known.about("team", name) for name in ("pod", "other", "pod")))
        assert said == ["no such secret", "", "no such secret"]
        assert await known.about("team", "pod") == "no such secret"
        assert cluster.calls == ["warnings"]

    asyncio.run(show())


def test_each_namespace_is_asked_on_its_own() -> None:
    async def show() -> None:
        cluster = Memory()
        known = Warnings(cluster)
        await known.about("team", "pod")
        await known.about("other", "pod")
        assert cluster.calls == ["warnings"] * 2

    asyncio.run(show())


def test_an_old_answer_is_dropped_and_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nothing stays of a namespace in which nothing waits any more."""
    monkeypatch.setattr(warnings, "KEPT_SECONDS", 0.01)

    async def show() -> None:
        cluster = Memory()
        known = Warnings(cluster)
        assert await known.about("team", "pod") == ""
        cluster.warned["pod"] = "unschedulable"
        await asyncio.sleep(0.05)
        assert known._asked == {}
        assert await known.about("team", "pod") == "unschedulable"

    asyncio.run(show())
