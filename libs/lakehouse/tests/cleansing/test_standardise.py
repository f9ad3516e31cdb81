"""Values brought to one form: by an expression, or by a lookup of known variants."""

from collections.abc import Callable
from typing import Any

import pytest
from podium_contracts.errors import BadSource

Make = Callable[..., dict[str, str | None]]
TOWN = {"town": {"type": "string"}}


def test_an_expression_replaces_the_value(cleanser: Any, row: Make) -> None:
    """Later steps see the standardised value: rules, keys and Silver."""
    dataset = cleanser.dataset(
        standardise={"id": {"expression": "upper(trim(id))"}},
        rules={"form": {"type": "format_validation", "column": "id", "pattern": "[A-Z]"}},
    )
    done = cleanser.run(dataset, [row(" a "), row("A", "2"), row("?")])
    assert [accepted["id"] for accepted in done.silver] == ["A"]
    assert done.counts == {"inserted": 1, "deduplicated": 1, "quarantined": 1}


def test_an_expression_sees_the_filled_in_value(cleanser: Any, row: Make) -> None:
    """Nulls are handled before: a default is standardised as if it had arrived."""
    dataset = cleanser.dataset(
        columns=TOWN,
        nulls={"town": {"strategy": "default", "default_value": "bath"}},
        standardise={"town": {"expression": "upper(town)"}},
    )
    assert [accepted["town"] for accepted in cleanser.run(dataset, [row(town=None)]).silver] == ["BATH"]


def test_an_expression_of_a_narrower_type_keeps_the_columns_type(cleanser: Any, row: Make) -> None:
    """Silver has the declared type, whatever the expression's own."""
    dataset = cleanser.dataset(
        columns={"day": {"type": "date"}, "n": {"type": "bigint"}},
        standardise={"n": {"expression": "day(day)"}},
    )
    cleanser.run(dataset, [row(day="2026-01-31", n="5")])
    assert cleanser.engine.execute("SELECT n, typeof(n) FROM staged") == [(31, "BIGINT")]


@pytest.mark.parametrize(
    ("variant", "town"), [("Bath", "Bath"), ("BTH", "Bath"), ("O'Town", "O'Town"), (None, None)]
)
@pytest.mark.parametrize("missing", ["quarantine", "keep"])
def test_a_known_variant_becomes_its_value(
    cleanser: Any, row: Make, variant: str | None, town: str | None, missing: str
) -> None:
    """The lookup's value replaces the variant; null needs no lookup."""
    dataset = cleanser.dataset(columns=TOWN, standardise={"town": {"lookup": "towns", "missing": missing}})
    assert [accepted["town"] for accepted in cleanser.run(dataset, [row(town=variant)]).silver] == [town]


def test_a_variant_without_a_value_is_unknown(cleanser: Any, row: Make) -> None:
    """An empty field of a lookup is no value, as one of a source is none: there is no town ''."""
    refusing = cleanser.dataset(columns=TOWN, standardise={"town": {"lookup": "towns"}})
    assert cleanser.run(refusing, [row(town="Ys")]).rules == [["lookup.town"]]
    keeping = cleanser.dataset(columns=TOWN, standardise={"town": {"lookup": "towns", "missing": "keep"}})
    assert [accepted["town"] for accepted in cleanser.run(keeping, [row(town="Ys")]).silver] == ["Ys"]


def test_an_unknown_variant_is_refused(cleanser: Any, row: Make) -> None:
    """Variants are told apart letter by letter: `bath` is not `Bath`."""
    dataset = cleanser.dataset(columns=TOWN, standardise={"town": {"lookup": "towns"}})
    assert cleanser.run(dataset, [row(town="bath")]).rules == [["lookup.town"]]


def test_an_unknown_variant_is_kept_where_it_may_be(cleanser: Any, row: Make) -> None:
    """With `missing: keep` the value stays as it arrived."""
    dataset = cleanser.dataset(columns=TOWN, standardise={"town": {"lookup": "towns", "missing": "keep"}})
    assert [accepted["town"] for accepted in cleanser.run(dataset, [row(town="bath")]).silver] == ["bath"]


def test_two_columns_may_use_one_lookup_beside_expressions(cleanser: Any, row: Make) -> None:
    """The lookup's own columns (one is called `at`, as the dataset's) get in nobody's way."""
    dataset = cleanser.dataset(
        columns={**TOWN, "birthplace": {"type": "string"}},
        standardise={
            "town": {"lookup": "towns"},
            "birthplace": {"lookup": "towns"},
            "id": {"expression": "trim(id)"},
            "at": {"expression": "abs(at)"},
        },
    )
    done = cleanser.run(dataset, [row(" a", "-1", town="BTH", birthplace="O'Town")])
    assert [(r["id"], r["at"], r["town"], r["birthplace"]) for r in done.silver] == [
        ("a", 1, "Bath", "O'Town")
    ]


def test_a_derived_column_is_computed_from_standardised_ones(cleanser: Any, row: Make) -> None:
    """Expressions of columns come after standardisation, and have the declared type."""
    dataset = cleanser.dataset(
        columns={
            "price": {"type": "decimal(9,2)"},
            "total": {"type": "decimal(20,2)", "expression": "price * at"},
            "label": {"type": "string", "expression": "id || '!'"},
        },
        standardise={"id": {"expression": "upper(id)"}},
    )
    done = cleanser.run(dataset, [row("a", "3", price="1.50")])
    assert [(r["label"], str(r["total"])) for r in done.silver] == [("A!", "4.50")]


def test_columns_are_found_by_standard_name_or_as_declared(cleanser: Any, row: Make) -> None:
    """`Customer ID` is customer_id by itself; another name is declared with `from`."""
    dataset = cleanser.dataset(
        columns={"customer_id": {"type": "string"}, "price": {"type": "string", "from": "Price (EUR)"}}
    )
    done = cleanser.run(dataset, [row(**{"Customer ID": "c1", "Price (EUR)": "5"})])
    assert [(r["customer_id"], r["price"]) for r in done.silver] == [("c1", "5")]


def test_from_may_also_name_a_column_as_bronze_does(cleanser: Any, row: Make) -> None:
    """So one file reads a source whose names have spaces, and another that allows none."""
    dataset = cleanser.dataset(
        columns={
            "customer": {"type": "string", "from": "Customer ID"},
            "price": {"type": "string", "from": "Unit_Price"},
        }
    )
    done = cleanser.run(dataset, [row(**{"Customer_ID": "c1", "Unit Price": "5"})])
    assert [(r["customer"], r["price"]) for r in done.silver] == [("c1", "5")]


def test_columns_that_the_source_lacks_are_all_named(cleanser: Any, row: Make) -> None:
    """The error says which are missing, what there is, and what to do."""
    dataset = cleanser.dataset(columns={"x": {"type": "string"}, "y": {"type": "string", "from": "Y"}})
    with pytest.raises(BadSource, match=r"no column for x, y; it has: id, at, y") as caught:
        cleanser.run(dataset, [row(y="1")])
    assert "from:" in caught.value.hint


def test_columns_may_be_called_as_words_of_sql(cleanser: Any) -> None:
    """`order`, `group` and `select` are names like any other, also as key and order."""
    dataset = cleanser.dataset(
        columns={
            name: {"type": "string"} for name in ("order", "group", "select", "from", "staged", "rules")
        },
        duplicates={"keys": ["order"], "order": ["group"]},
        rules={"form": {"type": "format_validation", "column": "select", "pattern": "x"}},
    )
    rows = [
        {
            "id": "1",
            "at": "1",
            "order": "o",
            "group": group,
            "select": "x",
            "from": "f",
            "staged": "s",
            "rules": "r",
        }
        for group in ("1", "2")
    ]
    done = cleanser.run(dataset, rows)
    again = cleanser.run(dataset, rows, base=done.silver)
    assert [r["group"] for r in done.silver] == ["2"]
    assert again.counts == {"unchanged": 1, "deduplicated": 1}
