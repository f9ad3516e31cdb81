"""Files into Bronze: every line a row, once, with where it came from, or nothing at all."""

import gzip
import os
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from podium_contracts.errors import BadSource
from podium_contracts.events.v1 import LayerCompleted
from podium_contracts.names import Stage
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.catalogue import Catalogue
from podium_lakehouse.records.intents import Scope

SCOPE = Scope(pipeline="shop", stage=Stage.INGEST, subject="bronze.sales")


class Stopped(Exception):
    """The test's own way to stop a stage at a point."""


def flow(done: LayerCompleted) -> tuple[int, int]:
    """Return the rows that came in, counted by lines, and those that Bronze got."""
    assert done.ledger is not None
    assert done.ledger.flow is not None
    return done.ledger.flow.rows_in, done.ledger.flow.inserted


def test_a_commit_names_the_run_and_the_trace_of_its_event(shop: Any) -> None:
    """So that a table's history leads to the logs of all services."""
    shop.deliver("a.csv", b"id,Unit Price\n1,1.50\n")
    [event] = shop.run()
    [commit] = DeltaTable(event.data.tables[0].uri).history(1)
    assert (commit["podium.run"], commit["podium.traceparent"]) == (event.correlationid, event.traceparent)


def test_a_file_becomes_rows_with_where_they_came_from(shop: Any) -> None:
    """Values as text, the metadata columns, the row's place; the score is for later layers to fill."""
    shop.deliver("a.csv", b"id,Unit Price\n1,1.50\n2,\n")
    shop.completed()
    first, second = shop.bronze()
    assert first == {
        "id": "1",
        "Unit_Price": "1.50",
        "ingestion_timestamp": datetime(2026, 1, 1, tzinfo=UTC),
        "source_file": "sales/a.csv",
        "ingestion_batch_id": "shop.sales.000001",
        "ingestion_source": "file",
        "source_system": "file_upload",
        "data_quality_score": None,
        "_batch": 1,
        "_row": 1,
        "_corrupt_record": None,
        "_corrupt_reason": None,
    }
    assert (second["id"], second["Unit_Price"], second["_row"]) == ("2", None, 2)


def test_names_that_a_table_refuses_are_kept_in_the_catalogue(shop: Any) -> None:
    """Stored names have `_` for spaces and the like; the catalogue knows what the source says."""
    shop.deliver("a.csv", b'id,Unit Price,"a, (b); {c}=d",a.b\n1,2,3,4\n')
    shop.run()
    assert shop.lakehouse.catalogue.source_names("bronze", "sales") == {
        "id": "id",
        "Unit_Price": "Unit Price",
        "a___b____c__d": "a, (b); {c}=d",
        "a.b": "a.b",
    }
    assert shop.values("Unit_Price", "a___b____c__d", "a.b") == [("2", "3", "4")]


def test_the_completion_accounts_for_every_line(shop: Any) -> None:
    """Rows by the file's own lines equal rows of Bronze: values with line breaks, blank and broken lines, no last line end."""
    shop.deliver("a.csv", b'id,x\n1,"two\n\nlines"\n\n2\n3,4,5\n6,\xff\n7,"open\n\n8,9\n')
    shop.deliver("b.csv.gz", gzip.compress(b"x,id\r\n1,2\r\n\r\n3,4"))
    done = shop.completed()
    assert flow(done) == (7, 7)
    assert done.ledger.stocks[0].model_dump(exclude={"table", "removed"}) == {
        "before": 0,
        "inserted": 7,
        "after": 7,
    }
    assert (done.tables[0].name, done.tables[0].rows) == ("bronze.sales", 7)
    assert shop.values("id", "_corrupt_record", "_corrupt_reason") == [
        ("1", None, None),
        (None, "2", "missing columns"),
        (None, "3,4,5", "too many columns"),
        (None, "6,?", "invalid encoding"),
        (None, '7,"open\n\n8,9\n', "unquoted value"),
        ("2", None, None),
        ("4", None, None),
    ]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"id\n", 0),
        (b"id", 0),
        (b"id\n\n\n", 2),
        (b"id\n1\n\n2\n", 3),
        (b'id\n1\n""\n"a\n\nb"\n', 3),
        (b'id\n1\n"open\n\n', 2),
    ],
    ids=["header", "header without its end", "blank lines", "blank among others", "quoted", "open quote"],
)
def test_a_blank_line_of_a_single_column_is_a_row(shop: Any, content: bytes, rows: int) -> None:
    """Where there is one column only, a line without text is a row whose value is null."""
    shop.deliver("a.csv", content)
    assert flow(shop.completed()) == (rows, rows)
    assert len(shop.bronze()) == rows


def test_a_second_run_reads_only_what_is_new(shop: Any) -> None:
    """New rows go into a batch of their own; the ingested file may even be gone."""
    shop.deliver("a.csv", b"id\n1\n")
    shop.run()
    (shop.folder / "sales" / "a.csv").unlink()
    shop.deliver("b.csv", b"id\n2\n")
    assert flow(shop.completed()) == (1, 1)
    assert shop.values("id", "ingestion_batch_id", "_batch") == [
        ("1", "shop.sales.000001", 1),
        ("2", "shop.sales.000002", 2),
    ]


def test_without_news_the_last_completion_is_announced_again(shop: Any) -> None:
    """Nothing is written, and the event is the same as before."""
    path = shop.deliver("a.csv", b"id\n1\n")
    first = shop.run()
    os.utime(path, ns=(0, 0))
    assert shop.run() == first
    assert len(shop.bronze()) == 1


def test_a_changed_file_is_read_as_a_whole(shop: Any) -> None:
    """New content under an old name is a new delivery; duplicates are Silver's business."""
    shop.deliver("a.csv", b"id\n1\n")
    shop.run()
    shop.deliver("a.csv", b"id\n1\n2\n")
    assert flow(shop.completed()) == (2, 2)
    assert shop.values("id", "_batch") == [("1", 1), ("1", 2), ("2", 2)]


def test_a_later_file_may_bring_columns(shop: Any) -> None:
    """The table grows; rows from before are null there, and a file without them is, too."""
    shop.deliver("1.csv", b"id,a\n1,2\n")
    shop.run()
    shop.deliver("2.csv", b"b,id\n3,4\n")
    shop.run()
    shop.deliver("3.csv", b"id\n5\n")
    shop.run()
    assert shop.values("id", "a", "b") == [("1", "2", None), ("4", None, "3"), ("5", None, None)]


def test_names_that_differ_in_case_only_are_two_files(shop: Any) -> None:
    """Each is read, and its rows say which one they are from."""
    shop.deliver("a.csv", b"id\n1\n")
    shop.deliver("A.csv", b"id\n2\n3\n")
    assert flow(shop.completed()) == (3, 3)
    assert shop.values("source_file", "id") == [
        ("sales/A.csv", "2"),
        ("sales/A.csv", "3"),
        ("sales/a.csv", "1"),
    ]


def test_a_name_that_is_a_pattern_is_one_file(shop: Any) -> None:
    """`a[1].csv` is itself, not `a1.csv`."""
    shop.deliver("a[1].csv", b"id\nmine\n")
    shop.deliver("a1.csv", b"id\nother\n")
    shop.run()
    assert shop.values("source_file", "id") == [("sales/a1.csv", "other"), ("sales/a[1].csv", "mine")]


def test_datasets_are_ingested_apart(make_shop: Any, tmp_path: Path) -> None:
    """Each has its files, its table, its numbers and its own completion."""
    shop = make_shop(tmp_path, ["sales", "towns"])
    shop.deliver("a.csv", b"id\n1\n")
    shop.deliver("t.csv", b"id,name\nb,Bath\n", "towns")
    assert [event.subject for event in shop.run()] == ["bronze.sales", "bronze.towns"]
    shop.deliver("u.csv", b"id,name\ny,York\n", "towns")
    events = shop.run()
    assert [int(event.sequence) for event in events] == [1, 2]
    assert [row["name"] for row in shop.bronze("towns")] == ["Bath", "York"]
    assert shop.lakehouse.catalogue.source_names("bronze", "sales") == {"id": "id"}


def test_a_dataset_that_cannot_be_read_leaves_others_alone(make_shop: Any, tmp_path: Path) -> None:
    """What was ingested before stays complete, and the rest follows when the file is corrected."""
    shop = make_shop(tmp_path, ["sales", "towns"])
    shop.deliver("a.csv", b"id\n1\n")
    bad = shop.deliver("t.csv", b"id,ID\n1,2\n", "towns")
    with pytest.raises(BadSource, match=r"t\.csv"):
        shop.run()
    assert [row["id"] for row in shop.bronze()] == ["1"]
    bad.write_bytes(b"id,name\n1,2\n")
    assert [int(event.sequence) for event in shop.run()] == [
        1,
        1,
    ]  # the intent that was given up leaves no gap


REFUSED = {
    "two names for one column": (b"id,Unit Price,unit_price\n1,2,3\n", "would be the same column"),
    "a name of Podium's own": (b"id,Source_File\n1,2\n", "Podium's own with the names 'Source_File'"),
    "a name that an older file spells otherwise": (
        b"ID\n1\n",
        r"b\.csv: 'id' and 'ID' would be the same column in Bronze",
    ),
    "no header": (b"\n", "has no header line"),
    "different line ends": (
        b"id,x\n1,2\r\n3,4\n",
        r"b\.csv:2: this line does not end as the first line does",
    ),
    "a stray carriage return among broken lines": (b"id,x\n1\n \rx\n", r"b\.csv:3: this line does not end"),
    "a line too long": (b"id,x\n1," + b"x" * 2_100_000 + b"\n", r"b\.csv:2: what stands here does not parse"),
    "quotes in disorder": (
        b'id,x\n,,\xffxx"""\xff\n,\n"xx\n\nxx,""\n\n,\n,\xff""a"axx, ,"xx\na""\nxxx,xx\n"a"a,xx"\n\n\xff ',
        r"b\.csv: [0-9]+ rows by its lines and [0-9]+ as parsed",
    ),
    "an open quote over a big file": (b'id,x\n1,"2\n' + b"3,4\n" * 600_000, r"b\.csv:2: what stands here"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_that_cannot_be_taken_whole_is_not_taken_at_all(
    shop: Any, content: bytes, message: str
) -> None:
    """The error says where and what to do; Bronze and the catalogue stay; the corrected file is then ingested."""
    shop.deliver("a.csv", b"id\n1\n")
    shop.run()
    before = (shop.bronze(), shop.files, shop.lakehouse.catalogue.source_names("bronze", "sales"))
    bad = shop.deliver("b.csv", content)
    for _ in range(2):
        with pytest.raises(BadSource, match=message) as caught:
            shop.run()
        assert caught.value.hint
    assert (shop.bronze(), shop.files, shop.lakehouse.catalogue.source_names("bronze", "sales")) == before
    bad.write_bytes(b"id,y\n2,3\n")
    assert flow(shop.completed()) == (1, 1)
    assert shop.values("id", "y") == [("1", None), ("2", "3")]


def test_a_bad_file_may_be_taken_away(shop: Any) -> None:
    """Without it the others are ingested, and nothing asks for it again."""
    shop.deliver("a.csv", b"id\n1\n")
    bad = shop.deliver("b.csv", b"id,id\n")
    with pytest.raises(BadSource):
        shop.run()
    bad.unlink()
    assert flow(shop.completed()) == (1, 1)


@pytest.mark.faults
@pytest.mark.parametrize("point", ["intent", "commit bronze", "completion"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_stopped_ingestion_ends_as_an_undisturbed_one(shop: Any, side: str, point: str) -> None:
    """Stopped at any point and run again: the same rows, once, under the number that was planned; no file left over."""

    def stop(reached: str) -> None:
        if reached == f"{side} ingest bronze.sales {point}":
            raise Stopped(reached)

    shop.deliver("a.csv", b"id,x\n1,2\n3\n")
    shop.lakehouse = Lakehouse(shop.lakehouse.uri, stop)
    with pytest.raises(Stopped):
        shop.run()
    shop.lakehouse = Lakehouse(shop.lakehouse.uri)
    again = shop.run()
    assert shop.run() == again
    assert shop.values("id", "_corrupt_record", "_batch") == [("1", None, 1), (None, "3", 1)]
    assert shop.lakehouse.completions.last_sequence(SCOPE) == 1


@pytest.mark.faults
def test_a_file_that_changes_after_its_rows_are_in_bronze_is_asked_back(shop: Any) -> None:
    """What an intent has committed is completed as it was pinned: the error says to put the file back."""

    def stop(reached: str) -> None:
        if reached == "after ingest bronze.sales commit bronze":
            raise Stopped(reached)

    path = shop.deliver("a.csv", b"id\n1\n")
    shop.lakehouse = Lakehouse(shop.lakehouse.uri, stop)
    with pytest.raises(Stopped):
        shop.run()
    shop.lakehouse = Lakehouse(shop.lakehouse.uri)
    path.write_bytes(b"id\n2\n")
    with pytest.raises(BadSource, match="has changed since it was pinned"):
        shop.run()
    path.write_bytes(b"id\n1\n")
    assert flow(shop.completed()) == (1, 1)
    assert shop.values("id") == [("1",)]


@pytest.mark.faults
def test_a_file_that_grows_while_it_is_read_is_refused(shop: Any) -> None:
    """Lines that come after the file was pinned are not taken unseen; the next run takes the file as it is then."""
    path = shop.deliver("a.csv", b"id\n1\n")

    class Growing(Lakehouse):
        """Its catalogue is asked for after the file was found unchanged, and before it is read."""

        @cached_property
        def catalogue(self) -> Catalogue:
            path.write_bytes(b"id\n1\n2\n")
            return super().catalogue

    shop.lakehouse = Growing(shop.lakehouse.uri)
    with pytest.raises(BadSource, match="has changed since it was pinned"):
        shop.run()
    assert shop.files == set()
    shop.lakehouse = Lakehouse(shop.lakehouse.uri)
    assert flow(shop.completed()) == (2, 2)


pieces = st.sampled_from(
    [b"a", b",", b",", b'"', b'"', b"\n", b"\n", b"\r\n", b"\r", b" ", b"\xff", b"\0", b"xxx", "é😀".encode()]
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from([b"a", b"a,b", b'"a","b",c']),
    st.sampled_from([b"\n", b"\r\n"]),
    st.lists(pieces, max_size=25),
)
def test_any_bytes_are_accounted_for_or_refused(
    make_shop: Any, tmp_path_factory: pytest.TempPathFactory, header: bytes, end: bytes, body: list[bytes]
) -> None:
    """Whatever stands in a file, its lines are rows of Bronze and the ledger balances, or the file is refused with a reason."""
    shop = make_shop(tmp_path_factory.mktemp("bytes"))
    shop.deliver("a.csv", header + end + b"".join(body))
    outcome = attempt(shop)
    if isinstance(outcome, BadSource):
        assert "a.csv" in str(outcome)
        assert outcome.hint
        assert shop.files == set()
    else:
        assert flow(outcome) == (len(shop.bronze()), len(shop.bronze()))


def attempt(shop: Any) -> LayerCompleted | BadSource:
    """Ingest, and return the completion or the refusal."""
    try:
        done: LayerCompleted = shop.completed()
    except BadSource as refusal:
        return refusal
    return done
