"""From settings to the clients of librdkafka, for short conversations; a service's own are faust's."""

import time
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient
from podium_contracts.errors import PodiumError, TerminalError, TransientError
from podium_contracts.events import KafkaRecord

from podium_runtime.settings import KafkaSettings

LARGEST_EVENT = 8 * 1024 * 1024
"""Bytes of the largest record that the topic of events takes."""
LARGEST_DEAD_LETTER = LARGEST_EVENT + 1024 * 1024
"""Bytes of the largest record that the topic of dead letters takes: an event, and why it is there."""
PATIENCE_SECONDS = 10.0
"""How long an answer of the brokers is waited for."""
LOOK_SECONDS = 0.5
"""How often a client that nobody answers is asked why."""

Config = dict[str, Any]
Client = TypeVar("Client", AdminClient, Consumer, Producer)
_AWAY = {
    KafkaError._TIMED_OUT,  # noqa: SLF001 - their names
    KafkaError._TRANSPORT,  # noqa: SLF001 - as above
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 - as above
    KafkaError._RESOLVE,  # noqa: SLF001 - as above
    KafkaError._MSG_TIMED_OUT,  # noqa: SLF001 - as above
}
_REFUSED = {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED}  # noqa: SLF001 - as above
_FORBIDDEN = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}


class Brokers:
    """A connection's settings, and what the clients have said about it since: their calls only say that time has run out.

    Each client that it makes has been answered by a broker. Making one raises TransientError where none answers, and TerminalError
    where one does not let the user in or is not the one to trust.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        self.said: list[KafkaError] = []

    def admin(self) -> AdminClient:
        """Return a client for topics and groups."""
        return self._answered(AdminClient(self._config()))

    def producer(self, more: Config | None = None) -> Producer:
        """Return a producer that loses and doubles nothing, and puts a key where every other client puts it."""
        sending: Config = {
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "message.max.bytes": LARGEST_DEAD_LETTER,
            "delivery.timeout.ms": int(PATIENCE_SECONDS * 1000),
            **(more or {}),
        }
        return self._answered(Producer({**self._config(), **sending}))

    def reader(self, more: Config | None = None) -> Consumer:
        """Return a consumer without a group of its own: it is told what to read, says where that ends, and commits nothing."""
        reading: Config = {
            "group.id": "podium.reader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,
            "auto.offset.reset": "error",
            **(more or {}),
        }
        return self._answered(Consumer({**self._config(), **reading}))

    def deliver(self, producer: Producer, record: KafkaRecord) -> Message:
        """Send a record; return it, with its partition and offset, when all replicas have it.

        Raises:
            TransientError: no broker answers.
            TerminalError: the brokers refuse it.
        """
        delivered: list[tuple[KafkaError | None, Message]] = []
        producer.produce(
            record.topic,
            record.value,
            record.key,
            headers=list(record.headers),
            on_delivery=lambda error, message: delivered.append((error, message)),
        )
        producer.flush(2 * PATIENCE_SECONDS)
        error, message = delivered[0] if delivered else (KafkaError(KafkaError._MSG_TIMED_OUT), None)  # noqa: SLF001 - as above
        if error or message is None:
            raise self.trouble(error, f"topic {record.topic}") from None
        return message

    def trouble(self, found: KafkaError | KafkaException | None, about: str) -> PodiumError:
        """Return what an error of the clients means to people, and what they do next."""
        error = found.args[0] if isinstance(found, KafkaException) else found
        servers, user = self.settings.bootstrap_servers, self.settings.sasl_username
        errors = [item for item in (error, *self.said) if item is not None]
        if refused := [item for item in errors if item.code() in _REFUSED]:
            return TerminalError(
                f"Kafka at {servers} does not let {user} in: {refused[-1].str()}",
                hint="correct PODIUM_KAFKA__SASL_USERNAME, PODIUM_KAFKA__SASL_PASSWORD or PODIUM_KAFKA__SASL_MECHANISM",
            )
        if insecure := [item for item in errors if item.code() == KafkaError._SSL]:  # noqa: SLF001 - as above
            return TerminalError(
                f"no secure connection to Kafka at {servers}: {insecure[-1].str()}",
                hint="PODIUM_KAFKA__SSL_CA_FILE names the certificates to trust",
            )
        if error is None or error.code() in _AWAY:
            return TransientError(
                f"no Kafka broker answers at {servers}",
                hint="start it, or set PODIUM_KAFKA__BOOTSTRAP_SERVERS to where it is",
            )
        if error.code() in _FORBIDDEN:
            return TerminalError(
                f"Kafka does not allow that: {about}: {error.str()}",
                hint=f"give {user or 'Podium'} that right",
            )
        kind = TransientError if error.retriable() else TerminalError
        return kind(f"{about}: {error.str()}", hint="a service of Podium's makes its topics when it starts")

    def _answered(self, client: Client) -> Client:
        """Return a client when a broker has answered it."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                client.list_topics(timeout=LOOK_SECONDS)
            except KafkaException as error:
                client.poll(0)  # hears why
                trouble = self.trouble(error, "the connection")
                if isinstance(trouble, TerminalError) or time.monotonic() > end:
                    raise trouble from error
            else:
                return client

    def _config(self) -> Config:
        """Return the configuration that librdkafka's clients share."""
        settings = self.settings
        found: Config = {
            "bootstrap.servers": settings.bootstrap_servers,
            "security.protocol": settings.security_protocol,
            "client.id": "podium",
            "log_level": 0,
            "error_cb": self.said.append,
        }
        if settings.security_protocol.encrypts:
            files = {
                "ssl.ca.location": settings.ssl_ca_file,
                "ssl.certificate.location": settings.ssl_certificate_file,
                "ssl.key.location": settings.ssl_key_file,
            }
            found |= {name: str(file) for name, file in files.items() if file}
        if settings.security_protocol.logs_in:
            found |= {
                "sasl.mechanism": settings.sasl_mechanism,
                "sasl.username": settings.sasl_username or "",
                "sasl.password": settings.password,
            }
        return found
