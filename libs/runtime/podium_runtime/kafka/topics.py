"""Podium's own topics: created before anybody reads them, as a worker that comes first would read nothing."""

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.cimpl import NewTopic
from podium_contracts.events import TOPIC

from podium_runtime.kafka.clients import LARGEST_DEAD_LETTER, LARGEST_EVENT, PATIENCE_SECONDS, Brokers
from podium_runtime.kafka.dead_letters import DEAD_LETTERS
from podium_runtime.settings import KafkaSettings

KEPT_FOR_EVER = {"retention.ms": "-1"}
"""Events are few and small, and are the history that a new consumer starts from."""
LARGEST = {TOPIC: LARGEST_EVENT, DEAD_LETTERS: LARGEST_DEAD_LETTER}
"""By topic: bytes of the largest record."""


def ensure_topics(settings: KafkaSettings) -> None:
    """Create the topics of events and of dead letters where they are not there; theirs stay as they are.

    Raises:
        TransientError: no broker answers.
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
