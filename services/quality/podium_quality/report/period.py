"""The days that a report is about, both ends included; without anybody's choice those up to the last day on which something was done."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from podium_contracts.errors import TerminalError

DAYS = 30


@dataclass(frozen=True)
class Period:
    """Days in UTC, from the first to the last."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"

    def holds(self, time: datetime | None) -> bool:
        """Whether a time is on one of the days."""
        return time is not None and self.first <= time.astimezone(UTC).date() <= self.last


@dataclass(frozen=True)
class Choice:
    """The days that somebody wants: a first, a last, or how many of them up to the last; the rest is left open."""

    days: int = DAYS
    first: date | None = None
    last: date | None = None

    def period(self, latest: date) -> Period:
        """Return the days, of which `latest` is the last where none was chosen.

        Raises:
            TerminalError: the first day comes after the last, or before there are dates.
        """
        last = self.last or latest
        if self.first is None and self.days > last.toordinal():
            raise TerminalError(
                f"there are not {self.days} days up to {last}",
                hint="choose fewer days, or a later last one",
            )
        first = self.first or last - timedelta(days=self.days - 1)
        if first > last:
            raise TerminalError(
                f"the period begins on {first} and ends on {last}",
                hint="choose a first day that is not after the last one",
            )
        return Period(first, last)
