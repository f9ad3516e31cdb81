"""Why Kafka has not taken a record: what may pass by itself, and what somebody must change first."""

from aiokafka.errors import (
    BrokerNotAvailableError,
    ClusterAuthorizationFailedError,
    CorruptRecordException,
    InvalidMessageError,
    KafkaError,
    KafkaTimeoutError,
    KafkaUnavailableError,
    MessageSizeTooLargeError,
    ProducerClosed,
    RecordListTooLargeError,
    ReplicaNotAvailableError,
    TopicAuthorizationFailedError,
)
from faust.exceptions import FaustError
from podium_contracts.errors import PodiumError, TerminalError, TransientError

from podium_runtime.kafka.clients import LARGEST_DEAD_LETTER

PASSING = (
    KafkaTimeoutError,
    KafkaUnavailableError,
    BrokerNotAvailableError,
    ReplicaNotAvailableError,
    CorruptRecordException,
    InvalidMessageError,
    ProducerClosed,
)
"""What may pass, though aiokafka does not call it retriable."""
TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
FORBIDDEN = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError)


class RecordRefused(TerminalError):
    """A record that Kafka will not take before somebody changes something."""


def trouble(error: KafkaError | FaustError, topic: str) -> PodiumError:
    """Return what an error of a send means: TransientError where the same send may pass later, else RecordRefused."""
    cause = error if isinstance(error, KafkaError) else error.__cause__
    if not isinstance(cause, KafkaError) or cause.retriable or isinstance(cause, PASSING):
        return TransientError(repr(error))
    return RecordRefused(f"Kafka refuses a record for {topic}: {cause!r}", hint=_hint(cause, topic))


def _hint(cause: KafkaError, topic: str) -> str:
    if isinstance(cause, TOO_LARGE):
        return f"let {topic} and its brokers take records of {LARGEST_DEAD_LETTER} bytes (max.message.bytes); a larger one is a defect"
    if isinstance(cause, FORBIDDEN):
        return f"give Podium's user the right to write to {topic}"
    return f"look at the brokers' log and the configuration of {topic}"
