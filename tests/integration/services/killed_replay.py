"""`podium dead-letters replay ARGUMENT...`, killed with -9 when the broker has the record and nobody has noted it."""

import os
import signal
import sys

from confluent_kafka import Message, Producer
from podium.cli import call
from podium_contracts.events import KafkaRecord
from podium_runtime.kafka.clients import Brokers

deliver = Brokers.deliver


def killed(brokers: Brokers, producer: Producer, record: KafkaRecord) -> Message:
    """Send a record, and end."""
    deliver(brokers, producer, record)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nobody comes here")


if __name__ == "__main__":
    Brokers.deliver = killed  # type: ignore[method-assign]
    call(["dead-letters", "replay", *sys.argv[1:]])
