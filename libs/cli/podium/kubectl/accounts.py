"""`kubectl podium ledger` and `quarantine`: where the rows of a run went, and which were refused."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from podium_contracts.errors import TerminalError
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import Ledger
from podium_contracts.ledger import imbalances
from podium_contracts.resources import (
    ConditionType,
    PipelineRun,
    PipelineRunStatus,
    StageOutcome,
    StageRun,
)
from podium_contracts.resources.pipeline_run import Account
from podium_runtime.cluster import Cluster
from podium_runtime.job import outcomes
from rich.text import Text

from podium.console import Form, OutputOption, Row, output, write_json, write_rows, write_terms
from podium.kubectl.connection import ContextOption, NamespaceOption, ask
from podium.kubectl.finding import missing, pinned_by, read, run_named, stages_of
from podium.kubectl.pipelines import Deployed, deployed
from podium.nearest import nearest
from podium.refused import counted, write_counts, write_refused
from podium.summary import equation, equations

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A PipelineRun.")]
LEFT_OUT = {
    "tables": "the versions of the tables",
    "ledger": "the accounts of single datasets",
    "stocks": "the stocks of single Gold tables",
    "controlTotals": "the control totals of Gold",
    "verdicts": "the checks that did not pass",
}
"""What a status may have no room for, in words."""


def ledger(
    run: RunArgument,
    whole: Annotated[
        bool, typer.Option("--whole", help="Read it from the lakehouse, where nothing is left out.")
    ] = False,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    form: OutputOption = Form.TABLE,
) -> None:
    """Account for the rows of a run: where each went.

    And what was judged, and at which versions it left the tables. A run's
    status is bounded; what it had no room for, --whole reads from the
    lakehouse, with your own AWS_… variables.

    Examples:

        kubectl podium ledger retail-1

        kubectl podium ledger retail-1 --whole

        kubectl podium ledger retail-1 -o json | jq .balanced
    """
    if whole:
        found = ask(namespace, context, lambda cluster, home: _completed_by(cluster, home, run))
        shown = _whole(*found)
    else:
        shown = ask(namespace, context, lambda cluster, home: run_named(cluster, home, run))
    if form == Form.JSON:
        write_json(_written(shown))
    else:
        _show(shown)


async def _completed_by(
    cluster: Cluster, namespace: str, name: str
) -> tuple[PipelineRun, list[StageRun], Deployed]:
    """Return a run with its stages and the Pipeline that it has pinned."""
    run = await run_named(cluster, namespace, name)
    return run, await stages_of(cluster, run), await _pinned(cluster, run)


def _whole(run: PipelineRun, stages: Sequence[StageRun], pipeline: Deployed) -> PipelineRun:
    """Return a run whose status leaves nothing out."""
    events = pipeline.lakehouse().completions.all(run.spec.pipeline)
    status = whole(run.status, stages, events)
    return run.model_copy(update={"status": status})


def whole(
    status: PipelineRunStatus, stages: Sequence[StageRun], events: Sequence[CloudEvent]
) -> PipelineRunStatus:
    """Return a run's status with all that the completions of its stages have."""
    said = list(_said(stages, events))
    parts = ("ledger", "stocks", "control_totals", "verdicts", "tables")
    complete = {part: tuple(item for one in said for item in getattr(one, part)) for part in parts}
    return status.model_copy(update={**complete, "left_out": ()})


def _said(stages: Sequence[StageRun], events: Sequence[CloudEvent]) -> Iterator[StageOutcome]:
    """Yield what each stage would have said if there had been room: by what it announced, which always fits."""
    kept = {(event.type, event.subject, event.number): event for event in events}
    for stage in stages:
        news = stage.status.outcome.announced if stage.status.outcome else ()
        keys = [(item.type, item.subject, item.sequence) for item in news]
        before = {item.subject: item.sequence for item in news if not item.fresh}
        yield outcomes.done([kept[key] for key in keys if key in kept], before)


def _written(run: PipelineRun) -> Row:
    status = run.status
    return {
        "pipelineRun": run.metadata.name,
        "pipeline": run.spec.pipeline,
        "run": status.run,
        "balanced": balanced(run),
        "ledger": [_account(account) for account in status.ledger],
        "stocks": [stock.model_dump(by_alias=True) for stock in status.stocks],
        "controlTotals": [total.model_dump(by_alias=True) for total in status.control_totals],
        "verdicts": [verdict.model_dump(mode="json", by_alias=True) for verdict in status.verdicts],
        "tables": [table.model_dump(mode="json", by_alias=True) for table in status.tables],
        "leftOut": list(status.left_out),
    }


def _account(account: Account) -> Row:
    return {**account.model_dump(by_alias=True), "balanced": not list(imbalances(Ledger(flow=account)))}


def balanced(run: PipelineRun) -> bool | None:
    """Return whether no row of a run is lost or made up; None where no stage has said."""
    condition = run.status.condition(ConditionType.CONSERVED)
    if condition is None and not run.status.ledger and not run.status.stocks:
        return None
    told = condition is None or condition.status == "True"
    books = [*(Ledger(flow=account) for account in run.status.ledger), _gold(run.status)]
    return told and not any(list(imbalances(book)) for book in books)


def _gold(status: PipelineRunStatus) -> Ledger:
    return Ledger(stocks=status.stocks, control_totals=status.control_totals)


def _show(run: PipelineRun) -> None:
    status = run.status
    succeeded = status.condition(ConditionType.SUCCEEDED)
    reason = succeeded.reason if succeeded else "Pending"
    head = Text.assemble(
        (run.metadata.name, "bold"), f" of {run.spec.pipeline}: {reason}", (f"  {status.run}", "dim")
    )
    output.print(head, soft_wrap=True)
    for account in status.ledger:
        write_terms(f"{account.subject}:", equation(account))
    for start, terms in equations(_gold(status)):
        write_terms(start, terms)
    word = {True: "balanced", False: "NOT balanced", None: "no stage has completed anything yet"}[
        balanced(run)
    ]
    output.print(f"  {word}", highlight=False)
    verdicts: list[Row] = [
        {"verdict on": item.subject, "is": item.verdict, "because of": "; ".join(item.failed)}
        for item in status.verdicts
    ]
    tables: list[Row] = [
        {
            "table": item.name,
            "version": f"{'none' if item.from_version is None else item.from_version} → {item.to_version}",
            "rows": item.rows,
        }
        for item in status.tables
    ]
    for rows in filter(None, (verdicts, tables)):
        output.print()
        write_rows(rows, none="")
    if status.left_out:
        parts = ", ".join(LEFT_OUT.get(part, part) for part in status.left_out)
        output.print(f"\nLeft out, as the status has no room: {parts}. All of it:", highlight=False)
        command = f"kubectl podium ledger {run.metadata.name} --whole -n {run.metadata.namespace}"
        output.print(Text(f"  {command}"), soft_wrap=True)


def quarantine(
    name: Annotated[
        str,
        typer.Argument(metavar="RUN|PIPELINE", help="Whose refused rows: of one run, or all of a pipeline."),
    ],
    dataset: Annotated[
        str, typer.Option("--dataset", "-d", help="Show the rows of this dataset, not counts.")
    ] = "",
    rule: Annotated[
        str, typer.Option("--rule", "-r", help="With --dataset: only rows that this rule refused.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="With --dataset: how many rows.")] = 20,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    form: OutputOption = Form.TABLE,
) -> None:
    """Count the refused rows by dataset and rule, or show them.

    They are read from the lakehouse, with your own AWS_… variables.

    Examples:

        kubectl podium quarantine retail-1

        kubectl podium quarantine retail --dataset sales --rule schema.quantity
    """
    pipeline, run = ask(namespace, context, lambda cluster, home: _meant(cluster, home, name))
    lakehouse = pipeline.lakehouse()
    datasets = pipeline.document.spec.datasets
    if dataset and dataset not in datasets:
        raise TerminalError(f"no dataset {dataset!r}", hint=nearest(dataset, datasets))
    if dataset:
        write_refused(lakehouse, dataset, form, rule=rule, limit=limit, run=run)
    else:
        write_counts(counted(lakehouse, datasets, run), form)


async def _meant(cluster: Cluster, namespace: str, name: str) -> tuple[Deployed, str]:
    """Return the pipeline of a run, as that has pinned it, with the run's id; or a Pipeline of that name."""
    raw = await cluster.find("PipelineRun", namespace, name)
    if raw is None:
        found = await cluster.find("Pipeline", namespace, name)
        if found is None:
            raise await missing(cluster, namespace, name, "PipelineRun", "Pipeline")
        return deployed(found), ""
    run = read(PipelineRun, raw)
    return await _pinned(cluster, run), run.status.run


async def _pinned(cluster: Cluster, run: PipelineRun) -> Deployed:
    """Return the Pipeline that a run has pinned."""
    pinned = await pinned_by(cluster, run)
    if pinned is None:
        name = run.metadata.name
        raise TerminalError(
            f"{name} has not begun: nothing is in the lakehouse",
            hint=f"`kubectl podium wait {name}` follows it",
        )
    return deployed(pinned)
