"""What Podium costs beside a script written by hand: the retail example over the real file, many times over.

    make bench                                                    3 pairs of runs over 10 million rows
    python tests/benchmarks/retail.py --rows 525461 --pairs 1     the real file as it is, in half a minute

Each run is a process of its own from an empty lakehouse, Podium's and the script's in turn. CPU seconds (user and system) and the
peak of resident memory (of the largest process) are what the kernel accounts to the process when it ends. Afterwards both
lakehouses must hold the same rows, or the figures mean nothing and the exit code is 1. No timing makes it fail.

What needs much memory itself is done in other processes: a child's peak begins at what its parent held when it was started.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table
from ruamel.yaml import YAML

HERE = Path(__file__).resolve().parent
RETAIL = HERE.parents[1] / "examples" / "retail"
REAL = RETAIL / "data" / "online_retail_2009_2010.csv.gz"
REAL_ROWS = 525_461
LAYERS = ("bronze", "silver", "quarantine", "gold")
FIGURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "cpu_seconds": ("CPU, seconds", "{:,.1f}".format),
    "wall_seconds": ("wall, seconds", "{:,.1f}".format),
    "peak_bytes": ("peak memory, MiB", lambda value: f"{value / (1 << 20):,.0f}"),
    **{f"{layer}_bytes": (f"{layer.title()}, MB", lambda value: f"{value / 1e6:,.2f}") for layer in LAYERS},
}
"""How each figure of a run is called and printed."""


@dataclass(frozen=True)
class Run:
    """What one run took: seconds, bytes at its peak, and bytes of each layer with its Delta logs."""

    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    bronze_bytes: int
    silver_bytes: int
    quarantine_bytes: int
    gold_bytes: int


@dataclass(frozen=True)
class Pair:
    """A run of each side, one right after the other."""

    podium: Run
    handwritten: Run

    def ratio(self, figure: str) -> float:
        """Return Podium's figure divided by the script's."""
        return float(getattr(self.podium, figure) / getattr(self.handwritten, figure))


@dataclass(frozen=True)
class Bench:
    """The input, and a folder for both lakehouses."""

    csv: Path
    scratch: Path

    def pair(self, number: int) -> Pair:
        """Run both sides; each goes first in every other pair."""
        sides: list[Callable[[], Run]] = [self.podium, self.handwritten]
        runs = {side.__name__: side() for side in (sides if number % 2 == 0 else sides[::-1])}
        return Pair(**runs)

    def podium(self) -> Run:
        """Run a copy of the example over the input. It publishes nothing: nor does the script."""
        shop = emptied(self.scratch / "podium")
        for part in ("dbt", "lookups"):
            shutil.copytree(RETAIL / part, shop / part, ignore=shutil.ignore_patterns("target", "logs"))
        yaml = YAML()
        pipeline = yaml.load(RETAIL / "pipeline.yaml")
        del pipeline["spec"]["publish"]
        pipeline["spec"]["datasets"]["sales"]["sources"] = [
            {"files": {"path": str(self.csv), "format": "csv"}}
        ]
        yaml.dump(pipeline, shop / "pipeline.yaml")
        command: list[str | Path] = [
            Path(sys.executable).with_name("podium"),
            "run",
            "--quiet",
            "-f",
            shop / "pipeline.yaml",
        ]
        return measured(command, shop / "lakehouse")

    def handwritten(self) -> Run:
        """Run the script over the input."""
        lakehouse = emptied(self.scratch / "handwritten") / "lakehouse"
        lookup = RETAIL / "lookups" / "countries.csv"
        return measured([sys.executable, HERE / "handwritten.py", self.csv, lookup, lakehouse], lakehouse)

    def check(self) -> None:
        """Hold the two lakehouses against each other; end with exit code 1 where they differ."""
        sides = [self.scratch / side / "lakehouse" for side in ("podium", "handwritten")]
        if subprocess.run([sys.executable, HERE / "sameness.py", *sides], check=False).returncode:
            raise SystemExit("the two sides made different tables: their figures cannot be compared")


def emptied(folder: Path) -> Path:
    """Return the folder, without what an earlier run left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def measured(command: Sequence[str | Path], lakehouse: Path) -> Run:
    """Run a command to its end and return what it took."""
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - started
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode}: {' '.join(map(str, command))}")
    layers = {f"{layer}_bytes": size(lakehouse / layer) for layer in LAYERS}
    return Run(
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        wall_seconds=wall,
        peak_bytes=usage.ru_maxrss * 1024,
        **layers,
    )


def size(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def scaled(rows: int, scratch: Path) -> tuple[Path, int]:
    """Return the input, made unless an earlier bench did, and its rows: the whole number of copies nearest to `rows`."""
    copies = max(round(rows / REAL_ROWS), 1)
    csv = scratch / f"online_retail_x{copies}.csv"
    if not csv.exists():
        script: list[str | Path] = [sys.executable, HERE / "scaled.py", REAL, str(copies), csv]
        if subprocess.run(script, check=False).returncode:
            raise SystemExit(f"{csv} could not be made")
    return csv, copies * REAL_ROWS


def table(pairs: Sequence[Pair], title: str) -> Table:
    """Return the medians of each side, and the ratios of the pairs."""
    found = Table("", "Podium", "by hand", "least", "ratio", "most", title=title)
    for column in found.columns[1:]:
        column.justify = "right"
    for figure, (name, text) in FIGURES.items():
        ratios = [pair.ratio(figure) for pair in pairs]
        sides = [
            text(median(getattr(run, figure) for run in runs))
            for runs in ([pair.podium for pair in pairs], [pair.handwritten for pair in pairs])
        ]
        found.add_row(name, *sides, *(f"{ratio(ratios):.2f}" for ratio in (min, median, max)))
    return found


def main() -> None:
    """Measure, check, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s [options]"
    )
    parser.add_argument(
        "--rows", type=int, default=10_000_000, help="about how many: whole copies of the file (%(default)s)"
    )
    parser.add_argument("--pairs", type=int, default=3, help="runs of each side (%(default)s)")
    parser.add_argument("--json", type=Path, help="write every figure to this file, too")
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path(tempfile.gettempdir()) / "podium-bench",
        help="where the input is kept and the lakehouses are made: 3 GB for 10 million rows (%(default)s)",
    )
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    csv, rows = scaled(options.rows, options.scratch)
    bench = Bench(csv, options.scratch)
    pairs = []
    for number in range(options.pairs):
        pairs.append(bench.pair(number))
        print(
            f"pair {number + 1} of {options.pairs}: {pairs[-1].ratio('cpu_seconds'):.2f} of the script's CPU seconds"
        )
    bench.check()
    Console().print(table(pairs, f"{rows:,} rows, {csv.stat().st_size / 1e6:,.0f} MB of CSV"))
    print("Medians of each side; the ratios are those of the pairs. Both sides made the same rows.")
    if options.json:
        figures = {"rows": rows, "csv_bytes": csv.stat().st_size, "pairs": [asdict(pair) for pair in pairs]}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
