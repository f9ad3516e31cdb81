"""Kafka behind TLS and a password: services, commands and topics work, and a mistake is said in words."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from confluent_kafka.cimpl import NewTopic
from podium import events as podium_events
from podium.cli import call
from podium_contracts.events import TOPIC, CloudEvent
from podium_contracts.names import Stage
from podium_runtime.kafka.clients import Brokers
from podium_runtime.kafka.dead_letters import DEAD_LETTERS

from libs.cli.tests.conftest import PIPELINE
from tests.benchmarks.running import rows_in
from tests.integration.services.conftest import Stall
from tests.integration.services.stack import PATIENCE_SECONDS, Broker, Service, Stack, eventually, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

PROPERTIES = """
listeners=SECURE://127.0.0.1:{secure},INTERNAL://127.0.0.1:{internal},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=SECURE://127.0.0.1:{secure},INTERNAL://127.0.0.1:{internal}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,SECURE:SASL_SSL
inter.broker.listener.name=INTERNAL
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={folder}/keystore.pem
"""


def certify(folder: Path, name: str) -> Path:
    """Make a key and a certificate that vouches for itself, for 127.0.0.1; return the certificate."""
    certificate = folder / f"{name}.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        f"/CN={name}",
    ]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(certificate)]
    subprocess.run([*command, "-keyout", str(folder / f"{name}.key")], check=True, capture_output=True)
    return certificate


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return a broker that lets in only `podium`, over TLS, and services that know how; none is started."""
    folder = tmp_path_factory.mktemp("secured")
    certificate = certify(folder, "broker")
    keystore = (folder / "broker.key").read_text() + certificate.read_text()
    (folder / "keystore.pem").write_text(keystore)
    ports = {name: free_port() for name in ("secure", "internal", "controller")}
    (folder / "ports").write_text(f"{ports['secure']} {ports['controller']}\n")
    (folder / "extra.properties").write_text(PROPERTIES.format(folder=folder, **ports))
    broker = Broker(folder)
    broker.start()
    try:
        admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{ports['internal']}", "log_level": 0})
        scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        user = UserScramCredentialUpsertion("podium", scram, b"geheim")
        for future in admin.alter_user_scram_credentials([user]).values():
            future.result(30)
        (folder / "password").write_text("geheim\n")
        connection = {
            "security_protocol": "SASL_SSL",
            "ssl_ca_file": str(certificate),
            "sasl_username": "podium",
            "sasl_password_file": str(folder / "password"),
        }
        yield Stack(tmp_path_factory.mktemp("services"), broker, connection)
    finally:
        broker.stop()


@pytest.fixture
def podium(
    secured: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Return `podium` in this process, with the connection of the services."""
    for name, value in secured.environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = call(arguments)
        return code, *capsys.readouterr()

    return run


def test_topics_services_and_commands_work(
    secured: Stack, podium: Callable[..., tuple[int, str, str]]
) -> None:
    """A service makes the topics, hears a request of the command line, and answers; it ends with 0."""
    service = secured.services[Stage.INGEST]
    service.start()
    try:
        topics = Brokers(secured.kafka).admin()
        eventually(service.is_ready)
        assert {TOPIC, DEAD_LETTERS} <= set(topics.list_topics(timeout=10).topics)
        shop = Stall(secured, "secured")
        shop.deliver("one.csv", "a,1,1.00")
        code, run, _ = podium("request", "-f", str(shop.file))
        assert code == 0
        (event,) = [
            shop.wait_for("layer.completed", item) for item in shop.events() if item.id == run.strip()
        ]
        assert event.subject == "bronze.sales"
        assert podium("dead-letters", "ls") == (0, "no dead letters\n", "")
        assert service.end(signal.SIGTERM) == 0
        assert "geheim" not in service.log.read_text() + service.errors.read_text()
    finally:
        service.kill()


def test_messages_are_read_and_events_are_followed(secured: Stack) -> None:
    """A source on a topic of the same broker comes into Bronze, and `podium.events` tells of it."""
    service, brokers = secured.services[Stage.INGEST], Brokers(secured.kafka)
    admin = brokers.admin()  # kept: the future fails when it is gone
    admin.create_topics([NewTopic("till", 1, 1)])["till"].result(20)
    producer = brokers.producer()
    for number in range(3):
        producer.produce("till", json.dumps({"id": f"a{number}", "at": number, "price": 1}))
    assert producer.flush(20) == 0
    service.start()
    try:
        eventually(service.is_ready)
        shop = Stall(secured, "secured-stream")
        shop.write(PIPELINE.replace("files: {path: in/*.csv}", "kafka: {topic: till, trigger_seconds: 1}"))
        assert rows_in(asyncio.run(first(secured, shop.name))) == 3
        assert service.end(signal.SIGTERM) == 0
    finally:
        service.kill()


async def first(secured: Stack, pipeline: str) -> CloudEvent:
    """Return the first event of Bronze of a pipeline, as a consumer of a group hears it."""
    followed = podium_events(secured.kafka, pipeline=pipeline, layer="bronze", group="reports")
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(followed) as found:
        return await anext(found)


WRONG = {
    "password": ("does not let podium in", "PODIUM_KAFKA__SASL_PASSWORD"),
    "certificate": ("no secure connection", "PODIUM_KAFKA__SSL_CA_FILE"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_secret_is_said_in_words(
    secured: Stack,
    podium: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    wrong: str,
) -> None:
    """A service ends with 2, a command with 1; both say what is wrong and which variable to correct."""
    message, variable = WRONG[wrong]
    if wrong == "password":
        (tmp_path / "password").write_text("falsch")
        name, value = "PODIUM_KAFKA__SASL_PASSWORD_FILE", str(tmp_path / "password")
    else:
        name, value = "PODIUM_KAFKA__SSL_CA_FILE", str(certify(tmp_path, "somebody"))
    service = Service(Stage.QUALITY, tmp_path, secured.environment)
    service.start(**{name: value})
    assert service.process
    try:
        assert service.process.wait(60) == 2
    finally:
        service.kill()
    assert message in service.errors.read_text()
    assert variable in service.errors.read_text()
    monkeypatch.setenv(name, value)
    code, _, said = podium("dead-letters", "ls")
    assert (code, message in said, variable in said) == (1, True, True)
