"""What a command takes, and several of them side by side."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil
from rich.table import Table

LAYERS = ("bronze", "silver", "quarantine", "gold")
PODIUM = "podium"
WATCH_SECONDS = 0.1
FIGURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "cpu_seconds": ("CPU, seconds", "{:,.1f}".format),
    "wall_seconds": ("wall, seconds", "{:,.1f}".format),
    "peak_bytes": ("peak memory, MiB", lambda value: f"{value / (1 << 20):,.0f}"),
    **{f"{layer}_bytes": (f"{layer.title()}, MB", lambda value: f"{value / 1e6:,.2f}") for layer in LAYERS},
}
"""How each figure of a run is called and printed."""


@dataclass(frozen=True)
class Run:
    """What one run took: seconds, bytes of its processes' peaks together, and bytes of each layer with its Delta logs."""

    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    bronze_bytes: int
    silver_bytes: int
    quarantine_bytes: int
    gold_bytes: int


Round = Mapping[str, Run]
"""A run of every side, one right after the other."""


def rounds(sides: Mapping[str, Callable[[], Run]], count: int) -> list[Round]:
    """Run all sides, `count` times; who goes first changes from round to round."""
    found: list[Round] = []
    names = list(sides)
    for number in range(count):
        first = number % len(names)
        taken = {name: sides[name]() for name in (*names[first:], *names[:first])}
        found.append({name: taken[name] for name in names})
        ratios = ", ".join(
            f"{ratio(found[-1], name, 'cpu_seconds'):.2f} of the CPU seconds of {name}" for name in names[1:]
        )
        print(f"round {number + 1} of {count}: {names[0]} took {ratios}", flush=True)
    return found


def ratio(taken: Round, side: str, figure: str) -> float:
    """Return the first side's figure divided by another's; 1 where that has none."""
    first = next(iter(taken.values()))
    divisor = getattr(taken[side], figure)
    return float(getattr(first, figure) / divisor) if divisor else 1.0


def emptied(folder: Path) -> Path:
    """Return the folder, without what an earlier run left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def measured(command: Sequence[str | Path], lakehouse: Path) -> Run:
    """Run a command to its end and return what it and the processes below it took.

    The kernel accounts for the command and what it waits for; Spark's Java and its workers, for which nobody waits, are watched.
    """
    log = lakehouse.parent / "log.txt"
    started = time.monotonic()
    with (
        log.open("w") as output,
        subprocess.Popen(command, stdout=output, stderr=output) as process,
        ThreadPoolExecutor() as pool,
    ):
        watch = pool.submit(below, process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - started
        cpu_seconds, peak_bytes = watch.result()
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode}: {' '.join(map(str, command))}; see {log}")
    layers = {f"{layer}_bytes": size(lakehouse / layer) for layer in LAYERS}
    return Run(
        cpu_seconds=usage.ru_utime + usage.ru_stime + cpu_seconds,
        wall_seconds=wall,
        peak_bytes=max(usage.ru_maxrss * 1024, peak_bytes),
        **layers,
    )


def below(pid: int) -> tuple[float, int]:
    """Watch the processes below another one until all have ended.

    Returns their CPU seconds, as they were seen last, and the most resident memory that all of them and the other one had at the same
    time, in bytes; what they share counts for each.
    """
    root = psutil.Process(pid)
    alive = {root}
    cpu_seconds: dict[psutil.Process, float] = {}
    peak = 0
    while alive:
        alive |= {child for process in alive for child in children(process)}
        resident = {process: memory for process in alive if (memory := resident_bytes(process))}
        alive &= resident.keys()
        for process in alive - {root}:
            with suppress(psutil.Error):
                times = process.cpu_times()
                cpu_seconds[process] = times.user + times.system
        peak = max(peak, sum(resident.values()))
        time.sleep(WATCH_SECONDS)
    return sum(cpu_seconds.values()), peak


def tree_seconds(pid: int) -> float:
    """Return the CPU seconds that a process and those below it have taken so far, and those that these have waited for."""
    root = psutil.Process(pid)
    found = 0.0
    for process in [root, *children(root)]:
        with suppress(psutil.Error):
            times = process.cpu_times()
            found += times.user + times.system + times.children_user + times.children_system
    return found


def children(process: psutil.Process) -> list[psutil.Process]:
    """Return the processes below one, none if it has ended."""
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def resident_bytes(process: psutil.Process) -> int:
    """Return the memory of a process, 0 if it has ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def size(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def table(taken: Sequence[Round], title: str) -> Table:
    """Return the medians of each side, and the first one's ratio to each other with its least and most."""
    sides = list(taken[0])
    found = Table("", *sides, *(f"to {side} (least-most)" for side in sides[1:]), title=title)
    for column in found.columns[1:]:
        column.justify = "right"
    for figure, (name, text) in FIGURES.items():
        figures = [text(median(getattr(each[side], figure) for each in taken)) for side in sides]
        ratios = [[ratio(each, side, figure) for each in taken] for side in sides[1:]]
        found.add_row(
            name, *figures, *(f"{median(some):.2f} ({min(some):.2f}-{max(some):.2f})" for some in ratios)
        )
    return found
