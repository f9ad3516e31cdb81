"""The schema as it is, and as it might be."""

from collections.abc import Callable
from pathlib import Path

import pytest
from contract.schema import ROOT, SCHEMA, describe
from google.protobuf.descriptor_pb2 import FileDescriptorProto

Altered = Callable[..., FileDescriptorProto]


@pytest.fixture(scope="session")
def schema() -> FileDescriptorProto:
    """The schema as protoc reads it."""
    return describe()


@pytest.fixture
def altered(tmp_path: Path) -> Altered:
    """Return a maker of schemas in which one text stands for another."""

    def make(old: str, new: str) -> FileDescriptorProto:
        text = (ROOT / SCHEMA).read_text()
        assert text.count(old) == 1, f"{old!r} should stand once in {SCHEMA}"
        target = tmp_path / SCHEMA
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace(old, new))
        return describe(tmp_path)

    return make
