"""Dates and timestamps that a source does not write as ISO 8601: read as declared, or refused, never guessed."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

Make = Callable[..., dict[str, str | None]]


@pytest.mark.parametrize(
    ("kind", "written", "text", "value"),
    [
        ("timestamp", "yyyy-MM-dd HH:mm:ss", "2009-12-01 07:45:00", datetime(2009, 12, 1, 7, 45, tzinfo=UTC)),
        ("timestamp", "dd.MM.yyyy HH:mm", "01.12.2009 07:45", datetime(2009, 12, 1, 7, 45, tzinfo=UTC)),
        ("timestamp", "M/d/yyyy H:mm", "12/1/2009 7:45", datetime(2009, 12, 1, 7, 45, tzinfo=UTC)),
        ("timestamp", "M/d/yyyy H:mm", "2/28/2010 17:05", datetime(2010, 2, 28, 17, 5, tzinfo=UTC)),
        (
            "timestamp",
            "yyyyMMdd'T'HHmmss.SSS",
            "20091201T074500.250",
            datetime(2009, 12, 1, 7, 45, 0, 250_000, UTC),
        ),
        ("timestamp", "dd/MM/yyyy", "31/12/9999", datetime(9999, 12, 31, tzinfo=UTC)),
        ("timestamp", "dd/MM/yyyy", "01/01/0001", datetime(1, 1, 1, tzinfo=UTC)),
        ("date", "dd/MM/yyyy", "03/04/2010", date(2010, 4, 3)),
        ("date", "MM/dd/yyyy", "03/04/2010", date(2010, 3, 4)),
        ("date", "yyyy-MM-dd '00:00:00'", "2009-12-01 00:00:00", date(2009, 12, 1)),
        ("date", "d.M.yyyy", None, None),
    ],
)
def test_a_column_is_read_in_its_format(
    cleanser: Any, row: Make, kind: str, written: str, text: str | None, value: object
) -> None:
    """Days and months that two countries write in two orders are what the pipeline file says."""
    columns = {"x": {"type": kind, "timestamp_format": written}}
    done = cleanser.run(cleanser.dataset(columns=columns), [row(x=text)])
    assert [accepted["x"] for accepted in done.silver] == [value]


@pytest.mark.parametrize(
    "text",
    ["2009-12-01", "30.02.2010", "1.12.2009", "01.13.2009", "01.12.09", " 01.12.2009", "01.12.2009\n", ""],
)
def test_what_is_not_in_the_format_is_refused(cleanser: Any, row: Make, text: str) -> None:
    """Also where it would be a date otherwise; quarantine has the text as it was."""
    columns = {"x": {"type": "date", "timestamp_format": "dd.MM.yyyy"}}
    done = cleanser.run(cleanser.dataset(columns=columns), [row(x=text)])
    assert (done.silver, done.rules) == ([], [["schema.x"]])


def test_a_source_writes_its_timestamps_in_its_format(cleanser: Any, row: Make) -> None:
    """Rows of a source are told by its system; others, and columns with a format of their own, are left alone."""
    dataset = cleanser.dataset(
        sources=[
            {"files": {"path": "a", "source_system": "till", "timestamp_format": "MM/dd/yyyy HH:mm"}},
            {"files": {"path": "b", "source_system": "web"}},
        ],
        columns={
            "x": {"type": "timestamp"},
            "y": {"type": "date"},
            "z": {"type": "timestamp", "timestamp_format": "dd.MM.yyyy"},
        },
    )
    at, written = datetime(2009, 12, 1, 7, 45, tzinfo=UTC), "12/01/2009 07:45"
    rows = [
        row(id="a", x=written, y="2009-12-01", z="01.12.2009"),
        row(id="b", x="2009-12-01 07:45"),
        row(id="c", x="2009-12-01 07:45", _system="web"),
        row(id="d", x=written, _system="web"),
    ]
    done = cleanser.run(dataset, rows)
    assert [(kept["id"], kept["x"]) for kept in done.silver] == [("a", at), ("c", at)]
    assert done.rules == [["schema.x"], ["schema.x"]]


@pytest.mark.parametrize(
    "written", ["yyyy-MM", "yy-MM-dd", "dd.MM.yyyy mm", "yyyy-MM-dd HH", "yyyy-MM-dd hh:mm a", "", "'x"]
)
def test_a_format_that_leaves_something_open_is_refused(cleanser: Any, written: str) -> None:
    """It has a year of four digits, a month, a day, and then hours and minutes or nothing more."""
    with pytest.raises(ValidationError, match="timestamp_format"):
        cleanser.dataset(columns={"x": {"type": "date", "timestamp_format": written}})
