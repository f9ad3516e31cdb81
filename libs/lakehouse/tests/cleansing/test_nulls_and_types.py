"""Missing and unreadable values: what becomes of a row, and what it says afterwards."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

Make = Callable[..., dict[str, str | None]]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", " a ", " a "),
        ("integer", " +007 ", 7),
        ("integer", "12.0", 12),
        ("bigint", "123456789012345678", 123456789012345678),
        ("decimal(12,3)", "-1.5", Decimal("-1.500")),
        ("decimal(5,0)", "12.", Decimal(12)),
        ("boolean", "True", True),
        ("date", "2026-02-28", date(2026, 2, 28)),
        ("timestamp", "2026-02-28", datetime(2026, 2, 28, tzinfo=UTC)),
        ("timestamp", "2026-02-28T01:02:03.000004Z", datetime(2026, 2, 28, 1, 2, 3, 4, UTC)),
        ("timestamp", "2026-02-28 01:02", datetime(2026, 2, 28, 1, 2, tzinfo=UTC)),
        ("decimal(12,3)", None, None),
    ],
)
def test_a_text_becomes_a_value_of_its_type(
    cleanser: Any, row: Make, kind: str, text: str, value: object
) -> None:
    """What the type's pattern accepts is cast without loss; null stays null."""
    done = cleanser.run(cleanser.dataset(columns={"x": {"type": kind}}), [row(x=text)])
    assert [accepted["x"] for accepted in done.silver] == [value]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", "1.5"),
        ("integer", "1e2"),
        ("integer", "9999999999"),
        ("integer", "abc"),
        ("decimal(5,2)", "1234.00"),
        ("decimal(5,2)", "1.005"),
        ("decimal(5,2)", "1,5"),
        ("boolean", "yes"),
        ("date", "2026-02-30"),
        ("date", "28/02/2026"),
        ("timestamp", "2026-02-28 25:00"),
        ("timestamp", "yesterday"),
    ],
)
def test_an_unreadable_value_is_refused_never_null(cleanser: Any, row: Make, kind: str, text: str) -> None:
    """A text that is no value of the type sends its row to quarantine under the column's name."""
    done = cleanser.run(cleanser.dataset(columns={"x": {"type": kind}}), [row(x=text)])
    assert (done.silver, done.rules) == ([], [["schema.x"]])


def test_drop_leaves_the_row_out_and_counts_it(cleanser: Any, row: Make) -> None:
    """The row goes nowhere but the ledger, under the column that dropped it; the first of several."""
    dataset = cleanser.dataset(
        columns={"x": {"type": "string"}, "y": {"type": "string"}},
        nulls={"x": {"strategy": "drop"}, "y": {"strategy": "drop"}},
    )
    rows = [row("a", x=None, y=None), row("b", x="1", y=None), row("c", x="1", y="1")]
    done = cleanser.run(dataset, rows)
    assert done.counts == {"dropped": 2, "inserted": 1}
    assert done.dropped == {"x": 1, "y": 1}


def test_a_row_that_breaks_a_rule_is_refused_rather_than_dropped(cleanser: Any, row: Make) -> None:
    """Quarantine comes first: somebody may want to see the row."""
    dataset = cleanser.dataset(columns={"x": {"type": "string"}}, nulls={"x": {"strategy": "drop"}})
    done = cleanser.run(dataset, [row(at="x", x=None)])
    assert (done.counts, done.rules) == ({"quarantined": 1}, [["schema.at", "key.at"]])


@pytest.mark.parametrize(
    ("kind", "default", "value"),
    [
        ("string", "none", "none"),
        ("string", "it's", "it's"),
        ("string", True, "true"),
        ("integer", 7, 7),
        ("integer", " +7.0 ", 7),
        ("bigint", "-7", -7),
        ("decimal(5,2)", "1.5", Decimal("1.50")),
        ("boolean", True, True),
        ("boolean", "FALSE", False),
        ("date", "2026-02-28", date(2026, 2, 28)),
        ("timestamp", "2026-02-28T01:02Z", datetime(2026, 2, 28, 1, 2, tzinfo=UTC)),
    ],
)
def test_default_fills_in_a_value_of_the_type(
    cleanser: Any, row: Make, kind: str, default: str | int, value: object
) -> None:
    """Where nothing arrived the default stands; what arrived stays."""
    dataset = cleanser.dataset(
        columns={"x": {"type": kind}}, nulls={"x": {"strategy": "default", "default_value": default}}
    )
    done = cleanser.run(dataset, [row(x=None)])
    assert [accepted["x"] for accepted in done.silver] == [value]


def test_a_default_does_not_hide_an_unreadable_value(cleanser: Any, row: Make) -> None:
    """The default is for what is missing, not for what is wrong."""
    dataset = cleanser.dataset(
        columns={"x": {"type": "integer"}}, nulls={"x": {"strategy": "default", "default_value": 7}}
    )
    assert cleanser.run(dataset, [row(x="seven")]).rules == [["schema.x"]]


@pytest.mark.parametrize(("default", "value"), [(None, 0), (7, 7)], ids=["without default", "with default"])
def test_flag_tells_which_rows_had_none(cleanser: Any, row: Make, default: int | None, value: object) -> None:
    """A column beside it says that the value was missing, also where a default stands in for it."""
    dataset = cleanser.dataset(
        columns={"x": {"type": "integer"}}, nulls={"x": {"strategy": "flag", "default_value": default}}
    )
    done = cleanser.run(dataset, [row("a", x=None), row("b", x="5")])
    assert [(accepted["x"], accepted["x_is_null_flag"]) for accepted in done.silver] == [
        (value, True),
        (5, False),
    ]


@pytest.mark.parametrize("missing", ["id", "at"])
def test_a_row_without_its_key_or_order_is_refused(cleanser: Any, row: Make, missing: str) -> None:
    """Such a row could never be found again, or told from a later one."""
    done = cleanser.run(cleanser.dataset(), [{**row(), missing: None}])
    assert done.rules == [[f"key.{missing}"]]


def test_a_key_may_be_dropped_where_it_is_missing(cleanser: Any, row: Make) -> None:
    """The declared strategy goes before the refusal."""
    dataset = cleanser.dataset(nulls={"id": {"strategy": "drop"}})
    assert cleanser.run(dataset, [row(None)]).counts == {"dropped": 1}


def test_a_key_that_standardising_empties_is_refused(cleanser: Any, row: Make) -> None:
    """Dropping is for what arrived null; a key that became null since is no key."""
    dataset = cleanser.dataset(
        nulls={"id": {"strategy": "drop"}}, standardise={"id": {"expression": "nullif(id, '-')"}}
    )
    done = cleanser.run(dataset, [row("-"), row("b")])
    assert (done.counts, done.rules) == ({"quarantined": 1, "inserted": 1}, [["key.id"]])


@pytest.mark.parametrize("kind", ["string", "boolean", "date", "timestamp"])
def test_flag_invents_no_value_where_zero_is_none(cleanser: Any, row: Make, kind: str) -> None:
    """0 is no text, no truth and no day: without a default such a column stays null, and the flag says so."""
    dataset = cleanser.dataset(columns={"x": {"type": kind}}, nulls={"x": {"strategy": "flag"}})
    done = cleanser.run(dataset, [row("a", x=None)])
    assert [(accepted["x"], accepted["x_is_null_flag"]) for accepted in done.silver] == [(None, True)]
