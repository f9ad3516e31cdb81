"""Which rows are refused, and how much the others are trusted."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

Make = Callable[..., dict[str, str | None]]
X = {"x": {"type": "decimal(9,2)"}}


@pytest.mark.parametrize(
    ("bounds", "text", "accepted"),
    [
        ({"min": 0, "max": 10}, "0", True),
        ({"min": 0, "max": 10}, "10.00", True),
        ({"min": 0, "max": 10}, "-0.01", False),
        ({"min": 0, "max": 10}, "10.01", False),
        ({"min": 0}, "9999999", True),
        ({"max": 10}, "-9999999", True),
        ({"min": "1E-2"}, "0.01", True),
        ({"min": "1E-2"}, "0", False),
        ({"max": "1E+3"}, "1000", True),
        ({"min": 0, "max": 10}, None, True),
    ],
)
def test_a_range_includes_its_bounds(
    cleanser: Any,
    row: Make,
    bounds: dict[str, object],
    text: str | None,
    accepted: bool,  # noqa: FBT001
) -> None:
    """A value on a bound passes, one beyond is refused, null passes."""
    rule = {"type": "range_check", "column": "x", **bounds}
    done = cleanser.run(cleanser.dataset(columns=X, rules={"bounds": rule}), [row(x=text)])
    assert done.rules == ([] if accepted else [["rule.bounds"]])


def test_a_bound_is_exact_however_it_is_written(cleanser: Any, row: Make) -> None:
    """A bound with an exponent is a decimal, too: the next larger value is beyond it."""
    rule = {"type": "range_check", "column": "x", "max": "900719925474099E+2"}
    dataset = cleanser.dataset(columns={"x": {"type": "bigint"}}, rules={"bounds": rule})
    done = cleanser.run(dataset, [row("a", x="90071992547409900"), row("b", x="90071992547409901")])
    assert done.counts == {"inserted": 1, "quarantined": 1}


@pytest.mark.parametrize(
    ("text", "accepted"),
    [("A1", True), ("A12", False), ("xA1", False), ("A1\n", False), ("A\u0661", False), (None, True)],
    ids=["matches", "longer", "begins otherwise", "line break after it", "digit of another script", "null"],
)
def test_a_format_holds_for_the_whole_text(
    cleanser: Any,
    row: Make,
    text: str | None,
    accepted: bool,  # noqa: FBT001
) -> None:
    """The pattern must match from the first to the last character; null passes."""
    dataset = cleanser.dataset(
        columns={"x": {"type": "string"}},
        rules={"form": {"type": "format_validation", "column": "x", "pattern": r"[A-Z]\d"}},
    )
    assert cleanser.run(dataset, [row(x=text)]).rules == ([] if accepted else [["rule.form"]])


def test_every_broken_rule_is_listed(cleanser: Any, row: Make) -> None:
    """A row says everything that is wrong with it: types, lookups, rules, keys."""
    dataset = cleanser.dataset(
        columns={**X, "town": {"type": "string"}, "n": {"type": "integer"}},
        standardise={"town": {"lookup": "towns"}},
        rules={
            "low": {"type": "range_check", "column": "x", "min": 0},
            "form": {"type": "format_validation", "column": "town", "pattern": "[A-Z].*"},
            "kept": {"type": "range_check", "column": "x", "max": 10},
        },
    )
    done = cleanser.run(dataset, [row(None, x="-1", town="bath", n="x")])
    assert done.rules == [["lookup.town", "schema.n", "rule.low", "rule.form", "key.id"]]


def test_a_line_that_did_not_parse_breaks_that_rule_only(cleanser: Any) -> None:
    """Nothing is known of its values, so nothing else is held against it."""
    dataset = cleanser.dataset(columns=X, nulls={"x": {"strategy": "drop"}})
    line = {"x": None, "_corrupt_record": "1,2,3", "_corrupt_reason": "too many columns"}
    done = cleanser.run(dataset, [line])
    assert (done.counts, done.rules) == ({"quarantined": 1}, [["csv.corrupt"]])


@pytest.mark.parametrize(
    ("points", "score", "tier"),
    [
        ([], "100.0", "HIGH"),
        (["10"], "90.0", "HIGH"),
        (["10.1"], "89.9", "MEDIUM"),
        (["10", "20"], "70.0", "MEDIUM"),
        (["10", "20.1"], "69.9", "LOW"),
        (["10", "40"], "50.0", "LOW"),
        (["10", "40.1"], "49.9", "POOR"),
        (["60", "40"], "0.0", "POOR"),
        (["100", "100", "100"], "0.0", "POOR"),
        (["1E+1"], "90.0", "HIGH"),
    ],
)
def test_a_score_decides_the_tier(cleanser: Any, row: Make, points: list[str], score: str, tier: str) -> None:
    """100 less each deduction, never below 0; tiers begin at 90, 70 and 50."""
    deductions = {
        f"d{index}": {"condition": "is_null", "column": "x", "deduction": point}
        for index, point in enumerate(points)
    }
    dataset = cleanser.dataset(columns=X, scoring={"deductions": deductions})
    done = cleanser.run(dataset, [row(x=None)])
    assert [(r["quality_score"], r["quality_tier"]) for r in done.silver] == [(Decimal(score), tier)]


@pytest.mark.parametrize("strategy", ["default", "flag"])
def test_a_value_that_was_filled_in_still_costs_points(cleanser: Any, row: Make, strategy: str) -> None:
    """`is_null` counts what arrived null, whatever stands there now."""
    dataset = cleanser.dataset(
        columns={"x": {"type": "integer"}},
        nulls={"x": {"strategy": strategy, "default_value": 5}},
        scoring={"deductions": {"no_x": {"condition": "is_null", "column": "x", "deduction": 15}}},
    )
    done = cleanser.run(dataset, [row("a", x=None), row("b", x="5")])
    assert [(r["x"], r["quality_score"]) for r in done.silver] == [
        (5, Decimal("85.0")),
        (5, Decimal("100.0")),
    ]


def test_a_derived_column_costs_points_where_it_is_null(cleanser: Any, row: Make) -> None:
    """An expression that gives nothing counts as null, too."""
    dataset = cleanser.dataset(
        columns={**X, "double": {"type": "decimal(12,2)", "expression": "x * 2"}},
        scoring={"deductions": {"none": {"condition": "is_null", "column": "double", "deduction": 5}}},
    )
    done = cleanser.run(dataset, [row("a", x=None), row("b", x="1")])
    assert [r["quality_score"] for r in done.silver] == [Decimal("95.0"), Decimal("100.0")]


@pytest.mark.parametrize(("text", "score"), [("1", 100), ("9", 100), ("0.99", 80), ("9.01", 80), (None, 100)])
def test_a_value_out_of_range_costs_points(cleanser: Any, row: Make, text: str | None, score: int) -> None:
    """The bounds are within the range; null is no deduction."""
    deduction = {"condition": "out_of_range", "column": "x", "min_value": 1, "max_value": 9, "deduction": 20}
    dataset = cleanser.dataset(columns=X, scoring={"deductions": {"odd": deduction}})
    done = cleanser.run(dataset, [row(x=text)])
    assert [r["quality_score"] for r in done.silver] == [Decimal(score)]


@pytest.mark.parametrize(("bounds", "outside"), [({"min_value": 1}, "0.99"), ({"max_value": 9}, "9.01")])
def test_one_bound_is_enough(cleanser: Any, row: Make, bounds: dict[str, int], outside: str) -> None:
    """A range may be open to one side."""
    deduction = {"condition": "out_of_range", "column": "x", "deduction": 20, **bounds}
    dataset = cleanser.dataset(columns=X, scoring={"deductions": {"odd": deduction}})
    done = cleanser.run(
        dataset, [row(name, x=text) for name, text in {"a": outside, "b": "1", "c": "9"}.items()]
    )
    assert [r["quality_score"] for r in done.silver] == [Decimal(80), Decimal(100), Decimal(100)]
