"""When a schedule's times come: in cron's five fields, in a time zone, as moments in UTC."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

FIRST_WINDOW = timedelta(hours=1)


@dataclass(frozen=True)
class Calendar:
    """The times of a schedule.

    Where clocks change, it is as in Debian's cron: a time that is left out comes at the moment of the change, one that comes twice counts
    once, the first; a schedule whose minutes or hours begin with `*` goes by the hours that pass. (On Lord Howe Island, where clocks change
    by half an hour, such a schedule may be half an hour off on that day.)
    """

    expression: str
    zone: ZoneInfo

    @classmethod
    def of(cls, expression: str, zone: str) -> "Calendar":
        """Return the calendar of a schedule.

        Raises:
            ValueError: the schedule or its time zone cannot be read.
        """
        try:
            CronSim(expression, datetime.now(UTC))
        except CronSimError as error:
            raise ValueError(
                f"the schedule {expression!r} cannot be read, or never comes: {error}"
            ) from error
        try:
            return cls(expression, ZoneInfo(zone))
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone {zone!r}: write a name as Europe/Berlin") from error

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield every time after a moment, each once, without end."""
        last = moment
        for time in CronSim(self.expression, moment.astimezone(self.zone)):
            found = time.astimezone(UTC)
            if found > last:
                yield found
                last = found

    def latest(self, after: datetime, until: datetime) -> datetime | None:
        """Return the last time after one moment and not after another; None where there is none."""
        window = FIRST_WINDOW
        while True:
            begin = max(after, until - window)
            times = list(takewhile(lambda time: time <= until, self.after(begin)))
            if times or begin == after:
                return times[-1] if times else None
            window *= 2
