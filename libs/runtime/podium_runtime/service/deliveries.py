"""Deliveries: records taken from a partition, and the order in which their offsets may move.

Events are answered in parallel, so a later one may be done first. An offset says "everything before is done"; and faust commits one
offset too far where the oldest open record is the very next one. So records are acknowledged strictly in the order they came in.

A partition whose records pile up is held: no more of it is fetched until half of them are acknowledged. So a backlog stays in Kafka, and the
pipelines of other partitions do not wait behind it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from podium_runtime.kafka.records import Record


@dataclass(eq=False)
class Delivery:
    """A record, and whether what it asks for is done."""

    record: Record
    partition: "Partition"
    settled: bool = False

    @property
    def wanted(self) -> bool:
        """Whether the partition is still this worker's: else another one gets the record."""
        return not self.partition.revoked

    def settle(self) -> None:
        """Say that its answer is announced, that it is a dead letter, or that it needs neither."""
        self.settled = True
        self.partition.acknowledge()


@dataclass(eq=False)
class Partition:
    """What a worker has taken from a partition since it was assigned to it.

    At `capacity` records it calls `hold`, at half of them `let_go`. What was fetched before is still taken.
    """

    capacity: int
    hold: Callable[[], object]
    let_go: Callable[[], object]
    revoked: bool = False
    held: bool = False
    """Whether no more of it is fetched."""
    _open: deque[tuple[Delivery, Callable[[], object]]] = field(default_factory=deque)

    @property
    def open(self) -> int:
        """Records that are taken and not acknowledged."""
        return len(self._open)

    def take(self, record: Record, acknowledge: Callable[[], object]) -> Delivery:
        """Take a record; `acknowledge` is called when it and all before it are settled."""
        delivery = Delivery(record, self)
        self._open.append((delivery, acknowledge))
        if self.open >= self.capacity:
            self.held = True
            self.hold()
        return delivery

    def acknowledge(self) -> None:
        """Acknowledge the settled records that no open one comes before."""
        while self._open and self._open[0][0].settled:
            self._open.popleft()[1]()
        if self.held and not self.revoked and self.open <= self.capacity // 2:
            self.held = False
            self.let_go()
