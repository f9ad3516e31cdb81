"""CSV files into Bronze: every value as text, every line that does not parse kept with its reason, or the file refused."""

import csv
import gzip
import io
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from podium_contracts.errors import BadSource
from podium_contracts.pipeline import CsvDialect
from podium_lakehouse.cleansing.columns import CORRUPT_REASON, CORRUPT_RECORD, ROW
from podium_lakehouse.engines.duckdb import DuckDbEngine, read_parquet
from podium_lakehouse.engines.duckdb_csv import (
    CsvFile,
    Ingestion,
    LineBreaks,
    Read,
    count_line_breaks,
    write_csv,
)

MARK = Ingestion(datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "shop.sales.000007", 7, "till")
COMMA = CsvDialect()
Line = tuple[object, ...]


class Delivery:
    """CSV files in a folder, read into Bronze."""

    def __init__(self, engine: DuckDbEngine, folder: Path, files: dict[str, bytes]) -> None:
        self.engine, self.folder = engine, folder
        for name, content in files.items():
            (folder / name).write_bytes(content)
        self.folders: list[str] = []
        self.counts: dict[str, Read] = {}

    def read(self, columns: dict[str, Sequence[str]], dialect: CsvDialect = COMMA) -> "Delivery":
        """Read the files; `columns` gives each file's own."""
        self.columns = list(dict.fromkeys(name for names in columns.values() for name in names))
        files = [
            CsvFile(self.folder / name, name, tuple(names), tuple(names)) for name, names in columns.items()
        ]
        bronze = str(self.folder / "bronze")
        written = write_csv(self.engine, bronze, files, self.columns, dialect, MARK)
        self.folders, self.counts = list(written.folders), dict(written.counts)
        return self

    def select(self, columns: str) -> list[Line]:
        """Return columns of the rows in the files that were written, file by file and row by row."""
        written = [path for folder in self.folders for path in sorted(Path(folder).rglob("*.parquet"))]
        query = f"SELECT {columns} FROM {read_parquet(written)} ORDER BY source_file, {CORRUPT_RECORD} IS NOT NULL, {ROW}"
        return self.engine.execute(query) if written else []

    @property
    def rows(self) -> list[Line]:
        """The values of the lines that parsed."""
        listed = ", ".join(f'"{name}"' for name in self.columns)
        found = self.select(f"{CORRUPT_RECORD} IS NULL, {listed}")
        return [values for intact, *values in found if intact]  # type: ignore[misc]

    @property
    def corrupt(self) -> list[Line]:
        """Text, reason and place of the lines that did not parse."""
        found = self.select(f"{CORRUPT_RECORD}, {CORRUPT_REASON}, {ROW}")
        return [line for line in found if line[0] is not None]


def deliver(engine: DuckDbEngine, folder: Path, content: bytes, columns: str = "a,b") -> Delivery:
    """Return what one file gives."""
    return Delivery(engine, folder, {"x.csv": content}).read({"x.csv": columns.split(",")})


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        pytest.param(b"a,b\n1,2\n", [["1", "2"]], id="plain"),
        pytest.param(b"a,b\n1,2\n3,4", [["1", "2"], ["3", "4"]], id="last line without its end"),
        pytest.param(b"a,b\r\n1,2\r\n3,4\r\n", [["1", "2"], ["3", "4"]], id="line ends of Windows"),
        pytest.param(b"\xef\xbb\xbfa,b\n1,2\n", [["1", "2"]], id="byte order mark"),
        pytest.param(b'\xef\xbb\xbf"a","b"\n1,2\n', [["1", "2"]], id="byte order mark and quotes"),
        pytest.param(b'a,b\n"x ""y""",2\n', [['x "y"', "2"]], id="doubled quotes"),
        pytest.param(b'a,b\n7" frame,2\n', [['7" frame', "2"]], id="quote inside a value"),
        pytest.param(b'a,b\n"1,5",2\n', [["1,5", "2"]], id="delimiter in quotes"),
        pytest.param(b'a,b\n1,"x\ny"\n3,4\n', [["1", "x\ny"], ["3", "4"]], id="line break in quotes"),
        pytest.param(b'a,b\n1,"x\r\ny"\n', [["1", "x\r\ny"]], id="another line break in quotes"),
        pytest.param(b'a,b\n1,"x\ry"\n', [["1", "x\ry"]], id="carriage return in quotes"),
        pytest.param(b'a,b\r\n1,"x\ny"\r\n', [["1", "x\ny"]], id="as spreadsheets write line breaks"),
        pytest.param(b"a,b\n1,2\n\n\n3,4\n\n", [["1", "2"], ["3", "4"]], id="blank lines"),
        pytest.param(b'a,b\n,\n"",""\n', [[None, None], [None, None]], id="an empty value is null"),
        pytest.param(b"a,b\n  1  ,\t\n", [["  1  ", "\t"]], id="spaces stay"),
        pytest.param(b"a,b\nNULL,\\N\n", [["NULL", "\\N"]], id="words for null are text"),
        pytest.param(b"a,b\n007,1e3\n", [["007", "1e3"]], id="numbers are text"),
        pytest.param(b"a,b\n#1,2\n", [["#1", "2"]], id="no comments"),
        pytest.param(b"a,b\n1,x\0y\n", [["1", "x\0y"]], id="zero byte"),
        pytest.param(b"a,b\n1,2,\n", [["1", "2"]], id="an empty value too many"),
        pytest.param("a,b\né,😀\n".encode(), [["é", "😀"]], id="letters of any script"),
        pytest.param(b"a,b\n", [], id="header only"),
        pytest.param(b"a,b", [], id="header without its end"),
    ],
)
def test_a_line_becomes_a_row_of_text(
    engine: DuckDbEngine, tmp_path: Path, content: bytes, rows: list[list[str]]
) -> None:
    """Values arrive as they stand in the file, without a guess at what they mean."""
    delivery = deliver(engine, tmp_path, content)
    assert delivery.rows == rows
    assert delivery.corrupt == []
    assert delivery.counts == {"x.csv": Read(len(rows), 0)}


@pytest.mark.parametrize(
    ("line", "text", "reason"),
    [
        pytest.param(b"1", "1", "missing columns", id="too few values"),
        pytest.param(b"1,2,3", "1,2,3", "too many columns", id="too many values"),
        pytest.param(b'1,"x\ny",3', '1,"x\ny",3', "too many columns", id="line break in a ragged line"),
        pytest.param(b'1,"2"x', '1,"2"x', "unquoted value", id="text after the closing quote"),
        pytest.param(b"1,\xff\xfe", "1,??", "invalid encoding", id="bytes that are not UTF-8"),
        pytest.param(b"\xff,2,3", "?,2,3", "invalid encoding, too many columns", id="two reasons"),
        pytest.param(b"   ", "   ", "missing columns", id="spaces only"),
        pytest.param(b"1," + b"x" * 9000 + b",3", "1," + "x" * 9000 + ",3", "too many columns", id="long"),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_a_line_that_does_not_parse_is_kept(
    engine: DuckDbEngine, tmp_path: Path, line: bytes, text: str, reason: str, end: bytes
) -> None:
    """It is a row of Bronze: its text, why, and where it stands; the lines around it are read as if it were not there."""
    content = end.join([b"a,b", b"1,2", b"", line, b"3,4", b""])
    delivery = deliver(engine, tmp_path, content)
    assert delivery.corrupt == [(text, reason, 2)]
    assert delivery.rows == [["1", "2"], ["3", "4"]]
    assert delivery.counts == {"x.csv": Read(2, 1)}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(b'a,b\n1,"2\n3,4\n', '1,"2\n3,4\n', id="to the end of the file"),
        pytest.param(b'a,b\n1,"', '1,"', id="at the end of the file"),
        pytest.param(b'a,b\n"\n', '"\n', id="alone"),
        pytest.param(b'a,b\n1,"2\n3,"4"\n', '1,"2\n3,"4"', id="up to the next quote"),
    ],
)
def test_a_quote_that_is_not_closed_keeps_what_it_took(
    engine: DuckDbEngine, tmp_path: Path, content: bytes, text: str
) -> None:
    """The lines that an open quote takes stay together as one line that did not parse, with all of their text."""
    delivery = deliver(engine, tmp_path, content)
    assert delivery.corrupt == [(text, "unquoted value", 1)]
    assert delivery.rows == []


@pytest.mark.parametrize(
    ("content", "line"),
    [
        pytest.param(b"a,b\n1,2\n3,4\r\n5,6\n", 3, id="Windows among Unix"),
        pytest.param(b"a,b\r\n1,2\r\n3,4\n5,6\r\n", 3, id="Unix among Windows"),
        pytest.param(b'a,b\n1,"x\r\ny"\n3,z\rz\n', 4, id="carriage return in a value without quotes"),
        pytest.param(b"a,b\n1,2\n3,4\r", 3, id="carriage return at the end"),
        pytest.param(b'a,b\n7" x,2\n1,2\r\n', 3, id="after a quote inside a value"),
        pytest.param(b'a,b\n"a""b",2\n\r\n1,2\n', 3, id="blank line of another kind"),
    ],
)
def test_lines_that_end_in_different_ways_are_refused_with_their_place(
    engine: DuckDbEngine, tmp_path: Path, content: bytes, line: int
) -> None:
    """Where it is unclear what a line is the file is refused: which line, and what to do; nothing is written."""
    with pytest.raises(BadSource, match=rf"x\.csv:{line}: .* does not end as the first line does") as caught:
        deliver(engine, tmp_path, content)
    assert "let all lines end alike" in caught.value.hint
    assert list(tmp_path.rglob("*.parquet")) == []


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"1," + b"x" * 2_500_000, id="longer than the engine reads"),
        pytest.param(b"1," + b"x" * 20_000 + b",3", id="longer than the engine keeps"),
        pytest.param(b'1,"' + b"x\n" * 1_500_000 + b'"', id="quotes around millions of lines"),
        pytest.param(b'1,"' + b"3,4\n" * 5_000, id="open quote over thousands of lines"),
    ],
)
def test_a_line_too_long_to_be_kept_is_refused(engine: DuckDbEngine, tmp_path: Path, line: bytes) -> None:
    """A part of a line is not a line: the file is refused, with the place, and nothing is written."""
    with pytest.raises(BadSource, match=r"x\.csv:3: .* does not parse, and is too long") as caught:
        deliver(engine, tmp_path, b"a,b\n1,2\n" + line + b"\n5,6\n")
    assert caught.value.hint
    assert list(tmp_path.rglob("*.parquet")) == []


def test_a_line_that_the_engine_splits_is_refused(engine: DuckDbEngine, tmp_path: Path) -> None:
    """Where quotes are so broken that the engine takes one line for two, and loses text of it, nothing is made up."""
    content = b'a,b\r\n\r\n\r\nxa,"\xff\r\n\0"xxx\0,","a\r\n,",'
    with pytest.raises(BadSource, match=r"x\.csv:4: .* too broken to be kept"):
        deliver(engine, tmp_path, content)


def test_a_damaged_stream_is_refused(engine: DuckDbEngine, tmp_path: Path) -> None:
    """What only the engine's decompressor stumbles over is told with the file's name."""
    content = gzip.compress(b"a,b\n1,2\n") + b"\0" * 20
    delivery = Delivery(engine, tmp_path, {"ok.csv": b"a,b\n", "x.csv.gz": content})
    with pytest.raises(BadSource, match=r"cannot be read as CSV: .*GZIP") as caught:
        delivery.read({"ok.csv": ["a", "b"], "x.csv.gz": ["a", "b"]})
    assert "x.csv.gz" in str(caught.value)


@pytest.mark.parametrize("name", ["x.csv.gz", "x.GZ"])
def test_a_compressed_file_is_read_as_its_text(engine: DuckDbEngine, tmp_path: Path, name: str) -> None:
    """Its name says that it is compressed; several streams one after the other are one text."""
    content = gzip.compress(b"\xef\xbb\xbfa,b\n1,2\n3\n") + gzip.compress(b"5,6\n")
    delivery = Delivery(engine, tmp_path, {name: content}).read({name: ["a", "b"]})
    assert delivery.rows == [["1", "2"], ["5", "6"]]
    assert delivery.corrupt == [("3", "missing columns", 2)]


@pytest.mark.parametrize(
    "name", ["x[1].csv", "x*.csv", "x?.csv", "it's.csv", "50% é.csv", "a b.csv", "x.csv.zst"]
)
def test_a_file_is_read_by_its_own_name(engine: DuckDbEngine, tmp_path: Path, name: str) -> None:
    """What elsewhere is a pattern or an ending with a meaning names this one file."""
    files = {name: b"a\nmine\n", "x1.csv": b"a\nother\n", "xy.csv": b"a\nother\n"}
    delivery = Delivery(engine, tmp_path, files).read({name: ["a"]})
    assert delivery.rows == [["mine"]]


@pytest.mark.parametrize(
    ("dialect", "content", "rows"),
    [
        pytest.param(CsvDialect(delimiter=";"), b"a;b\n1;2,5\n", [["1", "2,5"]], id="semicolon"),
        pytest.param(CsvDialect(delimiter="\t"), b"a\tb\n1\t 2\n", [["1", " 2"]], id="tab"),
        pytest.param(CsvDialect(delimiter="|"), b"a|b\n1|2\n", [["1", "2"]], id="bar"),
        pytest.param(CsvDialect(quote="'"), b"a,b\n'1,5',2\"\n", [["1,5", '2"']], id="single quotes"),
        pytest.param(CsvDialect(escape="\\"), b'a,b\n"x\\"y",2\n', [['x"y', "2"]], id="backslash"),
    ],
)
def test_the_declared_dialect_is_used(
    engine: DuckDbEngine, tmp_path: Path, dialect: CsvDialect, content: bytes, rows: list[list[str]]
) -> None:
    """Delimiter, quote and escape are those of the pipeline file; nothing is guessed."""
    delivery = Delivery(engine, tmp_path, {"x.csv": content}).read({"x.csv": ["a", "b"]}, dialect)
    assert delivery.rows == rows


def test_files_with_different_columns_share_a_table(engine: DuckDbEngine, tmp_path: Path) -> None:
    """Values go to their columns by name; what a file lacks is null; each file is counted for itself."""
    files = {"1.csv": b"a,b\n1,2\nx\n", "2.csv": b"b,c,a\n4,5,6\n7,8,9\n", "3.csv": b"c\n"}
    delivery = Delivery(engine, tmp_path, files)
    delivery.read({"1.csv": ["a", "b"], "2.csv": ["b", "c", "a"], "3.csv": ["c"]})
    assert delivery.rows == [["1", "2", None], ["6", "4", "5"], ["9", "7", "8"]]
    assert delivery.counts == {"1.csv": Read(1, 1), "2.csv": Read(2, 0), "3.csv": Read(0, 0)}


def test_many_files_are_read_in_several_scans(engine: DuckDbEngine, tmp_path: Path) -> None:
    """No file is left out or read twice where there are more than one scan takes."""
    names = [f"{number:02d}.csv" for number in range(40)]
    delivery = Delivery(engine, tmp_path, {name: f"a,b\n{name},2\n1\n".encode() for name in names})
    delivery.read({name: ["a", "b"] for name in names})
    assert delivery.rows == [[name, "2"] for name in names]
    assert delivery.counts == {name: Read(1, 1) for name in names}


def test_every_row_is_marked_with_its_ingestion(engine: DuckDbEngine, tmp_path: Path) -> None:
    """Rows and lines that did not parse carry the same metadata, and their place in the file."""
    delivery = deliver(engine, tmp_path, b"a,b\n1,2\n3\n4,5\n")
    metadata = "ingestion_timestamp, source_file, ingestion_batch_id, ingestion_source, source_system, data_quality_score, _batch, _row"
    mark = (MARK.timestamp, "x.csv", "shop.sales.000007", "file", "till", None, 7)
    assert [(at.astimezone(UTC), *rest) for at, *rest in delivery.select(metadata)] == [  # type: ignore[attr-defined]
        (*mark, 1),
        (*mark, 3),
        (*mark, 2),
    ]


@pytest.mark.parametrize(
    ("content", "columns", "places"),
    [
        pytest.param(b"a,b\n1,2\n2,2,x\n3,3\n4,4\n5,5\n", "a,b", [1, 3, 4, 5, -2], id="one among others"),
        pytest.param(b"a,b\nx\nx\n1,2\nx\nx\n2,2\nx\n", "a,b", [3, 6, -1, -2, -4, -5, -7], id="several"),
        pytest.param(b"a,b\n\n\n1,2\n\nx\n\n3,3\n\nx\n", "a,b", [1, 3, -2, -4], id="blank lines"),
        pytest.param(b"a,b\r\n1,2\r\n\r\nx\r\n3,3\r\n", "a,b", [1, 3, -2], id="blank lines of Windows"),
        pytest.param(
            b'a,b\n1,"2\n\n3"\n"\n\n",4,4\n3,3\n\nx\n4,4\n', "a,b", [1, 3, 5, -2, -4], id="line breaks"
        ),
        pytest.param(b"a\n1\n\n2,3\n4\n", "a", [1, 2, 4, -3], id="a blank line is a row of one column"),
        pytest.param(b"a,b\nx\nx\n", "a,b", [-1, -2], id="none that parses"),
        pytest.param(b"a,b\r1,2\r\rx\r3,3\r", "a,b", [1, 3, -2], id="carriage returns"),
    ],
)
def test_rows_and_lines_that_do_not_parse_are_numbered_together(
    engine: DuckDbEngine, tmp_path: Path, content: bytes, columns: str, places: list[int]
) -> None:
    """Each has its place among all of them, from 1: blank lines and the header have none. Beside it, a file without such lines."""
    names = columns.split(",")
    files = {"x.csv": content, "y.csv": b"a\n1\n2\n"}
    delivery = Delivery(engine, tmp_path, files).read({"x.csv": names, "y.csv": ["a"]})
    found = delivery.select(f"CASE WHEN {CORRUPT_RECORD} IS NULL THEN {ROW} ELSE -{ROW} END")
    assert found == [(place,) for place in [*places, 1, 2]]


def test_columns_may_have_the_names_that_numbering_uses(engine: DuckDbEngine, tmp_path: Path) -> None:
    """They are the file's own, whatever they are called."""
    names = "file,line,before,place,stretch,inside,earlier,passed,scanned,places"
    content = f"{names}\nx\n{names}\n".encode()
    delivery = deliver(engine, tmp_path, content, names)
    assert delivery.rows == [names.split(",")]
    assert delivery.select(ROW) == [(2,), (1,)]


def test_many_lines_that_do_not_parse_have_places_of_their_own(engine: DuckDbEngine, tmp_path: Path) -> None:
    """Whatever the size of the file and the blank lines in it, each row keeps the place that it had in the file."""
    lines = [
        "" if number % 7 == 0 else f"x{number}" if number % 11 == 0 else f'{number},"\n\n"'
        for number in range(30_000)
    ]
    delivery = deliver(engine, tmp_path, "\n".join(["a,b", *lines, ""]).encode())
    found = delivery.select(f"{ROW}, coalesce({CORRUPT_RECORD}, a)")
    wanted = [line.split(",")[0] for line in lines if line]
    assert set(found) == set(enumerate(wanted, start=1))


@pytest.mark.parametrize(
    ("content", "breaks"),
    [
        pytest.param(b"a,b\n1,2\n", LineBreaks(0, 0), id="none"),
        pytest.param(b'a,b\n1,"x\ny"\n"p\r\nq",2\n', LineBreaks(2, 0), id="in values"),
        pytest.param(b'a,b\n1,"x\n\n\r\n\ny"\n', LineBreaks(4, 3), id="blank lines in a value"),
        pytest.param(b'a,b\n1,"x\ny",3\n', LineBreaks(1, 0), id="in a line that does not parse"),
        pytest.param(b'a,b\n1,"x\n\n', LineBreaks(1, 1), id="in an open quote"),
    ],
)
def test_line_breaks_inside_values_are_counted(
    engine: DuckDbEngine, tmp_path: Path, content: bytes, breaks: LineBreaks
) -> None:
    """They are what the lines of a file exceed its rows by."""
    delivery = deliver(engine, tmp_path, content)
    assert count_line_breaks(delivery.folders, ["a", "b"], "x.csv") == breaks


texts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('",\n\r; \t\0#\\'), max_size=8)
tables = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(texts | st.none(), min_size=width, max_size=width))
)


def written(table: list[list[str | None]], end: str) -> bytes:
    """Return a table as CSV; Python's writer leaves a carriage return without quotes where lines end otherwise."""
    text = io.StringIO(newline="")
    returns = any("\r" in (value or "") for line in table for value in line)
    quoting = csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL
    csv.writer(text, lineterminator=end, quoting=quoting).writerows(table)
    return text.getvalue().encode()


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(tables, st.sampled_from(["\n", "\r\n"]))
@example([["x\r\n", "\ny"]], "\n")
def test_any_table_comes_back_as_it_was_written(
    engine: DuckDbEngine, table: list[list[str | None]], end: str
) -> None:
    """What another program writes as CSV is read value by value; an empty value and none are both null."""
    names: list[str | None] = [f"c{index}" for index in range(len(table[0]) if table else 2)]
    with tempfile.TemporaryDirectory() as folder:
        content = written([names, *table], end)
        delivery = Delivery(engine, Path(folder), {"x.csv": content}).read({"x.csv": [*map(str, names)]})
        assert delivery.rows == [[value or None for value in line] for line in table]
        assert delivery.corrupt == []
