"""What is said of schemas before anything is read, and where libraries are missing."""

import sys
from typing import Any

import pytest
from podium_contracts.errors import Problem
from podium_contracts.pipeline import KafkaSource, Spec
from podium_ingest.payloads import BadSchema, problems, reader

AVRO = {"topic": "t", "format": "avro", "schema": "sale.avsc"}
PROTOBUF = {"topic": "t", "format": "protobuf", "schema": "sale.proto", "message": "shop.Sale"}
SCHEMAS = {
    "sale.avsc": b'{"type": "record", "name": "Sale", "fields": [{"name": "id", "type": "int"}]}',
    "sale.proto": b'syntax = "proto3"; package shop; message Sale { int32 id = 1; }',
}


def spec(*sources: dict[str, Any]) -> Spec:
    dataset = {
        "sources": [{"files": {"path": "*.csv"}}, *({"kafka": source} for source in sources)],
        "columns": {"id": {"type": "integer"}},
        "duplicates": {"keys": ["id"]},
    }
    return Spec.model_validate({"lakehouse": {"uri": "lake"}, "datasets": {"sales": dataset}})


def test_schemas_without_mistakes_have_no_problems() -> None:
    """Nor have sources without a schema."""
    assert list(problems(spec({"topic": "t"}, AVRO, PROTOBUF), SCHEMAS)) == []


def test_each_mistake_has_the_path_of_its_source() -> None:
    """All at once; a file that is not there is another check's."""
    sources = [AVRO, {**AVRO, "schema": "nowhere.avsc"}, {**PROTOBUF, "message": "shop.Sales"}]
    found = list(problems(spec(*sources), {**SCHEMAS, "sale.avsc": b"{}"}))
    above = ("spec", "datasets", "sales", "sources")
    assert found == [
        Problem(
            (*above, 1, "kafka", "schema"), "sale.avsc: not an Avro schema: 'type' is missing", "correct it"
        ),
        Problem(
            (*above, 3, "kafka", "message"), "sale.proto has no message shop.Sales", "did you mean shop.Sale?"
        ),
    ]


def test_a_schema_that_is_gone_is_an_error() -> None:
    """The file may go between the check and the run."""
    with pytest.raises(BadSchema, match=r"sale\.avsc does not exist"):
        reader(KafkaSource.model_validate(AVRO), {}, {})


@pytest.mark.parametrize(
    ("source", "library"), [(AVRO, "fastavro"), (PROTOBUF, "google.protobuf")], ids=["avro", "protobuf"]
)
def test_without_the_library_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, source: dict[str, Any], library: str
) -> None:
    """Each is an extra; JSON does without."""
    for name in list(sys.modules):
        if name.startswith(f"podium_ingest.payloads.{source['format']}"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    [problem] = problems(spec({"topic": "t"}, source), SCHEMAS)
    assert problem.path[-1] == "format"
    assert problem.message == f"format {source['format']} needs {library}, which is not installed"
    assert problem.hint == f"pip install 'podium[{source['format']}]'"
