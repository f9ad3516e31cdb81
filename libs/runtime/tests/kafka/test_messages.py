"""What reads topics, sent to another process."""

import pickle

import pytest
from podium_runtime.kafka.messages import KafkaTopics
from podium_runtime.settings import KafkaSettings
from pydantic import SecretStr


def test_a_password_does_not_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it arrives, it is taken from the environment there; all else comes along."""
    settings = KafkaSettings(
        bootstrap_servers="kafka:9092",
        security_protocol="SASL_SSL",
        sasl_username="reports",
        sasl_password=SecretStr("first-secret"),
    )
    sent = pickle.dumps(KafkaTopics(settings))
    assert b"first-secret" not in sent
    monkeypatch.setenv("PODIUM_KAFKA__SASL_PASSWORD", "second-secret")
    arrived = pickle.loads(sent)
    assert arrived.settings.password == "second-secret"
    assert arrived.settings.model_copy(update={"sasl_password": settings.sasl_password}) == settings
    assert pickle.loads(sent) is arrived
