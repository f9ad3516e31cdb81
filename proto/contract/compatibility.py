"""What has been released and may never change: every message and field that readers may rely on.

Fields are matched by number. What is new is fine; what was released keeps its number, name, type and label, or is removed with both its
number and its name reserved, so that nothing else can ever mean something different under them.
"""

from collections.abc import Iterator
from pathlib import Path

from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from contract.schema import ROOT

RELEASED = ROOT / "podium/events/v1/released.txtpb"
"""The released contract, a google.protobuf.FileDescriptorSet in protobuf's text format."""
HEADER = """\
# proto-file: google/protobuf/descriptor.proto
# proto-message: FileDescriptorSet
#
# The contract that other teams rely on, as protoc describes it. `make lint` refuses a schema that breaks it; `make generate` adds what
# is new to it, and nothing else may change it.
"""


def read(path: Path = RELEASED) -> FileDescriptorProto:
    """Return the released contract."""
    return text_format.Parse(path.read_text(encoding="utf-8"), FileDescriptorSet()).file[0]


def render(schema: FileDescriptorProto) -> str:
    """Return a schema as the released contract is written: without comments and places."""
    bare = FileDescriptorProto()
    bare.CopyFrom(schema)
    bare.ClearField("source_code_info")
    return f"{HEADER}\n{text_format.MessageToString(FileDescriptorSet(file=[bare]), as_utf8=True)}"


def breaks(released: FileDescriptorProto, schema: FileDescriptorProto) -> list[str]:
    """Return a sentence for each promise of the released contract that a schema does not keep."""
    return [*_file(released, schema), *_messages(released, schema)]


def _file(released: FileDescriptorProto, schema: FileDescriptorProto) -> Iterator[str]:
    if released.package != schema.package:
        yield f"package {released.package} became {schema.package}: a new version is a new file beside the old one"
    if released.syntax != schema.syntax:
        yield f"syntax {released.syntax} became {schema.syntax}"


def _messages(released: FileDescriptorProto, schema: FileDescriptorProto) -> Iterator[str]:
    now = {message.name: message for message in schema.message_type}
    for message in released.message_type:
        if message.name not in now:
            yield f"message {message.name} was removed or renamed: put it back"
            continue
        yield from _fields(message, now[message.name])
        yield from _reservations(message, now[message.name])


def _fields(released: DescriptorProto, message: DescriptorProto) -> Iterator[str]:
    by_number = {field.number: field for field in message.field}
    by_name = {field.name: field for field in message.field}
    for old in released.field:
        place = f"{message.name}.{old.name} = {old.number}"
        if old.number in by_number:
            for said in _changes(old, by_number[old.number], released, message):
                yield f"{place}: {said}"
        elif old.name in by_name:
            yield f"{place}: its number became {by_name[old.name].number}: numbers are never changed"
        elif not (_reserves(message, old.number, old.number) and old.name in message.reserved_name):
            yield f'{place}: was removed: write `reserved {old.number}; reserved "{old.name}";` in its place'


def _changes(
    old: FieldDescriptorProto,
    new: FieldDescriptorProto,
    released: DescriptorProto,
    message: DescriptorProto,
) -> Iterator[str]:
    if old.name != new.name:
        yield f"its name became {new.name}: JSON carries names; add a field with another number instead"
    elif old.json_name != new.json_name:
        yield f"its name in JSON became {new.json_name}: that is what events carry"
    before, after = _kind(old, released), _kind(new, message)
    if before != after:
        yield f"its type, {before}, became {after}: add a field with another number instead"


def _kind(field: FieldDescriptorProto, message: DescriptorProto) -> str:
    """Return a field's label and type as a schema writes them: `optional int64`, `repeated Stock`, `map<string, int64>`."""
    for nested in message.nested_type:
        if nested.options.map_entry and field.type_name.endswith(f".{message.name}.{nested.name}"):
            return f"map<{', '.join(_scalar(part) for part in nested.field)}>"
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {_scalar(field)}"
    if field.proto3_optional:
        return f"optional {_scalar(field)}"
    return f"oneof {_scalar(field)}" if field.HasField("oneof_index") else _scalar(field)


def _scalar(field: FieldDescriptorProto) -> str:
    kind = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    return field.type_name.lstrip(".") or kind


def _reservations(released: DescriptorProto, message: DescriptorProto) -> Iterator[str]:
    """What was removed once stays reserved."""
    for kept in released.reserved_range:
        if not _reserves(message, kept.start, kept.end - 1):
            numbers = f"{kept.start}" if kept.end == kept.start + 1 else f"{kept.start} to {kept.end - 1}"
            yield f"{message.name}: `reserved {numbers};` is gone: what had such a number meant something"
    for name in released.reserved_name:
        if name not in message.reserved_name:
            yield f'{message.name}: `reserved "{name}";` is gone: what had that name meant something'


def _reserves(message: DescriptorProto, first: int, last: int) -> bool:
    return any(kept.start <= first and last < kept.end for kept in message.reserved_range)
