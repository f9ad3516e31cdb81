"""Refused rows: counted by rule, and shown with where they came from."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from podium_lakehouse.delta.history import history_of
from podium_lakehouse.delta.tables import Snapshot, find
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine
from podium_lakehouse.expressions.dialects import DUCKDB
from podium_lakehouse.lakehouse import Lakehouse

from podium.console import Form, Row, write_json, write_rows

SHOWN = ("quarantine_id", "source_file", "source_row", "rules", "reason", "raw")


def counted(lakehouse: Lakehouse, datasets: Iterable[str], run: str = "") -> list[Row]:
    """Return how many rows each rule refused by dataset, those of a run alone where it is named; a row that breaks two counts under both."""
    statement = (
        "SELECT rule, count(*) AS rows FROM (SELECT unnest(rules) AS rule FROM refused) GROUP BY 1 ORDER BY 1"
    )
    return [{"dataset": name, **row} for name in datasets for row in _rows(lakehouse, name, statement, run)]


def write_counts(rows: list[Row], form: Form) -> None:
    """Write what `counted` returned."""
    if form == Form.JSON:
        write_json(rows)
    else:
        write_rows(rows, none="no row is in quarantine")


def write_refused(
    lakehouse: Lakehouse, dataset: str, form: Form, *, rule: str, limit: int, run: str = ""
) -> None:
    """Write refused rows of a dataset, oldest first, those of a rule or a run where they are named; where a rule has refused no row, those that have."""
    rows = _listed(lakehouse, dataset, rule=rule, limit=limit, run=run)
    if form == Form.JSON:
        write_json(rows)
        return
    shown: list[Row] = [{key: row[key] for key in SHOWN} for row in rows]
    for row in shown:
        assert isinstance(row["rules"], list)
        row["rules"] = ", ".join(row["rules"])
    rules = "" if shown else ", ".join(str(row["rule"]) for row in counted(lakehouse, [dataset], run))
    none = f"no such row; the rules that refused rows are: {rules}" if rules else "no row is in quarantine"
    write_rows(shown, none=none, figures=False)


def _listed(lakehouse: Lakehouse, dataset: str, *, rule: str, limit: int, run: str = "") -> list[Row]:
    """Return refused rows of a dataset, oldest first; those that a rule refused, and those of a run, where they are named."""
    condition = f"WHERE list_contains(rules, {DUCKDB.text(rule)})" if rule else ""
    order = "ORDER BY quarantined_at, source_file, source_row"
    return _rows(lakehouse, dataset, f"SELECT * FROM refused {condition} {order} LIMIT {limit}", run)


def _rows(lakehouse: Lakehouse, dataset: str, statement: str, run: str) -> list[Row]:
    """Return the rows of a statement over `refused`, a dataset's quarantine."""
    with _offered(lakehouse.quarantine_uri(dataset), run) as engine:
        if engine is None:
            return []
        rows: list[Row] = engine.connection.sql(statement).to_arrow_table().to_pylist()
    return rows


@contextmanager
def _offered(uri: str, run: str) -> Iterator[DuckDbEngine | None]:
    """Lend an engine that knows a quarantine as `refused`: as a whole, or what the commits of a run added; None where there is nothing."""
    table = find(uri)
    versions = _committed(history_of(table), run) if table and run else [table.version()] if table else []
    if not versions:
        yield None
        return
    with duckdb_engine() as engine:
        first, last = min(versions), max(versions)
        if run and first > 0:
            engine.offer_table("after_it", Snapshot(uri, last))
            engine.offer_table("before_it", Snapshot(uri, first - 1))
            engine.execute("CREATE VIEW refused AS FROM after_it ANTI JOIN before_it USING (quarantine_id)")
        else:
            engine.offer_table("refused", Snapshot(uri, last))
        yield engine


def _committed(history: Iterable[dict[str, object]], run: str) -> list[int]:
    return [int(str(commit["version"])) for commit in history if commit.get("podium.run") == run]
