"""Rows of the same key, in one batch and against what Silver holds: the latest accepted one stays."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from podium_lakehouse.cleansing.fuzzy import large_blocks

Make = Callable[..., dict[str, str | None]]
X = {"x": {"type": "integer"}}


def test_the_latest_of_a_batch_stays(cleanser: Any, row: Make) -> None:
    """Whatever the order of the lines, the row with the greatest order column is the one that counts."""
    rows = [row(at=str(number), x=str(number)) for number in (1, 2, 3)]
    for lines in permutations(rows):
        done = cleanser.run(cleanser.dataset(columns=X), lines)
        assert [r["x"] for r in done.silver] == [3]
        assert done.counts == {"inserted": 1, "deduplicated": 2}


def test_an_exact_repeat_is_a_duplicate(cleanser: Any, row: Make) -> None:
    """The same line twice is one row."""
    done = cleanser.run(cleanser.dataset(columns=X), [row(x="1")] * 3)
    assert done.counts == {"inserted": 1, "deduplicated": 2}


def test_a_tie_is_decided_by_the_content(cleanser: Any, row: Make) -> None:
    """Of two rows of the same moment the same one wins, whichever comes first and wherever it comes from."""
    one, two = row(x="1"), row(x="2")
    winners = {
        cleanser.run(cleanser.dataset(columns=X), lines).silver[0]["x"]
        for lines in (
            [one, two],
            [two, one],
            [{**one, "_file": "z.csv"}, two],
            [one, {**two, "_file": "z.csv"}],
        )
    }
    assert len(winners) == 1


def test_a_refused_correction_does_not_erase_a_good_row(cleanser: Any, row: Make) -> None:
    """Duplicates are found among accepted rows only, in the batch and against Silver."""
    dataset = cleanser.dataset(columns=X)
    first = cleanser.run(dataset, [row(at="1", x="1"), row(at="2", x="bad")])
    assert [(r["at"], r["x"]) for r in first.silver] == [(1, 1)]
    assert first.counts == {"inserted": 1, "quarantined": 1}
    later = cleanser.run(dataset, [row(at="3", x="worse")], base=first.silver)
    assert later.counts == {"quarantined": 1}


def test_a_dropped_row_does_not_erase_a_good_row(cleanser: Any, row: Make) -> None:
    """A later row without the value that it must have is dropped, and the earlier one stays."""
    dataset = cleanser.dataset(columns=X, nulls={"x": {"strategy": "drop"}})
    done = cleanser.run(dataset, [row(at="1", x="1"), row(at="2", x=None)])
    assert ([r["x"] for r in done.silver], done.counts) == ([1], {"inserted": 1, "dropped": 1})


@pytest.mark.parametrize(
    ("at", "x", "disposition"),
    [("2", "9", "updated"), ("1", "5", "unchanged"), ("0", "9", "late")],
    ids=["newer", "the same", "older"],
)
def test_a_row_is_compared_with_what_silver_holds(
    cleanser: Any, row: Make, at: str, x: str, disposition: str
) -> None:
    """Only a newer row replaces the one in Silver."""
    dataset = cleanser.dataset(columns=X)
    held = cleanser.run(dataset, [row(x="5"), row("b", x="5")]).silver
    done = cleanser.run(dataset, [row(at=at, x=x), row("c", x="1")], base=held)
    assert done.counts == {disposition: 1, "inserted": 1}
    assert [r["id"] for r in done.silver] == (["a", "c"] if disposition == "updated" else ["c"])


def test_a_tie_with_silver_ends_as_it_would_in_one_batch(cleanser: Any, row: Make) -> None:
    """Which of two rows of one moment stays does not depend on which came first."""
    dataset = cleanser.dataset(columns=X)
    rows = [row(x="1"), row(x="2")]
    together = cleanser.run(dataset, rows).silver[0]["x"]
    for first, second in (rows, rows[::-1]):
        held = cleanser.run(dataset, [first]).silver
        done = cleanser.run(dataset, [second], base=held)
        assert [r["x"] for r in (done.silver or held)] == [together]
        assert done.counts in ({"updated": 1}, {"late": 1})


@pytest.mark.parametrize("strategy", ["keep_latest", "keep_first", "merge"])
def test_rows_that_are_alike_end_with_one_score(cleanser: Any, row: Make, strategy: str) -> None:
    """A value that was there and one that was filled in make the same row with another score: no batch decides which it has."""
    dataset = cleanser.dataset(
        columns=X,
        nulls={"x": {"strategy": "default", "default_value": 0}},
        scoring={"deductions": {"no_x": {"condition": "is_null", "column": "x", "deduction": 10}}},
        duplicates={"keys": ["id"], "order": ["at"], "strategy": strategy},
    )
    rows = [row(x=None), row(x="0")]
    together = cleanser.run(dataset, rows).silver[0]["quality_score"]
    for first, second in (rows, rows[::-1]):
        held = cleanser.run(dataset, [first]).silver
        done = cleanser.run(dataset, [second], base=held)
        assert [r["quality_score"] for r in (done.silver or held)] == [together]


def test_the_latest_of_a_batch_meets_silver(cleanser: Any, row: Make) -> None:
    """Duplicates within the batch go first; the one that stays is compared."""
    dataset = cleanser.dataset(columns=X)
    held = cleanser.run(dataset, [row(at="2", x="2")]).silver
    done = cleanser.run(dataset, [row(at="1", x="1"), row(at="3", x="3"), row(at="3", x="3")], base=held)
    assert done.counts == {"updated": 1, "deduplicated": 2}
    assert [r["x"] for r in done.silver] == [3]


def test_all_of_several_keys_make_the_same_thing(cleanser: Any, row: Make) -> None:
    """Rows that differ in one of the keys are different."""
    dataset = cleanser.dataset(columns=X, duplicates={"keys": ["id", "x"], "order": ["at"]})
    held = cleanser.run(dataset, [row(x="1"), row(x="2"), row("b", x="1"), row(x="1")])
    assert held.counts == {"inserted": 3, "deduplicated": 1}
    assert cleanser.run(dataset, [row(x="1"), row(x="3")], base=held.silver).counts == {
        "unchanged": 1,
        "inserted": 1,
    }


def test_without_order_columns_the_content_alone_decides(cleanser: Any, row: Make) -> None:
    """A dataset may have nothing that says which row is later; the outcome is still the same for any order."""
    dataset = cleanser.dataset(columns=X, duplicates={"keys": ["id"]})
    rows = [row(x="1"), row(x="2"), row(x="3")]
    assert len({cleanser.run(dataset, lines).silver[0]["x"] for lines in permutations(rows)}) == 1


def test_when_and_whence_a_row_came_is_no_change(cleanser: Any, row: Make) -> None:
    """The same row from another file is unchanged: metadata is not content."""
    dataset = cleanser.dataset(columns=X)
    held = cleanser.run(dataset, [row(x="1")]).silver
    assert cleanser.run(dataset, [{**row(x="1"), "_file": "other.csv"}], base=held).counts == {"unchanged": 1}


def test_the_first_of_a_batch_stays(cleanser: Any, row: Make) -> None:
    """With keep_first the row with the least order column counts, whatever the order of the lines."""
    dataset = cleanser.dataset(
        columns=X, duplicates={"keys": ["id"], "order": ["at"], "strategy": "keep_first"}
    )
    for lines in permutations([row(at=str(number), x=str(number)) for number in (1, 2, 3)]):
        done = cleanser.run(dataset, lines)
        assert ([r["x"] for r in done.silver], done.counts) == ([1], {"inserted": 1, "deduplicated": 2})


@pytest.mark.parametrize(
    ("at", "x", "disposition"),
    [("0", "9", "updated"), ("1", "5", "unchanged"), ("2", "9", "deduplicated")],
    ids=["earlier", "the same", "later"],
)
def test_an_earlier_row_takes_the_first_place(
    cleanser: Any, row: Make, at: str, x: str, disposition: str
) -> None:
    """What arrives late and is older becomes the first; a later row is a duplicate of the one that Silver holds."""
    dataset = cleanser.dataset(
        columns=X, duplicates={"keys": ["id"], "order": ["at"], "strategy": "keep_first"}
    )
    held = cleanser.run(dataset, [row(x="5")]).silver
    assert cleanser.run(dataset, [row(at=at, x=x)], base=held).counts == {disposition: 1}


def test_without_keys_every_row_stays(cleanser: Any, row: Make) -> None:
    """A dataset that says nothing of duplicates has none: the same line twice is two rows."""
    dataset = cleanser.dataset(columns=X, duplicates={})
    held = cleanser.run(dataset, [row(x="1")] * 3)
    assert held.counts == {"inserted": 3}
    assert cleanser.run(dataset, [row(x="1")], base=held.silver).counts == {"inserted": 1}


MERGED = {
    "note": {"type": "string"},
    "low": {"type": "integer"},
    "high": {"type": "decimal(9,2)"},
    "name": {"type": "string"},
    "since": {"type": "string"},
    "flagged": {"type": "integer"},
    "double": {"type": "decimal(12,2)", "expression": "high * 2"},
}
WAYS = {"low": "min", "high": "max", "name": "longest", "since": "first"}


def merging(cleanser: Any, **more: Any) -> Any:
    """Return a dataset that merges duplicates, a column in each way; `flagged` and `note` are the latest that there is."""
    return cleanser.dataset(
        columns=MERGED,
        nulls={"flagged": {"strategy": "flag"}},
        duplicates={"keys": ["id"], "order": ["at"], "strategy": "merge", "merge": WAYS},
        scoring={"deductions": {"poor": {"condition": "is_null", "column": "note", "deduction": 40}}},
        **more,
    )


def versions(row: Make) -> list[dict[str, str | None]]:
    """Return four versions of a row, of which none has everything, and another row."""
    return [
        row("a", "1", note="one", low="5", high="1.00", name="Jo", since="s1", flagged="7"),
        row("a", "2", note=None, low="3", high="4.00", name="Joanna", since=None, flagged=None),
        row("a", "3", note="three", low=None, high="2.50", name="Joan", since="s3", flagged=None),
        row("a", "4", note=None, low="9", high=None, name=None, since="s4", flagged=None),
        row("b", "1", note="b", low="1", high="1", name="B", since="s", flagged="1"),
    ]


def said(done: Any, key: str = "a") -> tuple[object, ...]:
    """Return what the row of a key says."""
    (found,) = (row for row in done if row["id"] == key)
    columns = ("at", "note", "low", "high", "name", "since", "flagged", "flagged_is_null_flag", "double")
    return tuple(str(found[name]) for name in (*columns, "quality_score", "quality_tier"))


ONE_ROW = ("4", "three", "3", "4.00", "Joanna", "s1", "7", "False", "8.00", "60.0", "LOW")


def test_duplicates_are_merged_column_by_column(cleanser: Any, row: Make) -> None:
    """Whatever the order of the lines: the latest value that there is, the first, the least, the greatest, the longest; derived columns follow."""
    lines = versions(row)
    for shuffled in (lines, lines[::-1], [*lines[2:], *lines[:2]]):
        done = cleanser.run(merging(cleanser), shuffled)
        assert said(done.silver) == ONE_ROW
        assert done.counts == {"inserted": 2, "deduplicated": 3}


def test_a_merge_does_not_depend_on_batches(cleanser: Any, row: Make) -> None:
    """Cut anywhere, in any order, Silver ends with the same row."""
    lines = versions(row)
    for batches in ("01 23", "3 012", "213 0", "2 3 1 0", "0 1 2 3"):
        held: list[Any] = []
        for batch in batches.split():
            done = cleanser.run(merging(cleanser), [lines[int(place)] for place in batch], base=held)
            held = done.silver or held
        assert said(held) == ONE_ROW, batches


def test_what_adds_nothing_leaves_the_merged_row_unchanged(cleanser: Any, row: Make) -> None:
    """Any version again is no news."""
    lines = versions(row)
    held = cleanser.run(merging(cleanser), lines[:4]).silver
    for line in lines[:4]:
        assert cleanser.run(merging(cleanser), [line], base=held).counts == {"unchanged": 1}
    done = cleanser.run(merging(cleanser), [row("a", "9", note="nine"), lines[0]], base=held)
    assert done.counts == {"updated": 1, "deduplicated": 1}


PEOPLE = {"name": {"type": "string"}, "town": {"type": "string"}}


def fuzzily(cleanser: Any, strategy: str = "keep_latest", **more: object) -> Any:
    """Return a dataset whose rows of one town with names that are alike are the same person."""
    fuzzy = {"block": ["town"], "column": "name", "threshold": "0.85", **more}
    return cleanser.dataset(
        columns=PEOPLE, duplicates={"keys": ["id"], "order": ["at"], "strategy": strategy, "fuzzy": fuzzy}
    )


def people(row: Make) -> list[dict[str, str | None]]:
    """Return rows of two towns and two files, with two that are alike in the first."""
    return [
        row("a", "1", name="Jörg Müller", town="Bath"),
        row("b", "2", name="Jorg Müller", town="Bath"),
        row("c", "3", name="Jörg Möller", town="Ely"),
        row("d", "4", name="Anna Schmidt", town="Bath"),
        row("e", "5", name=None, town="Bath"),
        {**row("f", "6", name="Jörg Müller", town="Bath"), "_file": "other.csv"},
    ]


@pytest.mark.parametrize(("strategy", "gone"), [("keep_latest", "a"), ("keep_first", "b")])
def test_of_rows_that_are_nearly_the_same_the_better_stays(
    cleanser: Any, row: Make, strategy: str, gone: str
) -> None:
    """Within a town of one file, whatever the order of the lines; another town, another file and a missing name are not compared."""
    lines = people(row)
    for shuffled in (lines, lines[::-1]):
        done = cleanser.run(fuzzily(cleanser, strategy), shuffled)
        assert {r["id"] for r in done.silver} == set("abcdef") - {gone}
        assert done.counts == {"inserted": 5, "deduplicated": 1}


def test_what_is_nearly_the_same_meets_no_key_of_silver(cleanser: Any, row: Make) -> None:
    """A row that goes for a better one changes nothing in Silver, also where its key is there; in batches as in one."""
    lines = people(row)
    held = cleanser.run(fuzzily(cleanser), lines[5:]).silver
    done = cleanser.run(fuzzily(cleanser), lines[:5], base=held)
    assert ({r["id"] for r in done.silver}, done.counts) == (set("bcde"), {"inserted": 4, "deduplicated": 1})


def test_no_two_rows_are_joined_by_a_third(cleanser: Any, row: Make) -> None:
    """A row goes for a better one that is like itself; two that are not alike both stay, though a worse one is like each."""
    names = {"a": "abcdefghij", "b": "abcdefghiX", "c": "Xbcdefghij"}
    lines = [
        row(name, str(place), name=text, town="Bath") for place, (name, text) in enumerate(names.items())
    ]
    done = cleanser.run(fuzzily(cleanser), lines)
    assert [r["id"] for r in done.silver] == ["b", "c"]


def test_rows_of_a_block_that_is_too_large_all_stay(cleanser: Any, row: Make) -> None:
    """Up to the bound all are compared; beyond it none is, in that block of that file only, and rows in no block or without a text do not count."""
    lines = [
        *people(row),
        row("g", "7", name="Jörg Möller", town="Ely"),
        row("h", "8", name="Jörg Müller", town=None),
        row("i", "x", name="Jörg Müller", town="Bath"),
    ]
    dataset = fuzzily(cleanser, max_block_rows=3)
    assert cleanser.run(dataset, lines).counts["deduplicated"] == 2
    assert large_blocks(cleanser.engine, dataset.duplicates.fuzzy) == []
    dataset = fuzzily(cleanser, max_block_rows=2)
    done = cleanser.run(dataset, lines)
    assert (done.counts["deduplicated"], {"a", "b", "d"} <= {kept["id"] for kept in done.silver}) == (1, True)
    (large,) = large_blocks(cleanser.engine, dataset.duplicates.fuzzy)
    assert str(large) == "town = Bath in x.csv (3 rows)"
