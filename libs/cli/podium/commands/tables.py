"""`podium tables`, `podium show` and `podium history`: what the lakehouse holds."""

from datetime import UTC, datetime
from typing import Annotated

import duckdb
import typer
from deltalake import DeltaTable
from podium_contracts.errors import TerminalError
from podium_contracts.events.v1 import TableVersion
from podium_lakehouse.certified import certified_tables, table_uri
from podium_lakehouse.delta.tables import Snapshot, find
from podium_lakehouse.engines.duckdb import duckdb_engine

from podium.console import Form, OutputOption, errors, output, rows_table, write_json
from podium.opening import DEFAULT_FILE, FileOption, Opened, open_pipeline

TableArgument = Annotated[str, typer.Argument(help="LAYER.TABLE, such as silver.sales or gold.fact_sale.")]


def tables(file: FileOption = DEFAULT_FILE, form: OutputOption = Form.TABLE) -> None:
    """List the certified tables with their versions, rows and sizes."""
    opened = open_pipeline(file)
    rows: list[dict[str, object]] = []
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
            }
        )
    if form == Form.JSON:
        write_json(rows)
    elif rows:
        output.print(rows_table(rows, f"certified tables in {opened.lakehouse.uri}"))
    else:
        output.print(f"no tables yet: podium run -f {file}")


def show(
    table: TableArgument,
    file: FileOption = DEFAULT_FILE,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many rows.")] = 10,
    version: Annotated[
        int | None, typer.Option("--version", "-v", min=0, help="A version of the table.")
    ] = None,
    at: Annotated[
        str, typer.Option("--at", help="As the table was at a time, such as 2026-11-23T14:00:00.")
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
    opened = open_pipeline(file)
    snapshot = _snapshot(opened, table, version, at, latest=latest)
    with duckdb_engine() as engine:
        engine.offer_table("shown", snapshot)
        engine.confine(opened.lakehouse.path)
        relation = engine.connection.sql("FROM shown")
        try:
            found = (relation.filter(where) if where else relation).limit(limit).to_arrow_table().to_pylist()
        except duckdb.Error as error:
            raise TerminalError(
                f"--where {where!r}: {error}", hint="write a condition over the columns"
            ) from error
    if form == Form.JSON:
        write_json(found)
        return
    errors.print(f"[dim]{table} at version {snapshot.version}[/]", highlight=False)
    output.print(rows_table(found) if found else "no rows")


def history(table: TableArgument, file: FileOption = DEFAULT_FILE, form: OutputOption = Form.TABLE) -> None:
    """List the commits of a table, newest first, with the run that made each."""
    opened = open_pipeline(file)
    commits = _open(opened, table).history()
    certified = _certified(opened).get(table)
    rows: list[dict[str, object]] = [
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
    else:
        output.print(rows_table(rows))


def _certified(opened: Opened) -> dict[str, TableVersion]:
    return certified_tables(opened.lakehouse, opened.pipeline.name, list(opened.pipeline.spec.datasets))


def _open(opened: Opened, name: str) -> DeltaTable:
    table = find(table_uri(opened.lakehouse, name))
    if table is None:
        raise TerminalError(f"there is no table {name}", hint=f"`podium tables -f {opened.file}` lists them")
    return table


def _snapshot(opened: Opened, name: str, version: int | None, at: str, *, latest: bool) -> Snapshot:
    table = _open(opened, name)
    uri = table_uri(opened.lakehouse, name)
    if version is not None:
        if version > table.version():
            raise TerminalError(f"{name} has no version {version}", hint=f"the newest is {table.version()}")
        return Snapshot(uri, version)
    if at:
        return Snapshot(uri, _version_at(table, name, at))
    if latest or name.startswith("_podium."):
        return Snapshot(uri, table.version())
    certified = _certified(opened).get(name)
    if certified is None and not name.startswith("quarantine."):
        raise TerminalError(
            f"no version of {name} is certified",
            hint="--latest shows the newest; the verdict is in `podium report`",
        )
    return Snapshot(uri, certified.to_version if certified else table.version())


def _version_at(table: DeltaTable, name: str, at: str) -> int:
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise TerminalError(f"{at!r} is no time", hint="write it as 2026-11-23T14:00:00") from error
    stamp = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
    earlier = [commit["version"] for commit in table.history() if commit["timestamp"] <= stamp]
    if not earlier:
        raise TerminalError(f"{name} did not exist at {at}")
    return int(max(earlier))
