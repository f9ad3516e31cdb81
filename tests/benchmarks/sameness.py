"""Whether two lakehouses hold the same Bronze, Silver, quarantine, Gold and quality measures, whatever the order of their rows.

    python tests/benchmarks/sameness.py PODIUM HANDWRITTEN     prints every difference; exits 1 if there is any

With `--without-positions` the numbers of a source's lines are left out, which a script on Spark does not count. Each column is compared by the sum of its values' hashes, and so are whole rows. The hash depends on the type, too.
"""

import json
import os
import sys
from collections.abc import Set as AbstractSet
from decimal import Decimal
from pathlib import Path

import duckdb
from deltalake import DeltaTable

FROM_THE_RUN = {
    "_batch",
    "created_at",
    "ingestion_batch_id",
    "ingestion_timestamp",
    "quarantine_id",
    "quarantined_at",
    "source_file",
    "updated_at",
}
"""Columns that say when and by which ingestion a row came, not what it is."""
POSITIONS = {"_row", "source_row"}

LEDGER = ("rowsIn", "inserted", "deduplicated", "quarantined")
"""What a script's tables say of where each row went."""

NOT_BY_ALL = ("broken.", "evaluated", "ledger.", "newest.", "refused")
"""Measures that not every script has."""

Figures = dict[str, object]


def differences(podium: Path, handwritten: Path, ignored: AbstractSet[str] = FROM_THE_RUN) -> list[str]:
    """Return a line for each table, column and measure that differs, but for the columns that are ignored."""
    tables = sorted({table for lakehouse in (podium, handwritten) for table in tables_of(lakehouse)})
    found = [
        f"{table}: {difference}"
        for table in tables
        for difference in unequal(figures(podium / table, ignored), figures(handwritten / table, ignored))
    ]
    ours = measures(podium)
    theirs = {
        name: Decimal(value) for name, value in json.loads((handwritten / "metrics.json").read_text()).items()
    }
    wanted = [name for name in ours if name in theirs or not name.split(" ")[1].startswith(NOT_BY_ALL)]
    compared = unequal({name: ours[name] for name in wanted}, {name: theirs.get(name) for name in wanted})
    return found + [f"measure {line}" for line in compared]


def tables_of(lakehouse: Path) -> list[str]:
    """Return the tables of every layer as `layer/name`."""
    logs = (
        log
        for layer in ("bronze", "silver", "quarantine", "gold")
        for log in lakehouse.glob(f"{layer}/*/_delta_log")
    )
    return [log.parent.relative_to(lakehouse).as_posix() for log in logs]


def figures(table: Path, ignored: AbstractSet[str]) -> Figures:
    """Return the count of a table's rows, the checksum of each column that is not ignored, and that of whole rows."""
    if not DeltaTable.is_deltatable(str(table)):
        return {}
    with duckdb.connect() as db:
        rows = db.read_parquet(DeltaTable(str(table)).file_uris())
        columns = sorted(f'"{name}"' for name in rows.columns if name not in ignored)
        sums = [f"sum(hash({item})::hugeint)" for item in (*columns, ", ".join(columns))]
        values = rows.aggregate(", ".join(["count(*)", *sums])).fetchall()[0]
    return dict(zip(["rows", *columns, "whole rows"], values, strict=True))


def measures(lakehouse: Path) -> Figures:
    """Return Podium's quality measures by table and name, and what Silver's ledger counts; the script may have counted more.

    Those of a batch are left out: of a first run they are the same.
    """
    records = DeltaTable(str(lakehouse / "_podium/quality_metrics")).to_pyarrow_table().to_pylist()
    found = {
        f"{record['table_name']} {record['measure']}": record["value"]
        for record in records
        if not record["measure"].startswith("batch.")
    }
    completions = DeltaTable(str(lakehouse / "_podium/completions")).to_pyarrow_table().to_pylist()
    flows = {
        record["subject"]: json.loads(record["ledger"])["flow"]
        for record in completions
        if record["stage"] == "cleanse" and record["ledger"]
    }
    ledgers = {
        f"{subject} ledger.{name}": Decimal(flow[name]) for subject, flow in flows.items() for name in LEDGER
    }
    return found | ledgers


def unequal(left: Figures, right: Figures) -> list[str]:
    """Return a line for each figure that is not the same on both sides."""
    names = dict.fromkeys([*left, *right])
    return [
        f"{name}: {left.get(name)} and {right.get(name)}"
        for name in names
        if left.get(name) != right.get(name)
    ]


if __name__ == "__main__":
    ignored = FROM_THE_RUN | (POSITIONS if "--without-positions" in sys.argv else set())
    problems = differences(Path(sys.argv[1]), Path(sys.argv[2]), ignored)
    print("\n".join(problems) or "both lakehouses hold the same")
    sys.stdout.flush()
    os._exit(
        bool(problems)
    )  # the threads of libraries sometimes end a busy process with a signal while it exits
