"""What reads topics, sent to another process."""

import pickle
from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from confluent_kafka import OFFSET_INVALID
from confluent_kafka.admin import AdminClient
from podium_contracts.errors import TransientError
from podium_contracts.messages import TopicPartition
from podium_runtime.kafka.messages import EARLIEST, KafkaTopics
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


def test_a_broker_that_goes_away_before_it_answers_says_nothing_of_offsets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client then gives none, without an error; taken for an offset, it would look like another topic."""

    def list_offsets(_self: AdminClient, asked: dict[object, object], **_: object) -> dict[object, Future]:
        answers = {place: Future() for place in asked}
        for answer in answers.values():
            answer.set_result(SimpleNamespace(offset=OFFSET_INVALID))
        return answers

    monkeypatch.setattr(AdminClient, "list_offsets", list_offsets)
    topics = KafkaTopics(KafkaSettings(bootstrap_servers="127.0.0.1:1"))
    with pytest.raises(TransientError, match="no Kafka broker answers"):
        topics._offsets([TopicPartition("sales-events", 0)], EARLIEST)
