"""Schemas of files: what changes, what the policy makes of it, what is recorded, and that a kill changes nothing of that."""

from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from podium_contracts.errors import BadSource, SchemaChanged
from podium_lakehouse.lakehouse import Lakehouse

pytestmark = pytest.mark.integration

COLUMNS = {"id": {"type": "string"}, "price": {"type": "decimal(9,2)"}}


class Stopped(BaseException):
    """A kill at a point."""


def policy(shop: Any, word: str) -> Any:
    """Set what the dataset does about an incompatible schema, as someone who edits the pipeline file."""
    old = shop.pipeline.spec.datasets["sales"]
    dataset = type(old).model_validate(
        {**old.model_dump(by_alias=True, exclude_none=True), "on_schema_change": word, "columns": COLUMNS}
    )
    spec = shop.pipeline.spec.model_copy(update={"datasets": {"sales": dataset}})
    fields = {"spec": spec, "fingerprint": f"{word:f<64}"}
    shop.pipeline = type(shop.pipeline)(**{**vars(shop.pipeline), **fields})
    return shop


def history(shop: Any) -> list[tuple[object, ...]]:
    """Return what the history says: whose schema, what was done, and every change."""
    return [
        (
            row["sequence"],
            row["source_file"],
            row["outcome"],
            [*(f"+{name}" for name in row["added_fields"]), *row["issues"]],
        )
        for row in shop.lakehouse.schema_history.all("sales")
    ]


def kinds(shop: Any) -> dict[str, str]:
    """Return the current schema of the first source."""
    [entry] = shop.lakehouse.catalogue.last("bronze.sales")
    return dict(entry.source_schemas[0])


def test_a_schema_is_detected_without_being_declared(shop: Any) -> None:
    """From the values of the columns, by what the source calls them; no note says so, as there was none before."""
    shop.deliver("1.csv", b"id,Unit Price,at,n,empty\na1,1.50,2026-01-01,12,\n2,2.25,2026-01-31 10:00,-3,\n")
    done = shop.completed()
    [row] = shop.lakehouse.schema_history.all("sales")
    assert {field["field"]: field["type"] for field in row["fields"]} == {
        "id": "string",
        "Unit Price": "decimal(14,2)",
        "at": "timestamp",
        "n": "integer",
        "empty": "null",
    }
    assert (row["outcome"], row["is_compatible"], row["run_id"]) == ("applied", True, "run-1")
    assert done.notes == ()


def test_a_file_with_the_same_schema_is_no_news(shop: Any) -> None:
    """Values of a narrower kind are no other schema."""
    shop.deliver("1.csv", b"id,x,y\na,1.50,1\n")
    shop.run()
    shop.deliver("2.csv", b"y,id,x\n2,7,3\n,,\n")
    assert shop.completed().notes == ()
    assert len(history(shop)) == 1
    assert kinds(shop) == {"id": "string", "x": "decimal(14,2)", "y": "integer"}


def test_compatible_changes_are_applied_under_every_policy(shop: Any) -> None:
    """New fields and wider types, file by file; the completion says so."""
    policy(shop, "refuse")
    shop.deliver("1.csv", b"id,price,n\na,1,5\n")
    shop.run()
    shop.deliver("2.csv", b"id,price,n,shop\na,1,2.5,Bath\n")
    done = shop.completed()
    assert done.notes == ("sales/2.csv: Field shop added; Field n is decimal(13,1), was integer",)
    assert history(shop)[1:] == [(2, "sales/2.csv", "applied", ["+shop"])]
    assert kinds(shop) == {"id": "string", "price": "decimal(9,2)", "n": "decimal(13,1)", "shop": "string"}


def test_evolve_takes_a_file_that_lacks_a_field_and_says_so(shop: Any) -> None:
    """Its rows have null there; the next file like it is no news, and one with the field again adds it."""
    for number, content in enumerate((b"id,price\na,1\n", b"id\nb\n", b"id\nc\n", b"id,price\nd,2\n"), 1):
        shop.deliver(f"{number}.csv", content)
        notes = shop.completed().notes
        assert notes == {
            2: ("sales/2.csv: Field price removed",),
            4: ("sales/4.csv: Field price added",),
        }.get(number, ())
    assert shop.values("id", "price") == [("a", "1"), ("b", None), ("c", None), ("d", "2")]


def test_a_file_that_brings_text_for_numbers_is_an_issue(shop: Any) -> None:
    """Where the pipeline file says nothing, the values do; where it says text, any text will do."""
    shop.deliver("1.csv", b"id,n\n1,5\n")
    shop.run()
    shop.deliver("2.csv", b"id,n\nC1,five\n")
    assert shop.completed().notes == ("sales/2.csv: Incompatible type change for n",)


def test_a_value_that_is_none_of_its_type_is_not_held_against_later_files(shop: Any) -> None:
    """What a file has as it is declared is no issue, whatever the one before it had."""
    policy(shop, "quarantine")
    shop.deliver("1.csv", b"id,price\na,unknown\n")
    shop.run()
    shop.deliver("2.csv", b"id,price\nb,2\n")
    assert shop.completed().notes == ("sales/2.csv: Field price is decimal(9,2), was string",)
    shop.deliver("3.csv", b"id,price\nc,3\n")
    assert shop.completed().notes == ()
    assert [row[2] for row in history(shop)] == ["applied", "applied"]
    shop.deliver("4.csv", b"id,price\nd,unknown\n")
    shop.run()
    assert history(shop)[-1][2] == "quarantined"


def test_files_of_one_batch_are_compared_in_their_order(shop: Any) -> None:
    """Each with the schema that the one before it has left, as if they had come one by one."""
    for number, content in enumerate((b"id,price\na,1\n", b"id\nb\n", b"id,price\nd,2\n"), 1):
        shop.deliver(f"{number}.csv", content)
    shop.run()
    assert history(shop) == [
        (1, "sales/1.csv", "applied", ["+id", "+price"]),
        (1, "sales/2.csv", "applied", ["Field price removed"]),
        (1, "sales/3.csv", "applied", ["+price"]),
    ]


def test_refuse_takes_nothing_and_names_every_issue(shop: Any) -> None:
    """The error lists the files and what to do; it is recorded; a policy that takes it, or another file, goes on."""
    policy(shop, "refuse")
    shop.deliver("1.csv", b"id,price,n\na,1,1\n")
    shop.run()
    before = (shop.bronze(), shop.files, kinds(shop))
    shop.deliver("2.csv", b"id,price,n\nb,x,2026-01-01\n")
    shop.deliver("3.csv", b"id,n\nc,1\n")
    expected = (
        r"incompatible schema for sales: sales/2\.csv: Incompatible type change for price, Incompatible type change for n; "
        r"sales/3\.csv: Field price removed"
    )
    for _ in range(2):
        with pytest.raises(SchemaChanged, match=expected) as caught:
            shop.run()
        assert "on_schema_change: evolve" in caught.value.hint
        assert isinstance(caught.value, BadSource)
    assert (shop.bronze(), shop.files, kinds(shop)) == before
    assert [row[1:3] for row in history(shop)[1:]] == [("sales/2.csv", "refused"), ("sales/3.csv", "refused")]
    policy(shop, "evolve")
    assert shop.completed().ledger.flow.rows_in == 2
    assert [row[2] for row in history(shop)] == ["applied", "refused", "refused", "applied", "applied"]


def test_quarantine_keeps_the_schema_that_was_there(shop: Any) -> None:
    """Bronze has the rows of the file; the next one is compared with the schema before it."""
    policy(shop, "quarantine")
    shop.deliver("1.csv", b"id,price\na,1\n")
    shop.run()
    shop.deliver("2.csv", b"id,shop\nb,Bath\n")
    assert shop.completed().notes == ("sales/2.csv is quarantined: Field price removed; Field shop added",)
    shop.deliver("3.csv", b"id,price\nc,2\n")
    assert shop.completed().notes == ()
    assert shop.values("id", "shop") == [("a", None), ("b", "Bath"), ("c", None)]
    assert kinds(shop) == {"id": "string", "price": "decimal(9,2)"}


def test_each_source_has_a_schema_of_its_own(make_shop: Any, tmp_path: Path) -> None:
    """Two sources with other fields are no change of either."""
    shop = make_shop(tmp_path)
    dataset = shop.pipeline.spec.datasets["sales"]
    [source] = dataset.sources
    other = source.model_copy(update={"files": source.files.model_copy(update={"path": "till/*"})})
    dataset = dataset.model_copy(update={"sources": (source, other), "on_schema_change": "refuse"})
    spec = shop.pipeline.spec.model_copy(update={"datasets": {"sales": dataset}})
    shop.pipeline = type(shop.pipeline)(**{**vars(shop.pipeline), "spec": spec})
    for number in (1, 2):
        shop.deliver(f"{number}.csv", b"id,price\na,1\n")
        shop.deliver(f"{number}.csv", b"id,shop\nb,Bath\n", "till")
        shop.run()
    assert [row[3] for row in history(shop)] == [["+id", "+price"], ["+id", "+shop"]]


def parquet(**columns: pa.Array) -> bytes:
    """Return a Parquet file."""
    file = BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def test_a_file_that_names_its_types_is_believed(make_shop: Any, tmp_path: Path) -> None:
    """Its values are not looked at: wider numbers are compatible, narrower ones and text are not."""
    shop = make_shop(tmp_path, format="parquet")
    ids = pa.array(["a"])
    for number, kind in enumerate((pa.int32(), pa.int64(), pa.int32(), pa.string()), 1):
        values = pa.array([number]).cast(kind)
        shop.deliver(f"{number}.parquet", parquet(id=ids, n=values, at=pa.array([None], pa.date32())))
        shop.run()
    assert [row[2:] for row in history(shop)] == [
        ("applied", ["+id", "+n", "+at"]),
        ("applied", []),
        ("applied", ["Incompatible type change for n"]),
        ("applied", ["Incompatible type change for n"]),
    ]
    assert kinds(shop) == {"id": "string", "n": "string", "at": "date"}
    read = [row["rows"] for row in shop.lakehouse.audit.all("shop") if row["action"] == "read"]
    assert read == [1, 1, 1, 1]


def test_an_avro_file_says_its_types(make_shop: Any, tmp_path: Path) -> None:
    """Also behind a choice with null, and logical ones."""
    shop = make_shop(tmp_path, format="avro")
    types: dict[str, Any] = {
        "id": "string",
        "n": ["null", "long"],
        "day": {"type": "int", "logicalType": "date"},
        "at": {"type": "long", "logicalType": "timestamp-micros"},
        "price": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
    }
    schema = {
        "type": "record",
        "name": "Sale",
        "fields": [{"name": name, "type": kind} for name, kind in types.items()],
    }
    day = datetime(2026, 1, 1, tzinfo=UTC)
    file = BytesIO()
    fastavro.writer(
        file, schema, [{"id": "a", "n": 1, "day": day.date(), "at": day, "price": Decimal("1.50")}]
    )
    shop.deliver("1.avro", file.getvalue())
    shop.run()
    assert kinds(shop) == {
        "id": "string",
        "n": "bigint",
        "day": "date",
        "at": "timestamp",
        "price": "decimal(9,2)",
    }


def test_a_field_that_no_object_of_a_json_file_has_is_missing(make_shop: Any, tmp_path: Path) -> None:
    """One that some objects have is there."""
    shop = make_shop(tmp_path, format="ndjson")
    shop.deliver("1.ndjson", b'{"id": "a", "n": 1}\n{"id": "b"}\n')
    shop.run()
    shop.deliver("2.ndjson", b'{"id": "c", "n": 2}\n')
    assert shop.completed().notes == ()
    shop.deliver("3.ndjson", b'{"id": "d"}\n')
    assert shop.completed().notes == ("sales/3.ndjson: Field n removed",)


@pytest.mark.faults
@pytest.mark.parametrize("point", ["intent", "commit bronze", "completion"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_stopped_ingestion_records_what_an_undisturbed_one_does(shop: Any, side: str, point: str) -> None:
    """Stopped at any point and run again: the same history, catalogue and audit, once."""
    policy(shop, "quarantine")
    shop.deliver("1.csv", b"id,price\na,1\n")
    shop.run()
    shop.deliver("2.csv", b"id\nb\n")
    shop.deliver("3.csv", b"id,price,n\nc,1,2\n")

    def stop(reached: str) -> None:
        if reached == f"{side} ingest bronze.sales {point}":
            raise Stopped(reached)

    shop.lakehouse = Lakehouse(shop.lakehouse.uri, stop)
    with pytest.raises(Stopped):
        shop.run()
    shop.lakehouse = Lakehouse(shop.lakehouse.uri)
    shop.run()
    assert history(shop)[1:] == [
        (2, "sales/2.csv", "quarantined", ["Field price removed"]),
        (2, "sales/3.csv", "applied", ["+n"]),
    ]
    [entry] = shop.lakehouse.catalogue.last("bronze.sales")
    assert (entry.sequence, entry.rows, entry.sources) == (2, 3, ("sales/2.csv", "sales/3.csv"))
    audited = [(row["action"], row["object"], row["rows"]) for row in shop.lakehouse.audit.all("shop")]
    assert audited == [
        ("read", "sales/1.csv", 1),
        ("committed", "bronze.sales", 1),
        ("read", "sales/2.csv", 1),
        ("read", "sales/3.csv", 1),
        ("committed", "bronze.sales", 3),
    ]


NOTHING_DECLARED: dict[str, tuple[dict[str, Any], dict[str, Any], bytes, str]] = {
    "another delimiter": ({}, {"csv": {"delimiter": ";"}}, b"id;price\na;1\n", "it has: id;price"),
    "another format": (
        {"format": "ndjson"},
        {"format": "json"},
        b'[\n{"id":"a",\n"price":1}\n]\n',
        "it has: nothing that can be parsed",
    ),
    "text as JSON": ({"format": "json"}, {}, b"id,price\na,1\n", "it has: nothing that can be parsed"),
    "other columns": ({}, {}, b"x,y\n", "it has: x, y"),
}


@pytest.mark.parametrize("case", NOTHING_DECLARED)
def test_a_first_file_without_any_declared_column_is_told(make_shop: Any, tmp_path: Path, case: str) -> None:
    """Nothing is taken of it, so that it is read when the mistake in the pipeline file has been corrected."""
    wrong, right, content, held = NOTHING_DECLARED[case]
    shop = make_shop(tmp_path, **wrong)
    shop.deliver("a", content)
    with pytest.raises(BadSource, match=f"sales/a has none of the declared columns; {held}") as caught:
        shop.run()
    assert caught.value.hint
    assert shop.files == set()
    corrected = make_shop(tmp_path, **right)
    if right:
        corrected.completed()
        assert corrected.values("id") == [("a",)]
    else:
        shop.deliver("a", b'{"id":"a"}' if wrong else b"id\na\n")
        assert shop.completed().ledger.flow.inserted == 1


def test_a_later_file_without_any_declared_column_is_a_new_schema(shop: Any) -> None:
    """The policy decides on it, and its rows are kept."""
    shop.deliver("1.csv", b"id\na\n")
    shop.deliver("2.csv", b"id;n\nb;2\n")
    assert shop.completed().notes == ("sales/2.csv: Field id removed; Field id;n added",)
    assert shop.values("id", "id_n") == [("a", None), (None, "b;2")]


def test_a_file_of_json_without_an_object_is_no_mistake(make_shop: Any, tmp_path: Path) -> None:
    """It has no field, as it has no row; the next file is the first one of its source."""
    shop = make_shop(tmp_path, format="json")
    shop.deliver("1.json", b"[]")
    assert shop.completed().ledger.flow.rows_in == 0
    shop.deliver("2.json", b'[{"id":"a"}]')
    assert shop.completed().notes == ()
