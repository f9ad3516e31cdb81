"""Sending: what may pass is told from what cannot."""

import pytest
from aiokafka import errors
from faust.exceptions import FaustError, NotReady, ProducerSendError
from podium_contracts.errors import TransientError
from podium_contracts.events import TOPIC
from podium_runtime.service.sending import RecordRefused, trouble

PASSING = [
    errors.KafkaTimeoutError(),
    errors.KafkaConnectionError(),
    errors.NotEnoughReplicasError(),
    errors.UnknownTopicOrPartitionError(),
    errors.CorruptRecordException(),
    errors.ProducerClosed(),
    NotReady("the producer has not begun"),
]
REFUSED = {
    errors.MessageSizeTooLargeError(): "max.message.bytes",
    errors.TopicAuthorizationFailedError(): "the right to write",
    errors.InvalidTopicError(): "the brokers' log",
}


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_what_may_pass_is_tried_again(error: errors.KafkaError | FaustError) -> None:
    """A time-out, too, of which aiokafka says that it is not retriable."""
    assert isinstance(trouble(error, TOPIC), TransientError)


@pytest.mark.parametrize(("error", "hint"), REFUSED.items(), ids=repr)
def test_what_cannot_pass_says_what_to_do(error: errors.KafkaError, hint: str) -> None:
    """Also where faust has wrapped it."""
    wrapped = ProducerSendError("error while sending")
    wrapped.__cause__ = error
    for given in (error, wrapped):
        found = trouble(given, TOPIC)
        assert isinstance(found, RecordRefused)
        assert hint in found.hint
