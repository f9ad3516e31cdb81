"""What Podium is meant to cost at most, and what it costs: each target with its figure, met or missed.

    make bench                                                             10 million rows, after retail.py
    python tests/benchmarks/targets.py --rows 525461                       all of it, over fewer rows
    python tests/benchmarks/targets.py --retail retail.json --json t.json  beside the scripts: what retail.py has measured

CPU seconds are user and system time of a command and all processes below it. Nothing fails because a target is missed.
"""

import argparse
import csv
import gzip
import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import IO, Any

from deltalake import DeltaTable
from measuring import PODIUM, Run, emptied, measured, size
from podium.opening import open_pipeline
from podium_contracts.names import Layer
from podium_ingest.stage import ingest
from podium_lakehouse.delta.compaction import put_together
from podium_runtime.requests import request
from retail import HERE, REAL, REAL_ROWS, SCRIPTS, Bench, copy_example, scaled
from rich.console import Console
from rich.table import Table

MIB = 1 << 20
APPENDS = 100
FEW, MANY = 3, 30
BYTES = {"bronze": 9.0, "silver": 13.0, "gold": 40.0}
"""Of the CSV at most, in percent, Delta logs included."""
BYTES_AFTER_APPENDS = 12.0
NEWS = 100
"""One row in so many is new."""


@dataclass(frozen=True)
class Target:
    """A figure, and what it may be at most, in the same unit."""

    name: str
    unit: str
    most: float
    measured: float
    detail: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure is within its limit."""
        return self.measured <= self.most


def beside_scripts(rounds: Sequence[Mapping[str, Mapping[str, float]]], rows: int) -> list[Target]:
    """Return what Podium takes beside the faster of the scripts, round by round, and its highest peak."""
    ratios, faster = [], []
    for each in rounds:
        scripts = {side: figures["cpu_seconds"] for side, figures in each.items() if side != PODIUM}
        faster.append(min(scripts, key=lambda side: scripts[side]))
        ratios.append(each[PODIUM]["cpu_seconds"] / min(scripts.values()))
    peak = max(each[PODIUM]["peak_bytes"] for each in rounds) / MIB
    sides = " and ".join(sorted(set(faster)))
    return [
        Target(f"CPU, of the faster script's, {rows:,} rows", "x", 1.3, median(ratios), f"faster: {sides}"),
        Target(f"peak memory, {rows:,} rows", "MiB", 2048, peak),
    ]


def podium(file: Path) -> Run:
    """Run a pipeline with the command that people use."""
    program = Path(sys.executable).with_name("podium")
    return measured([program, "run", "--quiet", "-f", file], file.parent / "lakehouse")


def more_rules(lines: Path, rows: int, scratch: Path, rounds: int) -> Target:
    """Compare many rules with few over the same rows, to Silver; every row passes all of them."""
    seconds: dict[int, list[float]] = {FEW: [], MANY: []}
    for _ in range(rounds):
        for count in (FEW, MANY):
            file = copy_example(emptied(scratch / "rules"), lines, partial(_with_rules, count))
            seconds[count].append(podium(file).cpu_seconds)
    shutil.rmtree(scratch / "rules")
    few, many = median(seconds[FEW]), median(seconds[MANY])
    detail = f"{few:.1f} s and {many:.1f} s"
    return Target(f"{MANY} rules, more than {FEW}, {rows:,} rows", "CPU s", 2, many - few, detail)


def _with_rules(count: int, spec: dict[str, Any]) -> None:
    """Leave a pipeline its Silver and so many rules, in turn of each kind."""
    for part in ("publish", "model", "quality"):
        spec.pop(part)
    rules: dict[str, dict[str, object]] = {}
    for number in range(count):
        wide = number + 20
        kinds = (
            {"type": "range_check", "column": "quantity", "min": -100_000 - wide, "max": 100_000 + wide},
            {
                "type": "format_validation",
                "column": "invoice_no",
                "pattern": f"[A-Z]?[0-9]{{6,{wide}}}(-[0-9]+)?",
            },
            {"type": "range_check", "column": "unit_price", "min": -100_000 - wide, "max": 100_000 + wide},
            {
                "type": "format_validation",
                "column": "stock_code",
                "pattern": f"[A-Z0-9][A-Z0-9_ ]{{0,{wide}}}",
            },
        )
        rules[f"rule_{number:02}"] = dict(kinds[number % len(kinds)])
    spec["datasets"]["sales"]["rules"] = rules


def real_file(real: Path, scratch: Path) -> list[Target]:
    """Run the example as it is, published, over the real file, from the command to the finished report."""
    run = podium(copy_example(emptied(scratch / "real"), real))
    shutil.rmtree(scratch / "real")
    bytes_of_csv = _bytes_of(real)
    layers = {layer: getattr(run, f"{layer}_bytes") for layer in BYTES}
    return [
        Target(
            "the real file, command to report",
            "CPU s",
            10,
            run.cpu_seconds,
            f"{run.wall_seconds:.1f} s by the clock",
        ),
        *(
            Target(
                f"{layer.title()} of the CSV", "%", BYTES[layer], 100 * size / bytes_of_csv, f"{size:,} bytes"
            )
            for layer, size in layers.items()
        ),
    ]


def news(rows: int, scratch: Path) -> Target:
    """Run once over so many rows, then over one in a hundred more: three months, whose first nine days are there already."""
    inbox = emptied(scratch / "in")
    history, _ = scaled(rows, scratch)
    copies = max(rows // REAL_ROWS, 1)
    (inbox / "history.csv").symlink_to(history)
    bench = Bench("duckdb", inbox / "*.csv", scratch)
    first = bench.podium()
    more = max(rows // NEWS, 1)
    script: list[str | Path] = [
        sys.executable,
        HERE / "scaled.py",
        REAL,
        "1",
        inbox / "news.csv",
        str(copies),
        str(more),
    ]
    subprocess.run(script, check=True)
    again = bench.again()
    shutil.rmtree(inbox)
    most = 0.05 * first.cpu_seconds + 1
    detail = f"the first run took {first.cpu_seconds:.1f} s"
    return Target(f"{more:,} new rows on {rows:,}", "CPU s", most, again.cpu_seconds, detail)


def appended(real: Path, scratch: Path, appends: int) -> Target:
    """Bring the real file into Bronze in so many parts, each a commit, and put its files together."""
    inbox, shop = emptied(scratch / "parts"), emptied(scratch / "appended")
    opened = open_pipeline(copy_example(shop, inbox / "*.csv"))
    with _opened(real) as file:
        header, *lines = csv.reader(io.TextIOWrapper(file, "utf-8", newline=""))
    share = -(-len(lines) // appends)
    for number in range(appends):
        with (inbox / f"part_{number:03}.csv").open("w", newline="") as part:
            csv.writer(part).writerows([header, *lines[number * share : (number + 1) * share]])
        ingest(request(opened.pipeline), opened.pipeline, opened.lakehouse)
    uri = opened.lakehouse.table_uri(Layer.BRONZE, "sales")
    before = _live_bytes(uri)
    put_together(uri)
    after = _live_bytes(uri)
    shutil.rmtree(inbox)
    shutil.rmtree(shop)
    of_csv = 100 * after / _bytes_of(real)
    detail = f"{before:,} bytes before the compaction"
    return Target(
        f"Bronze of the CSV, {appends} appends and a compaction", "%", BYTES_AFTER_APPENDS, of_csv, detail
    )


def _live_bytes(uri: str) -> int:
    """Return the bytes of the files that a table has now, and of its log: what VACUUM leaves."""
    files = [Path(path) for path in DeltaTable(uri).file_uris()]
    return sum(file.stat().st_size for file in files) + size(Path(uri) / "_delta_log")


def _opened(source: Path) -> IO[bytes]:
    return gzip.open(source) if source.suffix == ".gz" else source.open("rb")  # type: ignore[return-value]


def _bytes_of(source: Path) -> int:
    with _opened(source) as file:
        return file.seek(0, 2)


def table(targets: list[Target]) -> Table:
    """Return every target with its figure."""
    found = Table("", "measured", "at most", "", "", title="what Podium is meant to cost at most")
    for column in found.columns[1:3]:
        column.justify = "right"
    for target in targets:
        figures = [f"{value:,.2f} {target.unit}" for value in (target.measured, target.most)]
        found.add_row(target.name, *figures, "met" if target.met else "[bold]MISSED[/bold]", target.detail)
    return found


def main() -> None:
    """Measure each target and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s [options]"
    )
    parser.add_argument(
        "--rows", type=int, default=10_000_000, help="about how many: whole copies of the file (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs of what is compared (%(default)s)")
    parser.add_argument(
        "--appends", type=int, default=APPENDS, help="into how many parts Bronze's file is cut (%(default)s)"
    )
    parser.add_argument("--real", type=Path, default=REAL, help="the real file (%(default)s)")
    parser.add_argument(
        "--retail",
        type=Path,
        help="the figures that retail.py has written with --json; measured anew unless given",
    )
    parser.add_argument("--json", type=Path, help="write every figure to this file, too")
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path(tempfile.gettempdir()) / "podium-bench",
        help="where the input is kept and the lakehouses are made: 3 GB for 10 million rows (%(default)s)",
    )
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    lines, rows = scaled(options.rows, options.scratch)
    if options.retail:
        figures = json.loads(options.retail.read_text())
        beside = beside_scripts(figures["rounds"], figures["rows"])
    else:
        bench = Bench("duckdb", lines, options.scratch)
        rounds = [
            {
                PODIUM: asdict(bench.podium()),
                **{side: asdict(bench.script(side)) for side in SCRIPTS["duckdb"]},
            }
            for _ in range(options.rounds)
        ]
        beside = beside_scripts(rounds, rows)
    targets = [
        *beside,
        more_rules(lines, rows, options.scratch, options.rounds),
        news(rows, options.scratch),
        *real_file(options.real, options.scratch),
        appended(options.real, options.scratch, options.appends),
    ]
    Console().print(table(targets))
    if options.json:
        found = [asdict(target) | {"met": target.met} for target in targets]
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
