"""`podium optimize` and `podium vacuum`: the files of tables, put in order and together, and taken away when nobody needs them."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer
from podium_contracts.errors import TerminalError
from podium_contracts.names import Layer
from podium_lakehouse.certified import table_names, table_uri
from podium_lakehouse.delta.tables import column_names, current
from podium_lakehouse.maintenance.needed import Needed, needed
from podium_lakehouse.maintenance.optimising import Table, optimise, vacuumed
from podium_lakehouse.maintenance.vacuuming import RETENTION_HOURS
from podium_lakehouse.records.maintenance import Action
from podium_model.project import layouts

from podium.console import Form, OutputOption, Row, errors, write_json, write_rows
from podium.opening import DEFAULT_FILE, FileOption, Opened, OverlayOption, open_pipeline

TablesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[TABLE]…", help="Such as gold.fact_sale; by default all.")
]
RetainOption = Annotated[
    int,
    typer.Option(
        "--retain", min=0, metavar="HOURS", help="Files that left a table in the last so many hours stay."
    ),
]


def optimize(
    tables: TablesArgument = None,
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    z_order: Annotated[
        str,
        typer.Option(
            "--zorder-by", metavar="COLUMNS", help="For one table, instead of its model's `zorder_by`: a,b."
        ),
    ] = "",
    retain: RetainOption = RETENTION_HOURS,
    form: OutputOption = Form.TABLE,
) -> None:
    """Z-order tables as their models declare, vacuum them, bring their statistics up to date, put small files together.

    No row changes, and nobody is told of news; it may run beside everything else.

    It works on the files, whichever engine has written them: so it takes no --engine.

    Examples:

        podium optimize -f pipeline.yaml

        podium optimize gold.fact_sale --zorder-by customer_key,date_key
    """
    opened = open_pipeline(file, overlay=overlay)
    if z_order and len(tables or ()) != 1:
        raise typer.BadParameter("--zorder-by is for one table: name it")
    declared = {} if z_order else layouts(opened.pipeline)
    done: list[Action] = []
    for name in _names(opened, tables, records=False):
        columns = tuple(z_order.split(",")) if z_order else ()
        layer, _, model = name.partition(".")
        if layer == Layer.GOLD and model in declared:
            columns = declared[model].zorder_by
        table = Table(name, table_uri(opened.lakehouse, name), columns)
        _check_columns(table)
        errors.print(f"[dim]{name}[/]", highlight=False)
        done += optimise(opened.lakehouse, table, partial(_needs, opened, table.uri), retain)
    _write(done, form)


def vacuum(
    tables: TablesArgument = None,
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    retain: RetainOption = RETENTION_HOURS,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    form: OutputOption = Form.TABLE,
) -> None:
    """Take away files that left their tables long ago, and those that none has ever had.

    Certified versions stay, and those that a stage has pinned or has yet to read, whatever their age.

    Examples:

        podium vacuum --dry-run -f pipeline.yaml

        podium vacuum gold.fact_sale --retain 24
    """
    opened = open_pipeline(file, overlay=overlay)
    done = [
        vacuumed(Table(name, uri), partial(_needs, opened, uri), retain, dry_run=dry_run)
        for name in _names(opened, tables, records=True)
        for uri in [table_uri(opened.lakehouse, name)]
    ]
    if done and not dry_run:
        opened.lakehouse.maintenance.put(done)
    _write(done, form, would=dry_run)


def _needs(opened: Opened, uri: str) -> Needed:
    """Return what is needed of a table, by this pipeline as it is now and by every other that has been in the lakehouse."""
    pipelines = [opened.pipeline, *opened.lakehouse.pipelines.others(opened.pipeline.name)]
    return needed(opened.lakehouse, pipelines).get(uri, Needed())


def _names(opened: Opened, asked: Sequence[str] | None, *, records: bool) -> list[str]:
    known = table_names(opened.lakehouse)
    for name in asked or ():
        if name not in known:
            raise TerminalError(
                f"there is no table {name}", hint=f"`podium tables {opened.options}` lists them"
            )
    return list(asked or (name for name in known if records or not name.startswith("_podium.")))


def _check_columns(table: Table) -> None:
    opened = current(table.uri)
    known = column_names(opened) if opened else []
    for column in table.z_order:
        if column not in known:
            raise TerminalError(
                f"{table.name} has no column {column}", hint=f"its columns are: {', '.join(known)}"
            )


def _write(done: Sequence[Action], form: Form, *, would: bool = False) -> None:
    if form == Form.JSON:
        write_json([{**vars(action), "columns": list(action.columns)} for action in done])
        return
    rows: list[Row] = [
        {"table": action.table, "action": action.action, "what": _told(action, would=would)}
        for action in done
        if action.files_before
    ]
    tables = len({action.table for action in done})
    write_rows(rows, none=f"nothing to do: {tables} tables are in order" if done else "no tables yet")


def _told(action: Action, *, would: bool) -> str:
    before, after = action.files_before, action.files_after
    match action.action:
        case "z_order":
            return f"by {', '.join(action.columns)}: {_files(before)} to {after:,}"
        case "vacuum":
            gone = (
                f"{_files(before - after)}, {action.bytes_freed / 1e6:,.1f} MB{' would go' if would else ''}"
            )
            return (
                f"{gone}; {after:,} older than {action.retention_hours:g} h still needed" if after else gone
            )
        case "statistics":
            return f"read of {_files(before)} that had none"
        case _:
            return f"{_files(before)} to {after:,}"


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"
