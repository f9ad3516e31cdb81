"""A value that is missing, made of the others of its file."""

from collections.abc import Callable
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

Make = Callable[..., dict[str, str | None]]
COLUMNS = {"x": {"type": "decimal(9,2)"}, "room": {"type": "string"}}


def dataset(cleanser: Any, **rule: object) -> Any:
    """Return a dataset that interpolates x, by `at` within a room unless told otherwise."""
    plain: dict[str, object] = {"strategy": "interpolate", "partition_by": ["room"]}
    ordered = {} if rule["method"] in {"mean", "median"} else {"order_by": ["at"]}
    return cleanser.dataset(columns=COLUMNS, nulls={"x": {**plain, **ordered, **rule}})


def values(done: Any) -> list[Decimal | None]:
    """Return x of each accepted row, by key."""
    return [row["x"] for row in sorted(done.silver, key=lambda row: str(row["id"]))]


SERIES = [("a", "1", "1.00"), ("b", "2", None), ("c", "4", "7.01"), ("d", "5", None), ("e", "0", None)]


@pytest.mark.parametrize(
    ("method", "found"),
    [
        ("linear", ["1.00", "3.00", "7.01", None, None]),
        ("forward", ["1.00", "1.00", "7.01", "7.01", None]),
        ("backward", ["1.00", "7.01", "7.01", None, "1.00"]),
        ("mean", ["1.00", "4.01", "7.01", "4.01", "4.01"]),
        ("median", ["1.00", "4.01", "7.01", "4.01", "4.01"]),
    ],
)
def test_each_method_fills_in_what_it_says(
    cleanser: Any, row: Make, method: str, found: list[str | None]
) -> None:
    """Whatever the order of the lines: on the line by `at`, the one before, the one after, the mean, the middle; exact, half up."""
    lines = [row(name, at, x=x, room="r") for name, at, x in SERIES]
    expected = [Decimal(text) if text else None for text in found]
    for shuffled in (lines, lines[::-1], lines[2:] + lines[:2]):
        assert values(cleanser.run(dataset(cleanser, method=method), shuffled)) == expected


def test_a_median_of_an_odd_number_is_the_middle(cleanser: Any, row: Make) -> None:
    """One of the values itself; one that is far out does not move it."""
    texts = ["1", "2", "999", None]
    lines = [row(str(place), x=text, room="r") for place, text in enumerate(texts)]
    assert values(cleanser.run(dataset(cleanser, method="median"), lines))[3] == Decimal(2)


def test_negative_numbers_are_rounded_away_from_zero(cleanser: Any, row: Make) -> None:
    """-0.005 is -0.01, as 0.005 is 0.01."""
    lines = [row("a", x="-0.01", room="r"), row("b", x="0.00", room="r"), row("c", x=None, room="r")]
    assert values(cleanser.run(dataset(cleanser, method="mean"), lines))[2] == Decimal("-0.01")


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        ("3", "2", 3),
        ("2", "3", 3),
        ("1", "0", 1),
        ("0", "-1", -1),
        ("-1", "2", 1),
        ("1", "-2", -1),
        ("999999999999999999", "-999999999999999998", 1),
        ("999999999999999999", "999999999999999998", 999999999999999999),
    ],
)
def test_a_value_on_a_line_is_rounded_whichever_way_the_line_goes(
    cleanser: Any, row: Make, low: str, high: str, found: int
) -> None:
    """Half of what lies there goes away from zero, not half of the way from one end; with 18 digits, too."""
    kinds = {"x": {"type": "decimal(18,0)"}}
    rule = {"strategy": "interpolate", "method": "linear", "order_by": ["at"]}
    lines = [row("a", "1", x=low), row("b", "2", x=None), row("c", "3", x=high)]
    assert values(cleanser.run(cleanser.dataset(columns=kinds, nulls={"x": rule}), lines))[1] == found


def test_the_scope_is_a_partition_of_a_file(cleanser: Any, row: Make) -> None:
    """Another room, and another file, are another series: however files come, in one batch or many, the values are the same."""
    lines = [
        {**row("a", "1", x="5", room="r"), "_file": "one.csv"},
        {**row("b", "2", x=None, room="r"), "_file": "one.csv"},
        {**row("c", "3", x=None, room="s"), "_file": "one.csv"},
        {**row("d", "3", x=None, room="r"), "_file": "two.csv"},
    ]
    for shuffled in permutations(lines):
        assert values(cleanser.run(dataset(cleanser, method="forward"), shuffled)) == [5, 5, None, None]


def test_what_cannot_be_made_takes_the_default(cleanser: Any, row: Make) -> None:
    """Without a value to go by there is still one to fall back on; an unreadable one is refused, not filled in."""
    done = cleanser.run(
        dataset(cleanser, method="forward", default_value=-1),
        [row("a", x=None, room="r"), row("b", x="?", room="r")],
    )
    assert values(done) == [Decimal(-1)]
    assert done.rules == [["schema.x"]]


def test_equal_moments_take_the_first_value(cleanser: Any, row: Make) -> None:
    """Between two values of one moment there is no line."""
    lines = [row("a", "1", x="1", room="r"), row("b", "1", x=None, room="r"), row("c", "1", x="3", room="r")]
    assert values(cleanser.run(dataset(cleanser, method="linear"), lines)) == [1, 1, 3]


@pytest.mark.parametrize("kind", ["date", "timestamp", "bigint", "decimal(9,2)"])
def test_a_line_may_lie_along_any_measure(cleanser: Any, row: Make, kind: str) -> None:
    """Days, moments and numbers measure how far a row is from its neighbours."""
    texts = {
        "date": ["2024-02-28", "2024-02-29", "2024-03-03"],
        "timestamp": ["2024-02-29 23:00", "2024-03-01 00:00", "2024-03-01 03:00"],
    }.get(kind, ["-1", "0", "3"])
    made = cleanser.dataset(
        columns={"x": {"type": "integer"}, "when": {"type": kind}},
        nulls={"x": {"strategy": "interpolate", "method": "linear", "order_by": ["when"]}},
    )
    lines = [
        row(name, x=x, when=text) for name, x, text in zip("abc", ["10", None, "18"], texts, strict=True)
    ]
    assert values(cleanser.run(made, lines)) == [10, 12, 18]
