"""How Podium's cost grows: the retail example at several sizes, and an increment of 100,000 rows on each.

    make bench-growth                                             engine duckdb, 1 and 10 million rows
    python tests/benchmarks/growth.py --rows 1 10 50 --engine spark

The cost of a row should not rise with their number, and the increment should cost the same on a table of any size.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from measuring import PODIUM, Run
from retail import HERE, REAL, REAL_ROWS, SCRIPTS, Bench
from rich.console import Console
from rich.table import Table

MILLION = 1_000_000
INCREMENT_ROWS = 100_000


@dataclass(frozen=True)
class Size:
    """What a build of so many rows took, and the increment on top of it."""

    rows: int
    build: Run
    increment: Run


def size(millions: float, engine: str, scratch: Path) -> Size:
    """Build from whole copies of the real file, then deliver the first lines of the next copy."""
    copies = max(round(millions * MILLION / REAL_ROWS), 1)
    inbox = scratch / "in"
    shutil.rmtree(inbox, ignore_errors=True)
    inbox.mkdir(parents=True)
    _make(copies, inbox / "history.csv")
    bench = Bench(engine, inbox / "*.csv", scratch)
    build = bench.podium()
    _make(1, inbox / "news.csv", copies, INCREMENT_ROWS)
    increment = bench.again()
    shutil.rmtree(scratch / PODIUM)
    return Size(copies * REAL_ROWS, build, increment)


def _make(copies: int, target: Path, first: int = 0, rows: int = 0) -> None:
    script = [sys.executable, HERE / "scaled.py", REAL, str(copies), target, str(first)]
    if subprocess.run([*script, *([str(rows)] if rows else [])], check=False).returncode:
        raise SystemExit(f"{target} could not be made")


def table(sizes: list[Size], engine: str) -> Table:
    """Return the figures of each size beside those of the smallest."""
    found = Table(title=f"engine {engine}; an increment is {INCREMENT_ROWS:,} rows")
    heads = (
        "rows",
        "build, CPU s",
        "µs per row",
        "of the first",
        "peak MiB",
        "increment, CPU s",
        "of the first",
    )
    for head in heads:
        found.add_column(head, justify="right")
    first = sizes[0]
    for each in sizes:
        cost, first_cost = (one.build.cpu_seconds / one.rows * 1e6 for one in (each, first))
        found.add_row(
            f"{each.rows:,}",
            f"{each.build.cpu_seconds:,.1f}",
            f"{cost:.2f}",
            f"{cost / first_cost:.2f}",
            f"{max(each.build.peak_bytes, each.increment.peak_bytes) / (1 << 20):,.0f}",
            f"{each.increment.cpu_seconds:,.1f}",
            f"{each.increment.cpu_seconds / first.increment.cpu_seconds:.2f}",
        )
    return found


def main() -> None:
    """Measure each size and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s [options]"
    )
    parser.add_argument(
        "--engine", choices=SCRIPTS, default="duckdb", help="what Podium runs on (%(default)s)"
    )
    parser.add_argument("--rows", type=float, nargs="+", default=[1, 10], help="sizes in million rows (1 10)")
    parser.add_argument("--json", type=Path, help="write every figure to this file, too")
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path(tempfile.gettempdir()) / "podium-bench-growth",
        help="where all is made: 3 GB for 10 million rows (%(default)s)",
    )
    options = parser.parse_args()
    sizes = []
    for millions in options.rows:
        sizes.append(size(millions, options.engine, options.scratch))
        print(f"{sizes[-1].rows:,} rows are measured", flush=True)
    Console().print(table(sizes, options.engine))
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in sizes], indent=2) + "\n")


if __name__ == "__main__":
    main()
