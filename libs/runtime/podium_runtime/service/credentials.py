"""What faust logs in to Kafka with."""

import ssl

import faust
from podium_contracts.errors import TerminalError

from podium_runtime.settings import KafkaSettings


def credentials(settings: KafkaSettings) -> faust.SASLCredentials | faust.SSLCredentials | None:
    """Return what faust logs in with; None for a plain connection.

    Raises:
        TerminalError: the certificates cannot be used.
    """
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
    try:
        context = ssl.create_default_context(cafile=settings.ssl_ca_file)
        if settings.ssl_certificate_file:
            context.load_cert_chain(settings.ssl_certificate_file, settings.ssl_key_file)
    except OSError as error:
        raise TerminalError(
            f"the certificates cannot be used: {error}",
            hint="PODIUM_KAFKA__SSL_CA_FILE, …SSL_CERTIFICATE_FILE and …SSL_KEY_FILE name files in PEM",
        ) from error
    return context
