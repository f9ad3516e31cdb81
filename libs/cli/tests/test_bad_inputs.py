"""What a bad file gets: it is parsed right, or quarantined with its reason, or the run says where, what and what to do, and nothing is half-written."""

import gzip
import html
import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from libs.cli.tests.conftest import Terminal

pytestmark = pytest.mark.integration

PIPELINE = """
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {name: stall}
spec:
  lakehouse: {uri: lakehouse}
  datasets:
    sales:
      sources: [{files: SOURCE}]
      columns:
        id: {type: string}
        n: {type: integer}
        price: {type: "decimal(12,4)"}
        at: {type: timestamp}
        day: {type: date}
        note: {type: string}
      duplicates: {keys: [id]}
"""
COLUMNS = ("id", "n", "price", "at", "day", "note")
HEADER = b"id,n,price,at,day,note\n"
GOOD = b"g,1,2.50,2009-12-01 07:45:00,2009-12-01,fine\n"
WHOLE_JSON = json.dumps(dict.fromkeys(COLUMNS, None) | {"id": "g"}).encode() + b"\n"
GOOD_ROW = ("g", 1, "2.5000", "2009-12-01 07:45:00", "2009-12-01", "fine")


def row(identifier: str, **values: Any) -> tuple[Any, ...]:
    """Return a row of Silver with nulls but for these values."""
    return tuple({"id": identifier, **values}.get(name) for name in COLUMNS)


@dataclass
class Shop:
    """A folder with a pipeline that reads what is delivered into it."""

    terminal: Terminal
    source: dict[str, Any] = field(default_factory=dict)

    def deliver(self, content: bytes, name: str = "a.csv") -> Path:
        """Put a file where the source looks for it."""
        path = self.terminal.folder / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    def run(self) -> tuple[int, str]:
        """Run the pipeline; return the exit code, and what was said of a failure in one line."""
        source = json.dumps({"path": "in/*", **self.source})
        (self.terminal.folder / "pipeline.yaml").write_text(PIPELINE.replace("SOURCE", source))
        answer = self.terminal.podium("run", "--quiet")
        return answer.code, " ".join(answer.err.split())

    @property
    def silver(self) -> list[tuple[Any, ...]]:
        """Silver's rows by id, values as text but for whole numbers."""
        rows = self._rows("silver/sales")
        found = [tuple(_shown(row[name]) for name in COLUMNS) for row in rows]
        return sorted(found, key=lambda row: str(row[0]))

    @property
    def quarantine(self) -> list[tuple[list[str], str | None, str]]:
        """Of each refused row its rules, the reason where it did not parse, and what stood in the file."""
        rows = sorted(self._rows("quarantine/sales"), key=lambda row: row["source_row"])
        return [(row["rules"], row["reason"], row["raw"]) for row in rows]

    def _rows(self, table: str) -> list[dict[str, Any]]:
        place = self.terminal.folder / "lakehouse" / table
        return DeltaTable(str(place)).to_pyarrow_table().to_pylist() if place.exists() else []

    @property
    def written(self) -> list[str]:
        """The data files of any layer."""
        home = self.terminal.folder / "lakehouse"
        return sorted(
            path.relative_to(home).parts[0] for path in home.rglob("*.parquet") if "_podium" not in path.parts
        )


def _shown(value: Any) -> Any:
    if value is None or isinstance(value, int | str):
        return value
    return str(value).removesuffix("+00:00")


@pytest.fixture
def shop(terminal: Terminal) -> Shop:
    """Return a shop without files."""
    return Shop(terminal)


def parquet(table: pa.Table) -> bytes:
    """Return a table as a Parquet file."""
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


SCRIPTS = "Grüße Ελλάδα Привет שלום مرحبا नमस्ते 你好 こんにちは 안녕 สวัสดี አማርኛ ქართული 😀👩‍👩‍👧🇩🇪 e\u0301 \u202e\ufeff"

PARSED = {
    "byte order mark": ({}, b"\xef\xbb\xbf" + HEADER + GOOD, [GOOD_ROW]),
    "CR line ends": ({}, (HEADER + GOOD).replace(b"\n", b"\r"), [GOOD_ROW]),
    "CRLF line ends": ({}, (HEADER + GOOD).replace(b"\n", b"\r\n"), [GOOD_ROW]),
    "no last line end": ({}, (HEADER + GOOD)[:-1], [GOOD_ROW]),
    "embedded newlines": ({}, HEADER + b'a,,,,,"x\n\ny"\n' + GOOD, [row("a", note="x\n\ny"), GOOD_ROW]),
    "embedded quotes and commas": ({}, HEADER + b'a,,,,,"x, ""y"""\n', [row("a", note='x, "y"')]),
    "a header in another order": ({}, b"note,day,at,price,n,id\nx,,,,5,a\n", [row("a", n=5, note="x")]),
    "a new column": ({}, b"id,n,price,at,day,note,more\na,1,,,,x,y\n", [row("a", n=1, note="x")]),
    "a NUL byte in a value": ({}, HEADER + b"a,,,,,x\0y\n", [row("a", note="x\0y")]),
    "Latin-1": (
        {"encoding": "latin-1"},
        HEADER + "a,,,,,Größe é ÿ\n".encode("latin-1"),
        [row("a", note="Größe é ÿ")],
    ),
    "Windows-1252": (
        {"encoding": "windows-1252"},
        HEADER + "a,,,,,5 € “x”\n".encode("cp1252"),
        [row("a", note="5 € “x”")],
    ),
    "UTF-16": (
        {"encoding": "utf-16"},
        (HEADER.decode() + f"a,,,,,{SCRIPTS}\n").encode("utf-16"),
        [row("a", note=SCRIPTS)],
    ),
    "every script and emoji": ({}, HEADER + f"{SCRIPTS},,,,,x\n".encode(), [row(SCRIPTS, note="x")]),
    "semicolons, as declared": ({"csv": {"delimiter": ";"}}, (HEADER + GOOD).replace(b",", b";"), [GOOD_ROW]),
    "four decimals": ({}, HEADER + b"a,,1.2345,,,\n", [row("a", price="1.2345")]),
    "minus zero": ({}, HEADER + b"a,,-0.0,,,\n", [row("a", price="0.0000")]),
    "17850.0 as a customer": ({}, HEADER + b"17850.0,17850.0,,,,\n", [row("17850.0", n=17850)]),
    "the last year": (
        {},
        HEADER + b"a,,,9999-12-31 23:59:59.999999,9999-12-31,\n",
        [row("a", at="9999-12-31 23:59:59.999999", day="9999-12-31")],
    ),
    "the first year": (
        {},
        HEADER + b"a,,,0001-01-01 00:00:00.000001,0001-01-01,\n",
        [row("a", at="0001-01-01 00:00:00.000001", day="0001-01-01")],
    ),
    "gzip": ({}, None, [GOOD_ROW]),
    "header only": ({}, HEADER, []),
    "an empty value and a quoted one": ({}, HEADER + b'a,"",,,"",""\n', [row("a")]),
    "a date that is written in another order, as declared": (
        {"timestamp_format": "dd/MM/yyyy HH:mm"},
        HEADER + b"a,,,03/04/2010 07:45,,\n",
        [row("a", at="2010-04-03 07:45:00")],
    ),
}


@pytest.mark.parametrize(("source", "content", "rows"), PARSED.values(), ids=PARSED.keys())
def test_it_is_parsed_right(
    shop: Shop, source: dict[str, Any], content: bytes | None, rows: list[tuple[Any, ...]]
) -> None:
    """Exit code 0, every value as it stands, nothing in quarantine."""
    shop.source = source
    if content is None:
        shop.deliver(gzip.compress(HEADER) + gzip.compress(GOOD), "a.csv.gz")
    else:
        shop.deliver(content)
    assert shop.run() == (0, "")
    assert (shop.silver, shop.quarantine) == (rows, [])


QUARANTINED: dict[str, tuple[bytes, list[str], str | None, Any]] = {
    "too few values": (b"a,1\n", ["csv.corrupt"], "missing columns", "a,1"),
    "too many values": (b"a,1,,,,,,x\n", ["csv.corrupt"], "too many columns", "a,1,,,,,,x"),
    "bytes that are not UTF-8": (b"a,,,,,Gr\xf6\xdfe\n", ["csv.corrupt"], "invalid encoding", "a,,,,,Gr??e"),
    "an open quote": (b'a,,,,,"x\n', ["csv.corrupt"], "unquoted value", 'a,,,,,"x\n'),
    "1e400": (b"a,,1e400,,,\n", ["schema.price"], None, {"id": "a", "price": "1e400"}),
    "NaN": (b"a,,NaN,,,\n", ["schema.price"], None, {"id": "a", "price": "NaN"}),
    "1,234.50": (b'a,,"1,234.50",,,\n', ["schema.price"], None, {"id": "a", "price": "1,234.50"}),
    "2^31 as an integer": (b"a,2147483648,,,,\n", ["schema.n"], None, {"id": "a", "n": "2147483648"}),
    "a fraction as an integer": (b"a,1.5,,,,\n", ["schema.n"], None, {"id": "a", "n": "1.5"}),
    "five decimals": (b"a,,1.23456,,,\n", ["schema.price"], None, {"id": "a", "price": "1.23456"}),
    "30 February": (b"a,,,,2010-02-30,\n", ["schema.day"], None, {"id": "a", "day": "2010-02-30"}),
    "an ambiguous date": (b"a,,,,03/04/2010,\n", ["schema.day"], None, {"id": "a", "day": "03/04/2010"}),
    "the year 0000": (
        b"a,,,0000-12-31 00:00:00,,\n",
        ["schema.at"],
        None,
        {"id": "a", "at": "0000-12-31 00:00:00"},
    ),
    "25 o'clock": (b"a,,,2010-01-01 25:00,,\n", ["schema.at"], None, {"id": "a", "at": "2010-01-01 25:00"}),
    "two mistakes": (b"a,x,y,,,\n", ["schema.n", "schema.price"], None, {"id": "a", "n": "x", "price": "y"}),
    "no key": (b",1,,,,x\n", ["key.id"], None, {"n": "1", "note": "x"}),
}


@pytest.mark.parametrize(("line", "rules", "reason", "raw"), QUARANTINED.values(), ids=QUARANTINED.keys())
def test_it_is_quarantined_with_its_reason(
    shop: Shop, line: bytes, rules: list[str], reason: str | None, raw: Any
) -> None:
    """Exit code 0; the row is in quarantine with every rule that refused it and its text, the others are in Silver."""
    shop.deliver(HEADER + GOOD + line)
    assert shop.run() == (0, "")
    assert shop.silver == [GOOD_ROW]
    [(found, why, text)] = shop.quarantine
    assert (found, why) == (rules, reason)
    if isinstance(raw, str):
        assert text == raw
    else:
        assert json.loads(text) == {**dict.fromkeys(COLUMNS), **raw}


DAMAGED = gzip.compress(HEADER + GOOD * 1000)
REFUSED: dict[str, tuple[dict[str, Any], str, bytes, str, str]] = {
    "empty": ({}, "a.csv", b"", "in/a.csv has no header line", "its first line must name the columns"),
    "wrong delimiter": (
        {},
        "a.csv",
        (HEADER + GOOD).replace(b",", b";"),
        "in/a.csv has none of the declared columns; it has: id;n;price;at;day;note",
        "correct `format`, `csv: {delimiter}`",
    ),
    "changed header": (
        {},
        "a.csv",
        b"ident,n,price,at,day,note\n",
        "the source has no column for id; it has: ident, n",
        "name the source's column with `from:`",
    ),
    "duplicate names": (
        {},
        "a.csv",
        b"id,n,price,at,day,note,N\n",
        "in/a.csv: 'n' and 'N' would be the same column",
        "rename one of them in the file",
    ),
    "a name that is not UTF-8": (
        {},
        os.fsdecode(b"\xff.csv"),
        HEADER + GOOD,
        r"in/\xff.csv has a name that is not UTF-8",
        "rename the file",
    ),
    "a column without a name": (
        {},
        "a.csv",
        b"id,,n\n",
        "in/a.csv: column 2 of the header has no name",
        "name it in the file",
    ),
    "Latin-1 as UTF-8": (
        {},
        "a.csv",
        b"id,gr\xf6\xdfe\n",
        "in/a.csv: the header is not UTF-8",
        "encoding: windows-1252",
    ),
    "UTF-16 as UTF-8": (
        {},
        "a.csv",
        HEADER.decode().encode("utf-16"),
        "in/a.csv is UTF-16",
        "encoding: utf-16",
    ),
    "NUL bytes in the header": (
        {},
        "a.csv",
        b"id,n\0,price\n",
        "in/a.csv is no text in UTF-8",
        "save it as UTF-8",
    ),
    "mixed line ends": (
        {},
        "a.csv",
        HEADER + GOOD + b"a,,,,,x\r\n",
        "in/a.csv:3: this line does not end as the first line does",
        "let all lines end alike",
    ),
    "truncated gzip": (
        {},
        "a.csv.gz",
        DAMAGED[:-20],
        "in/a.csv.gz is not a complete gzip file",
        "copy it again",
    ),
    "something else named .gz": (
        {},
        "a.csv.gz",
        HEADER + GOOD,
        "in/a.csv.gz is not a complete gzip file",
        "copy it again",
    ),
    "gzip under another name": ({}, "a.csv", DAMAGED, "in/a.csv is compressed", "let its name end in .gz"),
    "no Parquet": (
        {"format": "parquet"},
        "a.parquet",
        HEADER,
        "in/a.parquet cannot be read as Parquet",
        "check `format`",
    ),
    "a Parquet file with another schema": (
        {"format": "parquet"},
        "a.parquet",
        parquet(pa.table({"id": ["a"], "m": [1]})),
        "the source has no column for n, price, at, day, note; it has: id, m",
        "name the source's column with `from:`",
    ),
    "no workbook": (
        {"format": "excel"},
        "a.xlsx",
        HEADER,
        "in/a.xlsx cannot be read as an Excel workbook",
        "check `format`",
    ),
    "a name of Podium's own": (
        {},
        "a.csv",
        b"id,source_file,_row\n",
        "in/a.csv: Bronze has columns of Podium's own with the names 'source_file', '_row'",
        "rename it in the source",
    ),
}
SILVERS_OWN = {"changed header", "a Parquet file with another schema"}
"""Bronze takes any columns; Silver says what it lacks."""


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_told_where_what_and_what_to_do(shop: Shop, case: str) -> None:
    """Exit code 1, one message with the file, the mistake and the next step; nothing of the batch is written."""
    shop.source, name, content, message, hint = REFUSED[case]
    shop.deliver(content, name)
    code, said = shop.run()
    assert code == 1
    assert message in said
    assert hint in said
    assert set(shop.written) <= ({"bronze"} if case in SILVERS_OWN else set())


def test_a_corrected_file_is_taken(shop: Shop) -> None:
    """What was refused leaves nothing behind that would be in the way."""
    shop.deliver(HEADER[:-1] + b",N\n" + GOOD)
    assert shop.run()[0] == 1
    shop.deliver(HEADER + GOOD)
    assert shop.run() == (0, "")
    assert shop.silver == [GOOD_ROW]


@pytest.mark.parametrize(
    ("source", "content"),
    [
        pytest.param({"format": "ndjson"}, WHOLE_JSON + b'{"id":"\\ud800"}\n', id="half a character"),
        pytest.param({}, HEADER + GOOD + b"[" * 3000 + b"\n", id="brackets in brackets"),
    ],
)
def test_the_report_shows_any_refused_line(shop: Shop, source: dict[str, Any], content: bytes) -> None:
    """What looks like JSON and has no values that a page can hold is shown as it stands in the file."""
    shop.source = source
    shop.deliver(content)
    assert shop.run() == (0, "")
    [(_, _, raw)] = shop.quarantine
    page = (shop.terminal.folder / "lakehouse" / "report.html").read_text(encoding="utf-8")
    assert html.escape(raw[:100]).replace("&quot;", "&#34;") in page


def _delete(table: Path) -> None:
    DeltaTable(str(table)).delete("id = 'g'")


def _update(table: Path) -> None:
    DeltaTable(str(table)).update({"note": "'other'"})


def _append(table: Path) -> None:
    write_deltalake(str(table), DeltaTable(str(table)).to_pyarrow_table(), mode="append")


def _cut_log(table: Path) -> None:
    last = max((table / "_delta_log").glob("*.json"))
    last.write_bytes(last.read_bytes()[:20])


def _empty_commit(table: Path) -> None:
    max((table / "_delta_log").glob("*.json")).write_bytes(b"")


def _without_its_first_commit(table: Path) -> None:
    min((table / "_delta_log").glob("*.json")).unlink()


DAMAGES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "rows taken": (_delete, "somebody else has changed", ".restore(1)"),
    "other values": (_update, "and it has other values in its 1 rows", ".restore(1)"),
    "rows added": (_append, "and it has 2 rows where 1 are accounted for", ".restore(1)"),
    "gone": (shutil.rmtree, "is gone, or older than it was", "bring the files in it back as they were"),
    "a cut log": (_cut_log, "its Delta log cannot be read", "_delta_log back as they were"),
    "an empty commit": (
        _empty_commit,
        "a commit in its Delta log is damaged",
        "_delta_log back as they were",
    ),
    "a log without its beginning": (
        _without_its_first_commit,
        "its Delta log cannot be read",
        "_delta_log back as they were",
    ),
}


@pytest.mark.parametrize("layer", ["bronze", "silver"])
@pytest.mark.parametrize("case", DAMAGES)
def test_a_table_that_somebody_else_has_changed_is_told(shop: Shop, layer: str, case: str) -> None:
    """Exit code 1, which table it is and what to do; once it is as it was, the run goes on with what has come."""
    damage, message, hint = DAMAGES[case]
    shop.deliver(HEADER + GOOD)
    assert shop.run() == (0, "")
    table = shop.terminal.folder / "lakehouse" / layer / "sales"
    shutil.copytree(table, shop.terminal.folder / "kept")
    damage(table)
    shop.deliver(HEADER + b"h,2,,,,\n", "b.csv")
    code, said = shop.run()
    assert code == 1
    assert f"{layer}/sales" in said
    assert message in said
    assert hint in said
    if hint == ".restore(1)":
        DeltaTable(str(table)).restore(1)
    else:
        shutil.rmtree(table, ignore_errors=True)
        shutil.copytree(shop.terminal.folder / "kept", table)
    assert shop.run() == (0, "")
    assert [row[0] for row in shop.silver] == ["g", "h"]


@pytest.mark.parametrize("table", ["silver/sales", "quarantine/sales"])
def test_a_table_that_is_lost_on_the_way_is_told(shop: Shop, table: str) -> None:
    """Whoever takes a project to another folder takes all of it: the tables are known by their names."""
    shop.deliver(HEADER + GOOD + b"h,many,,,,\n")
    assert shop.run() == (0, "")
    moved = shop.terminal.folder / "moved"
    shutil.copytree(shop.terminal.folder / "in", moved / "in")
    shutil.copytree(shop.terminal.folder / "lakehouse", moved / "lakehouse")
    shutil.copy(shop.terminal.folder / "pipeline.yaml", moved)
    shutil.move(moved / "lakehouse" / table, moved / "kept")
    (moved / "in" / "b.csv").write_bytes(HEADER + b"i,2,,,,\n")
    refused = shop.terminal.podium("run", "-f", "moved/pipeline.yaml")
    assert refused.code == 1
    assert f"moved/lakehouse/{table} is gone" in refused.err.replace("\n", "")
    shutil.move(moved / "kept", moved / "lakehouse" / table)
    assert shop.terminal.podium("run", "-f", "moved/pipeline.yaml").code == 0


def test_a_record_that_is_lost_is_told(shop: Shop) -> None:
    """Without what was pinned nobody knows what is new."""
    shop.deliver(HEADER + GOOD)
    assert shop.run() == (0, "")
    shutil.rmtree(shop.terminal.folder / "lakehouse" / "_podium" / "intents")
    shop.deliver(HEADER + b"h,2,,,,\n", "b.csv")
    code, said = shop.run()
    assert code == 1
    assert "_podium/intents: intent 1 of ingest of bronze.sales is gone" in said
    assert "bring the files in it back as they were" in said


def test_a_folder_may_have_any_other_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Blanks, quotes, braces, signs and letters of every script: the tables in it are read and kept in order."""
    folder = tmp_path / """Änne's "100 %" {数据} &;=+~@:<>$!,"""
    folder.mkdir()
    monkeypatch.chdir(folder)
    shop = Shop(Terminal(folder, capsys), {"path": "in/*"})
    for name, lines in {"a.csv": GOOD, "b.csv": b"h,2,,,,\n"}.items():
        shop.deliver(HEADER + lines, name)
        assert shop.run() == (0, "")
    assert [row[0] for row in shop.silver] == ["g", "h"]
    for command in (("optimize",), ("vacuum",), ("history", "silver.sales"), ("explain", "sales")):
        assert shop.terminal.podium(*command).code == 0
    assert shop.terminal.podium("show", "silver.sales", "-o", "json").json[0]["id"] in {"g", "h"}
    assert shop.terminal.podium("restore", "silver.sales", "--version", "1").code == 0
    assert [row[0] for row in shop.silver] == ["g"]


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def _other_pages(file: Path) -> None:
    """Keep the footer, of which the last 8 bytes say how long it is."""
    content = file.read_bytes()
    pages = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    file.write_bytes(b"PAR1" + b"\xff" * (pages - 4) + content[pages:])


@pytest.mark.parametrize(
    ("damage", "where"),
    [
        pytest.param(_cut, ".parquet", id="cut"),
        pytest.param(Path.unlink, ".parquet", id="gone"),
        pytest.param(_other_pages, "lakehouse", id="other pages"),
    ],
)
def test_a_damaged_data_file_is_told(shop: Shop, damage: Callable[[Path], None], where: str) -> None:
    """Exit code 1, the file and what to do, to whoever runs and to whoever asks; with the file as it was, it goes on."""
    shop.deliver(HEADER + GOOD)
    assert shop.run() == (0, "")
    (file,) = (shop.terminal.folder / "lakehouse" / "silver" / "sales").rglob("part-*.parquet")
    content = file.read_bytes()
    damage(file)
    shop.deliver(HEADER + b"a,1,,,,\nz,2,,,,\n", "b.csv")
    code, said = shop.run()
    assert code == 1
    assert f"{where}: a table's data file cannot be read: " in said
    assert "bring its files back as they were" in said
    answer = shop.terminal.podium("sql", "SELECT * FROM silver.sales")
    assert answer.code == 1
    asked = f"{where}: a table's data file cannot be read: "
    assert ("was vacuumed: 1 of its 1 files are gone" if damage is Path.unlink else asked) in answer.err
    file.write_bytes(content)
    assert shop.run() == (0, "")
    assert [row[0] for row in shop.silver] == ["a", "g", "z"]


def test_a_missing_file_is_told(shop: Shop) -> None:
    """The pattern, and the place where it was looked for."""
    code, said = shop.run()
    assert code == 1
    assert "no file matches in/*" in said
    assert f"looked for {shop.terminal.folder}/in/*"[:40] in said
    assert shop.written == []


def test_an_unreadable_file_is_told(shop: Shop) -> None:
    """A file that is there and gives no bytes."""
    (shop.terminal.folder / "in").mkdir()
    (shop.terminal.folder / "in" / "a.csv").symlink_to("/proc/self/mem")
    code, said = shop.run()
    assert code == 1
    assert "in/a.csv cannot be read: Input/output error" in said
    assert "check that it is there and readable" in said
    assert shop.written == []


@pytest.mark.slow
def test_a_line_of_200_megabytes_is_told(shop: Shop) -> None:
    """It is no line of a table: the error says where it is, and memory stays bounded."""
    shop.deliver(HEADER + GOOD + b"a,,,,," + b"x" * 200_000_000 + b"\n" + GOOD)
    code, said = shop.run()
    assert code == 1
    assert "in/a.csv:3: this line is longer than 2,000,000 bytes" in said
    assert "correct the line" in said
    assert shop.written == []


@pytest.mark.slow
def test_an_object_of_200_megabytes_is_told(shop: Shop) -> None:
    """The same of a line of JSON."""
    shop.source = {"format": "ndjson"}
    shop.deliver(b'{"id":"a"}\n{"id":"' + b"x" * 200_000_000 + b'"}\n', "a.json")
    code, said = shop.run()
    assert code == 1
    assert "in/a.json:2: this line is longer than" in said
    assert shop.written == []


JSON_VALUES = {
    "-0.0": ('{"id":"a","price":-0.0}', row("a", price="0.0000")),
    "1e400": ('{"id":"a","price":1e400}', {"id": "a", "price": "1e400"}),
    "17850.0": ('{"id":17850.0,"n":17850.0}', row("17850.0", n=17850)),
    "2^31": ('{"id":"a","n":2147483648}', {"id": "a", "n": "2147483648"}),
    "scripts": (json.dumps({"id": SCRIPTS}), row(SCRIPTS)),
    "a NUL": ('{"id":"a","note":"x\\u0000y"}', row("a", note="x\0y")),
    "an object": ('{"id":"a","note":{"x":1.50}}', row("a", note='{"x":1.50}')),
}


@pytest.mark.parametrize(("text", "expected"), JSON_VALUES.values(), ids=JSON_VALUES.keys())
def test_numbers_of_json_are_what_was_written(shop: Shop, text: str, expected: Any) -> None:
    """A number never goes through a binary one: it is in Silver exactly, or in quarantine as it was."""
    shop.source = {"format": "ndjson"}
    every = json.dumps(dict.fromkeys(COLUMNS))
    shop.deliver(f"{text}\n{every}\n".encode(), "a.json")
    assert shop.run() == (0, "")
    refused = [json.loads(raw) for _, _, raw in shop.quarantine]
    empty = dict.fromkeys(COLUMNS)
    if isinstance(expected, dict):
        assert (shop.silver, refused) == ([], [{**empty, **expected}, empty])
    else:
        assert (shop.silver, refused) == ([expected], [empty])
