"""Podium's own topics: created before anybody reads them, as a worker that comes first would read nothing."""

from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from podium_contracts.errors import TransientError
from podium_contracts.events import TOPIC
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from podium_runtime.kafka.clients import LARGEST_DEAD_LETTER, LARGEST_EVENT, PATIENCE_SECONDS, Brokers
from podium_runtime.kafka.dead_letters import DEAD_LETTERS
from podium_runtime.settings import KafkaSettings

KEPT_FOR_EVER = {"retention.ms": "-1"}
"""Events are few and small, and are the history that a new consumer starts from."""
LARGEST = {TOPIC: LARGEST_EVENT, DEAD_LETTERS: LARGEST_DEAD_LETTER}
"""By topic: bytes of the largest record."""
NOT_YET = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.LEADER_NOT_AVAILABLE}
"""What brokers say of a topic that has just been created."""


def ensure_topics(settings: KafkaSettings) -> None:
    """Create the topics of events and of dead letters where they are not there; theirs stay as they are. Return once they can be read.

    Raises:
        TransientError: no broker answers, or none leads a topic yet.
        TerminalError: the brokers refuse.
    """
    wanted = {TOPIC: settings.events_partitions, DEAD_LETTERS: 1}
    topics = [
        NewTopic(
            name,
            partitions,
            settings.replication,
            config={**KEPT_FOR_EVER, "max.message.bytes": str(LARGEST[name])},
        )
        for name, partitions in wanted.items()
    ]
    brokers = Brokers(settings)
    admin = brokers.admin()  # kept: the futures fail when it is gone
    futures = admin.create_topics(topics, request_timeout=PATIENCE_SECONDS)
    for name, future in futures.items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                continue
            raise brokers.trouble(error, f"making the topic {name}") from error
    _wait_for(wanted, brokers, admin)


def _wait_for(topics: Iterable[str], brokers: Brokers, admin: AdminClient) -> None:
    """Wait until a broker tells of these topics: it may have taken part in their creation and not know of them yet."""
    for name in topics:
        Retrying(
            retry=retry_if_exception_type(TransientError),
            wait=wait_fixed(0.1),
            stop=stop_after_delay(PATIENCE_SECONDS),
            reraise=True,
        )(_see, name, brokers, admin)


def _see(topic: str, brokers: Brokers, admin: AdminClient) -> None:
    try:
        found = admin.list_topics(topic, PATIENCE_SECONDS).topics[topic]
    except KafkaException as error:
        raise brokers.trouble(error, f"topic {topic}") from error
    errors = [error for error in (found.error, *(part.error for part in found.partitions.values())) if error]
    if refused := [error for error in errors if error.code() not in NOT_YET]:
        raise brokers.trouble(refused[0], f"topic {topic}")
    if errors or not found.partitions:
        raise TransientError(f"no broker leads the topic {topic} yet", hint="it may pass by itself")
