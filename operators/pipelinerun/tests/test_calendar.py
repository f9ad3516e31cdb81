"""When schedules come, also where clocks change."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from podium_operator.core.calendar import Calendar

BERLIN = "Europe/Berlin"
ZONES = ("Etc/UTC", BERLIN, "America/New_York", "America/Santiago", "Asia/Kathmandu", "Africa/Casablanca")
SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)
FIELDS = ("*", "*/15", "0", "30", "0,30", "7-9"), ("*", "*/6", "1", "2", "3", "1-3", "0,23")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(expression: str, zone: str, after: str, number: int) -> list[str]:
    """Return the first times after a moment, as local ones with their offset."""
    calendar = Calendar.of(expression, zone)
    found = islice(calendar.after(at(after)), number)
    return [f"{time.astimezone(calendar.zone):%m-%d %H:%M %z}" for time in found]


def test_a_time_that_is_left_out_is_the_moment_of_the_change() -> None:
    """On 29 March 2026 there is no 02:30 in Berlin: the run of that night is made at 03:00, and none of it is lost."""
    assert times("30 2 * * *", BERLIN, "2026-03-28T00:00", 3) == [
        "03-28 02:30 +0100",
        "03-29 03:00 +0200",
        "03-30 02:30 +0200",
    ]
    assert times("0,30 2 * * *", BERLIN, "2026-03-29T00:00", 2) == ["03-29 03:00 +0200", "03-30 02:00 +0200"]


def test_a_time_that_comes_twice_counts_once() -> None:
    """On 25 October 2026 it is 02:30 twice in Berlin; also for whoever asks between the two."""
    expected = ["10-25 02:30 +0200", "10-26 02:30 +0100"]
    assert times("30 2 * * *", BERLIN, "2026-10-24T12:00", 2) == expected
    assert times("30 2 * * *", BERLIN, "2026-10-25T01:10", 1) == expected[1:]


def test_every_hour_is_every_hour_that_passes() -> None:
    """The hour that comes twice has two runs, the one that is left out has none."""
    assert times("0 * * * *", BERLIN, "2026-10-24T23:30", 3) == [
        "10-25 02:00 +0200",
        "10-25 02:00 +0100",
        "10-25 03:00 +0100",
    ]
    assert times("0 * * * *", BERLIN, "2026-03-29T00:30", 1) == ["03-29 03:00 +0200"]


@pytest.mark.parametrize(
    ("expression", "zone", "words"),
    [
        ("0 2 31 2 *", "Etc/UTC", "never comes"),
        ("0 2 * * 5-1", "Etc/UTC", "cannot be read"),
        ("0 2 * * *", "Mars/Base", "there is no time zone 'Mars/Base'"),
        ("0 2 * * *", "Europe", "there is no time zone"),
        ("0 2 * * *", "../etc", "there is no time zone"),
    ],
)
def test_what_cannot_be_read_is_refused(expression: str, zone: str, words: str) -> None:
    """In words that name it."""
    with pytest.raises(ValueError, match=words):
        Calendar.of(expression, zone)


def test_the_latest_of_many_is_found_at_once() -> None:
    """A schedule of every minute that nobody kept for ten years: no time of those years is looked at."""
    calendar = Calendar.of("* * * * *", BERLIN)
    assert calendar.latest(at("2016-01-01T00:00"), at("2026-01-01T00:00")) == at("2026-01-01T00:00")
    yearly = Calendar.of("0 0 29 2 *", BERLIN)
    assert yearly.latest(at("2023-01-01T00:00"), at("2026-01-01T00:00")) == at("2024-02-28T23:00")
    assert yearly.latest(at("2025-01-01T00:00"), at("2026-01-01T00:00")) is None


@settings(max_examples=60, deadline=None)
@given(
    minute=st.sampled_from(FIELDS[0]),
    hour=st.sampled_from(FIELDS[1]),
    zone=st.sampled_from(ZONES),
    day=st.sampled_from(["2026-03-07", "2026-03-28", "2026-04-04", "2026-09-05", "2026-10-24", "2026-10-31"]),
    minutes=st.integers(0, 2 * 24 * 60),
)
def test_the_times_are_the_same_from_wherever_one_looks(
    minute: str, hour: str, zone: str, day: str, minutes: int
) -> None:
    """Around changes of clocks: those after a moment are those after an earlier one that are later; and each is one of the wall's."""
    calendar = Calendar.of(f"{minute} {hour} * * *", zone)
    begin, end = at(f"{day}T00:00"), at(f"{day}T00:00") + timedelta(days=2)
    cut = begin + timedelta(minutes=minutes)
    every = list(takewhile(lambda time: time <= end, calendar.after(begin)))
    assert every == sorted(set(every))
    assert [time for time in every if time > cut] == list(
        takewhile(lambda time: time <= end, calendar.after(cut))
    )
    assert calendar.latest(begin, cut) == max((time for time in every if time <= cut), default=None)
    assert set(every) - set(_changes(calendar.zone, begin, end)) <= set(
        _on_the_wall(minute, hour, calendar.zone, begin, end)
    )


def _moments(begin: datetime, end: datetime) -> Iterator[datetime]:
    for number in range(int((end - begin).total_seconds()) // 60 + 1):
        yield begin + timedelta(minutes=number)


def _on_the_wall(
    minute: str, hour: str, zone: ZoneInfo, begin: datetime, end: datetime
) -> Iterator[datetime]:
    """Yield every minute at which a clock on the wall shows what a schedule says, by looking at every minute."""
    minutes, hours = _numbers(minute, 60), _numbers(hour, 24)
    for moment in _moments(begin, end):
        local = moment.astimezone(zone)
        if local.minute in minutes and local.hour in hours:
            yield moment


def _changes(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the moments at which clocks are set."""
    for moment in _moments(begin, end):
        before = moment - timedelta(minutes=1)
        if moment.astimezone(zone).utcoffset() != before.astimezone(zone).utcoffset():
            yield moment


def _numbers(field: str, size: int) -> set[int]:
    if field.startswith("*"):
        return set(range(0, size, int(field[2:] or 1)))
    found: set[int] = set()
    for part in field.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found
