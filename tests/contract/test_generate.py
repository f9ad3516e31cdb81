"""`make generate` and `make lint`: what they write, and what they refuse, on a copy of the contract."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from contract.schema import ROOT, SCHEMA

REPOSITORY = ROOT.parent
NEEDED = (
    "proto",
    "docs/reference",
    "docs/how-to",
    "examples/consumers",
    "libs/contracts/podium_contracts/events",
)
ROWS = "int64 rows = 5;"
ADDED = f"{ROWS}\n  // Bytes of all its files.\n  int64 bytes = 7;"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of everything that is generated, and of what it is generated from."""
    for folder in NEEDED:
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    return tmp_path


def change(copy: Path, old: str, new: str) -> None:
    """Change the schema of a copy."""
    schema = copy / "proto" / SCHEMA
    text = schema.read_text()
    assert text.count(old) == 1
    schema.write_text(text.replace(old, new))


def generate(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program of a copy."""
    command = [sys.executable, str(copy / "proto/generate.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def contents(copy: Path) -> dict[str, bytes]:
    """Return every file of a copy."""
    return {
        str(path.relative_to(copy)): path.read_bytes()
        for path in copy.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_an_addition_is_drift_until_it_is_generated(copy: Path) -> None:
    """A new field goes into the released contract, the models, the document and the reference, and nowhere else."""
    change(copy, ROWS, ADDED)
    before = contents(copy)
    drift = generate(copy, "--check")
    assert drift.returncode == 1
    assert "released.txtpb is out of date: run `make generate`" in drift.stderr
    assert contents(copy) == before

    assert generate(copy).returncode == 0
    after = contents(copy)
    assert {name for name in after if after[name] != before[name]} == {
        "proto/podium/events/v1/released.txtpb",
        "libs/contracts/podium_contracts/events/v1.py",
        "docs/reference/events.asyncapi.yaml",
        "docs/reference/events.md",
    }
    assert generate(copy, "--check").returncode == 0


@pytest.mark.parametrize("arguments", [(), ("--check",)], ids=["generate", "check"])
def test_a_break_is_refused_and_nothing_is_written(copy: Path, arguments: tuple[str, ...]) -> None:
    """All problems are told at once, one a line; the files stay as they are."""
    change(copy, ROWS, "double rows = 5;")
    change(copy, "// What is wrong, in words; empty where it passed.", "")
    before = contents(copy)
    refused = generate(copy, *arguments)
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        "podium/events/v1/events.proto: Check.message: say in a comment what it is",
        (
            "podium/events/v1/events.proto: TableVersion.rows = 5: its type, int64, became double: "
            "add a field with another number instead"
        ),
    ]
    assert contents(copy) == before


def test_an_example_that_differs_from_its_page_is_drift(copy: Path) -> None:
    """What the page shows is what the tests run."""
    example = copy / "examples/consumers/with_podium.py"
    example.write_text(example.read_text().replace("reports", "accounts"))
    drift = generate(copy, "--check")
    assert drift.stderr.splitlines() == ["docs/how-to/consume-events.md is out of date: run `make generate`"]
