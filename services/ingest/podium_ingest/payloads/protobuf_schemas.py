"""Protobuf's schemas: a message found in a `.proto` file, which protoc compiles here, or in a descriptor set that somebody has compiled."""

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from posixpath import basename, dirname, join, relpath

from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from podium_ingest.payloads.decoded import BadSchema

COMPILE = "protoc --include_imports --descriptor_set_out=sale.desc sale.proto"
PROTOC_SECONDS = 60
MOST_MISTAKES = 3
"""Of those that protoc finds, so many are told."""


@dataclass(frozen=True)
class Schema:
    """A message, and the pool that knows every type of its files."""

    message: Descriptor
    pool: DescriptorPool
    checks_texts: bool
    """Whether the decoder refuses texts that are not UTF-8: that is sure where all files are of proto3."""


def find(path: str, files: Mapping[str, bytes], name: str) -> Schema:
    """Return the message of a name.

    Raises:
        BadSchema: the schema cannot be compiled or is no descriptor set, or has no such message.
    """
    described = _compiled(path, files) if path.endswith(".proto") else _described(path, files[path])
    pool = DescriptorPool()
    try:
        for file in described.file:
            pool.Add(file)
    except TypeError as error:
        raise BadSchema(
            f"{path} lacks files that it imports", hint=f"compile it with them: {COMPILE}"
        ) from error
    known = [found for file in described.file for found in _names(file.package, file.message_type)]
    if name not in known:
        close = get_close_matches(name, known, n=1)
        listed = f"did you mean {close[0]}?" if close else f"possible here: {', '.join(known) or 'nothing'}"
        raise BadSchema(f"{path} has no message {name}", hint=listed, place="message")
    checks_texts = all(file.syntax == "proto3" for file in described.file)
    return Schema(pool.FindMessageTypeByName(name), pool, checks_texts)


def _names(scope: str, messages: Iterable[DescriptorProto]) -> Iterator[str]:
    """Yield the full name of every message, those inside others among them."""
    for message in messages:
        name = f"{scope}.{message.name}".lstrip(".")
        if not message.options.map_entry:
            yield name
            yield from _names(name, message.nested_type)


def _described(path: str, content: bytes) -> FileDescriptorSet:
    try:
        return FileDescriptorSet.FromString(content)
    except DecodeError as error:
        raise BadSchema(
            f"{path} is no descriptor set", hint=f"name a .proto file, or compile one: {COMPILE}"
        ) from error


def _compiled(path: str, files: Mapping[str, bytes]) -> FileDescriptorSet:
    """Return what protoc makes of a file, and of those that it imports from its own folder."""
    if find_spec("grpc_tools") is None:
        raise BadSchema(
            f"{path} is not compiled, and protoc is not installed",
            hint=f"pip install 'podium[protobuf]', or compile it: {COMPILE}",
        )
    main, base = basename(path), dirname(path)
    beside = {relpath(name, base or "."): content for name, content in files.items()}
    with tempfile.TemporaryDirectory() as scratch:
        folder, out = Path(scratch) / "schemas", Path(scratch) / "out"
        for name, content in beside.items():
            if name.endswith(".proto") and not name.startswith(".."):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "grpc_tools.protoc", "-I.", "--include_imports"),
                *(f"--descriptor_set_out={out}", main),
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=PROTOC_SECONDS,
        )
        if ended.returncode:
            raise BadSchema(
                _mistakes(base, ended.stderr), hint=f"imports lie beside it; or compile it: {COMPILE}"
            )
        return FileDescriptorSet.FromString(out.read_bytes())


def _mistakes(folder: str, said: str) -> str:
    """Return what protoc has said, each file under the path that the pipeline gives."""
    lines = [line for line in said.splitlines() if ": warning: " not in line]
    more = f" and {len(lines) - MOST_MISTAKES} more" if len(lines) > MOST_MISTAKES else ""
    return "; ".join(join(folder, line) for line in lines[:MOST_MISTAKES]) + more
