"""What becomes of a row that breaks a rule: refused, corrected, kept with a warning, or a reason for the stage to fail."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from podium_contracts.events.v1 import RuleCount

Make = Callable[..., dict[str, str | None]]
X = {"x": {"type": "decimal(9,2)"}}
TOWN = {"town": {"type": "string"}}


def range_of(**rule: object) -> dict[str, Any]:
    """Return a rule that x lies between 0 and 10."""
    return {"r": {"type": "range_check", "column": "x", "min": 0, "max": 10, **rule}}


@pytest.mark.parametrize(("town", "accepted"), [("Bath", True), ("BTH", True), ("bath", False), (None, True)])
def test_a_value_is_among_reference_data(
    cleanser: Any,
    row: Make,
    town: str | None,
    accepted: bool,  # noqa: FBT001
) -> None:
    """A text that is no key of the lookup is refused; null passes."""
    rule = {"known": {"type": "reference_data_check", "column": "town", "lookup": "towns"}}
    done = cleanser.run(cleanser.dataset(columns=TOWN, rules=rule), [row(town=town)])
    assert done.rules == ([] if accepted else [["rule.known"]])


def test_reference_data_may_be_checked_twice(cleanser: Any, row: Make) -> None:
    """Two rules may ask the same lookup, of different columns."""
    dataset = cleanser.dataset(
        columns={**TOWN, "other": {"type": "string", "expression": "town || ''"}},
        rules={
            name: {"type": "reference_data_check", "column": column, "lookup": "towns"}
            for name, column in {"one": "town", "two": "other"}.items()
        },
    )
    assert cleanser.run(dataset, [row(town="Ely")]).rules == [["rule.one", "rule.two"]]


@pytest.mark.parametrize(("at", "x", "accepted"), [("1", "2", True), ("3", "2", False), ("1", None, True)])
def test_a_condition_may_span_columns(
    cleanser: Any,
    row: Make,
    at: str,
    x: str | None,
    accepted: bool,  # noqa: FBT001
) -> None:
    """A row keeps the rule where the expression is true; where it says nothing, it is not broken."""
    dataset = cleanser.dataset(columns=X, rules={"c": {"type": "custom_logic", "expression": "at <= x"}})
    assert cleanser.run(dataset, [row(at=at, x=x)]).rules == ([] if accepted else [["rule.c"]])


@pytest.mark.parametrize(("text", "value"), [("-1", "0"), ("11.5", "10"), ("0", "0"), ("7.25", "7.25")])
def test_the_nearest_bound_corrects_a_number(cleanser: Any, row: Make, text: str, value: str) -> None:
    """Without an expression, a value out of range becomes the bound next to it."""
    done = cleanser.run(cleanser.dataset(columns=X, rules=range_of(on_failure="correct")), [row(x=text)])
    assert [(r["x"], r["quality_corrections"]) for r in done.silver] == [
        (Decimal(value), None if text == value else "r")
    ]


def test_a_literal_corrects_an_integer(cleanser: Any, row: Make) -> None:
    """Whole numbers are bigints until they meet a narrower column."""
    dataset = cleanser.dataset(
        columns={"x": {"type": "integer"}, "y": {"type": "integer", "expression": "coalesce(x, 7)"}},
        rules=range_of(on_failure="correct", correction="0"),
    )
    done = cleanser.run(dataset, [row("a", x="-1"), row("b", x=None)])
    assert sorted((r["id"], r["x"], r["y"]) for r in done.silver) == [("a", 0, 0), ("b", None, 7)]


def test_what_is_derived_is_made_of_corrected_values(cleanser: Any, row: Make) -> None:
    """A correction comes before the columns that are computed."""
    double = {"double": {"type": "decimal(12,2)", "expression": "x * 2"}}
    rules = range_of(on_failure="correct", correction="abs(x)")
    done = cleanser.run(cleanser.dataset(columns={**X, **double}, rules=rules), [row(x="-3")])
    assert [(r["x"], r["double"]) for r in done.silver] == [(Decimal(3), Decimal(6))]


def test_a_value_that_is_still_wrong_is_refused(cleanser: Any, row: Make) -> None:
    """A correction that does not mend the row lets nothing through."""
    rules = range_of(on_failure="correct", correction="abs(x)")
    done = cleanser.run(cleanser.dataset(columns=X, rules=rules), [row("a", x="-30"), row("b", x="-3")])
    assert done.rules == [["rule.r"]]
    assert done.found["rule.r"] == RuleCount(
        rule="rule.r", on_failure="correct", evaluated=2, broken=2, corrected=1
    )


def test_the_first_broken_rule_corrects_a_column(cleanser: Any, row: Make) -> None:
    """All rules look at the values before any correction, and a row says which one applied."""
    rules = {
        "odd": {
            "type": "custom_logic", "expression": "x <> 4", "column": "x", "on_failure": "correct", "correction": "5.00",
        },
        "small": {"type": "range_check", "column": "x", "min": 5, "on_failure": "correct"},
    }  # fmt: skip
    lines = [row(name, x=text) for name, text in {"a": "4", "b": "3", "c": "6"}.items()]
    done = cleanser.run(cleanser.dataset(columns=X, rules=rules), lines)
    assert [(r["x"], r["quality_corrections"]) for r in done.silver] == [
        (Decimal(5), "odd"),
        (Decimal(5), "small"),
        (Decimal(6), None),
    ]


def test_reference_data_and_formats_correct_by_expression(cleanser: Any, row: Make) -> None:
    """Any rule may correct: what it gives is held against the rule once more."""
    rules = {
        "known": {
            "type": "reference_data_check", "column": "town", "lookup": "towns", "on_failure": "correct", "correction": "upper(town)",
        }
    }  # fmt: skip
    done = cleanser.run(
        cleanser.dataset(columns=TOWN, rules=rules), [row("a", town="bth"), row("b", town="x")]
    )
    assert [r["town"] for r in done.silver] == ["BTH"]
    assert done.rules == [["rule.known"]]


def test_a_warning_stays_with_its_row(cleanser: Any, row: Make) -> None:
    """The row is in Silver, which says which rules it broke; they are counted."""
    rules = {
        **range_of(on_failure="warn"),
        "even": {"type": "custom_logic", "expression": "x <> 13", "on_failure": "warn"},
    }
    done = cleanser.run(cleanser.dataset(columns=X, rules=rules), [row("a", x="13"), row("b", x="5")])
    assert [r["quality_warnings"] for r in done.silver] == ["r,even", None]
    assert [(c.broken, c.warned, c.evaluated) for c in done.found.values()] == [(1, 1, 2), (1, 1, 2)]


def test_silver_says_nothing_of_what_no_rule_does(cleanser: Any, row: Make) -> None:
    """Columns for warnings, corrections and details are there where the file asks for them, and nowhere else."""
    done = cleanser.run(cleanser.dataset(columns=X, rules=range_of()), [row(x="1")])
    assert [name for name in done.silver[0] if name.startswith("quality_")] == [
        "quality_score",
        "quality_tier",
    ]


def test_a_line_that_did_not_parse_breaks_no_condition(cleanser: Any) -> None:
    """Nothing is known of its values: it is counted as corrupt, and no rule has looked at it."""
    rules = {"c": {"type": "custom_logic", "expression": "x is not null", "required": True}}
    line = {"x": None, "_corrupt_record": "1,2,3", "_corrupt_reason": "too many columns"}
    done = cleanser.run(cleanser.dataset(columns=X, rules=rules), [line])
    assert done.rules == [["csv.corrupt"]]
    assert done.found["rule.c"].evaluated == 0


def test_a_required_condition_says_something_of_every_row(cleanser: Any, row: Make) -> None:
    """Where it is null it could not be evaluated; not where the row is refused or dropped anyway."""
    dataset = cleanser.dataset(
        columns={**X, "n": {"type": "integer"}},
        nulls={"n": {"strategy": "drop"}},
        rules={"c": {"type": "custom_logic", "expression": "x + n > 0", "required": True}},
    )
    lines = [
        row("a", x=None, n="1"),
        row("b", x="bad", n="1"),
        row("c", x="1", n=None),
        row("d", x="1", n="1"),
    ]
    done = cleanser.run(dataset, lines)
    assert done.rules == [["unevaluated.c"], ["schema.x"]]
    assert done.dropped == {"n": 1}


def test_a_dropped_row_fails_no_stage(cleanser: Any, row: Make) -> None:
    """It goes nowhere, whatever it says otherwise; one that is refused for another rule is refused."""
    dataset = cleanser.dataset(
        columns={**X, "n": {"type": "integer"}},
        nulls={"n": {"strategy": "drop"}},
        rules=range_of(on_failure="fail"),
    )
    done = cleanser.run(
        dataset, [row("a", x="11", n=None), row("b", at="?", x="11", n=None), row("c", x="11", n="1")]
    )
    assert done.dropped == {"n": 1}
    assert done.rules == [["schema.at", "key.at"], ["rule.r"]]


def test_details_name_the_deductions_of_a_row(cleanser: Any, row: Make) -> None:
    """With `details`, a row says why it has its score."""
    deductions = {
        "none": {"condition": "is_null", "column": "x", "deduction": 5},
        "small": {"condition": "out_of_range", "column": "x", "min_value": 1, "deduction": 20},
        "old": {"condition": "out_of_range", "column": "at", "max_value": 1, "deduction": 10},
    }
    dataset = cleanser.dataset(columns=X, scoring={"deductions": deductions, "details": True})
    lines = [row("a", "2", x=None), row("b", "2", x="0"), row("c", "1", x="5")]
    done = cleanser.run(dataset, lines)
    assert [(r["quality_details"], r["quality_score"]) for r in done.silver] == [
        ("none,old", Decimal(85)),
        ("small,old", Decimal(70)),
        (None, Decimal(100)),
    ]


@pytest.mark.parametrize(
    ("text", "outlier"), [("10", False), ("20.37", False), ("20.38", True), ("-0.37", False), ("-0.38", True)]
)
def test_an_outlier_by_the_robust_z_score_costs_points(
    cleanser: Any,
    row: Make,
    text: str,
    outlier: bool,  # noqa: FBT001
) -> None:
    """With median 10 and median absolute deviation 2, the score 0.6745 |x - 10| / 2 reaches 3.5 at a distance of 10.3780."""
    item = {"condition": "robust_z_score", "column": "x", "median": 10, "mad": 2, "deduction": 25}
    dataset = cleanser.dataset(columns=X, scoring={"deductions": {"odd": item}})
    done = cleanser.run(dataset, [row(x=text)])
    assert [r["quality_score"] for r in done.silver] == [Decimal(75 if outlier else 100)]
