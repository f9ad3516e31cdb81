"""What a consumer remembers of the events of a partition, to drop repeats and to notice what is missing.

Every completion of a source and subject has the next number, so a hole in the numbers is an event that was announced and did not come. The
first number that is heard may be any: services may have found a lakehouse that was there before them. The memory is bounded: the last ids of so many sources and subjects. What is older than it can remember counts as new, as at least once allows.
"""

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from podium_contracts.events import CloudEvent

SCOPES = 10_000
"""Sources and subjects that are remembered; the one that was silent the longest is forgotten first."""
IDS = 64
"""Events that are remembered of each, to know a repeat by."""
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Gap:
    """Events of a source and subject that did not come: the numbers from `expected` to the one before `found`."""

    source: str
    subject: str
    expected: int
    found: int

    def __str__(self) -> str:
        last = self.found - 1
        numbers = f"{self.expected}" if last == self.expected else f"{self.expected} to {last}"
        return (
            f"{self.source} announced {numbers} of {self.subject}, which never came; next came {self.found}"
        )


@dataclass
class _Heard:
    """What is known of a source and subject; `number` is None while no completion has been heard."""

    number: int | None = None
    time: datetime = LONG_AGO
    ids: deque[str] = field(default_factory=lambda: deque(maxlen=IDS))


@dataclass
class Memory:
    """The memory of one partition."""

    _scopes: OrderedDict[Hashable, _Heard] = field(default_factory=OrderedDict)

    def repeats(self, event: CloudEvent) -> bool:
        """Whether the event is remembered."""
        return event.id in self._heard(event).ids

    def gap(self, event: CloudEvent) -> Gap | None:
        """Return what is missing before a completion."""
        number, last = int(event.sequence), self._heard(event).number
        if last is None or number <= last + 1:
            return None
        return Gap(event.source, event.subject, last + 1, number)

    def note(self, event: CloudEvent) -> None:
        """Remember an event."""
        heard, number = self._heard(event), int(event.sequence)
        heard.ids.append(event.id)
        anew = event.time > heard.time  # a lower number of a newer run: the lakehouse was made anew
        if number and (anew or number > (heard.number or 0)):
            heard.number, heard.time = number, event.time
        self._scopes[event.source, event.subject] = heard
        self._scopes.move_to_end((event.source, event.subject))
        if len(self._scopes) > SCOPES:
            self._scopes.popitem(last=False)

    def _heard(self, event: CloudEvent) -> _Heard:
        return self._scopes.get((event.source, event.subject)) or _Heard()
