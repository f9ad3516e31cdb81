"""Podium's own topics: created before anybody reads them, as a worker that comes first would read nothing."""

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from podium_contracts.errors import TerminalError, TransientError
from podium_contracts.events import TOPIC

from podium_runtime.kafka.clients import LARGEST_DEAD_LETTER, LARGEST_EVENT, config
from podium_runtime.kafka.dead_letters import DEAD_LETTERS
from podium_runtime.settings import KafkaSettings

PATIENCE_SECONDS = 10.0
KEPT_FOR_EVER = {"retention.ms": "-1"}
"""Events are few and small, and are the history that a new consumer starts from."""


def ensure_topics(settings: KafkaSettings) -> None:
    """Create the topics of events and of dead letters where they are not there; theirs stay as they are.

    Raises:
        TransientError: no broker answers.
        TerminalError: the brokers refuse.
    """
    wanted = {TOPIC: (settings.events_partitions, LARGEST_EVENT), DEAD_LETTERS: (1, LARGEST_DEAD_LETTER)}
    topics = [
        NewTopic(
            name,
            partitions,
            settings.replication,
            config={**KEPT_FOR_EVER, "max.message.bytes": str(largest)},
        )
        for name, (partitions, largest) in wanted.items()
    ]
    admin = AdminClient(config(settings))  # kept: the futures fail when it is gone
    for name, future in admin.create_topics(topics).items():
        try:
            future.result(PATIENCE_SECONDS)
        except KafkaException as error:
            _pass_existing(name, error.args[0], settings)


def _pass_existing(topic: str, error: KafkaError, settings: KafkaSettings) -> None:
    if error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
        return
    if error.code() in {KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}:  # noqa: SLF001 - their names
        raise TransientError(
            f"no Kafka broker answers at {settings.bootstrap_servers}",
            hint="start it, or set PODIUM_KAFKA__BOOTSTRAP_SERVERS to where it is",
        )
    raise TerminalError(
        f"topic {topic} cannot be created: {error.str()}",
        hint="let somebody who may create it, or give Podium's user that right",
    )
