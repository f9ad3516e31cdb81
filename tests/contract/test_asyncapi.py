"""The AsyncAPI document: valid by its own schema, and true of the golden records."""

import gzip
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from contract.golden import Golden, read_all
from contract.schema import ROOT
from jsonschema import Draft7Validator
from podium_contracts.events import DATA_TYPES, TOPIC
from podium_runtime.kafka.dead_letters import DEAD_LETTERS, DeadLetter, Origin
from ruamel.yaml import YAML

FILE = ROOT.parent / "docs/reference/events.asyncapi.yaml"
WRITTEN = [golden for golden in read_all().values() if golden.written]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document as a reader gets it."""
    found = YAML(typ="safe").load(FILE.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def asyncapi() -> Draft7Validator:
    """What judges documents of AsyncAPI 3.0."""
    packed = (Path(__file__).parent / "asyncapi/schema-3.0.0.json.gz").read_bytes()
    return Draft7Validator(json.loads(gzip.decompress(packed)))


def judge(document: dict[str, Any], schema: dict[str, Any]) -> Draft7Validator:
    """Return what judges values by a schema of the document, whose references point into the document."""
    return Draft7Validator({**schema, "components": document["components"]})


def message_of(document: dict[str, Any], golden: Golden) -> dict[str, Any]:
    """Return the message that an event is."""
    found = [item for item in document["components"]["messages"].values() if item["name"] == golden.type]
    assert len(found) == 1
    return dict(found[0])


def test_the_document_is_valid(document: dict[str, Any], asyncapi: Draft7Validator) -> None:
    """AsyncAPI's own schema finds nothing wrong, Kafka's bindings among it."""
    assert [error.message for error in asyncapi.iter_errors(document)] == []


@pytest.mark.parametrize(
    "path",
    [
        ("operations", "announce", "action"),
        ("info", "title"),
        ("channels", "events", "bindings", "kafka", "topic"),
    ],
    ids=".".join,
)
def test_the_schema_sees_mistakes(
    document: dict[str, Any], asyncapi: Draft7Validator, path: tuple[str, ...]
) -> None:
    """The judge would find a document that is wrong, deep in a binding, too."""
    broken = json.loads(json.dumps(document))
    place = broken
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = ["no", "text"]
    assert list(asyncapi.iter_errors(broken))


def test_the_channels_are_the_topics(document: dict[str, Any]) -> None:
    """Both topics are there, with each event of the codec in the one, and dead letters in the other."""
    channels = {channel["address"]: channel for channel in document["channels"].values()}
    assert set(channels) == {TOPIC, DEAD_LETTERS}
    assert set(channels[TOPIC]["messages"]) == {kind.__name__ for kind in DATA_TYPES.values()}
    assert set(channels[DEAD_LETTERS]["messages"]) == {"DeadLetter", "Replayed"}
    assert all(topic == channel["bindings"]["kafka"]["topic"] for topic, channel in channels.items())


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """A tool that follows the references finds a message or a schema."""

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if "$ref" in value else []
            return own + [found for part in value.values() for found in references(part)]
        return [found for part in value for found in references(part)] if isinstance(value, list) else []

    found = set(references(document))
    assert len(found) > 20
    for reference in found:
        place = document
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]


@pytest.mark.parametrize("golden", WRITTEN, ids=lambda golden: golden.name)
def test_the_golden_records_are_what_the_document_says(document: dict[str, Any], golden: Golden) -> None:
    """Key, headers and payload of every record that Podium writes fit, and no header or field is left undescribed."""
    message = message_of(document, golden)
    headers = {name: b64decode(raw or "").decode() for name, raw in golden.headers}
    key = b64decode(golden.key or "").decode()
    assert [error.message for error in judge(document, message["headers"]).iter_errors(headers)] == []
    assert [error.message for error in judge(document, message["payload"]).iter_errors(golden.data)] == []
    assert list(judge(document, message["bindings"]["kafka"]["key"]).iter_errors(key)) == []
    assert set(headers) <= set(document["components"]["schemas"]["EventHeaders"]["properties"])
    described = document["components"]["schemas"][message["payload"]["$ref"].rsplit("/", 1)[-1]]["properties"]
    assert set(golden.data or {}) <= set(described)


@pytest.mark.parametrize(
    ("field", "value"), [("sequence", 7), ("tables", {}), ("layer", None), ("run", "retail"), ("run", ...)]
)
def test_other_payloads_do_not_fit(document: dict[str, Any], field: str, value: object) -> None:
    """The payload's schema is more than a description: an integer that is no text, for one, is not what Podium writes."""
    golden = read_all()["layer-completed-silver"]
    payload = {**(golden.data or {}), field: value}
    if value is ...:
        del payload[field]
    assert list(judge(document, message_of(document, golden)["payload"]).iter_errors(payload))


def test_a_dead_letter_is_what_the_document_says(document: dict[str, Any]) -> None:
    """The headers that a stage writes to the topic of dead letters are described, each of them required."""
    letter = DeadLetter(
        Origin(TOPIC, 3, 17),
        b"retail",
        b"{",
        (("ce_id", b"1"),),
        "cleanse",
        "BadSource",
        "no",
        12,
        1_793_000_000_000,
    )
    headers = {name: (raw or b"").decode() for name, raw in letter.encode()}
    schema = judge(document, document["components"]["messages"]["DeadLetter"]["headers"])
    assert list(schema.iter_errors(headers)) == []
    for name in headers:
        without = {other: text for other, text in headers.items() if other != name}
        assert bool(list(schema.iter_errors(without))) == name.startswith("podium_")
