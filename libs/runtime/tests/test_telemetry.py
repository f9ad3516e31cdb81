"""Logs: what a library says again and again is written seldom, what Podium says always."""

import logging

import pytest
from podium_runtime import telemetry
from podium_runtime.telemetry import Seldom


def line(name: str, message: str, *details: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, message, details, None)


def test_a_library_says_the_same_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the details; something else, or the same after a while, is written."""
    seldom, now = Seldom(), 100.0
    monkeypatch.setattr(telemetry.time, "monotonic", lambda: now)
    away = "no connection to node %s"
    assert [seldom.filter(line("aiokafka", away, node)) for node in (1, 2, 1)] == [True, False, False]
    assert seldom.filter(line("aiokafka", "session expired"))
    now += telemetry.SELDOM_SECONDS
    assert seldom.filter(line("aiokafka", away, 1))


def test_all_that_podium_says_is_written() -> None:
    """Its lines are few, and each is about another event."""
    seldom = Seldom()
    assert all(seldom.filter(line("podium", "answered")) for _ in range(3))


def test_what_is_remembered_is_bounded() -> None:
    """A library that puts the details into the message itself fills no memory."""
    seldom = Seldom()
    for number in range(3 * telemetry.MOST_REMEMBERED):
        assert seldom.filter(line("faust", f"offset {number}"))
    assert len(seldom._said) <= telemetry.MOST_REMEMBERED
