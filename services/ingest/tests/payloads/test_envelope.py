"""What a message must be before its payload is read."""

import pytest
from podium_ingest.payloads.envelope import Envelope

HEADER = b"\0\0\0\0\x07"


def test_a_message_without_a_header_is_its_payload() -> None:
    """Whatever it begins with."""
    values = [b"", b"\0\0\0\0\0abc", b"x" * 10]
    assert Envelope(10).open(values) == (values, {})


def test_what_is_missing_or_too_long_is_refused() -> None:
    """Those beside it are taken; a message may have all the bytes that are taken, and none more."""
    payloads, refused = Envelope(1_000).open([b"a", None, b"x" * 1_001, b"x" * 1_000])
    assert payloads == [b"a", None, None, b"x" * 1_000]
    assert refused == {
        1: "a message without a value (a tombstone)",
        2: "1,001 bytes, and 1,000 are taken",
    }


def test_confluents_header_is_taken_off() -> None:
    """The id of the schema may be any."""
    payloads, refused = Envelope(100, framed=True).open([HEADER + b"abc", HEADER, b"\0\xff\xff\xff\xff\0"])
    assert (payloads, refused) == ([b"abc", b"", b"\0"], {})


@pytest.mark.parametrize("value", [b"", b"\0\0\0\0", b"\1\0\0\0\x07abc", b'{"a": 1}'])
def test_a_message_without_confluents_header_is_refused(value: bytes) -> None:
    """Bytes are not cut off from what does not begin so."""
    payloads, refused = Envelope(100, framed=True).open([value])
    assert payloads == [None]
    assert "without Confluent's header" in refused[0]


def test_the_header_of_another_message_is_refused() -> None:
    """Protobuf's header says which message of its schema it is: another's bytes would be read as this one's."""
    envelope = Envelope(100, framed=True, indexes=(b"\0", b"\2\0"))
    payloads, refused = envelope.open([HEADER + b"\0abc", HEADER + b"\2\0abc", HEADER + b"\2\2abc"])
    assert payloads == [b"abc", b"abc", None]
    assert refused == {2: "its header names another message of its schema"}
