"""Whether a service lives, and whether it moves."""

import time
from dataclasses import dataclass, field

import faust
from aiokafka.errors import KafkaError
from faust.types.tuples import TP
from podium_contracts.events import TOPIC

from podium_runtime.telemetry import log

ANY = (TP(TOPIC, 0),)
"""What to ask for where nothing is assigned: every topic has a first partition."""
POLL_SECONDS = 2.0
SILENT_SECONDS = 15.0
"""Without a word from the brokers for so long, a service is not ready."""


@dataclass
class Motion:
    """What a look at the consumer shows: whether the brokers answer, and whether waiting events are taken."""

    stuck_seconds: float
    started: bool = False
    """Whether the service has joined its group, and announced what it had to."""
    heard: float = 0.0
    """When the brokers last answered, on the monotonic clock."""
    _moved: dict[TP, tuple[int | None, float]] = field(default_factory=dict)
    _waiting: frozenset[TP] = frozenset()

    async def look(self, consumer: faust.types.transports.ConsumerT) -> None:
        """Ask the brokers where the partitions end, and hold it against how far this worker is."""
        assigned = consumer.assignment()
        try:
            ends = await consumer.highwaters(*(assigned or ANY))
            positions = {tp: await consumer.position(tp) for tp in assigned}
        except KafkaError as error:
            log.warning("the brokers do not answer", message=str(error))
            return
        now = time.monotonic()
        self.heard = now
        self._moved = {
            tp: self._moved[tp] if tp in self._moved and self._moved[tp][0] == position else (position, now)
            for tp, position in positions.items()
        }
        self._waiting = frozenset(
            tp for tp, position in positions.items() if (position or 0) < (ends[tp] or 0)
        )

    def trouble(self, *, working: bool) -> str | None:
        """Return why the service does not move, None where it does. `working` says that a call of the stage is under way."""
        now = time.monotonic()
        if now - self.heard > SILENT_SECONDS:
            return "no broker has answered" + (f" for {now - self.heard:.0f} s" if self.heard else " yet")
        if not self.started:
            return "not started yet"
        still = [tp for tp in self._waiting if now - self._moved[tp][1] > self.stuck_seconds]
        if still and not working:
            return f"events wait in {', '.join(f'{tp.topic}/{tp.partition}' for tp in sorted(still))}, and none is taken"
        return None
