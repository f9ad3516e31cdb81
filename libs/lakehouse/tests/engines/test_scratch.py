"""Scratch folders, and what killed processes leave of them."""

import subprocess
import sys
from pathlib import Path

import pytest
from podium_lakehouse.engines.scratch import scratch_folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let temporary folders be made in one of the test's own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_goes_when_its_work_is_done(home: Path) -> None:
    """Its files go with it."""
    with scratch_folder() as folder:
        (folder / "file").write_text("x")
        assert folder.parent == home
    assert list(home.iterdir()) == []


def test_what_a_killed_process_left_is_removed(home: Path) -> None:
    """The next one to ask for a folder removes it; those of living processes, and what is not Podium's, stay."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left, other, ours = (home / name for name in (f"podium-{dead.pid}-abc", "podium-notes", "elsewhere"))
    for folder in (left, other, ours):
        folder.mkdir()
    with scratch_folder() as first, scratch_folder() as second:
        assert sorted(home.iterdir()) == sorted([other, ours, first, second])
