"""What Podium costs beside scripts written by hand: the retail example over the real file, many times over.

    make bench                                                    engine duckdb, 3 rounds over 10 million rows
    make bench-spark                                              engine spark
    python tests/benchmarks/retail.py --rows 525461 --rounds 1    the real file as it is, in half a minute

Each run is a process of its own from an empty lakehouse, all sides in turn. CPU seconds (user and system) and the peaks of
resident memory are what the kernel accounts to the processes when they end. Afterwards all lakehouses must hold the same rows, or
the figures mean nothing and the exit code is 1. No timing makes it fail.

What needs much memory itself is done in other processes: a child's peak begins at what its parent held when it was started.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from measuring import PODIUM, Run, emptied, measured, rounds, table
from rich.console import Console
from ruamel.yaml import YAML

HERE = Path(__file__).resolve().parent
RETAIL = HERE.parents[1] / "examples" / "retail"
REAL = RETAIL / "data" / "online_retail_2009_2010.csv.gz"
REAL_ROWS = 525_461
SCRIPTS: Mapping[str, Mapping[str, str]] = {
    "duckdb": {"handwritten": "handwritten_duckdb.py", "polars": "handwritten_polars.py"},
    "spark": {"handwritten": "handwritten_spark.py", "reference": "reference_spark.py"},
}
"""By engine: the scripts that Podium is held against, by the name of their side."""


@dataclass(frozen=True)
class Bench:
    """The engine, the input (a file or a glob), and a folder for all lakehouses."""

    engine: str
    csv: Path
    scratch: Path

    def podium(self) -> Run:
        """Run a copy of the example over the input. It publishes nothing: nor do the scripts."""
        copy_example(emptied(self.scratch / PODIUM), self.csv, lambda spec: spec.pop("publish"))
        return self.again()

    def again(self) -> Run:
        """Run the copy of the example once more, over what is new."""
        program, file = Path(sys.executable).with_name("podium"), self.scratch / PODIUM / "pipeline.yaml"
        command: list[str | Path] = [program, "run", "--quiet", "--engine", self.engine, "-f", file]
        return measured(command, self.lakehouse(PODIUM))

    def script(self, side: str) -> Run:
        """Run a script over the input."""
        emptied(self.scratch / side)
        program = HERE / SCRIPTS[self.engine][side]
        lookup = RETAIL / "lookups" / "countries.csv"
        lakehouse = self.lakehouse(side)
        return measured([sys.executable, program, self.csv, lookup, lakehouse], lakehouse)

    def lakehouse(self, side: str) -> Path:
        """Return where a side makes its tables."""
        return self.scratch / side / "lakehouse"

    def check(self) -> None:
        """Hold the lakehouses against each other; end with exit code 1 where they differ."""
        for side in SCRIPTS[self.engine]:
            options = ["--without-positions"] if self.engine == "spark" else []
            sides = [self.lakehouse(PODIUM), self.lakehouse(side)]
            command = [sys.executable, HERE / "sameness.py", *sides, *options]
            if subprocess.run(command, check=False).returncode:
                raise SystemExit(f"Podium and {side} made different tables: their figures cannot be compared")


def copy_example(
    shop: Path, csv: Path, adapt: Callable[[dict[str, Any]], object] = lambda _spec: None
) -> Path:
    """Copy the example into a folder, with other files to read and what `adapt` changes in its spec; return the pipeline file."""
    for part in ("dbt", "lookups"):
        shutil.copytree(RETAIL / part, shop / part, ignore=shutil.ignore_patterns("target", "logs"))
    yaml = YAML()
    pipeline = yaml.load(RETAIL / "pipeline.yaml")
    pipeline["spec"]["datasets"]["sales"]["sources"] = [{"files": {"path": str(csv), "format": "csv"}}]
    adapt(pipeline["spec"])
    file = shop / "pipeline.yaml"
    yaml.dump(pipeline, file)
    return file


@dataclass(frozen=True)
class Pace:
    """What Podium brings from CSV to judged Gold in an hour and in a day, at the median of its runs."""

    rows_an_hour: float
    csv_bytes_a_day: float

    def __str__(self) -> str:
        return (
            f"{self.rows_an_hour / 1e6:,.0f} million rows an hour, {self.csv_bytes_a_day / 1e9:,.0f} GB a day"
        )


ASKED = Pace(10e6, 50e9)
"""What the reference wants of a platform at least."""


def pace(rows: int, csv_bytes: int, seconds: Sequence[float]) -> Pace:
    """Return the pace of runs that took so many seconds by the clock, each over the same rows."""
    middle = median(seconds)
    return Pace(rows * 3600 / middle, csv_bytes * 86_400 / middle)


def scaled(rows: int, scratch: Path) -> tuple[Path, int]:
    """Return the input, made unless an earlier bench did, and its rows: whole copies, as many as come nearest, or the first lines."""
    copies = max(round(rows / REAL_ROWS), 1)
    cut = rows < REAL_ROWS
    csv = scratch / (f"online_retail_{rows}.csv" if cut else f"online_retail_x{copies}.csv")
    if not csv.exists():
        script: list[str | Path] = [sys.executable, HERE / "scaled.py", REAL, str(copies), csv]
        if subprocess.run([*script, *(["0", str(rows)] if cut else [])], check=False).returncode:
            raise SystemExit(f"{csv} could not be made")
    return csv, rows if cut else copies * REAL_ROWS


def main() -> None:
    """Measure, check, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s [options]"
    )
    parser.add_argument(
        "--engine", choices=SCRIPTS, default="duckdb", help="what Podium runs on (%(default)s)"
    )
    parser.add_argument(
        "--rows", type=int, default=10_000_000, help="about how many: whole copies of the file (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side (%(default)s)")
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
    bench = Bench(options.engine, csv, options.scratch)
    sides = {PODIUM: bench.podium, **{side: partial(bench.script, side) for side in SCRIPTS[options.engine]}}
    taken = rounds(sides, options.rounds)
    bench.check()
    Console().print(
        table(taken, f"engine {options.engine}, {rows:,} rows, {csv.stat().st_size / 1e6:,.0f} MB of CSV")
    )
    print("Medians of each side; the ratios are those within a round. All sides made the same rows.")
    reached = pace(rows, csv.stat().st_size, [each[PODIUM].wall_seconds for each in taken])
    print(f"Podium comes to {reached}; the reference asks for {ASKED}.")
    if options.json:
        figures = {
            "rows": rows,
            "csv_bytes": csv.stat().st_size,
            **asdict(reached),
            "rounds": [{side: asdict(run) for side, run in each.items()} for each in taken],
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
