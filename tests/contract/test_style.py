"""The style of the schema."""

from collections.abc import Callable

import pytest
from contract.style import mistakes
from google.protobuf.descriptor_pb2 import FileDescriptorProto

Altered = Callable[..., FileDescriptorProto]

ROWS = "  // All rows of that version.\n  int64 rows = 5;"


def test_the_schema_has_style(schema: FileDescriptorProto) -> None:
    """The schema keeps its own rules."""
    assert mistakes(schema) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (ROWS, "  int64 rows = 5;", "TableVersion.rows: say in a comment what it is"),
        (
            ROWS,
            ROWS.replace("int64 rows", "int64 Rows"),
            "TableVersion.Rows: a field is written in lower_snake_case, a letter after each _",
        ),
        (
            ROWS,
            ROWS.replace("int64 rows", "int64 rows_2"),
            "TableVersion.rows_2: a field is written in lower_snake_case, a letter after each _",
        ),
        (
            ROWS,
            ROWS.replace("int64 rows", "repeated int64 row"),
            "TableVersion.row: a list has a name in the plural",
        ),
        (
            ROWS,
            ROWS.replace("int64 rows", "uint32 rows"),
            "TableVersion.rows: use string, bool, double, int64, Timestamp or a message of this file",
        ),
        (
            ROWS,
            ROWS.replace("int64 rows", "map<string, Run> rows"),
            "TableVersion.rows: use string, bool, double, int64, Timestamp or a message of this file",
        ),
        (
            ROWS,
            ROWS + "\n  message Part {}",
            "TableVersion.Part: put it beside TableVersion, not inside",
        ),
        (
            ROWS,
            ROWS + "\n  enum Word { NONE = 0; }",
            "TableVersion.Word: write `string` instead of an enum, the words in the comment",
        ),
        (
            ROWS,
            "  oneof either {\n  // All rows.\n  int64 rows = 5;\n  }",
            "TableVersion: write optional fields instead of a oneof",
        ),
        (
            "// One pass of a pipeline.\n",
            "",
            "Run: say in a comment what it is",
        ),
        (
            "// A table's rows:",
            "// New.\nmessage new_one {}\n\n// A table's rows:",
            "new_one: a message is written in CamelCase",
        ),
        (
            "// A table's rows:",
            "enum Word { NONE = 0; }\n\n// A table's rows:",
            "Word: an old reader cannot read a new word of an enum: write `string`, the words in the comment",
        ),
        (
            "// A table's rows:",
            "service Answers {}\n\n// A table's rows:",
            "Answers: events call nobody: no services here",
        ),
        (
            'syntax = "proto3";',
            'syntax = "proto2";',
            'podium/events/v1/events.proto: write `syntax = "proto3";`',
        ),
        (
            "package podium.events.v1;",
            "package podium.events;",
            "podium/events/v1/events.proto: package 'podium.events' has no version: name it as `podium.events.v1`",
        ),
        (
            "package podium.events.v1;",
            "package podium.other.v1;",
            "podium/events/v1/events.proto: package 'podium.other.v1' belongs into the folder of that name",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(altered: Altered, old: str, new: str, said: str) -> None:
    """Each rule has a schema that breaks it."""
    if "proto2" in new:  # where every field has to say whether it is optional
        broken = FileDescriptorProto(name="podium/events/v1/events.proto", package="podium.events.v1")
        assert mistakes(broken) == [said]
    else:
        assert said in mistakes(altered(old, new))
