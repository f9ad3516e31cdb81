"""The first line of a file names its columns, or says why it does not."""

import bz2
import gzip
import lzma
from pathlib import Path

import pytest
from podium_contracts.errors import BadSource
from podium_contracts.pipeline import CsvDialect
from podium_ingest.header import header

COMMA = CsvDialect()


def put(folder: Path, name: str, content: bytes) -> Path:
    """Write a file into a folder."""
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"a,b\n1,2\n", ["a", "b"]),
        (b"a,b", ["a", "b"]),
        (b"a,b\r\n1,2\r\n", ["a", "b"]),
        (b"\xef\xbb\xbfa,b\n", ["a", "b"]),
        (b'\xef\xbb\xbf"a","b"\n', ["a", "b"]),
        (b'"a, ""b""",c\n', ['a, "b"', "c"]),
        ("Größe,😀\n".encode(), ["Größe", "😀"]),
        (b"a,b\r1,2\r", ["a", "b"]),
        (b" a , Unit Price \n", [" a ", " Unit Price "]),
    ],
    ids=[
        "plain",
        "alone",
        "CRLF",
        "byte order mark",
        "mark and quotes",
        "quoted",
        "any script",
        "carriage returns",
        "spaces",
    ],
)
@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
def test_a_header_names_the_columns(tmp_path: Path, name: str, content: bytes, names: list[str]) -> None:
    """Names are read as they stand, from a compressed file, too."""
    stored = gzip.compress(content) if name.endswith("gz") else content
    assert header(put(tmp_path, name, stored), name, COMMA) == names


@pytest.mark.parametrize(
    ("dialect", "content"),
    [
        (CsvDialect(delimiter=";"), b"a,b;c\n"),
        (CsvDialect(delimiter="\t", quote="'"), b"'a,b'\tc\n"),
    ],
    ids=["semicolon", "tab and single quotes"],
)
def test_a_header_is_read_in_the_declared_dialect(
    tmp_path: Path, dialect: CsvDialect, content: bytes
) -> None:
    """Delimiter and quote are those of the pipeline file."""
    assert header(put(tmp_path, "x.csv", content), "x.csv", dialect) == ["a,b", "c"]


def test_a_header_may_escape_its_quotes(tmp_path: Path) -> None:
    """An escape other than the doubled quote holds for the header, too."""
    path = put(tmp_path, "x.csv", b'"a\\"b",c\n')
    assert header(path, "x.csv", CsvDialect(escape="\\")) == ['a"b', "c"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no header line"),
        (b"\n1,2\n", "has no header line"),
        (b" , \n1,2\n", "has no header line"),
        (b"a,,b\n", "column 2 of the header has no name"),
        (b"a,b,\n", "column 3 of the header has no name"),
        (b"a,b,a\n", "'a' and 'a' would be the same column"),
        (b"a,A\n", "'a' and 'A' would be the same column"),
        (b"Unit Price,unit-price,x\n", "'Unit Price' and 'unit-price' would be the same column"),
        (b'"a\nb",c\n', "the header cannot be read"),
        (b'a,"b\n1,2\n', "the header cannot be read"),
        (b'a,"b"c\n', "the header cannot be read"),
        (b"a,\xff\n", "the header is not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16"),
        ("a,b\n1,2\n".encode("utf-16-le"), "is no text in UTF-8"),
        (gzip.compress(b"a,b\n"), "is compressed"),
        (b"\x28\xb5\x2f\xfd\x04\x58", "is compressed by zstd"),
        (bz2.compress(b"a,b\n"), "is compressed by bzip2"),
        (lzma.compress(b"a,b\n"), "is compressed by xz"),
        (b"PK\x03\x04\x14\0\x06\0", "is a zip archive or a workbook"),
    ],
    ids=[
        "empty file",
        "blank first line",
        "spaces only",
        "no name",
        "no name at the end",
        "same name",
        "same but for case",
        "same when standardised",
        "line break in a name",
        "open quote",
        "text after a quote",
        "another encoding",
        "UTF-16",
        "UTF-16 without a mark",
        "compressed under another name",
        "zstd",
        "bzip2",
        "xz",
        "workbook",
    ],
)
def test_a_header_that_names_no_columns_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """The error names the file, what is wrong with its first line, and what to do."""
    with pytest.raises(BadSource, match=rf"x\.csv.*{message}") as caught:
        header(put(tmp_path, "x.csv", content), "x.csv", COMMA)
    assert caught.value.hint
