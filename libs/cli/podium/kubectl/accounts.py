"""`kubectl podium ledger` and `quarantine`: where the rows of a run went, and which were refused."""

from typing import Annotated

import typer
from podium_contracts.errors import TerminalError
from podium_contracts.events.v1 import Ledger
from podium_contracts.ledger import imbalances
from podium_contracts.resources import ConditionType, PipelineRun
from podium_contracts.resources.pipeline_run import Account
from podium_runtime.cluster import Cluster
from rich.text import Text

from podium.console import Form, OutputOption, Row, output, write_json, write_rows, write_terms
from podium.kubectl.connection import ContextOption, NamespaceOption, ask
from podium.kubectl.finding import missing, pinned_by, read, run_named
from podium.kubectl.pipelines import Deployed, deployed
from podium.nearest import nearest
from podium.refused import counted, listed, write_counts, write_refused
from podium.summary import equation

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A PipelineRun.")]


def ledger(
    run: RunArgument,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    form: OutputOption = Form.TABLE,
) -> None:
    """Account for the rows of a run: where each went.

    And what was judged, and at which versions it left the tables.

    Examples:

        kubectl podium ledger retail-1

        kubectl podium ledger retail-1 -o json | jq .balanced
    """
    found = ask(namespace, context, lambda cluster, home: run_named(cluster, home, run))
    if form == Form.JSON:
        write_json(_written(found))
    else:
        _show(found)


def _written(run: PipelineRun) -> Row:
    status = run.status
    return {
        "pipelineRun": run.metadata.name,
        "pipeline": run.spec.pipeline,
        "run": status.run,
        "balanced": balanced(run),
        "ledger": [_account(account) for account in status.ledger],
        "verdicts": [verdict.model_dump(mode="json", by_alias=True) for verdict in status.verdicts],
        "tables": [table.model_dump(mode="json", by_alias=True) for table in status.tables],
    }


def _account(account: Account) -> Row:
    return {**account.model_dump(by_alias=True), "balanced": not list(imbalances(Ledger(flow=account)))}


def balanced(run: PipelineRun) -> bool | None:
    """Return whether no row of a run is lost or made up; None where no stage has said."""
    condition = run.status.condition(ConditionType.CONSERVED)
    if condition is None and not run.status.ledger:
        return None
    told = condition is None or condition.status == "True"
    return told and not any(list(imbalances(Ledger(flow=account))) for account in run.status.ledger)


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
        write_refused(listed(lakehouse, dataset, rule=rule, limit=limit, run=run), form)
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
    pinned = await pinned_by(cluster, run)
    if pinned is None:
        raise TerminalError(
            f"{name} has not begun: it has refused nothing", hint=f"`kubectl podium wait {name}` follows it"
        )
    return deployed(pinned), run.status.run
