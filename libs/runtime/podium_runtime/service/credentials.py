"""What faust logs in to Kafka with."""

import faust

from podium_runtime.kafka.connection import tls_context
from podium_runtime.settings import KafkaSettings


def credentials(settings: KafkaSettings) -> faust.SASLCredentials | faust.SSLCredentials | None:
    """Return what faust logs in with; None for a plain connection.

    Raises:
        TerminalError: the certificates cannot be used.
    """
    protocol = settings.security_protocol
    context = tls_context(settings) if protocol.encrypts else None
    if protocol.logs_in:
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=settings.password,
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None
