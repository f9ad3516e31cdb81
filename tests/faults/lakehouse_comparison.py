"""What a lakehouse holds, as text that is the same for two lakehouses unless they differ in more than the time of their runs.

A run's id, its trace and its time are its own, and every intent writes them. So each is replaced by the run's place among the
runs that completed something: `run 1`, `trace 1`, `time 1`. All else is compared: every row of every table, Podium's records
among them, every commit, and the published file.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import duckdb
from deltalake import DeltaTable
from podium_contracts.events.v1 import LayerCompleted
from podium_contracts.ledger import imbalances
from podium_lakehouse.delta.commits import TRANSACTION_KEY, said
from podium_lakehouse.lakehouse import Lakehouse

Contents = dict[str, list[str]]

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*Z")
DURATION = re.compile(r'"seconds":[\d.e-]+')
LAG = re.compile(r'(_lag_hours","actual":)[\d.e-]+')
"""How old the newest row was when the run was asked for: a few seconds more are another hundredth of an hour."""
RUNS = "_podium/runs"
"""A run is recorded before its first intent, so a killed one may be the only trace of itself."""
MANIFESTS = "_podium/manifests"
"""dbt's parsed projects, kept to save time: they name their folder, and when they were parsed."""


def contents(folder: Path, copy: Path | None = None, uri: str = "") -> Contents:
    """Return the rows of every table, the commits of every table, and the rows of the published file.

    Places are called alike, wherever they are. A lakehouse that is not in the folder is read from a copy; `uri` is what it calls itself.
    """
    lakehouse = copy or folder / "lakehouse"
    names = {**_run_names(lakehouse), uri or str(lakehouse): "the lakehouse", str(folder): "the folder"}
    found: Contents = {}
    for log in sorted(lakehouse.glob("*/*/_delta_log")):
        table, name = DeltaTable(str(log.parent)), log.parent.relative_to(lakehouse).as_posix()
        if name not in {RUNS, MANIFESTS}:
            found[name] = _rows(table.to_pyarrow_table().to_pylist(), names)
            found[f"commits to {name}"] = [_plain(commit, names) for commit in commits(table)]
    for path in sorted(folder.glob("*.duckdb")):
        found |= {f"{path.name}: {name}": _rows(rows, names) for name, rows in _published(path).items()}
    return found


def commits(table: DeltaTable) -> list[str]:
    """Return what every commit of a table did and under which identifier, oldest first."""
    entries = reversed(table.history())
    return [f"{entry['operation']} {said(entry).get(TRANSACTION_KEY, '')}" for entry in entries]


def differences(found: Contents, expected: Contents) -> list[str]:
    """Return a sentence for every table whose rows or commits differ."""
    sentences = []
    for name in sorted({*found, *expected}):
        ours, theirs = found.get(name, []), expected.get(name, [])
        if ours != theirs:
            surplus = [row for row in ours if row not in theirs][:2]
            missing = [row for row in theirs if row not in ours][:2]
            sentences.append(f"{name}: {len(ours)}, not {len(theirs)}; surplus {surplus}, missing {missing}")
    return sentences


def unbalanced(folder: Path, pipeline: str = "retail") -> list[str]:
    """Return every imbalance of the ledgers of a lakehouse."""
    events = Lakehouse(str(folder / "lakehouse")).completions.all(pipeline)
    books = [event.data.ledger for event in events if isinstance(event.data, LayerCompleted)]
    return [str(problem) for book in books if book for problem in imbalances(book)]


def completions(folder: Path, pipeline: str = "retail") -> set[str]:
    """Return the source and id of every event that a completion holds."""
    return {
        f"{event.source} {event.id}"
        for event in Lakehouse(str(folder / "lakehouse")).completions.all(pipeline)
    }


def in_order(events: list[str], folder: Path) -> list[str]:
    """Return the sources and ids of events, each run called by its place."""
    names = _run_names(folder / "lakehouse")
    return [_plain(event, names) for event in events]


def _run_names(lakehouse: Path) -> dict[str, str]:
    """Return what to call the ids, traces, times and pipelines of the runs that completed something."""
    records = Lakehouse(str(lakehouse))
    completed = {str(row["run_id"]) for row in records.completions.table.rows()}
    runs = [row for row in records.runs.table.rows() if str(row["run_id"]) in completed]
    names: dict[str, str] = {}
    for place, row in enumerate(sorted(runs, key=lambda row: str(row["requested_at"])), start=1):
        names[str(row["run_id"])] = f"run {place}"
        names[str(row["traceparent"])] = f"trace {place}"
        names[str(row["requested_at"])] = f"time {place}"
        names[str(row["fingerprint"])] = "the pipeline"
    return names


def _rows(rows: list[dict[str, object]], names: Mapping[str, str]) -> list[str]:
    return sorted(_plain(str({name: str(value) for name, value in row.items()}), names) for row in rows)


def _plain(text: str, names: Mapping[str, str]) -> str:
    text = MOMENT.sub(lambda found: str(datetime.fromisoformat(found.group())), text)
    text = LAG.sub(r"\1", DURATION.sub("", text))
    for name, plain in names.items():
        text = text.replace(name, plain)
    return text


def _published(path: Path) -> dict[str, list[dict[str, object]]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        tables = [str(row[0]) for row in connection.sql("SHOW TABLES").fetchall()]
        return {name: connection.sql(f'FROM "{name}"').to_arrow_table().to_pylist() for name in tables}
