"""Columns that Kafka fills, in a dataset that declares them: typed already, usable everywhere, absent in rows of files."""

import json
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
COLUMNS = {
    "place": {"type": "bigint", "from": "kafka_offset"},
    "sold_at": {"type": "timestamp", "from": "kafka_timestamp"},
    "kafka_key": {"type": "string"},
    "late": {"type": "boolean", "expression": "place > 10 and kafka_key = 'till 1'"},
    "x": {"type": "integer"},
}
NULLS = {"place": {"strategy": "default", "default_value": -1}}


def dataset(cleanser: Any, nulls: dict[str, Any] | None = None, **parts: Any) -> Any:
    """Return a dataset whose rows are ordered by the offset of their message."""
    sources = [{"kafka": {"topic": "sales"}}, {"files": {"path": "*.csv"}}]
    order = {"keys": ["id"], "order": ["place"]}
    return cleanser.dataset(
        sources=sources, columns=COLUMNS, duplicates=order, nulls=NULLS if nulls is None else nulls, **parts
    )


def message(offset: int, x: str, key: str | None = "till 1") -> dict[str, Any]:
    """Return a row that a message brought."""
    return {
        "id": "a",
        "at": "1",
        "x": x,
        "_row": str(offset),
        "_file": "sales/0",
        "kafka_offset": offset,
        "kafka_timestamp": NOON,
        "kafka_key": key,
    }


OF_A_FILE = {"id": "a", "at": "1", "x": "0"}


def test_what_kafka_says_is_in_silver(cleanser: Any) -> None:
    """As it stands in Bronze, without a way through text, also in expressions."""
    [row] = cleanser.run(dataset(cleanser), [message(11, "1")]).silver
    assert (row["place"], row["sold_at"], row["kafka_key"], row["late"]) == (11, NOON, "till 1", True)


def test_the_last_message_stays(cleanser: Any) -> None:
    """Whatever the lines' order, and older than any message what a file brought, by its default."""
    for lines in permutations([OF_A_FILE, message(3, "3"), message(12, "12"), {**OF_A_FILE, "x": "7"}]):
        done = cleanser.run(dataset(cleanser), lines)
        assert ([row["x"] for row in done.silver], done.counts) == ([12], {"inserted": 1, "deduplicated": 3})


@pytest.mark.parametrize(("step", "dispositions"), [(1, ["updated"] * 2), (-1, ["late"] * 2)])
def test_the_last_message_stays_in_silver(cleanser: Any, step: int, dispositions: list[str]) -> None:
    """One after the other, forwards and backwards, they end as together."""
    held: list[Any] = []
    found: list[str] = []
    for line in [OF_A_FILE, message(3, "3"), message(12, "12")][::step]:
        done = cleanser.run(dataset(cleanser), [line], base=held)
        found += done.counts
        held = done.silver or held
    assert [row["x"] for row in held] == [12]
    assert found == ["inserted", *dispositions]


def test_the_nulls_of_files_can_be_flagged_or_dropped(cleanser: Any) -> None:
    """They are nulls like others."""
    flagged = {**NULLS, "sold_at": {"strategy": "flag"}}
    rows = [OF_A_FILE, {**message(1, "1"), "id": "b"}]
    assert [row["sold_at_is_null_flag"] for row in cleanser.run(dataset(cleanser, flagged), rows).silver] == [
        True,
        False,
    ]
    dropped = {**NULLS, "sold_at": {"strategy": "drop"}}
    assert cleanser.run(dataset(cleanser, dropped), rows).dropped == {"sold_at": 1}


def test_a_refused_row_keeps_what_kafka_said(cleanser: Any) -> None:
    """As text, beside the fields of the message; the time is microseconds since 1970."""
    [row] = cleanser.run(dataset(cleanser), [message(4, "many", None)]).quarantine
    assert row["rules"] == ["schema.x"]
    said = {"kafka_offset": "4", "kafka_timestamp": f"{NOON.timestamp():.0f}000000", "kafka_key": None}
    assert json.loads(row["raw"]) == {"id": "a", "at": "1", **said, "x": "many"}
