"""Scratch folders, named after their process, so that what a killed one has left can be told and removed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "podium-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder for what need not outlive the work in it; it goes when that is done, or at the next call after a kill."""
    _sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_running(process: int) -> bool:
    """Whether a process of this machine is there, by its number."""
    return Path(f"/proc/{process}").exists()


def _sweep(home: Path) -> None:
    for folder in home.glob(f"{PREFIX}*-*"):
        process = folder.name.removeprefix(PREFIX).partition("-")[0]
        if process.isdigit() and not is_running(int(process)):
            shutil.rmtree(folder, ignore_errors=True)
