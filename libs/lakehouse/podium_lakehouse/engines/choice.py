"""Which engine a run takes where the pipeline leaves it open: DuckDB as far as one machine goes, Spark above."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from podium_contracts.names import EngineName, EngineWish

BYTES_PER_CORE = 10 * 10**9
"""CSV that the duckdb engine takes per core: some ten minutes of work (26.9 s for 931 MB on two cores)."""
ROOM = 2
"""Bytes that must be free for each byte of CSV: a staged batch takes a third of it, the tables of a refused one all of it."""
UNPACKED = 8
"""A compressed file counts as so many times its size."""


@dataclass(frozen=True)
class Choice:
    """An engine, and why."""

    engine: EngineName
    reason: str


def choose(wish: EngineWish, sizes: Mapping[str, int], lakehouse: Path | None) -> Choice:
    """Return the engine for reading files of these sizes, by name: as wished, else as fits this machine.

    `lakehouse` is the folder that the tables go into, None where they go elsewhere.
    """
    if wish != EngineWish.AUTO:
        return Choice(EngineName(wish), "as asked")
    size = sum(size * (UNPACKED if name.lower().endswith(".gz") else 1) for name, size in sizes.items())
    cores = len(os.sched_getaffinity(0))
    folders = [Path(tempfile.gettempdir())]
    if lakehouse:
        folders.append(next(folder for folder in (lakehouse, *lakehouse.parents) if folder.exists()))
    room = min(shutil.disk_usage(folder).free for folder in folders) // ROOM
    fits = min(cores * BYTES_PER_CORE, room)
    limits = f"{_gigabytes(fits)} fit this machine ({cores} cores, {_gigabytes(room * ROOM)} free)"
    engine = EngineName.DUCKDB if size <= fits else EngineName.SPARK
    return Choice(engine, f"{_gigabytes(size)} of new text, {limits}")


def _gigabytes(size: int) -> str:
    return f"{size / 10**9:,.1f} GB"
