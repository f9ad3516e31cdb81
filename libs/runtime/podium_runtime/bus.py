"""The bus in memory: the same bytes as on Kafka, without a broker.

Every event is encoded as it is published and decoded as it is delivered, so that what works here works there. Events of one
pipeline are delivered in order, each to every subscriber whose type it is, and a repeated `(source, id)` is dropped.
"""

from collections import deque
from collections.abc import Callable

from podium_contracts.events import CloudEvent, KafkaRecord, decode, encode

Handler = Callable[[CloudEvent], list[CloudEvent]]
Listener = Callable[[CloudEvent], None]


class InMemoryBus:
    """Topics of one process; handlers run one after the other in the caller's thread."""

    def __init__(self) -> None:
        self._handlers: list[tuple[frozenset[str], Handler]] = []
        self._listeners: list[Listener] = []
        self._records: deque[KafkaRecord] = deque()
        self._seen: set[tuple[str, str]] = set()

    def subscribe(self, types: set[str], handler: Handler) -> None:
        """Call the handler with each event of these types; what it returns is published."""
        self._handlers.append((frozenset(types), handler))

    def listen(self, listener: Listener) -> None:
        """Call the listener with each event before its handlers."""
        self._listeners.append(listener)

    def publish(self, event: CloudEvent) -> None:
        """Put an event on the bus."""
        self._records.append(encode(event))

    def drain(self) -> None:
        """Deliver until nothing is left; an error in a handler ends it and goes to the caller."""
        while self._records:
            record = self._records.popleft()
            event = decode(record.headers, record.value)
            if (event.source, event.id) in self._seen:
                continue
            self._seen.add((event.source, event.id))
            for listener in self._listeners:
                listener(event)
            for types, handler in self._handlers:
                if event.type in types:
                    for answer in handler(event):
                        self.publish(answer)
