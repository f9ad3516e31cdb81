"""From settings to what each client library wants to hear."""

import ssl

import faust
from confluent_kafka import Consumer, Producer

from podium_runtime.settings import KafkaSettings

LARGEST_EVENT = 8 * 1024 * 1024
"""Bytes of the largest record that Podium's own topics take."""

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
            "message.max.bytes": LARGEST_EVENT,
        }
    )


def reader(settings: KafkaSettings, more: Config | None = None) -> Consumer:
    """Return a consumer without a group of its own: it is told what to read, and commits nothing."""
    return Consumer(
        {
            **config(settings),
            "group.id": "podium.reader",
            "enable.auto.commit": False,
            "enable.partition.eof": False,
            "auto.offset.reset": "error",
            **(more or {}),
        }
    )


def aiokafka_config(settings: KafkaSettings) -> dict[str, str | ssl.SSLContext]:
    """Return the configuration that aiokafka's clients share."""
    protocol = settings.security_protocol
    found: dict[str, str | ssl.SSLContext] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "security_protocol": protocol.value,
        "client_id": "podium",
    }
    if protocol.encrypts:
        found["ssl_context"] = _tls(settings)
    if protocol.logs_in:
        found |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username or "",
            "sasl_plain_password": settings.password,
        }
    return found


def credentials(settings: KafkaSettings) -> faust.SASLCredentials | faust.SSLCredentials | None:
    """Return what faust logs in with; None for a plain connection."""
    protocol = settings.security_protocol
    context = _tls(settings) if protocol.encrypts else None
    if protocol.logs_in:
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=settings.password,
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None


def _tls(settings: KafkaSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ssl_ca_file)
    if settings.ssl_certificate_file:
        context.load_cert_chain(settings.ssl_certificate_file, settings.ssl_key_file)
    return context
