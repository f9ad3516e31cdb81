"""From settings to the clients of librdkafka, for short conversations; a service's own are faust's."""

from confluent_kafka import Consumer, Producer

from podium_runtime.settings import KafkaSettings

LARGEST_EVENT = 8 * 1024 * 1024
"""Bytes of the largest record that the topic of events takes."""
LARGEST_DEAD_LETTER = LARGEST_EVENT + 1024 * 1024
"""Bytes of the largest record that the topic of dead letters takes: an event, and why it is there."""

Config = dict[str, str | int | float | bool]


def config(settings: KafkaSettings) -> Config:
    """Return the configuration that librdkafka's clients share."""
    found: Config = {
        "bootstrap.servers": settings.bootstrap_servers,
        "security.protocol": settings.security_protocol,
        "client.id": "podium",
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


def producer(settings: KafkaSettings) -> Producer:
    """Return a producer that loses and doubles nothing, and puts a key where every other client puts it."""
    return Producer(
        {
            **config(settings),
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "message.max.bytes": LARGEST_DEAD_LETTER,
        }
    )


def reader(settings: KafkaSettings, **more: str | int | bool) -> Consumer:
    """Return a consumer without a group of its own: it is told what to read, and commits nothing."""
    return Consumer(
        {
            **config(settings),
            "group.id": "podium.reader",
            "enable.auto.commit": False,
            "enable.partition.eof": False,
            "auto.offset.reset": "error",
            **more,
        }
    )
