"""What the clients of aiokafka want to hear; faust's are among them."""

import asyncio
import ssl

from aiokafka import AIOKafkaConsumer
from podium_contracts.errors import TerminalError

from podium_runtime.settings import KafkaSettings

GOODBYE_SECONDS = 3.0
"""How long a consumer that ends waits for its last commit, and then to leave its group. Without the one, events come again; without the
other, its partitions go to others a session (10 s) later."""


def aiokafka_config(settings: KafkaSettings) -> dict[str, str | ssl.SSLContext]:
    """Return the configuration that aiokafka's clients share."""
    protocol = settings.security_protocol
    found: dict[str, str | ssl.SSLContext] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "security_protocol": protocol.value,
        "client_id": "podium",
    }
    if protocol.encrypts:
        found["ssl_context"] = tls_context(settings)
    if protocol.logs_in:
        found |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username or "",
            "sasl_plain_password": settings.password,
        }
    return found


def tls_context(settings: KafkaSettings) -> ssl.SSLContext:
    """Return what a TLS connection trusts and shows.

    Raises:
        TerminalError: the certificates cannot be used.
    """
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


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, also where nothing answers: there is no broker, or the event loop ends and has cancelled aiokafka's own tasks.

    Without a broker, aiokafka lets the end of a task of its own through as if it were ours, and closes no connection.
    """
    try:
        async with asyncio.timeout(GOODBYE_SECONDS):
            await consumer.stop()
    except TimeoutError:
        await consumer._client.close()  # noqa: SLF001 - stopping again does nothing
    except asyncio.CancelledError:  # https://github.com/aio-libs/aiokafka/issues/647
        await consumer._client.close()  # noqa: SLF001 - as above
        task = asyncio.current_task()
        if task and task.cancelling():
            raise
