"""Lookups: a CSV file of known variants as a table, and what may be wrong with the file."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from podium_contracts.errors import BadSource
from podium_contracts.pipeline import Lookup
from podium_lakehouse.records import lookups
from podium_lakehouse.records.lookups import LookupTable

TOWNS = Lookup(path="towns.csv", key="variant", value="town")


@pytest.fixture
def table(tmp_path: Path) -> LookupTable:
    """Return a lookup that was never loaded."""
    return LookupTable("towns", str(tmp_path / "lookup_towns"))


def load(table: LookupTable, folder: Path, content: bytes) -> int:
    """Load a file's content and return the version that holds it."""
    path = folder / "towns.csv"
    path.write_bytes(content)
    return table.load(path, TOWNS)


def rows(table: LookupTable, version: int) -> list[dict[str, str]]:
    """Return the rows of a version."""
    found: list[dict[str, str]] = DeltaTable(table.uri, version=version).to_pyarrow_table().to_pylist()
    return found


def test_a_file_becomes_a_version_of_the_table(table: LookupTable, tmp_path: Path) -> None:
    """Every column is kept, as text; quotes, line breaks and a byte order mark are read as CSV."""
    content = '\ufeffvariant,town,"how many"\nBTH,Bath,1\n"Ba\nth","O\'Town, ""x""",\n'.encode()
    version = load(table, tmp_path, content)
    assert rows(table, version) == [
        {"variant": "BTH", "town": "Bath", "how_many": "1"},
        {"variant": "Ba\nth", "town": 'O\'Town, "x"', "how_many": ""},
    ]


def test_the_same_content_is_the_same_version(table: LookupTable, tmp_path: Path) -> None:
    """A file that was only touched is not loaded again."""
    first = load(table, tmp_path, b"variant,town\nBTH,Bath\n")
    assert load(table, tmp_path, b"variant,town\nBTH,Bath\n") == first


def test_other_content_is_another_version_and_the_old_one_stays(table: LookupTable, tmp_path: Path) -> None:
    """An intent that pinned the old version reads what it pinned, also where columns have come and gone since."""
    first = load(table, tmp_path, b"variant,town,county\nBTH,Bath,Somerset\n")
    second = load(table, tmp_path, b"variant,town\nYRK,York\n")
    back = load(table, tmp_path, b"variant,town,county\nBTH,Bath,Somerset\n")
    assert (
        rows(table, first) == rows(table, back) == [{"variant": "BTH", "town": "Bath", "county": "Somerset"}]
    )
    assert rows(table, second) == [{"variant": "YRK", "town": "York"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", r"has no column town, variant; it has none", id="empty"),
        pytest.param(
            b"variant,city\nBTH,Bath\n", r"has no column town; it has variant, city", id="column missing"
        ),
        pytest.param(b"variant,town\n", r"has no rows", id="header only"),
        pytest.param(b"variant,town\nBTH\n", r":2: not as many values as columns", id="too few values"),
        pytest.param(
            b"variant,town\nBTH,Bath\n\nY,York,x\n", r":4: not as many values", id="too many values"
        ),
        pytest.param(
            b"variant,town\nBTH,Bath\nBTH,Bristol\n",
            r":3: variant 'BTH' stands there twice",
            id="variant twice",
        ),
        pytest.param(
            b"variant,town,town\nBTH,Bath,Bath\n", r"town and town would be the same", id="column twice"
        ),
        pytest.param(
            b"variant,town,a b,A-b\n1,2,3,4\n", r"a_b and A-b would be the same", id="columns collide"
        ),
        pytest.param(b"variant,town\nBTH,Bath\nB\xff,Bath\n", r":3: not UTF-8", id="another encoding"),
        pytest.param(
            b'variant,town\n"BTH,Bath\n', r"cannot be read: unexpected end of data", id="open quote"
        ),
    ],
)
def test_a_file_that_is_no_lookup_is_refused(
    table: LookupTable, tmp_path: Path, content: bytes, message: str
) -> None:
    """The error names the file, the line where there is one, what is wrong, and what to do; the table stays."""
    good = load(table, tmp_path, b"variant,town\nBTH,Bath\n")
    with pytest.raises(BadSource, match=rf"towns\.csv.*{message}") as caught:
        load(table, tmp_path, content)
    assert caught.value.hint
    assert DeltaTable(table.uri).version() == good


def test_a_missing_file_is_told(table: LookupTable, tmp_path: Path) -> None:
    """The error says which file and where it was declared."""
    with pytest.raises(BadSource, match=r"lookup file .*towns\.csv does not exist") as caught:
        table.load(tmp_path / "towns.csv", TOWNS)
    assert "spec.lookups" in caught.value.hint


def test_what_another_host_has_just_loaded_is_taken(
    table: LookupTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two hosts at once one commits the rows, and the other, whose handle is older, gets the version that has them."""
    before = lookups.ensure(table.uri, pa.schema([("variant", pa.string()), ("town", pa.string())]))
    handle = DeltaTable(table.uri, version=before.version())
    version = load(table, tmp_path, b"variant,town\nBTH,Bath\n")
    monkeypatch.setattr(lookups, "ensure", lambda *_: handle)
    assert load(table, tmp_path, b"variant,town\nBTH,Bath\n") == version
    assert rows(table, version) == [{"variant": "BTH", "town": "Bath"}]
