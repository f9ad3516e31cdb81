"""Which files are news, and what is pinned of them before they are read."""

import gzip
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from podium_contracts.errors import BadSource
from podium_contracts.pipeline import FileSource, Pipeline, Spec
from podium_ingest import files, text
from podium_ingest.files import Files
from podium_ingest.listed import Listed

SPEC = {
    "lakehouse": {"uri": "lake"},
    "datasets": {
        "sales": {
            "sources": [{"files": {"path": "*.csv"}}],
            "columns": {"id": {"type": "string"}},
            "duplicates": {"keys": ["id"]},
        }
    },
}


def pipeline(root: Path) -> Pipeline:
    """Return a pipeline whose file lies in a folder."""
    return Pipeline("shop", Spec.model_validate(SPEC), root, "f" * 64)


def listed(root: Path, *paths: Path) -> list[Listed]:
    """Return files as they are now."""
    return [files.listed(path, path.relative_to(root).as_posix()) for path in paths]


def put(folder: Path, name: str, content: bytes = b"id\n1\n") -> Path:
    """Write a file below a folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_listing_is_sorted_and_names_each_file_once(tmp_path: Path) -> None:
    """Files of several patterns, folders left out, in an order that no file system decides."""
    for name in ("b.csv", "a.csv", "deep/er/c.csv", "x.txt"):
        put(tmp_path, name)
    (tmp_path / "folder.csv").mkdir()
    sources = [FileSource(path="*.csv"), FileSource(path="**/*.csv")]
    found = Files(pipeline(tmp_path)).listing(sources)
    assert [file.name for file in found] == ["a.csv", "b.csv", "deep/er/c.csv"]


def test_a_pattern_may_be_absolute(tmp_path: Path) -> None:
    """Files may lie anywhere, not only below the pipeline file."""
    path = put(tmp_path / "elsewhere", "a.csv")
    root = tmp_path / "project"
    root.mkdir()
    found = Files(pipeline(root)).listing([FileSource(path=f"{tmp_path}/elsewhere/*.csv")])
    assert [file.name for file in found] == [path.as_posix()]


@pytest.mark.parametrize("folder", ["my [project]", "what*", "it's 50% é"])
def test_the_pipelines_own_folder_is_no_pattern(tmp_path: Path, folder: str) -> None:
    """Only the declared path is a pattern; where the pipeline file lies is a name."""
    put(tmp_path / folder, "a.csv")
    found = Files(pipeline(tmp_path / folder)).listing([FileSource(path="*.csv")])
    assert [file.name for file in found] == ["a.csv"]


def test_a_source_without_files_is_told(tmp_path: Path) -> None:
    """A pattern that matches nothing is a mistake, and the error says where it looked."""
    with pytest.raises(BadSource, match=r"no file matches data/\*\.csv") as caught:
        Files(pipeline(tmp_path)).listing([FileSource(path="data/*.csv")])
    assert str(tmp_path / "data" / "*.csv") in caught.value.hint


def test_a_bracket_of_a_name_is_told_how_to_be_written(tmp_path: Path) -> None:
    """In a pattern it begins a set of characters."""
    put(tmp_path, "sales [2026]/a (1).csv")
    with pytest.raises(BadSource, match="no file matches") as caught:
        Files(pipeline(tmp_path)).listing([FileSource(path="sales [2026]/*.csv")])
    assert "write sales [[]2026]/*.csv" in caught.value.hint
    found = Files(pipeline(tmp_path)).listing([FileSource(path="sales [[]2026]/*.csv")])
    assert [file.name for file in found] == ["sales [2026]/a (1).csv"]


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    """It stands for a file that should be there, so it is not passed over beside others."""
    put(tmp_path, "a.csv")
    (tmp_path / "b.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(BadSource, match=r"b\.csv cannot be read: No such file"):
        Files(pipeline(tmp_path)).listing([FileSource(path="*.csv")])


@pytest.mark.parametrize("pattern", ["in/**/*.csv", "in/*/*.csv", "in/shut/*.csv", "in/shut/"])
def test_a_folder_without_permission_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    """What lies in it is not passed over, as if it were not there."""
    put(tmp_path, "in/open/a.csv")
    put(tmp_path, "in/shut/b.csv")
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: may(path, mode) and Path(path).name != "shut")
    with pytest.raises(BadSource, match="in/shut cannot be looked into: permission denied") as caught:
        Files(pipeline(tmp_path)).listing([FileSource(path=pattern)])
    assert caught.value.hint


def test_a_folder_is_all_files_that_lie_directly_in_it(tmp_path: Path) -> None:
    """Where its name ends in a slash, as of an object store's; hidden ones and folders are left out."""
    for name in ("in/b.csv", "in/a.txt", "in/.part", "in/deep/c.csv", "in2/d.csv"):
        put(tmp_path, name)
    found = Files(pipeline(tmp_path)).listing([FileSource(path="in/")])
    assert [file.name for file in found] == ["in/a.txt", "in/b.csv"]
    with pytest.raises(BadSource, match=r"no file matches in$") as caught:
        Files(pipeline(tmp_path)).listing([FileSource(path="in")])
    assert caught.value.hint == "write in/ for the files in this folder"
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadSource, match="no file matches empty/"):
        Files(pipeline(tmp_path)).listing([FileSource(path="empty/")])


@pytest.mark.parametrize(
    ("content", "lines", "blank"),
    [
        (b"", 0, 0),
        (b"a", 1, 0),
        (b"a\n", 1, 0),
        (b"a\nb", 2, 0),
        (b"a\r\nb\r\n", 2, 0),
        (b"a\n\nb\n", 3, 1),
        (b"a\n\n\n\n", 4, 3),
        (b"a\r\n\r\n\r\n", 3, 2),
        (b"\na\n", 2, 1),
        (b"a\n \n", 2, 0),
    ],
    ids=repr,
)
def test_lines_are_counted_without_a_parser(tmp_path: Path, content: bytes, lines: int, blank: int) -> None:
    """Lines and blank lines are those of the text, a last line without its end among them."""
    pinned = files.pin(put(tmp_path, "a.csv", content), "a.csv")
    assert (pinned.lines, pinned.blank) == (lines, blank)


@given(st.lists(st.sampled_from([b"x", b"\n", b"\r\n", b"\n\n"]), max_size=12), st.integers(0, 12))
def test_a_long_file_is_counted_as_a_short_one(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], cut: int
) -> None:
    """It makes no difference where the file is cut into the pieces in which it is read."""
    long = b"y" * (text.CHUNK_BYTES - cut) + b"".join(parts)
    folder = tmp_path_factory.mktemp("counted")
    pinned = files.pin(put(folder, "long.csv", long), "long.csv")
    ends = long.split(b"\n")
    lines, rest = ends[:-1], ends[-1]
    assert pinned.lines == len(lines) + bool(rest)
    assert pinned.blank == sum(line in (b"", b"\r") for line in lines)


def test_a_compressed_file_is_pinned_by_its_text(tmp_path: Path) -> None:
    """The same text, compressed or not, has the same digest and the same lines."""
    content = b"id\n1\n\n2\n"
    plain = files.pin(put(tmp_path, "a.csv", content), "a.csv")
    packed = files.pin(put(tmp_path, "a.csv.gz", gzip.compress(content)), "a.csv.gz")
    assert plain.sha256 == packed.sha256 == hashlib.sha256(content).hexdigest()
    assert (plain.lines, plain.blank) == (packed.lines, packed.blank) == (4, 1)


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"id\n" * 10_000)[:-12], b"id\n1\n", gzip.compress(b"id\n1\n")[:-8] + b"\0" * 8],
    ids=["cut off", "not compressed", "damaged"],
)
def test_a_damaged_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    """A compressed file that cannot be read to its end is an error with its name and what to do."""
    with pytest.raises(BadSource, match=r"a\.csv\.gz is not a complete gzip file") as caught:
        files.pin(put(tmp_path, "a.csv.gz", content), "a.csv.gz")
    assert "copy it again" in caught.value.hint


def test_a_file_is_news_once(tmp_path: Path) -> None:
    """Files that were ingested are not listed again, others are."""
    one, two = put(tmp_path, "1.csv"), put(tmp_path, "2.csv", b"id\n2\n")
    known = Files(pipeline(tmp_path)).news(listed(tmp_path, one), [])
    assert [file.path for file in known] == ["1.csv"]
    assert [file.path for file in Files(pipeline(tmp_path)).news(listed(tmp_path, one, two), known)] == [
        "2.csv"
    ]


def test_a_file_that_was_only_touched_is_no_news(tmp_path: Path) -> None:
    """Another time of modification makes the file be looked at; its content decides."""
    path = put(tmp_path, "1.csv")
    known = Files(pipeline(tmp_path)).news(listed(tmp_path, path), [])
    os.utime(path, ns=(0, known[0].modified_ns + 1_000_000_000))
    assert Files(pipeline(tmp_path)).news(listed(tmp_path, path), known) == []
    files.unchanged(path, known[0])


def test_a_known_file_is_not_opened(tmp_path: Path) -> None:
    """Size and time of modification are enough: here the content could not even be read."""
    path = put(tmp_path, "1.csv.gz", gzip.compress(b"id\n1\n"))
    known = Files(pipeline(tmp_path)).news(listed(tmp_path, path), [])
    path.write_bytes(b"\0" * known[0].size)
    os.utime(path, ns=(0, known[0].modified_ns))
    assert Files(pipeline(tmp_path)).news(listed(tmp_path, path), known) == []


def test_a_changed_file_is_news(tmp_path: Path) -> None:
    """New content under an old name is ingested; what was there before is not, under that name or another."""
    path = put(tmp_path, "1.csv")
    first = Files(pipeline(tmp_path)).news(listed(tmp_path, path), [])
    put(tmp_path, "1.csv", b"id\n1\n2\n")
    second = Files(pipeline(tmp_path)).news(listed(tmp_path, path), first)
    assert [file.lines for file in second] == [3]
    put(tmp_path, "1.csv")
    assert Files(pipeline(tmp_path)).news(listed(tmp_path, path), [*first, *second]) == []
    copy = put(tmp_path, "copy.csv")
    assert Files(pipeline(tmp_path)).news(listed(tmp_path, copy), first) == []


def test_a_pinned_file_must_stay_as_it_was(tmp_path: Path) -> None:
    """A file that is gone or has other content is told, with what to do."""
    path = put(tmp_path, "1.csv")
    pinned = files.pin(path, "1.csv")
    put(tmp_path, "1.csv", b"id\n2\n")
    with pytest.raises(BadSource, match="has changed since it was pinned") as caught:
        files.unchanged(path, pinned)
    assert "put the file back" in caught.value.hint
    path.unlink()
    with pytest.raises(BadSource, match="was pinned for ingestion and is gone"):
        files.unchanged(path, pinned)
