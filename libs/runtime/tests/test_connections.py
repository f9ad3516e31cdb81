"""From settings to what aiokafka wants to hear."""

import ssl
from pathlib import Path

import pytest
from podium_runtime.kafka import following
from podium_runtime.kafka.connection import aiokafka_config
from podium_runtime.settings import KafkaSettings, SecurityProtocol
from pydantic import SecretStr

LOGIN = {"sasl_username": "reports", "sasl_password": SecretStr("secret")}


@pytest.mark.parametrize("protocol", SecurityProtocol)
def test_a_client_encrypts_and_logs_in_as_it_is_told(protocol: SecurityProtocol) -> None:
    """TLS checks certificates and names; a log-in has a mechanism, a name and a password; a plain connection has none of it."""
    settings = KafkaSettings.model_validate(
        {
            "bootstrap_servers": "kafka:9093",
            "security_protocol": protocol,
            **(LOGIN if protocol.logs_in else {}),
        }
    )
    config = aiokafka_config(settings)
    context = config.pop("ssl_context", None)
    if protocol.encrypts:
        assert isinstance(context, ssl.SSLContext)
        assert context.check_hostname
        assert context.verify_mode == ssl.CERT_REQUIRED
    else:
        assert context is None
    login = {
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "reports",
        "sasl_plain_password": "secret",
    }
    assert config == {
        "bootstrap_servers": "kafka:9093",
        "security_protocol": protocol.value,
        "client_id": "podium",
        **(login if protocol.logs_in else {}),
    }


def test_a_consumer_takes_its_brokers_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The same variables as the services, also a password in a file; what is given in the call goes before them."""
    (tmp_path / "password").write_text("secret\n")
    monkeypatch.setenv("PODIUM_KAFKA__BOOTSTRAP_SERVERS", "one:9092,two:9092")
    monkeypatch.setenv("PODIUM_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("PODIUM_KAFKA__SASL_USERNAME", "reports")
    monkeypatch.setenv("PODIUM_KAFKA__SASL_PASSWORD_FILE", str(tmp_path / "password"))
    found = following._settings(None)
    assert (found.bootstrap_servers, found.password) == ("one:9092,two:9092", "secret")
    assert following._settings("three:9092") == KafkaSettings(bootstrap_servers="three:9092")
    assert following._settings(found) is found


def test_a_filter_that_cannot_be_is_refused_at_once() -> None:
    """Not when the first event is asked for, which may be elsewhere in the program."""
    with pytest.raises(ValueError, match="'copper' is not a valid Layer"):
        following.events(layer="copper")
