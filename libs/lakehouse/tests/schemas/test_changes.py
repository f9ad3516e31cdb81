"""What a new schema changes, and which changes of a type hold the old values."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from podium_lakehouse.schemas.changes import ModifiedField, changes
from podium_lakehouse.schemas.kinds import holds, kind_of, reads, widens

WORDS = [
    "null",
    "boolean",
    "tinyint",
    "smallint",
    "integer",
    "bigint",
    "decimal(14,2)",
    "decimal(20,2)",
    "decimal(38,0)",
    "float",
    "double",
    "date",
    "timestamp",
    "string",
    "binary",
]
schemas = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(WORDS))


def test_an_equal_schema_changes_nothing() -> None:
    """Whatever the order of its fields."""
    found = changes({"a": "integer", "b": "date"}, {"b": "date", "a": "integer"})
    assert not found
    assert found.is_compatible


def test_added_fields_are_compatible() -> None:
    """Names only in the new schema."""
    found = changes({"a": "integer"}, {"a": "integer", "b": "date"})
    assert (found.added_fields, found.is_compatible, found.issues) == (("b",), True, ())
    assert found.sentences == ("Field b added",)


def test_removed_fields_are_incompatible_and_named() -> None:
    """Names only in the old schema, each with its issue."""
    found = changes({"a": "integer", "b": "date", "c": "date"}, {"b": "date"})
    assert (found.removed_fields, found.is_compatible) == (("a", "c"), False)
    assert found.issues == ("Field a removed", "Field c removed")


def test_a_modified_field_has_its_name_and_both_types() -> None:
    """One that is wider is compatible, any other has an issue that names it."""
    found = changes({"a": "integer", "b": "date"}, {"a": "bigint", "b": "integer"})
    assert found.modified_fields == (
        ModifiedField(field="a", old_type="integer", new_type="bigint"),
        ModifiedField(field="b", old_type="date", new_type="integer"),
    )
    assert found.issues == ("Incompatible type change for b",)
    assert found.sentences == ("Incompatible type change for b", "Field a is bigint, was integer")


def test_all_issues_are_listed() -> None:
    """Not just the first."""
    found = changes({"a": "string", "b": "date", "c": "date"}, {"a": "integer", "b": "boolean"})
    assert set(found.issues) == {
        "Field c removed",
        "Incompatible type change for a",
        "Incompatible type change for b",
    }


@given(schemas, schemas)
def test_every_field_is_accounted_for(old: dict[str, str], new: dict[str, str]) -> None:
    """Added, removed, modified or the same; compatible exactly when there is no issue."""
    found = changes(old, new)
    modified = {change.field for change in found.modified_fields}
    same = {name for name in old if old[name] == new.get(name)}
    assert {*found.added_fields, *modified, *same} == set(new)
    assert {*found.removed_fields, *modified, *same} == set(old)
    assert found.is_compatible == (not found.issues)
    assert bool(found) == (old != new)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("integer", "bigint", True),
        ("bigint", "integer", False),
        ("integer", "decimal(14,2)", True),
        ("bigint", "decimal(14,2)", False),
        ("decimal(14,2)", "decimal(15,3)", True),
        ("decimal(14,2)", "decimal(14,3)", False),
        ("decimal(14,2)", "bigint", False),
        ("integer", "double", True),
        ("bigint", "double", False),
        ("float", "double", True),
        ("date", "timestamp", True),
        ("timestamp", "date", False),
        ("integer", "string", False),
        ("string", "integer", False),
        ("null", "date", True),
        ("date", "null", False),
    ],
)
def test_a_type_is_wider_if_it_holds_the_values_of_the_other(old: str, new: str, *, expected: bool) -> None:
    """To the digit."""
    assert widens(old, new) == expected


@given(st.sampled_from(WORDS), st.sampled_from(WORDS), st.sampled_from(WORDS))
def test_widening_is_an_order(one: str, two: str, three: str) -> None:
    """What holds what holds, holds; text holds all that can be written."""
    assert widens(one, one)
    assert not (widens(one, two) and widens(two, three)) or widens(one, three)
    assert holds("string", one)


@pytest.mark.parametrize(
    ("declared", "seen", "expected"),
    [
        ("decimal(9,2)", "integer", True),
        ("decimal(9,2)", "decimal(14,2)", True),
        ("decimal(9,2)", "decimal(15,3)", False),
        ("integer", "bigint", True),
        ("integer", "decimal(14,2)", False),
        ("integer", "string", False),
        ("string", "date", True),
        ("timestamp", "date", True),
        ("boolean", "integer", False),
        ("date", "null", True),
    ],
)
def test_a_declared_type_reads_numbers_of_any_size(declared: str, seen: str, *, expected: bool) -> None:
    """Of a number that is too large only its row is refused."""
    assert reads(declared, seen) == expected


@pytest.mark.parametrize(
    ("arrow", "word"),
    [
        (pa.int8(), "tinyint"),
        (pa.uint8(), "smallint"),
        (pa.int32(), "integer"),
        (pa.int64(), "bigint"),
        (pa.uint64(), "decimal(20,0)"),
        (pa.decimal128(9, 2), "decimal(9,2)"),
        (pa.float64(), "double"),
        (pa.large_string(), "string"),
        (pa.date32(), "date"),
        (pa.timestamp("us", tz="UTC"), "timestamp"),
        (pa.list_(pa.int32()), "list<item: int32>"),
    ],
)
def test_an_arrow_type_has_a_word(arrow: pa.DataType, word: str) -> None:
    """That of the pipeline file where it has one."""
    assert kind_of(arrow) == word
