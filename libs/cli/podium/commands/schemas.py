"""`podium schema` and `podium audit`: what the columns are and were, and what was done to the tables by which run."""

from collections.abc import Mapping
from itertools import groupby
from typing import Annotated

import typer
from podium_contracts.errors import TerminalError
from podium_contracts.names import Layer
from podium_lakehouse.records.catalogue import Entry

from podium.console import Form, OutputOption, Row, output, write_json, write_rows
from podium.nearest import nearest
from podium.opening import DEFAULT_FILE, FileOption, Opened, OverlayOption, dataset_of, open_pipeline

schema = typer.Typer(
    help="The columns of tables, and how the schemas of sources have changed.", no_args_is_help=True
)


@schema.command("show")
def show_schema(
    table: Annotated[str, typer.Argument(help="LAYER.TABLE, such as bronze.sales or gold.fact_sale.")],
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    form: OutputOption = Form.TABLE,
) -> None:
    """Show the columns of a table as its last completion left it; of Bronze, also what the source calls them and which type they have there.

    Examples:

        podium schema show bronze.sales -f pipeline.yaml

        podium schema show gold.fact_sale -o json | jq -r '.columns[].name'
    """
    opened = open_pipeline(file, overlay=overlay)
    entries = {entry.name: entry for entry in described(opened)}
    if table not in entries:
        raise TerminalError(
            f"no table {table!r}", hint=nearest(table, entries) or f"nothing yet: podium run {opened.options}"
        )
    entry = entries[table]
    if form == Form.JSON:
        write_json(catalogued(entry))
        return
    kinds = {name: kind for fields in entry.source_schemas.values() for name, kind in fields.items()}
    rows: list[Row] = [
        {
            "column": column.name,
            "type": column.type,
            **(
                {"source name": column.source_name or "", "source type": kinds.get(column.name, "")}
                if kinds
                else {}
            ),
            **(
                {"description": column.description or ""} if any(c.description for c in entry.columns) else {}
            ),
        }
        for column in entry.columns
    ]
    write_rows(rows, title=f"{entry.name} at version {entry.version}", none="no columns")


@schema.command("history")
def schema_history(
    dataset: Annotated[str, typer.Argument(help="A dataset, such as sales; by default all.")] = "",
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    form: OutputOption = Form.TABLE,
) -> None:
    """List every new schema of a source: what it changed, whether that is compatible, and what was done about it.

    Examples:

        podium schema history -f pipeline.yaml

        podium schema history sales -o json | jq '.[] | select(.is_compatible | not) | .issues'
    """
    opened = open_pipeline(file, overlay=overlay)
    names = [dataset_of(opened, dataset)] if dataset else list(opened.pipeline.spec.datasets)
    found = [row for name in names for row in opened.lakehouse.schema_history.all(name)]
    if form == Form.JSON:
        write_json(found)
        return
    rows: list[Row] = [
        {
            "time": f"{row['time']:%Y-%m-%d %H:%M}",
            "dataset": row["dataset"],
            "batch": row["sequence"],
            "source": row["source_file"],
            "outcome": f"{row['outcome']}{'' if row['is_compatible'] else ', incompatible'}",
            "changes": _in_words(row),
        }
        for row in found
    ]
    write_rows(rows, none=f"nothing yet: podium run {opened.options}")


def audit(
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    run: Annotated[str, typer.Option("--run", help="Only what this run did.")] = "",
    thing: Annotated[
        str, typer.Option("--object", help="Only what was done with this file, topic/partition or table.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many rows, of the last.")] = 50,
    form: OutputOption = Form.TABLE,
) -> None:
    """List what was read from where, committed to which table, judged and published, when, and by which run; and what people decided.

    Examples:

        podium audit -f pipeline.yaml

        podium audit --object data/2026-11-27.csv

        podium audit -n 1000000 -o json | jq '.[] | select(.action == "read" and .sha256) | .object'
    """
    opened = open_pipeline(file, overlay=overlay)
    done = opened.lakehouse.audit.all(opened.pipeline.name)
    found = [row for row in done if run in {"", row["run_id"]} and thing in {"", row["object"]}][-limit:]
    if form == Form.JSON:
        write_json(found)
        return
    if not found:
        output.print(_nothing(run, thing) or f"nothing yet: podium run {opened.options}", highlight=False)
    for (name, time), rows in groupby(found, key=lambda row: (row["run_id"], row["time"])):
        write_rows([_done(row) for row in rows], title=f"{name}, {time:%Y-%m-%d %H:%M:%S}", none="")
    if len(found) == limit:
        output.print(f"[dim]the last {limit}; --limit shows more[/]", highlight=False)


def _nothing(run: str, thing: str) -> str:
    who = f"run {run} has done nothing" if run else "nothing was done" if thing else ""
    return f"{who} with {thing}" if thing else who


def described(opened: Opened) -> list[Entry]:
    """Return what the catalogue says of every table of a pipeline."""
    datasets = opened.pipeline.spec.datasets
    subjects = [f"{layer}.{name}" for layer in (Layer.BRONZE, Layer.SILVER) for name in datasets]
    subjects.append(f"{Layer.GOLD}.{opened.pipeline.name}")
    return [entry for subject in subjects for entry in opened.lakehouse.catalogue.last(subject)]


def catalogued(entry: Entry) -> Row:
    """Return an entry of the catalogue for scripts."""
    return {
        "table": entry.name,
        "owner": entry.owner,
        "uri": entry.uri,
        "version": entry.version,
        "rows": entry.rows,
        "updated": entry.time.isoformat(),
        "run": entry.run_id,
        "columns": [vars(column) for column in entry.columns],
        "source_schemas": entry.source_schemas,
        "sources": list(entry.sources),
    }


def _in_words(row: Mapping[str, object]) -> str:
    added, removed, modified = row["added_fields"], row["removed_fields"], row["modified_fields"]
    assert isinstance(added, list)
    assert isinstance(removed, list)
    assert isinstance(modified, list)
    changed = [f"{item['field']} {item['old_type']} → {item['new_type']}" for item in modified]
    return ", ".join([*(f"+{name}" for name in added), *(f"-{name}" for name in removed), *changed])


def _done(row: Row) -> Row:
    """Return what one row of the audit says for people."""
    start, end, rows = (
        "" if row[name] is None else row[name] for name in ("from_position", "to_position", "rows")
    )
    return {
        "stage": row["stage"],
        "action": row["action"],
        "what": row["object"],
        "from": start,
        "to": end,
        "rows": rows,
        "detail": row["detail"] or "",
    }
