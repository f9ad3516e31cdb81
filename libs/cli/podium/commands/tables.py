"""`podium tables`, `podium show` and `podium history`: what the lakehouse holds."""

from datetime import UTC, datetime
from typing import Annotated

import duckdb
import typer
from deltalake import DeltaTable
from podium_contracts.errors import TerminalError
from podium_contracts.events.v1 import TableVersion
from podium_lakehouse.certified import certified_tables, table_uri
from podium_lakehouse.delta.history import history_of
from podium_lakehouse.delta.tables import Snapshot, column_names, find
from podium_lakehouse.engines.duckdb import duckdb_engine
from podium_lakehouse.reading.recording import Recording
from podium_lakehouse.reading.usage import told
from podium_lakehouse.reading.versions import kept

from podium.commands.schemas import described
from podium.console import Form, OutputOption, Row, errors, near, warn, write_json, write_rows
from podium.opening import DEFAULT_FILE, FileOption, Opened, OverlayOption, open_pipeline

TableArgument = Annotated[str, typer.Argument(help="LAYER.TABLE, such as silver.sales or gold.fact_sale.")]


def tables(
    file: FileOption = DEFAULT_FILE, overlay: OverlayOption = None, form: OutputOption = Form.TABLE
) -> None:
    """List the certified tables: versions, rows and sizes, and from the catalogue whose they are and when they were brought up to date.

    Examples:

        podium tables -f pipeline.yaml

        podium tables -o json | jq '.[] | select(.owner == null) | .table'
    """
    opened = open_pipeline(file, overlay=overlay)
    catalogue = {entry.name: entry for entry in described(opened)}
    rows: list[Row] = []
    for name, version in _certified(opened).items():
        table = DeltaTable(version.uri, version=version.to_version)
        sizes = table.get_add_actions(flatten=True)
        rows.append(
            {
                "table": name,
                "version": version.to_version,
                "rows": version.rows,
                "files": len(table.file_uris()),
                "bytes": sum(sizes["size_bytes"].to_pylist()),
                "columns": len(table.schema().fields),
                "owner": entry.owner if (entry := catalogue.get(name)) else None,
                "updated": entry.time.isoformat(timespec="seconds") if entry else None,
                "uri": version.uri,
            }
        )
    if form == Form.JSON:
        write_json(rows)
    else:
        rows = [_shown(row) for row in rows]
        title = f"certified tables in {near(opened.lakehouse.uri)}"
        write_rows(rows, title=title, none=f"no tables yet: podium run {opened.options}")


def show(
    table: TableArgument,
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many rows.")] = 10,
    version: Annotated[
        int | None, typer.Option("--version", "-v", min=0, help="A version of the table.")
    ] = None,
    at: Annotated[
        str, typer.Option("--at", help="As the table was at a time, in UTC, such as 2026-11-23T14:00:00.")
    ] = "",
    latest: Annotated[bool, typer.Option("--latest", help="The newest version, certified or not.")] = False,
    where: Annotated[str, typer.Option("--where", "-w", help="A condition in SQL.")] = "",
    form: OutputOption = Form.TABLE,
) -> None:
    """Show rows of a table: the certified version, or any other.

    Examples:

        podium show gold.fact_sale --where "transaction_type = 'return'"

        podium show silver.sales --version 1 --output json
    """
    if (version is not None) + bool(at) + latest > 1:
        raise typer.BadParameter("give one of --version, --at and --latest")
    opened = open_pipeline(file, overlay=overlay)
    snapshot = _snapshot(opened, table, version, at, latest=latest)
    found = _rows(opened, table, snapshot, where, limit)
    if form == Form.JSON:
        write_json(found)
        return
    errors.print(f"[dim]{table} at version {snapshot.version}[/]", highlight=False)
    write_rows(found, none="no rows", figures=False)


def history(
    table: TableArgument,
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    form: OutputOption = Form.TABLE,
) -> None:
    """List the commits of a table, newest first, with the run that made each.

    Examples:

        podium history silver.sales

        podium history gold.fact_sale -o json | jq '.[0].run'
    """
    opened = open_pipeline(file, overlay=overlay)
    commits = history_of(open_table(opened, table))
    certified = _certified(opened).get(table)
    rows: list[Row] = [
        {
            "version": commit["version"],
            "time": datetime.fromtimestamp(commit["timestamp"] / 1000, UTC).isoformat(timespec="seconds"),
            "operation": commit["operation"],
            "run": commit.get("podium.run", ""),
            "certified": certified is not None and certified.to_version == commit["version"],
        }
        for commit in commits
    ]
    if form == Form.JSON:
        write_json(rows)
        return
    shown: list[Row] = [
        {
            "version": f"{row['version']}{', certified' if row['certified'] else ''}",
            "time": str(row["time"]).removesuffix("+00:00").replace("T", " "),
            "operation": row["operation"],
            "run": row["run"],
        }
        for row in rows
    ]
    write_rows(shown, none="no commits")


def _shown(row: Row) -> Row:
    """Return a table's line for people: the title says where it is."""
    updated = str(row["updated"] or "").replace("T", " ")[:16]
    shown = {**row, "owner": row["owner"] or "", "updated": updated}
    return {name: value for name, value in shown.items() if name not in {"columns", "uri"}}


def _certified(opened: Opened) -> dict[str, TableVersion]:
    return certified_tables(opened.lakehouse, opened.pipeline.name, list(opened.pipeline.spec.datasets))


def _rows(opened: Opened, name: str, snapshot: Snapshot, where: str, limit: int) -> list[Row]:
    """Return rows that meet a condition, which may read nothing but the lakehouse."""
    question = f"SELECT * FROM {name} WHERE {where or 'TRUE'}"
    asked = told(question, {name: column_names(snapshot.open())})
    recording = Recording(opened.lakehouse, "show", "duckdb", {name: snapshot}, warn, asked)
    with kept({name: snapshot}), duckdb_engine() as engine:
        engine.offer_table("shown", snapshot)
        engine.confine(opened.lakehouse.uri)
        relation = engine.connection.sql("FROM shown")
        try:
            found: list[Row] = (
                (relation.filter(where) if where else relation).limit(limit).to_arrow_table().to_pylist()
            )
        except duckdb.IOException:
            raise
        except duckdb.Error as error:
            hint = f"write a condition over the columns: {', '.join(relation.columns)}"
            raise TerminalError(str(error), hint=hint if where else "") from error
    recording.end(len(found))
    return found


def open_table(opened: Opened, name: str) -> DeltaTable:
    """Return the table of a name as people write it.

    Raises:
        TerminalError: there is none.
    """
    table = find(table_uri(opened.lakehouse, name))
    if table is None:
        raise TerminalError(f"there is no table {name}", hint=f"`podium tables {opened.options}` lists them")
    return table


def _snapshot(opened: Opened, name: str, version: int | None, at: str, *, latest: bool) -> Snapshot:
    table = open_table(opened, name)
    uri = table_uri(opened.lakehouse, name)
    if version is not None:
        if version > table.version():
            raise TerminalError(f"{name} has no version {version}", hint=f"the newest is {table.version()}")
        return Snapshot(uri, version)
    if at:
        return Snapshot(uri, version_at(table, name, at))
    if latest or name.startswith("_podium."):
        return Snapshot(uri, table.version())
    certified = _certified(opened).get(name)
    if certified is None and not name.startswith("quarantine."):
        raise TerminalError(
            f"no version of {name} is certified",
            hint="--latest shows the newest; the verdict is in `podium report`",
        )
    return Snapshot(uri, certified.to_version if certified else table.version())


def version_at(table: DeltaTable, name: str, at: str) -> int:
    """Return the version that a table had at a time in ISO 8601, in UTC where it has no zone.

    Raises:
        TerminalError: it is no time, or the table did not exist then.
    """
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise TerminalError(f"{at!r} is no time", hint="write it as 2026-11-23T14:00:00") from error
    stamp = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
    earlier = [commit["version"] for commit in history_of(table) if commit["timestamp"] <= stamp]
    if not earlier:
        raise TerminalError(f"{name} did not exist at {at}", hint="`podium history` lists its commits")
    return int(max(earlier))
