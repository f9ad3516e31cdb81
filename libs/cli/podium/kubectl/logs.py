"""`kubectl podium logs`: the log of the right pod of a run."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from podium_contracts.errors import TerminalError
from podium_contracts.resources import Attempt, PipelineRun, StageRun
from podium_contracts.resources.conditions import EXPLANATIONS
from podium_contracts.resources.course import ATTEMPT, COMPONENT, RUN, STAGE_RUN
from podium_runtime.cluster import Cluster, Manifest, Refused

from podium.console import Form, OutputOption, errors
from podium.kubectl.accounts import RunArgument
from podium.kubectl.connection import ContextOption, NamespaceOption, ask
from podium.kubectl.finding import run_named, stages_of
from podium.kubectl.lines import readable

LOOK_SECONDS = 1.0
BAD_REQUEST = 400


@dataclass(frozen=True)
class Asked:
    """What of a run's logs is wanted."""

    stage: str
    attempt: int | None
    executors: bool
    follow: bool
    as_it_is: bool


def logs(
    run: RunArgument,
    stage: Annotated[
        str,
        typer.Argument(
            metavar="STAGE",
            help="As quality, silver.sales, or the name of a StageRun; by default what runs, or ran last.",
        ),
    ] = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for the driver to begin, and for what it says.")
    ] = False,
    attempt: Annotated[
        int | None, typer.Option("--attempt", min=1, help="An earlier one; by default the last.")
    ] = None,
    executor: Annotated[
        bool, typer.Option("--executor", help="Its Spark executors, not the driver.")
    ] = False,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    form: OutputOption = Form.TABLE,
) -> None:
    """Print the log of a run's driver, or of its executors.

    Of the stage that runs, or ran last, where none is named; what a pod said is gone with it.

    Examples:

        kubectl podium logs retail-1 -f

        kubectl podium logs retail-1 cleanse --attempt 1 -o json | jq .event
    """
    asked = Asked(stage, attempt, executor, follow, as_it_is=form == Form.JSON)
    ask(namespace, context, lambda cluster, home: _print(cluster, home, run, asked))


async def _print(cluster: Cluster, namespace: str, name: str, asked: Asked) -> None:
    run = await run_named(cluster, namespace, name)
    stage = await _stage(cluster, run, asked)
    number = asked.attempt or _last(stage)
    driver = await _driver(cluster, stage, number, asked)
    errors.print(
        f"[dim]{stage.spec.stage} {stage.spec.subject}, attempt {number}, pod {driver['metadata']['name']}[/]",
        highlight=False,
        soft_wrap=True,
    )
    if not asked.executors:
        await _copy(cluster, driver, "", asked)
        return
    executors = await _executors(cluster, run, driver)
    prefix = f"{driver['metadata']['name']}-"
    await asyncio.gather(
        *(
            _copy(cluster, pod, f"{pod['metadata']['name'].removeprefix(prefix)} | ", asked)
            for pod in executors
        )
    )


async def _stage(cluster: Cluster, run: PipelineRun, asked: Asked) -> StageRun:
    """Return the StageRun that is meant: of several the one that began last.

    Raises:
        TerminalError: there is none; the hint has those that there are.
    """
    stages = await stages_of(cluster, run)
    while asked.follow and not stages:
        await asyncio.sleep(LOOK_SECONDS)
        stages = await stages_of(cluster, run)
    wanted = [
        stage
        for stage in stages
        if asked.stage in {"", stage.spec.stage, stage.spec.subject, stage.metadata.name}
    ]
    if wanted:
        under_way = [stage for stage in wanted if stage.status.outcome is None]
        return (under_way or wanted)[-1]
    if not stages:
        raise TerminalError(
            f"run {run.metadata.name} has no driver yet",
            hint=f"`kubectl podium wait {run.metadata.name}` says what it waits for",
        )
    listed = ", ".join(dict.fromkeys(f"{stage.spec.stage} {stage.spec.subject}" for stage in stages))
    raise TerminalError(f"run {run.metadata.name} has no stage {asked.stage!r}", hint=f"it has: {listed}")


def _last(stage: StageRun) -> int:
    return max((attempt.number for attempt in stage.status.attempts), default=1)


async def _driver(cluster: Cluster, stage: StageRun, number: int, asked: Asked) -> Manifest:
    """Return the pod of an attempt, once its container has begun.

    Raises:
        TerminalError: it is gone, or has not begun and is not waited for.
    """
    namespace, labels = stage.metadata.namespace, {STAGE_RUN: stage.metadata.name, ATTEMPT: str(number)}
    labels[COMPONENT] = "driver"
    while True:
        pods = await cluster.select("Pod", namespace, labels)
        waits = _waits(pods[0]) if pods else ""
        if pods and not waits:
            return pods[0]
        known = next((item for item in stage.status.attempts if item.number == number), None)
        if not pods and (known is None or known.finished or not asked.follow):
            raise _gone(stage, number, known)
        if not asked.follow:
            raise TerminalError(f"the driver has not begun: {waits}", hint="-f waits for it")
        await asyncio.sleep(LOOK_SECONDS)


def _gone(stage: StageRun, number: int, known: Attempt | None) -> TerminalError:
    what = f"attempt {number} of {stage.spec.stage} {stage.spec.subject}"
    if known is None:
        tried = [str(item.number) for item in stage.status.attempts]
        return TerminalError(
            f"there is no {what}", hint=f"there are: {', '.join(tried)}" if tried else "its Job is being made"
        )
    explanation = EXPLANATIONS[known.reason]
    said = f"{known.reason}: {known.message or explanation.meaning}"
    return TerminalError(
        f"the pod of {what} is gone, and its log with it; it ended with {said}",
        hint="a collector of logs would have kept it; the ledger stays: `kubectl podium ledger`",
    )


async def _executors(cluster: Cluster, run: PipelineRun, driver: Manifest) -> list[Manifest]:
    """Return the pods of a driver's executors that have begun.

    Raises:
        TerminalError: there is none.
    """
    labels = {RUN: run.metadata.name, COMPONENT: "executor"}
    pods = await cluster.select("Pod", run.metadata.namespace, labels)
    own = [pod for pod in pods if _owner(pod) == driver["metadata"]["uid"] and not _waits(pod)]
    if not own:
        raise TerminalError(
            f"driver {driver['metadata']['name']} has no executors now",
            hint="engine duckdb has none; those of Spark are deleted when the driver ends, or have not begun",
        )
    return own


def _owner(pod: Manifest) -> str:
    return next((item["uid"] for item in pod["metadata"].get("ownerReferences", ())), "")


def _waits(pod: Mapping[str, Any]) -> str:
    """Return why a pod's container has not begun, nothing where it has."""
    status = pod.get("status", {})
    unscheduled = [
        item.get("message", "")
        for item in status.get("conditions", ())
        if item["type"] == "PodScheduled" and item["status"] == "False"
    ]
    if unscheduled:
        return f"no node takes it: {unscheduled[0]}"
    states: Sequence[Mapping[str, Any]] = [
        item.get("state", {}) for item in status.get("containerStatuses", ())
    ]
    if not states:
        return "" if status.get("phase") in {"Succeeded", "Failed"} else "it is being made"
    waiting = states[0].get("waiting")
    return f"{waiting.get('reason', '')}: {waiting.get('message', '')}".rstrip(": ") if waiting else ""


async def _copy(cluster: Cluster, pod: Manifest, prefix: str, asked: Asked) -> None:
    """Print the log of a pod, line by line."""
    metadata, container = pod["metadata"], pod["spec"]["containers"][0]["name"]
    async for line in _lines(
        cluster, metadata["namespace"], metadata["name"], container, follow=asked.follow
    ):
        print(f"{prefix}{line if asked.as_it_is else readable(line)}", flush=asked.follow)


async def _lines(
    cluster: Cluster, namespace: str, pod: str, container: str, *, follow: bool
) -> AsyncIterator[str]:
    try:
        async for line in cluster.log(namespace, pod, container, follow=follow):
            yield line
    except Refused as refused:
        if refused.status != BAD_REQUEST:
            raise
        raise TerminalError(f"pod {pod} has no log: {refused.message}", hint="-f waits for it") from refused
