"""Names: which are allowed, how a source's column names are standardised, and when two become one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from podium_contracts.names import Name, ResourceName, collisions, standard_name, storable_name
from pydantic import TypeAdapter, ValidationError

REFUSED_BY_DELTA = " ,;{}()\n\t="


@pytest.mark.parametrize(
    ("name", "standard"),
    [
        ("Customer ID", "customer_id"),
        ("Unit-Price", "unit_price"),
        ("InvoiceDate", "invoicedate"),
        ("  a - b", "__a___b"),
        ("ÅRSMÅL", "årsmål"),
        ("already_fine", "already_fine"),
    ],
)
def test_a_column_name_is_standardised(name: str, standard: str) -> None:
    """Lower case, and spaces and hyphens become `_`; nothing else changes."""
    assert standard_name(name) == standard


@given(st.text())
def test_standardising_twice_changes_nothing_more(name: str) -> None:
    """A standard name has no space, no hyphen and no upper case left."""
    standard = standard_name(name)
    assert standard_name(standard) == standard
    assert not set(standard) & {" ", "-"}
    assert standard == standard.lower()


@given(st.text(st.sampled_from([*REFUSED_BY_DELTA, "a", "Ä", "-", "_", "."])))
def test_a_storable_name_differs_only_where_delta_refuses(name: str) -> None:
    """Each refused character becomes one `_`, every other stays as it is."""
    expected = "".join("_" if character in REFUSED_BY_DELTA else character for character in name)
    assert storable_name(name) == expected


@pytest.mark.parametrize(
    "group",
    [
        ["Country", "COUNTRY"],
        ["Customer ID", "customer-id", "CustomerId", "customer_id"],
        ["a(b)", "a b=", "a{b}"],
        ["Größe", "GRÖßE"],
        ["same", "same"],
    ],
    ids=["case", "spaces and hyphens", "what Delta refuses", "Unicode", "twice"],
)
def test_names_that_would_be_one_column_collide(group: list[str]) -> None:
    """Every group is reported whole and in order, and names that stay apart are not."""
    expected = [name for name in group if name != "CustomerId"]
    assert collisions(["first", *group, "Last One"]) == [expected]


def test_each_collision_is_a_group_of_its_own() -> None:
    """Two columns that collide with each other do not join those of another group."""
    assert collisions(["A", "b", "a", "B", "c"]) == [["A", "a"], ["b", "B"]]


@given(st.lists(st.text(), unique_by=lambda name: standard_name(storable_name(name))))
def test_names_that_stay_apart_do_not_collide(names: list[str]) -> None:
    """No collision is made up."""
    assert collisions(names) == []


@pytest.mark.parametrize("name", ["a", "sales", "order_2", "a" * 63])
def test_a_name_is_lower_case_and_starts_with_a_letter(name: str) -> None:
    """Datasets, columns, rules and lookups are named so."""
    assert TypeAdapter(Name).validate_python(name) == name


@pytest.mark.parametrize("name", ["", "Sales", "2nd", "_a", "a-b", "a b", "ä", "a\n", "a" * 64])
def test_another_name_is_refused_in_words(name: str) -> None:
    """The message shows the name and says what would be one, without a regular expression."""
    message = f"{name!r} is no name here: write lower-case letters, digits and _, a letter first"
    with pytest.raises(ValidationError, match=re.escape(message)):
        TypeAdapter(Name).validate_python(name)


@pytest.mark.parametrize("name", ["a", "7", "retail", "retail-2-eu", "a" * 53])
def test_a_pipelines_name_is_that_of_a_kubernetes_resource(name: str) -> None:
    """At most 53 characters, so that derived names fit in 63."""
    assert TypeAdapter(ResourceName).validate_python(name) == name


@pytest.mark.parametrize("name", ["", "Retail", "-a", "a-", "a_b", "a.b", "a\n", "a" * 54])
def test_another_pipeline_name_is_refused_in_words(name: str) -> None:
    """The message shows the name and says what would be one."""
    message = f"{name!r} is no name here: write lower-case letters, digits and - between them"
    with pytest.raises(ValidationError, match=re.escape(message)):
        TypeAdapter(ResourceName).validate_python(name)
