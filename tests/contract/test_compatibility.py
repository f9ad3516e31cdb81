"""What was released cannot be broken; what is new is welcome."""

from collections.abc import Callable
from pathlib import Path

import pytest
from contract import compatibility
from contract.compatibility import breaks, read, render
from google.protobuf.descriptor_pb2 import FileDescriptorProto

Altered = Callable[..., FileDescriptorProto]

REMOVED = "  // All rows of that version.\n  int64 rows = 5;\n"
RESERVED = '  reserved 5;\n  reserved "rows";\n'
DROPPED = "  map<string, int64> dropped = 8;"
STOCK = """\
message Stock {
  // The table's name, as `silver.sales`.
  string table = 1;"""


def test_the_schema_keeps_what_was_released(schema: FileDescriptorProto) -> None:
    """The released contract is the schema of this commit, no more and no less."""
    assert breaks(read(), schema) == []
    assert compatibility.RELEASED.read_text() == render(schema)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(
            REMOVED,
            "",
            'TableVersion.rows = 5: was removed: write `reserved 5; reserved "rows";` in its place',
            id="removed",
        ),
        pytest.param(
            REMOVED,
            "  reserved 5;\n",
            'TableVersion.rows = 5: was removed: write `reserved 5; reserved "rows";` in its place',
            id="name not reserved",
        ),
        pytest.param(
            REMOVED,
            '  reserved "rows";\n',
            'TableVersion.rows = 5: was removed: write `reserved 5; reserved "rows";` in its place',
            id="number not reserved",
        ),
        pytest.param(
            "int64 rows = 5",
            "int64 rows = 9",
            "TableVersion.rows = 5: its number became 9: numbers are never changed",
            id="number",
        ),
        pytest.param(
            "int64 rows = 5",
            "int64 row_count = 5",
            "TableVersion.rows = 5: its name became row_count: JSON carries names; "
            "add a field with another number instead",
            id="name",
        ),
        pytest.param(
            "int64 rows = 5;",
            'int64 rows = 5 [json_name = "rowCount"];',
            "TableVersion.rows = 5: its name in JSON became rowCount: that is what events carry",
            id="name in JSON",
        ),
        pytest.param(
            "int64 rows = 5",
            "double rows = 5",
            "TableVersion.rows = 5: its type, int64, became double: add a field with another number instead",
            id="type",
        ),
        pytest.param(
            "int64 rows = 5",
            "repeated int64 rows = 5",
            "TableVersion.rows = 5: its type, int64, became repeated int64: "
            "add a field with another number instead",
            id="repeated",
        ),
        pytest.param(
            "optional int64 from_version = 3",
            "int64 from_version = 3",
            "TableVersion.from_version = 3: its type, optional int64, became int64: "
            "add a field with another number instead",
            id="no longer optional",
        ),
        pytest.param(
            "QuarantineStock quarantine = 3",
            "Stock quarantine = 3",
            "Ledger.quarantine = 3: its type, podium.events.v1.QuarantineStock, became podium.events.v1.Stock: "
            "add a field with another number instead",
            id="message",
        ),
        pytest.param(
            DROPPED,
            "  map<string, double> dropped = 8;",
            "Flow.dropped = 8: its type, map<string, int64>, became map<string, double>: "
            "add a field with another number instead",
            id="map",
        ),
        pytest.param(
            "int64 opening = 1;",
            "oneof either { int64 opening = 1; }",
            "QuarantineStock.opening = 1: its type, int64, became oneof int64: "
            "add a field with another number instead",
            id="oneof",
        ),
        pytest.param(
            "package podium.events.v1;",
            "package podium.events.v2;",
            "package podium.events.v1 became podium.events.v2: a new version is a new file beside the old one",
            id="package",
        ),
    ],
)
def test_a_break_is_refused_with_what_it_breaks(altered: Altered, old: str, new: str, said: str) -> None:
    """Each promise that is not kept gets a line of its own, with the field's place and what to do."""
    found = breaks(read(), altered(old, new))
    assert said in found
    if "package" not in old:  # it is in the type of every field that holds a message
        assert found == [said]


def test_a_message_cannot_go(altered: Altered) -> None:
    """Renaming a message is removing it: other schemas and generated classes call it by its name."""
    found = breaks(read(), altered("message StageFailed {", "message StageGaveUp {"))
    assert "message StageFailed was removed or renamed: put it back" in found


def test_a_field_may_be_removed_with_its_number_and_name_reserved(altered: Altered) -> None:
    """Nothing else can then mean something different under them, and this is held in turn."""
    without = altered(REMOVED, RESERVED)
    assert breaks(read(), without) == []
    assert breaks(without, altered(REMOVED, "")) == [
        "TableVersion: `reserved 5;` is gone: what had such a number meant something",
        'TableVersion: `reserved "rows";` is gone: what had that name meant something',
    ]


def test_a_reserved_range_may_grow(altered: Altered) -> None:
    """Reserving more is no break; reserving less is."""
    less, more = (
        altered(STOCK, f"{STOCK}\n  reserved 9 to 11;"),
        altered(STOCK, f"{STOCK}\n  reserved 8 to 20;"),
    )
    assert breaks(less, more) == []
    assert breaks(more, less) == [
        "Stock: `reserved 8 to 20;` is gone: what had such a number meant something"
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("int64 rows = 5;", "int64 rows = 5;\n  // Bytes.\n  int64 bytes = 7;"),
        (
            "// A table's rows:",
            "// New.\nmessage New {\n  // Its name.\n  string name = 1;\n}\n\n// A table's rows:",
        ),
        ("// All rows of that version.", "// Rows of that version."),
    ],
    ids=["field", "message", "comment"],
)
def test_additions_are_welcome(altered: Altered, old: str, new: str) -> None:
    """A new field, a new message or a better comment breaks nobody."""
    assert breaks(read(), altered(old, new)) == []


def test_an_addition_is_released_by_writing_it_down(altered: Altered, tmp_path: Path) -> None:
    """Once it is in the released contract, it is held like everything else."""
    released = tmp_path / "released.txtpb"
    released.write_text(
        render(altered("int64 rows = 5;", "int64 rows = 5;\n  // Bytes.\n  int64 bytes = 7;"))
    )
    assert breaks(read(released), altered("int64 rows = 5;", "int64 rows = 5;")) == [
        'TableVersion.bytes = 7: was removed: write `reserved 7; reserved "bytes";` in its place'
    ]
