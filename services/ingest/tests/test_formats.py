"""Files of every format into Bronze: each value with its exact text, each record that cannot be read a row of its own."""

import base64
import gzip
import io
import json
import os
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from podium_contracts.errors import BadSource
from podium_ingest.formats import json_documents, json_lines
from podium_ingest.formats.parquet import Parquet

from services.ingest.tests.workbooks import workbook


def flow(shop: Any) -> tuple[int, int]:
    """Ingest; return the rows that came in by the files' own account, and those that Bronze got."""
    ledger = shop.completed().ledger
    return ledger.flow.rows_in, ledger.flow.inserted


def parquet(table: pa.Table, **options: Any) -> bytes:
    """Return a table as a Parquet file."""
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def avro(schema: dict[str, Any], records: list[dict[str, Any]], codec: str = "null") -> bytes:
    """Return records as an Avro file."""
    file = io.BytesIO()
    fastavro.writer(file, schema, records, codec=codec)
    return file.getvalue()


def excel(*rows: list[Any], sheet: str = "Sheet", before: str | None = None) -> bytes:
    """Return rows as the sheet of a workbook."""
    return workbook({**({before: []} if before else {}), sheet: rows})


AT = datetime(2009, 12, 1, 7, 45)  # noqa: DTZ001 - neither Excel nor a local timestamp has a zone
OBJECTS = '{"id": "a", "n": 1.10, "big": 1e400}\n{"id": "b", "n": 17850.0, "deep": {"x": [1.50, null]}}\n'


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("ndjson", OBJECTS),
        ("NDJSON", "\ufeff" + OBJECTS.replace("\n", "\r\n\r\n")),
        ("json", OBJECTS),
        ("JSON", OBJECTS.replace(", ", ",\n  ").replace("\n{", "\n\n{")),
        ("json", "[" + OBJECTS.replace("}\n{", "}\n,\n{") + "]\n"),
        ("json", "\ufeff[\n" + OBJECTS.replace("}\n{", "},{").replace(": ", ":\n") + "]"),
    ],
    ids=[
        "lines",
        "blank lines",
        "one after the other",
        "over several lines",
        "array",
        "array over several lines",
    ],
)
def test_objects_become_rows(make_shop: Any, tmp_path: Path, form: str, text: str, name: str) -> None:
    """Numbers as they were written, objects and arrays as JSON, fields that an object lacks as null."""
    shop = make_shop(tmp_path, format=form)
    content = text.encode()
    shop.deliver(name, gzip.compress(content) if name.endswith("gz") else content)
    assert flow(shop) == (2, 2)
    [(*first, _), (*second, deep)] = shop.values("id", "n", "big", "_corrupt_record", "deep")
    assert (first, second) == (["a", "1.10", "1e400", None], ["b", "17850.0", None, None])
    assert json.loads(deep) == {"x": [1.5, None]}
    assert "1.50" in deep


def test_a_line_that_is_no_object_is_kept(make_shop: Any, tmp_path: Path) -> None:
    """It is a row with its text, its line and the reason; the lines around it are read."""
    shop = make_shop(tmp_path, format="ndjson")
    shop.deliver("a.json", b'{"id":"1"}\n{"id":"2"\n \t\r\n[3]\n{"id":"\xff"}\n{"id":"6"}')
    assert flow(shop) == (5, 5)
    found = shop.values("_row", "id", "_corrupt_record")
    assert found == [
        (1, "1", None),
        (2, None, '{"id":"2"'),
        (4, None, "[3]"),
        (5, None, '{"id":"\\xff"}'),
        (6, "6", None),
    ]
    assert all(reason for _, reason in shop.values("_row", "_corrupt_reason")[1:4])


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b'[{"id":"1"},\n{"id":"2"\n,{"id":"3"}]', [("1", None), (None, '{"id":"2"\n,{"id":"3"}]')]),
        (b'[{"id":"1"}] x', [("1", None), (None, "x")]),
        (b'[{"id":"1"} {"id":"2"}]', [("1", None), (None, '{"id":"2"}]')]),
        (b'{"id":"1"}\n{"id":', [("1", None), (None, '{"id":')]),
        (b'[{"id":"1"},7,{"id":"3"}]', [("1", None), (None, "7"), ("3", None)]),
        (b'[{"id":"1"},' + b"[" * 100_000, [("1", None), (None, "[" * 100_000)]),
    ],
    ids=["in an object", "after the array", "no comma", "cut off", "no object", "too deep"],
)
def test_what_follows_a_mistake_in_a_document_is_kept(
    make_shop: Any, tmp_path: Path, content: bytes, rows: list[tuple[str | None, str | None]]
) -> None:
    """Objects before it are rows; its text, from the object in which it is, is one row with the reason."""
    shop = make_shop(tmp_path, format="json")
    shop.deliver("a.json", content)
    assert flow(shop) == (len(rows), len(rows))
    assert shop.values("id", "_corrupt_record") == rows


@pytest.mark.parametrize(
    ("form", "content", "message"),
    [
        ("ndjson", b'{"id":1}\n{"id":"' + b"x" * 2000 + b'"}\n', r"a\.json:2: this line is longer than"),
        ("json", b'[{"id":1},\n {"id":"' + b"x" * 2000, r"a\.json:2:2: not JSON"),
    ],
)
def test_a_record_too_long_to_be_kept_is_told(
    make_shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, content: bytes, message: str
) -> None:
    """The error says where it begins; nothing of the file is taken."""
    monkeypatch.setattr(json_lines, "LONGEST_BYTES", 1000)
    monkeypatch.setattr(json_documents, "MOST_KEPT", 1000)
    shop = make_shop(tmp_path, format=form)
    shop.deliver("a.json", content)
    with pytest.raises(BadSource, match=message) as caught:
        shop.run()
    assert caught.value.hint
    assert shop.files == set()


def test_a_large_document_is_read_in_pieces(
    make_shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a piece ends, in a number, a name, a letter of several bytes, the objects are the same."""
    objects = [{"id": str(number), "text": 'é😀\\"' * (number % 7), "n": 10**number} for number in range(60)]
    for size in (1, 2, 3, 5, 64):
        monkeypatch.setattr(json_documents, "CHUNK_BYTES", size)
        shop = make_shop(tmp_path / str(size), format="json")
        (tmp_path / str(size)).mkdir()
        shop.deliver("a.json", json.dumps(objects, ensure_ascii=False, indent=1).encode())
        assert flow(shop) == (60, 60)
        assert shop.values("id", "text", "n") == [
            (item["id"], item["text"], str(item["n"])) for item in objects
        ]


@pytest.mark.parametrize(
    ("encoding", "codec"),
    [
        ("latin-1", "latin-1"),
        ("windows-1252", "cp1252"),
        ("iso-8859-15", "iso-8859-15"),
        ("utf-16", "utf-16"),
        ("utf-16", "utf-16-le"),
        ("utf-16", "utf-16-be"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "ndjson", "json"])
def test_text_may_be_in_another_encoding(
    make_shop: Any, tmp_path: Path, form: str, encoding: str, codec: str
) -> None:
    """The source says which; a byte order mark is no part of the text."""
    shop = make_shop(tmp_path, format=form, encoding=encoding)
    text = 'id,n\n"ü\nß",1\nÿ,2\n' if form == "csv" else '{"id":"ü\\nß","n":1}\n{"id":"ÿ","n":2}\n'
    if codec == "utf-16-be":
        text = "\ufeff" + text
    shop.deliver("a.txt", text.encode(codec))
    assert flow(shop) == (2, 2)
    assert shop.values("id", "n") == [("ü\nß", "1"), ("ÿ", "2")]


@pytest.mark.parametrize(
    ("encoding", "content", "reason"),
    [
        ("windows-1252", b"id,n\n1,\x81\n2,\x80\n", "invalid encoding"),
        ("utf-16", "id,n\n1,\ud800\n2,€\n".encode("utf-16-le", "surrogatepass"), "invalid encoding"),
        ("utf-16", "id,n\n2,€\n".encode("utf-16-le") + b"\x41", "invalid encoding, missing columns"),
    ],
    ids=["no such character", "half a character", "half a unit"],
)
def test_bytes_that_an_encoding_does_not_have_are_refused(
    make_shop: Any, tmp_path: Path, encoding: str, content: bytes, reason: str
) -> None:
    """The line is a row with its reason, the others are read."""
    shop = make_shop(tmp_path, encoding=encoding)
    shop.deliver("a.csv", content)
    flow(shop)
    assert sorted(shop.values("id", "n", "_corrupt_reason"), key=str) == [
        ("2", "€", None),
        (None, None, reason),
    ]


@pytest.mark.parametrize("end", [b"\r", b""], ids=["ended", "not ended"])
def test_lines_may_end_in_carriage_returns(shop: Any, end: bytes) -> None:
    """A break inside a value stays what it is, and every line is accounted for."""
    shop.deliver("a.csv", b'id,n\r1,"x\ry\r\nz"\r\r2\r3,b' + end)
    assert flow(shop) == (3, 3)
    found = {row["_corrupt_record"] or row["id"]: row["n"] for row in shop.bronze()}
    assert found == {"1": "x\ry\r\nz", "2": None, "3": "b"}


NESTED = pa.struct([("x", pa.list_(pa.decimal128(5, 2))), ("m", pa.map_(pa.string(), pa.float64()))])
COLUMNS = {
    "id": (pa.string(), "1", "1"),
    "text": (pa.string(), "é😀\n", "é😀\n"),
    "whole": (pa.int64(), 2**31, "2147483648"),
    "natural": (pa.uint64(), 2**64 - 1, "18446744073709551615"),
    "half": (pa.float64(), 17850.0, "17850.0"),
    "tiny": (pa.float64(), 1e-7, "0.0000001"),
    "single": (pa.float32(), 0.1, "0.1"),
    "minus": (pa.float64(), -0.0, "-0.0"),
    "none": (pa.float64(), float("nan"), "NaN"),
    "endless": (pa.float64(), float("-inf"), "-Infinity"),
    "price": (pa.decimal128(12, 4), Decimal("1234.5000"), "1234.5000"),
    "small": (pa.decimal128(20, 8), Decimal("0.00000001"), "0.00000001"),
    "wide": (pa.decimal256(50, 2), Decimal("-" + "9" * 48 + ".99"), "-" + "9" * 48 + ".99"),
    "yes": (pa.bool_(), True, "true"),
    "day": (pa.date32(), date(1, 1, 1), "0001-01-01"),
    "moment": (
        pa.timestamp("us", "UTC"),
        datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
        "9999-12-31T23:59:59.999999Z",
    ),
    "local": (pa.timestamp("ms"), AT, "2009-12-01T07:45:00"),
    "clock": (pa.time64("us"), time(7, 45, 0, 250000), "07:45:00.250"),
    "length": (pa.duration("s"), timedelta(hours=30), "108000"),
    "bytes": (pa.binary(), b"\x00\xff", base64.b64encode(b"\x00\xff").decode()),
    "named": (pa.dictionary(pa.int8(), pa.string()), "Bath", "Bath"),
    "deep": (
        NESTED,
        {"x": [Decimal("1.10"), None], "m": [("k", 1.0), ("n", float("nan"))]},
        '{"x":[1.10,null],"m":{"k":1.0,"n":"NaN"}}',
    ),
    "list": (pa.list_(pa.timestamp("ns")), [AT], '["2009-12-01T07:45:00"]'),
}


def test_parquet_values_become_exact_text(make_shop: Any, tmp_path: Path) -> None:
    """Every type has one text, null stays null, also behind a row group's end."""
    shop = make_shop(tmp_path, format="parquet")
    table = pa.table(
        {name: pa.array([None, value, None, value], kind) for name, (kind, value, _) in COLUMNS.items()}
    )
    shop.deliver("a.parquet", parquet(table, row_group_size=3))
    assert flow(shop) == (4, 4)
    nulls, texts = tuple(None for _ in COLUMNS), tuple(text for *_, text in COLUMNS.values())
    assert shop.values(*COLUMNS) == [nulls, texts, nulls, texts]
    assert shop.values("_row") == [(1,), (2,), (3,), (4,)]


def test_a_parquet_file_with_another_schema_is_read_by_names(make_shop: Any, tmp_path: Path) -> None:
    """Columns may come in another order and type, be missing, or be new."""
    shop = make_shop(tmp_path, format="Parquet".upper())
    shop.deliver("1.parquet", parquet(pa.table({"id": ["a"], "n": [1]})))
    shop.deliver("2.parquet", parquet(pa.table({"New One": [True], "n": ["x"], "id": ["b"]})))
    shop.deliver("3.parquet", parquet(pa.table({"id": pa.array([], pa.int32())})))
    assert flow(shop) == (2, 2)
    assert shop.values("id", "n", "New_One") == [("a", "1", None), ("b", "x", "true")]


SCHEMA = {
    "type": "record",
    "name": "Sale",
    "fields": [
        {"name": "id", "type": "string"},
        {
            "name": "price",
            "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 4}],
        },
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
    ],
}


PRICE = {
    "type": "record",
    "name": "Price",
    "fields": [
        {
            "name": "id",
            "type": {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 1},
        }
    ],
}


def test_a_decimal_without_precision_is_what_it_is_underneath(make_shop: Any, tmp_path: Path) -> None:
    """Avro wants a logical type that is not valid to be ignored."""
    shop = make_shop(tmp_path, format="avro")
    content = avro(PRICE, [{"id": Decimal("1.5")}])
    shop.deliver("a.avro", content.replace(b'"precision"', b'"precisely"'))
    assert flow(shop) == (1, 1)
    assert shop.values("id") == [("Dw==",)]


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
def test_avro_records_become_rows(make_shop: Any, tmp_path: Path, codec: str) -> None:
    """The schema in the file says how; texts are those of messages."""
    shop = make_shop(tmp_path, format="avro")
    at = datetime(2009, 12, 1, 7, 45, tzinfo=UTC)
    records = [
        {"id": "é", "price": Decimal("1.1000"), "at": at, "tags": ["a", "b"]},
        {"id": "2", "price": None, "at": at, "tags": []},
    ]
    shop.deliver("a.avro", avro(SCHEMA, records, codec))
    assert flow(shop) == (2, 2)
    assert shop.values("id", "price", "at", "tags", "_row") == [
        ("é", "1.1000", "2009-12-01T07:45:00Z", '["a","b"]', 1),
        ("2", None, "2009-12-01T07:45:00Z", "[]", 2),
    ]


def test_a_sheet_becomes_rows(make_shop: Any, tmp_path: Path) -> None:
    """Numbers with the fewest digits, whole ones without a point; dates, times, texts and errors as they are seen."""
    shop = make_shop(tmp_path, format="excel", excel={"sheet": "Sales", "header_row": 3})
    content = excel(
        ["Sales of 2009"],
        [],
        ["id", "n", None, "at", "seen"],
        ["007", 17850.0, None, AT, "  é😀\nx "],
        [],
        [8, 2.55, None, date(2009, 12, 1), "#N/A"],
        [None, 1e-7, None, time(7, 45), True],
        sheet="Sales",
        before="Notes",
    )
    shop.deliver("a.xlsx", content)
    assert flow(shop) == (3, 3)
    assert shop.values("_row", "id", "n", "at", "seen") == [
        (1, "007", "17850", "2009-12-01 07:45:00", "  é😀\nx "),
        (3, "8", "2.55", "2009-12-01 00:00:00", "#N/A"),
        (4, None, "0.0000001", "07:45:00", "true"),
    ]


CELLS: list[tuple[Any, str | None]] = [
    (1e-10, "0.0000000001"),
    (2 / 3, "0.6666666666666666"),
    (999999.9999999999, "999999.9999999999"),
    (0.1 + 0.2, "0.30000000000000004"),
    (123456789.12345679, "123456789.12345679"),
    (-2.5, "-2.5"),
    (1e22, "1" + "0" * 22),
    ("123456789.123456791", "123456789.123456791"),
    ("123456789012345678", "123456789012345678"),
    ("1.50", "1.50"),
    ("1e-10", "1e-10"),
    ("true", "true"),
    (False, "false"),
    ("1899-12-31 10:00:00", "1899-12-31 10:00:00"),
    (time(10), "10:00:00"),
    (timedelta(hours=30, minutes=5), "30:05:00"),
    (timedelta(days=90, milliseconds=250), "2160:00:00.250"),
    (timedelta(minutes=5), "00:05:00"),
    (datetime(1900, 3, 1, 6, 5), "1900-03-01 06:05:00"),  # noqa: DTZ001 - as above
    ("=A1+1", None),
]


def test_a_cell_is_what_it_holds(make_shop: Any, tmp_path: Path) -> None:
    """No digit is lost, and a text stays what it is though it looks like a number or a time, whatever is beside it."""
    shop = make_shop(tmp_path, format="excel")
    rows = [[None, number, "#N/A", cell] for number, (cell, _) in enumerate(CELLS)]
    shop.deliver("a.xlsx", excel([], [None, "id", "error", "cell"], *rows))
    assert flow(shop) == (len(CELLS), len(CELLS))
    found = [("#N/A", text) for _, text in CELLS]
    assert shop.values("error", "cell") == found


def test_a_parquet_file_that_is_cut_off_while_it_is_read_ends_no_process(tmp_path: Path) -> None:
    """What the rows that were read are held against is what its footer had said."""
    path = tmp_path / "a.parquet"
    table = pa.table({"id": pa.array(range(200_000)).cast(pa.string())})
    pq.write_table(table, path, row_group_size=70_000, use_dictionary=False)
    with Parquet.open(path, "a.parquet") as file:
        portions = file.portions()
        read = len(next(portions).places)
        os.truncate(path, 100)
        with suppress(BadSource):
            read += sum(len(portion.places) for portion in portions)
        assert read < file.rows


def test_rows_above_the_names_of_a_sheet_may_be_empty(make_shop: Any, tmp_path: Path) -> None:
    """`header_row` is the row's number in the sheet, as people see it, whatever is above it."""
    shop = make_shop(tmp_path, format="excel", excel={"header_row": 3})
    shop.deliver("a.xlsx", excel([], [], ["id", "n"], ["a", 1], ["b", "#N/A"]))
    assert flow(shop) == (2, 2)
    assert shop.values("_row", "id", "n") == [(1, "a", "1"), (2, "b", "#N/A")]


def test_a_table_may_begin_below_empty_rows(make_shop: Any, tmp_path: Path) -> None:
    """Where nothing says which row names the columns, it is the first that has a value."""
    shop = make_shop(tmp_path, format="excel")
    shop.deliver("a.xlsx", excel([], [], ["id", "n"], ["a", "#DIV/0!"], ["b", 2]))
    assert flow(shop) == (2, 2)
    assert shop.values("_row", "id", "n") == [(1, "a", "#DIV/0!"), (2, "b", "2")]


REFUSED = {
    "parquet, cut off": ("parquet", {}, parquet(pa.table({"id": [1]}))[:-5], "cannot be read as Parquet"),
    "parquet, something else": ("parquet", {}, b"id\n1\n", "cannot be read as Parquet"),
    "parquet, empty": ("parquet", {}, b"", "cannot be read as Parquet"),
    "parquet, one name twice": (
        "parquet",
        {},
        parquet(pa.table([[1], [2]], ["id", "ID"])),
        "would be the same column",
    ),
    "avro, cut off": (
        "avro",
        {},
        avro(SCHEMA, [{"id": "x", "price": None, "at": 1, "tags": []}])[:-20],
        "cannot be read as an Avro file",
    ),
    "avro, more decimals than digits": (
        "avro",
        {},
        avro(PRICE, [{"id": Decimal("1.5")}]).replace(b'"scale": 1', b'"scale": 9'),
        "cannot be read as an Avro file: .* scale must be less than or equal to the precision of 4",
    ),
    "avro, something else": ("avro", {}, b"id\n1\n", "cannot be read as an Avro file"),
    "excel, something else": ("excel", {}, b"id\n1\n", "cannot be read as an Excel workbook"),
    "excel, cut off": ("excel", {}, excel(["id"], [1])[:-40], "cannot be read as an Excel workbook"),
    "excel, no such sheet": ("excel", {"sheet": "Sales"}, excel(["id"], [1]), "has no sheet 'Sales'"),
    "excel, no header": ("excel", {"header_row": 9}, excel(["id"], [1]), "names no columns in row 9"),
    "excel, a column without a name": (
        "excel",
        {},
        excel(["id", None], [1, 2]),
        "column 2 has no name in row 1",
    ),
    "excel, a title above": ("excel", {}, excel(["Sales"], ["id", "n"]), "column 2 has no name in row 1"),
    "excel, empty": ("excel", {}, excel(), "names no columns in row 1"),
    "a name of Podium's own": (
        "parquet",
        {},
        parquet(pa.table({"id": [1], "_row": [2]})),
        "Bronze has columns of Podium's own with the names '_row'",
    ),
}


@pytest.mark.parametrize(("form", "options", "content", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_that_is_not_what_it_should_be_is_told(
    make_shop: Any, tmp_path: Path, form: str, options: dict[str, Any], content: bytes, message: str
) -> None:
    """The error names the file and says what to do; nothing of any file of the batch is taken."""
    shop = make_shop(tmp_path, format=form, **({"excel": options} if options else {}))
    shop.deliver("bad", content)
    with pytest.raises(BadSource, match=message) as caught:
        shop.run()
    assert "bad" in str(caught.value) or "sales" in str(caught.value)
    assert caught.value.hint
    assert shop.files == set()
    assert shop.lakehouse.catalogue.source_names("bronze", "sales") == {}


def test_a_content_is_ingested_once_under_whatever_name(shop: Any) -> None:
    """Also compressed, also beside itself in one batch; a changed file is taken anew."""
    shop.deliver("a.csv", b"id\n1\n")
    shop.deliver("b.csv", b"id\n1\n")
    assert flow(shop) == (1, 1)
    shop.deliver("c.csv.gz", gzip.compress(b"id\n1\n"))
    assert len(shop.run()) == 1
    assert shop.values("source_file", "id") == [("sales/a.csv", "1")]
    shop.deliver("b.csv", b"id\n1\n2\n")
    assert flow(shop) == (2, 2)
