"""Whether a service moves.

Its page is answered by the loop that does everything else, so an answer says that the loop turns. It moves where the brokers answer, waiting
events are taken or their partition is held on purpose, and nothing that is under way is older than it may be. A call of the stage may take
long: it is given hours, what waits for Kafka or the API server a minute.
"""

import time
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import faust
from aiokafka.errors import KafkaError
from faust.types.tuples import TP
from podium_contracts.events import TOPIC

from podium_runtime.service.under_way import UnderWay
from podium_runtime.telemetry import log

ANY = (TP(TOPIC, 0),)
"""What to ask for where nothing is assigned: every topic has a first partition."""
POLL_SECONDS = 2.0
SILENT_SECONDS = 15.0
"""Without a word from the brokers for so long, a service is not ready."""


@dataclass
class Motion:
    """What looks at the consumer have shown, and what is under way: calls of the stage, and what waits for others to take it."""

    stuck_seconds: float
    call_seconds: float
    calls: UnderWay
    waits: UnderWay
    started: bool = False
    """Whether the service has joined its group, and announced what it had to."""
    heard: float = 0.0
    """When the brokers last answered, on the monotonic clock."""
    _moved: dict[TP, tuple[int | None, float]] = field(default_factory=dict)
    _waiting: frozenset[TP] = frozenset()

    async def look(self, consumer: faust.types.transports.ConsumerT, held: AbstractSet[TP]) -> None:
        """Ask the brokers where the partitions end, and hold it against how far this worker is; those `held` are not to move."""
        assigned = consumer.assignment()
        try:
            ends = await consumer.highwaters(*(assigned or ANY))
            positions = {tp: await consumer.position(tp) for tp in assigned}
        except KafkaError as error:
            log.warning("the brokers do not answer", message=str(error))
            return
        now = time.monotonic()
        self.heard = now
        free = self._moved.keys() - held
        self._moved = {
            tp: self._moved[tp] if tp in free and self._moved[tp][0] == position else (position, now)
            for tp, position in positions.items()
        }
        self._waiting = frozenset(
            tp for tp, position in positions.items() if (position or 0) < (ends[tp] or 0)
        )

    def trouble(self) -> str | None:
        """Return why the service does not move, None where it does."""
        now = time.monotonic()
        if now - self.heard > SILENT_SECONDS:
            return "no broker has answered" + (f" for {now - self.heard:.0f} s" if self.heard else " yet")
        if not self.started:
            return "not started yet"
        still = [tp for tp in self._waiting if now - self._moved[tp][1] > self.stuck_seconds]
        if still:
            return f"events wait in {', '.join(f'{tp.topic}/{tp.partition}' for tp in sorted(still))}, and none is taken"
        what, age = self.waits.oldest()
        if age > self.stuck_seconds:
            return f"{what} has not been taken for {age:.0f} s"
        what, age = self.calls.oldest()
        if age > self.call_seconds:
            return f"a call of the stage ({what}) has been at work for {age:.0f} s"
        return None
