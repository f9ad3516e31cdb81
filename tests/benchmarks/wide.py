"""What many rules cost on Spark: a made-up table of 40 columns with 30 range and format rules, to Silver with its measures.

    python tests/benchmarks/wide.py --rows 1000000 --rounds 3

Podium is held against a job as they are often written: a `withColumn` per column and rule, a `count()` per rule and measure. Values
are made from hashes of their row and column, so the table is the same on every machine; one in about 5,000 breaks its rule.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path

import duckdb
from measuring import PODIUM, Run, emptied, measured, rounds, table
from rich.console import Console
from ruamel.yaml import YAML

HERE = Path(__file__).resolve().parent
INTEGERS = [f"n{number:02}" for number in range(14)]
DECIMALS = [f"d{number:02}" for number in range(5)]
CODES = [f"s{number:02}" for number in range(15)]
TIMES = [f"t{number:02}" for number in range(5)]
TYPES = {
    "id": "string",
    **dict.fromkeys(INTEGERS, "integer"),
    **dict.fromkeys(DECIMALS, "decimal(12,2)"),
    **dict.fromkeys(CODES, "string"),
    **dict.fromkeys(TIMES, "timestamp"),
}
RANGES = [*INTEGERS, DECIMALS[0]]
LEAST, MOST = 0, 9_999
PATTERN = "[A-F]{2}-[0-9]{4}"
FILLED = "ZZ-0000"
SCORED = CODES[:5]
DEDUCTION = 10
REFERENCE = "reference"


def make(rows: int, csv: Path) -> None:
    """Write the table as CSV, unless it is there."""
    if csv.exists():
        return

    def value(name: str, kind: str) -> str:
        chance = f"hash(i, '{name}')"
        broken = f"{chance} % 5000 = 7"
        number = f"({chance} // 5000) % 10000"
        match kind:
            case "integer":
                return f"case when {broken} then '-1' else ({number})::varchar end"
            case "decimal(12,2)":
                return f"case when {broken} then '-0.01' else (({number}) / 100)::decimal(12,2)::varchar end"
            case "timestamp":
                return f"(timestamp '2024-01-01' + to_seconds(({number}) * 60))::varchar"
            case _:
                letters = f"chr((65 + {chance} % 6)::int) || chr((65 + ({chance} // 6) % 6)::int)"
                return f"case when {broken} then 'bad code' when {chance} % 20 = 3 then null else {letters} || '-' || lpad(({number})::varchar, 4, '0') end"

    columns = ", ".join(f"{value(name, kind)} as {name}" for name, kind in TYPES.items() if name != "id")
    draft = csv.with_suffix(".draft")
    # One row in a thousand comes twice.
    with duckdb.connect() as db:
        db.execute(
            f"copy (select 'K' || lpad((i - (i % 1000 = 999)::int)::varchar, 9, '0') as id, {columns} from range({rows}) r(i)) "
            f"to '{draft}' (format csv, header true)"
        )
    draft.replace(csv)


def pipeline(csv: Path) -> dict[str, object]:
    """Return the pipeline over the table."""
    dataset = {
        "sources": [{"files": {"path": str(csv), "format": "csv"}}],
        "columns": {name: {"from": name, "type": kind} for name, kind in TYPES.items()},
        "nulls": {name: {"strategy": "default", "default_value": FILLED} for name in CODES},
        "rules": {
            **{
                f"{name}_range": {"type": "range_check", "column": name, "min": LEAST, "max": MOST}
                for name in RANGES
            },
            **{
                f"{name}_format": {
                    "type": "format_validation",
                    "column": name,
                    "pattern": f"{PATTERN}|{FILLED}",
                }
                for name in CODES
            },
        },
        "duplicates": {"keys": ["id"], "order": ["t00"], "strategy": "keep_latest"},
        "scoring": {
            "deductions": {
                name: {"condition": "is_null", "column": name, "deduction": DEDUCTION} for name in SCORED
            }
        },
    }
    return {
        "apiVersion": "podium.dev/v1alpha1",
        "kind": "Pipeline",
        "metadata": {"name": "wide"},
        "spec": {"lakehouse": {"uri": "./lakehouse"}, "datasets": {"wide": dataset}},
    }


def podium(csv: Path, scratch: Path) -> Run:
    """Run the pipeline on Spark."""
    shop = emptied(scratch / PODIUM)
    file = shop / "pipeline.yaml"
    YAML().dump(pipeline(csv), file)
    program = Path(sys.executable).with_name("podium")
    return measured([program, "run", "--quiet", "--engine", "spark", "-f", file], shop / "lakehouse")


def reference(csv: Path, scratch: Path) -> Run:
    """Run the job as they are often written."""
    lakehouse = emptied(scratch / REFERENCE) / "lakehouse"
    return measured([sys.executable, HERE / "reference_wide.py", csv, lakehouse], lakehouse)


def main() -> None:
    """Measure, check, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s [options]"
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the table (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side (%(default)s)")
    parser.add_argument("--json", type=Path, help="write every figure to this file, too")
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path(tempfile.gettempdir()) / "podium-bench-wide",
        help="where the input is kept and the lakehouses are made (%(default)s)",
    )
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    csv = options.scratch / f"wide_{options.rows}.csv"
    make(options.rows, csv)
    sides = {side.__name__: partial(side, csv, options.scratch) for side in (podium, reference)}
    taken = rounds(sides, options.rounds)
    lakehouses = [options.scratch / side / "lakehouse" for side in sides]
    command = [sys.executable, HERE / "sameness.py", *lakehouses, "--without-positions"]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit("the two sides made different tables: their figures cannot be compared")
    Console().print(table(taken, f"{options.rows:,} rows of 40 columns, 30 rules"))
    if options.json:
        figures = [{side: asdict(run) for side, run in each.items()} for each in taken]
        options.json.write_text(json.dumps({"rows": options.rows, "rounds": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
