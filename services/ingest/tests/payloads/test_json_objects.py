"""Messages as columns of text: exactly what was written, or a reason."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from podium_ingest.payloads.decoded import MOST_FIELDS
from podium_ingest.payloads.json_objects import Fields

PLAIN = st.none() | st.booleans() | st.integers() | st.text()


def fields() -> Fields:
    return Fields((), {"_row"})


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("1.50", "1.50"),
        ("12345678901234567890123456789.123456789", "12345678901234567890123456789.123456789"),
        ("99999999999999999999", "99999999999999999999"),
        ("1e5", "1e5"),
        ("0", "0"),
        ("-0", "-0"),
        ("-0.0", "-0.0"),
        ("true", "true"),
        ("null", None),
        ('""', ""),
        ('"a\\nb"', "a\nb"),
        ('{"x": 1.10, "y": [1.0]}', '{"x": 1.10, "y": [1.0]}'),
        ("[1.50, null]", "[1.50, null]"),
    ],
)
def test_a_value_is_the_text_that_was_written(written: str, text: str | None) -> None:
    """No digit is lost or added; only strings lose their quotes and escapes."""
    decoded = fields().decode([f'{{"a": {written}}}'.encode()])
    assert decoded.columns["a"].to_pylist() == [text]
    assert decoded.refused == {}


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "c d", "E"]), PLAIN), min_size=1, max_size=5))
def test_each_message_keeps_its_fields(messages: list[dict[str, object]]) -> None:
    """Whatever fields the messages of a chunk have, a missing one is null."""
    decoded = fields().decode([json.dumps(message).encode() for message in messages])
    assert decoded.refused == {}
    for index, message in enumerate(messages):
        found = {name: column[index].as_py() for name, column in decoded.columns.items()}
        wanted = {name.replace(" ", "_"): value for name, value in message.items() if value is not None}
        texts = {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in wanted.items()
        }
        assert {name: text for name, text in found.items() if text is not None} == texts


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "not a JSON object"),
        (b"[1]", "not a JSON object"),
        (b'{"a": 1', "not a JSON object"),
        (b"\xff", "not a JSON object"),
        (b'{"A": 1}', "unknown field `A`"),
        (b'{"_row": 1}', "unknown field `_row`"),
        (b'{"": 1}', "unknown field ``"),
        (b'{"a": "o\x01"}', "invalid character (byte 8)"),
        (b'{"b": "o\x01"}', "invalid character (byte 8)"),
        (b'{"a": 1, "b": NaN}', "invalid character (byte 14)"),
        (b'{"b": "x\xff"}', "'utf-8' codec can't decode byte 0xff"),
        (b'{"a": "\\ud800"}', "half a character"),
        (b'{"b": {"x": ["\\ud800."]}}', "half a character"),
        (b'{"b": "\\ud800', "truncated"),
        (b'{"a": ' + b"[" * 1500 + b"]" * 1500 + b"}", "nested too deeply"),
        (b'{"b": ' + b'{"x": ' * 1500 + b"1" + b"}" * 1501, "nested too deeply"),
    ],
)
def test_a_refused_message_has_a_reason_and_harms_no_other(value: bytes, reason: str) -> None:
    """Its fields are null; those beside it are what they were."""
    decoded = fields().decode([b'{"a": 1}', value, b'{"a": 2}'])
    assert decoded.columns["a"].to_pylist() == ["1", None, "2"]
    assert list(decoded.refused) == [1]
    assert reason in decoded.refused[1]


@pytest.mark.parametrize(("start", "end"), [(b"[", b"]"), (b'{"x":', b"}")], ids=["lists", "objects"])
def test_how_deep_a_message_may_be_is_told_before_its_texts_are_read(start: bytes, end: bytes) -> None:
    """Whatever the depth, it is read or refused: nothing stops at a depth between."""
    for depth in range(900, 1000):
        value = b'{"a":' + start * depth + b"1" + end * depth + b"}"
        decoded = fields().decode([value, b'{"a": 2}'])
        text = (start * depth + b"1" + end * depth).decode()
        assert decoded.columns["a"].to_pylist() == [None if decoded.refused else text, "2"]
        assert all("nested too deeply" in reason for reason in decoded.refused.values())


def test_a_payload_that_the_envelope_refused_is_a_row_without_values() -> None:
    """It is None here; its reason is the envelope's."""
    decoded = fields().decode([b'{"a": 1}', None])
    assert decoded.columns["a"].to_pylist() == ["1", None]
    assert decoded.refused == {}


def test_names_do_not_widen_the_table_without_end() -> None:
    """A message whose fields would be too many is refused, and those that are known go on."""
    known = fields()
    wide = json.dumps({f"f{number}": 1 for number in range(MOST_FIELDS + 1)}).encode()
    decoded = known.decode([wide, b'{"f1": 2}'])
    assert list(decoded.refused) == [0]
    assert decoded.columns["f1"].to_pylist() == [None, "2"]
