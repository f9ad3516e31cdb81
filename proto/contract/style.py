"""The style of the schema: what the protobuf guide asks, and what keeps JSON readers of every age able to read it.

https://protobuf.dev/programming-guides/style/
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from contract.models import SCALARS
from contract.schema import Field, Message, messages

PACKAGE = re.compile(r"podium(\.[a-z][a-z0-9_]*)+\.v[1-9][0-9]*")
MESSAGE = re.compile(r"[A-Z][A-Za-z0-9]*")
FIELD = re.compile(r"[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*")
KNOWN_MESSAGE = ".google.protobuf.Timestamp"


def mistakes(schema: FileDescriptorProto) -> list[str]:
    """Return a sentence for each rule that the schema breaks, with its place first."""
    return [*_file(schema), *(said for message in messages(schema) for said in _message(message, schema))]


def _file(schema: FileDescriptorProto) -> Iterator[str]:
    if schema.syntax != "proto3":
        yield f'{schema.name}: write `syntax = "proto3";`'
    if not PACKAGE.fullmatch(schema.package):
        yield f"{schema.name}: package {schema.package!r} has no version: name it as `podium.events.v1`"
    folder = str(PurePosixPath(schema.name).parent).replace("/", ".")
    if folder != schema.package:
        yield f"{schema.name}: package {schema.package!r} belongs into the folder of that name"
    for enum in schema.enum_type:
        yield (
            f"{enum.name}: an old reader cannot read a new word of an enum: write `string`, the words in the comment"
        )
    for service in schema.service:
        yield f"{service.name}: events call nobody: no services here"


def _message(message: Message, schema: FileDescriptorProto) -> Iterator[str]:
    if not MESSAGE.fullmatch(message.name):
        yield f"{message.name}: a message is written in CamelCase"
    if not message.comment:
        yield f"{message.name}: say in a comment what it is"
    yield from _inside(message)
    for field in message.fields:
        for said in _field(field, schema):
            yield f"{message.name}.{field.name}: {said}"


def _inside(message: Message) -> Iterator[str]:
    """Yield a sentence for what a message may not hold: it stands beside others, so that each can be referred to by its name."""
    for nested in message.descriptor.nested_type:
        if not nested.options.map_entry:
            yield f"{message.name}.{nested.name}: put it beside {message.name}, not inside"
    for enum in message.descriptor.enum_type:
        yield f"{message.name}.{enum.name}: write `string` instead of an enum, the words in the comment"
    if any(_in_oneof(field) for field in message.fields):
        yield f"{message.name}: write optional fields instead of a oneof"


def _in_oneof(field: Field) -> bool:
    """Whether a field belongs to a oneof; protobuf makes one of its own for each optional scalar."""
    return field.descriptor.HasField("oneof_index") and not field.descriptor.proto3_optional


def _field(field: Field, schema: FileDescriptorProto) -> Iterator[str]:
    if not FIELD.fullmatch(field.name):
        yield "a field is written in lower_snake_case, a letter after each _"
    if not field.comment:
        yield "say in a comment what it is"
    if field.repeated and not field.name.endswith("s"):
        yield "a list has a name in the plural"
    held = field.value or field.descriptor
    own = {f".{schema.package}.{message.name}" for message in schema.message_type}
    if held.type not in SCALARS and (field.value or held.type_name not in {*own, KNOWN_MESSAGE}):
        yield "use string, bool, double, int64, Timestamp or a message of this file"
