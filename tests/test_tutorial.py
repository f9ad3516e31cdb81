"""The tutorial is followed to the letter: its files are written, its commands run, and they print what it shows."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tutorial.md"
FILE = re.compile(r"`([\w./-]+\.\w+)`")
FILES = ("csv", "yaml", "sql")


@dataclass(frozen=True)
class Block:
    """A fenced block of the page, and the paragraphs between it and the block before."""

    language: str
    text: str
    before: str


def blocks() -> Iterator[Block]:
    """Yield the blocks of the page in their order."""
    end = 0
    page = PAGE.read_text(encoding="utf-8")
    for found in re.finditer(r"^```(\w+)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
        yield Block(found[1], found[2], page[end : found.start()])
        end = found.end()


def shown(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a block with the lines that are shown below it."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, *lines = part.splitlines()
        yield command, lines


def pattern(line: str) -> str:
    """Return a shown line as a pattern: spaces as many as there are, and anything for `…`."""
    return r"\s+".join(re.escape(word).replace("…", r".*") for word in line.split())


def unseen(lines: list[str], printed: str) -> list[str]:
    """Return the shown lines that were not printed, each after the one before it."""
    rest = iter(printed.splitlines())
    return [line for line in lines if not any(re.search(pattern(line), real) for real in rest)]


@pytest.mark.integration
@pytest.mark.timeout(400)
def test_the_tutorial_works_as_it_is_written(tmp_path: Path) -> None:
    """In an empty folder, from the first file to the last answer."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "100"}
    commands = 0
    for block in blocks():
        if block.language in FILES:
            file = tmp_path / FILE.findall(block.before)[-1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)
        elif block.language == "console":
            for command, lines in shown(block):
                done = subprocess.run(
                    command,
                    shell=True,
                    cwd=tmp_path,
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert done.returncode == 0, f"{command}: {done.stderr}"
                assert unseen(lines, done.stdout + done.stderr) == [], f"{command}\n{done.stdout}"
                commands += 1
    assert commands == 12
    assert (tmp_path / "lakehouse" / "report.html").exists()


def test_a_line_that_was_not_printed_is_missing() -> None:
    """Words, their order and the order of lines count; the spaces between them do not."""
    printed = "ingest  bronze  6\ncleanse  silver  5   balanced  0.31\n"
    assert unseen(["ingest bronze 6", "cleanse silver 5 balanced …"], printed) == []
    assert unseen(["cleanse silver 6"], printed) == ["cleanse silver 6"]
    assert unseen(["cleanse silver 5", "ingest bronze 6"], printed) == ["ingest bronze 6"]
