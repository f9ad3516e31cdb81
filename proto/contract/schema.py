"""The schema as protoc reads it, each message and field with its comment."""

import re
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from grpc_tools import protoc

ROOT = Path(__file__).parents[1]
SCHEMA = "podium/events/v1/events.proto"
EVENT_TYPE = re.compile(r"(dev\.podium\.[a-z.]+\.v\d+): +")
"""How the comment of a message that is an event begins."""


@dataclass(frozen=True)
class Field:
    """A field and its comment."""

    descriptor: FieldDescriptorProto
    comment: str
    value: FieldDescriptorProto | None
    """What a map holds by its keys, None where the field is no map."""

    @property
    def name(self) -> str:
        """Its name in the schema, as `from_version`."""
        return self.descriptor.name

    @property
    def repeated(self) -> bool:
        """Whether it is a list."""
        return self.descriptor.label == FieldDescriptorProto.LABEL_REPEATED and self.value is None

    @property
    def message(self) -> str | None:
        """The name of the message that it holds, as `Run` or `Timestamp`; None for a scalar."""
        return self.descriptor.type_name.rsplit(".", 1)[-1] or None

    @property
    def optional(self) -> bool:
        """Whether it may be absent: a message, or a scalar that is declared so."""
        single = not self.repeated and self.value is None
        return single and (self.message is not None or self.descriptor.proto3_optional)


@dataclass(frozen=True)
class Message:
    """A message, its comment and its fields."""

    descriptor: DescriptorProto
    comment: str
    fields: tuple[Field, ...]

    @property
    def name(self) -> str:
        """Its name in the schema, as `LayerCompleted`."""
        return self.descriptor.name

    @property
    def event_type(self) -> str | None:
        """The CloudEvents type of the events that carry it; None for a part of others."""
        found = EVENT_TYPE.match(self.comment)
        return found[1] if found else None

    @property
    def meaning(self) -> str:
        """The comment as a sentence, without the event's type."""
        said = EVENT_TYPE.sub("", self.comment)
        return f"{said[:1].upper()}{said[1:]}"


def describe(root: Path = ROOT) -> FileDescriptorProto:
    """Return protoc's description of the schema below a folder, with its comments.

    Raises:
        SystemExit: protoc refuses it, and has said why.
    """
    with tempfile.NamedTemporaryFile() as out:
        arguments = ["protoc", f"-I{root}", f"-I{files('grpc_tools') / '_proto'}", "--include_source_info"]
        if protoc.main([*arguments, f"--descriptor_set_out={out.name}", str(root / SCHEMA)]):
            raise SystemExit(1)
        return FileDescriptorSet.FromString(Path(out.name).read_bytes()).file[0]


def messages(schema: FileDescriptorProto) -> tuple[Message, ...]:
    """Return the messages of a schema in its order."""
    comments = {
        tuple(location.path): " ".join(location.leading_comments.split())
        for location in schema.source_code_info.location
    }
    return tuple(
        Message(
            message,
            comments.get((FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER, number), ""),
            tuple(
                Field(
                    field,
                    comments.get(
                        (
                            FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER,
                            number,
                            DescriptorProto.FIELD_FIELD_NUMBER,
                            position,
                        ),
                        "",
                    ),
                    _map_value(field, message),
                )
                for position, field in enumerate(message.field)
            ),
        )
        for number, message in enumerate(schema.message_type)
    )


def _map_value(field: FieldDescriptorProto, message: DescriptorProto) -> FieldDescriptorProto | None:
    for nested in message.nested_type:
        if nested.options.map_entry and field.type_name.endswith(f".{message.name}.{nested.name}"):
            return nested.field[1]
    return None
