"""Streams: how much Podium takes from a topic, and how soon it is certified and published.

    make bench-stream                                                     half an hour on an idle machine
    make bench-stream CHART=docs/images/stream-latency.svg                and draws the latencies
    python -m tests.benchmarks.streaming --only latency --minutes 1       quick, to see what a change does

Three parts: `throughput` into Bronze beside programs written by hand; `latency` of every message at a steady rate, for each trigger; `empty`
runs through all services. All on a real broker with the services as processes, real retail lines (made longer by `scaled.py`) as events. No
timing makes it fail; a message that is lost does.
"""

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks import empty_runs, latency, throughput
from tests.benchmarks.drawing import Panel, drawing
from tests.benchmarks.running import lines, load

PARTS = ("throughput", "empty", "latency")
GOALS = {2.0: {"silver": 5.0, "gold": 30.0}, 30.0: {"silver": 60.0, "gold": 60.0}}
"""By trigger, in seconds: what p99 of each layer's latency is to stay below."""
EMPTY_GOAL = 1.0


def main() -> None:
    """Measure, print, and write what is asked for."""
    options = _options()
    options.scratch.mkdir(parents=True, exist_ok=True)
    figures: dict[str, object] = {}
    print(f"before: {load()}", flush=True)
    if "throughput" in options.only:
        csv = lines(options.events, options.scratch)
        taken = throughput.measure(options.scratch, csv, options.events)
        figures["throughput"] = {name: asdict(each) for name, each in taken.items()}
        Console().print(throughput.table(taken, options.events, f"{options.events:,} events into Bronze"))
    if "empty" in options.only:
        csv = lines(empty_runs.LINES, options.scratch)
        empty = empty_runs.measure(options.scratch / "empty", csv, options.runs)
        figures["empty"] = empty.seconds
        said = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in empty.quantiles.items())
        print(f"{options.runs} runs with nothing to do: {said}; goal: p99 < {EMPTY_GOAL:g} s")
    if "latency" in options.only:
        figures["latency"] = [asdict(each) for each in _latencies(options)]
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(f"after: {load()}")


def _latencies(options: argparse.Namespace) -> list[latency.Latencies]:
    """Measure each trigger, print the table, and draw the picture where one is asked for."""
    csv = lines(round(options.rate * options.minutes * 60), options.scratch)
    found = []
    for trigger in options.triggers:
        taken = latency.measure(options.scratch / "latency", csv, options.rate, options.minutes, trigger)
        print(
            f"trigger {trigger:g} s: CPU seconds {taken.cpu_seconds} in {taken.wall_seconds:g} s; events {taken.batches}"
        )
        found.append(taken)
    Console().print(_table(found, f"{options.rate:g} events a second for {options.minutes:g} minutes"))
    if options.chart:
        panels = [
            Panel(f"Trigger {each.trigger_seconds:g} s", each.course, GOALS.get(each.trigger_seconds, {}))
            for each in found
        ]
        options.chart.write_text(drawing(panels))
    return found


def _table(found: list[latency.Latencies], title: str) -> Table:
    table = Table("trigger", "produced to", *latency.QUANTILES, "goal for p99", title=title)
    for column in table.columns[2:]:
        column.justify = "right"
    for each in found:
        for goal, quantiles in each.quantiles.items():
            wanted = GOALS.get(each.trigger_seconds, {}).get(goal)
            table.add_row(
                f"{each.trigger_seconds:g} s",
                {"silver": "certified Silver", "gold": "certified, published Gold"}[goal],
                *(f"{seconds:.2f} s" for seconds in quantiles.values()),
                f"{wanted:g} s" if wanted else "",
            )
    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s [options]"
    )
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="these parts (all)")
    parser.add_argument("--events", type=int, default=2_000_000, help="in the backlog (%(default)s)")
    parser.add_argument("--rate", type=float, default=3000, help="events a second (%(default)s)")
    parser.add_argument("--minutes", type=float, default=10, help="how long (%(default)s)")
    parser.add_argument("--triggers", type=float, nargs="+", default=list(GOALS), help="seconds (2 30)")
    parser.add_argument("--runs", type=int, default=200, help="with nothing to do (%(default)s)")
    parser.add_argument("--chart", type=Path, help="draw the latencies into this SVG file")
    parser.add_argument("--json", type=Path, help="write every figure to this file, too")
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path(tempfile.gettempdir()) / "podium-bench-stream",
        help="where all is made: 3 GB (%(default)s)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
