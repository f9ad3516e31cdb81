"""Events: the CloudEvents that Podium's services announce, and their bytes on Kafka."""

from podium_contracts.errors import MalformedEvent
from podium_contracts.events.cloudevents import (
    DATA_TYPES,
    TOPIC,
    CloudEvent,
    EventData,
    KafkaRecord,
    decode,
    encode,
    envelope,
)

__all__ = [
    "DATA_TYPES",
    "TOPIC",
    "CloudEvent",
    "EventData",
    "KafkaRecord",
    "MalformedEvent",
    "decode",
    "encode",
    "envelope",
]
