"""When a stream looks for files: at all that it watches every so often, and at once at objects that a notification has named."""

import asyncio
import time
from dataclasses import dataclass, field

from podium_contracts.pipeline import ObjectPattern
from podium_contracts.watching import Look

from podium_runtime.service.calls import Stream

MOST_NAMED = 10_000
"""Objects that are remembered until the next look; where more are named, all are listed."""


@dataclass
class Watch:
    """What a stream is to look at next. A name is remembered until a look at it has passed, a sweep is due again some time after its begin."""

    stream: Stream
    _named: set[str] = field(default_factory=set)
    _stirred: asyncio.Event = field(default_factory=asyncio.Event)
    _sweep_at: float = 0.0
    _looked_at: float = 0.0

    def __post_init__(self) -> None:
        self._patterns = [(topic, ObjectPattern.parse(path)) for topic, path in self.stream.notified]

    def hear(self, topic: str, uri: str) -> bool:
        """Note that an object was written, if it is one of the stream's; return whether it is."""
        if not any(topic == wanted and pattern.names(uri) for wanted, pattern in self._patterns):
            return False
        self._named.add(uri)
        if len(self._named) > MOST_NAMED:
            self._named.clear()
            self.sweep()
        self.stir()
        return True

    def sweep(self) -> None:
        """Let the next look be at all files, and be soon."""
        self._sweep_at = 0.0
        self.stir()

    def stir(self) -> None:
        """End a wait."""
        self._stirred.set()

    def look(self) -> Look:
        """Return where to look now."""
        self._stirred.clear()
        self._looked_at = time.monotonic()
        due = self.stream.sweep_seconds is not None and self._looked_at >= self._sweep_at
        return Look(sweep=due, objects=tuple(self._named))

    def done(self, look: Look) -> None:
        """Note that the last look has passed."""
        self._named.difference_update(look.objects)
        if look.sweep:
            self._sweep_at = self._looked_at + (self.stream.sweep_seconds or 0.0)

    async def wait(self) -> None:
        """Wait until there is something to look at."""
        now = time.monotonic()
        sweep = None if self.stream.sweep_seconds is None else max(self._sweep_at - now, 0.0)
        waits = [seconds for seconds in (self.stream.poll_seconds, sweep) if seconds is not None]
        try:
            async with asyncio.timeout(min(waits, default=None)):
                await self._stirred.wait()
        except TimeoutError:
            return
