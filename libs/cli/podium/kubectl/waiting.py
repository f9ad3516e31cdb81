"""`kubectl podium wait`: a run followed to its end, which becomes the exit code."""

import asyncio
from time import monotonic
from typing import Annotated

import typer
from podium_contracts.durations import seconds
from podium_contracts.errors import PodiumError, QualityHold, TerminalError, TransientError
from podium_contracts.resources import (
    Condition,
    ConditionType,
    FailureClass,
    PipelineRun,
    Reason,
    StageProgress,
)
from podium_contracts.resources.conditions import EXPLANATIONS
from podium_runtime.cluster import Cluster, Refused
from rich.text import Text

from podium.console import Form, OutputOption, errors, output, write_json
from podium.kubectl.accounts import RunArgument
from podium.kubectl.connection import BROKEN, BUSY, UNREACHABLE, ContextOption, NamespaceOption, ask
from podium.kubectl.finding import read, run_named
from podium.summary import equation

LOOK_SECONDS = 1.0
MAY_PASS = {FailureClass.INFRASTRUCTURE, FailureClass.SCHEDULING}


def _duration(text: str) -> str:
    try:
        seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return text


def wait(
    run: RunArgument,
    timeout: Annotated[
        str,
        typer.Option(
            "--timeout", callback=_duration, metavar="DURATION", help="How long to wait, as 1h30m or 45s."
        ),
    ] = "1h",
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    form: OutputOption = Form.TABLE,
) -> None:
    """Follow a run to its end, and end as it did.

    What its stages do goes to standard error, what became of it to standard output and into the exit code.

    Examples:

        kubectl podium wait retail-1 --timeout 30m

        kubectl podium wait retail-1 -o json | jq -r .reason
    """
    following = Following(quiet=form == Form.JSON)
    end = monotonic() + seconds(timeout)
    found = ask(namespace, context, lambda cluster, home: following.to_its_end(cluster, home, run, end))
    succeeded = found.status.condition(ConditionType.SUCCEEDED)
    if succeeded is None:
        raise TerminalError(
            f"run {run} has finished, and does not say how", hint=f"kubectl describe pdr {run}"
        )
    if form == Form.JSON:
        write_json(_written(found, succeeded))
    failure = failed(run, succeeded)
    if failure:
        raise failure
    if form == Form.TABLE:
        took = f" in {found.status.duration}" if found.status.duration else ""
        output.print(
            Text.assemble(("Succeeded", "bold green"), f"{took}: {EXPLANATIONS[succeeded.reason].meaning}"),
            soft_wrap=True,
        )


def _written(run: PipelineRun, succeeded: Condition) -> dict[str, object]:
    return {
        "pipelineRun": run.metadata.name,
        "succeeded": succeeded.status == "True",
        "reason": succeeded.reason,
        "message": succeeded.message,
        "advice": EXPLANATIONS[succeeded.reason].advice,
        "duration": run.status.duration,
    }


def failed(run: str, succeeded: Condition) -> PodiumError | None:
    """Return the error that the end of a run is, with its advice; None where it did all that it was to do."""
    if succeeded.status == "True":
        return None
    reason, explanation = succeeded.reason, EXPLANATIONS[succeeded.reason]
    said = succeeded.message.removesuffix(explanation.advice).rstrip(". ")
    message = f"run {run}: {reason}: {said or explanation.meaning}"
    kind: type[PodiumError] = TerminalError
    if reason == Reason.QUALITY_FAILED:
        kind = QualityHold
    elif reason == Reason.TIMED_OUT or explanation.failure in MAY_PASS:
        kind = TransientError
    return kind(message, hint=explanation.advice)


class Following:
    """A run that is followed: what has been told of it is not told again."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.told: set[str] = set()

    async def to_its_end(self, cluster: Cluster, namespace: str, name: str, end: float) -> PipelineRun:
        """Return a run as it is when it has finished, or when a time of the monotonic clock has come.

        Raises:
            TerminalError: there is none, or it is deleted.
            TransientError: it has not finished by then.
        """
        run = await run_named(cluster, namespace, name)
        while not _is_over(run):
            self._tell(run)
            left = end - monotonic()
            if left <= 0:
                raise TransientError(
                    f"run {name} is not at its end: {_standing(run)}",
                    hint=f"it goes on; `kubectl podium wait {name}` follows it again, `kubectl podium logs {name}` shows its driver",
                )
            await asyncio.sleep(min(LOOK_SECONDS, left))
            run = await self._again(cluster, run)
        self._tell(run)
        return run

    async def _again(self, cluster: Cluster, run: PipelineRun) -> PipelineRun:
        """Return a run as it is now, or as it was where the API server does not answer: the next look may tell."""
        try:
            raw = await cluster.find("PipelineRun", run.metadata.namespace, run.metadata.name)
        except Refused as refused:
            if refused.status != BUSY and refused.status < BROKEN:
                raise
            return run
        except UNREACHABLE:
            self._say("the API server does not answer: trying again")
            return run
        found = read(PipelineRun, raw) if raw else None
        if found is None or found.metadata.uid != run.metadata.uid:
            raise TerminalError(
                f"run {run.metadata.name} was deleted",
                hint="what its stages completed stays in the lakehouse",
            )
        return found

    def _tell(self, run: PipelineRun) -> None:
        if not run.status.stages:
            self._say(_standing(run))
        for stage in run.status.stages:
            self._say(_progress(stage))
        for account in run.status.ledger:
            self._say(f"  {account.subject}: {' '.join(equation(account))}")
        for verdict in run.status.verdicts:
            self._say(f"  {verdict.subject}: {verdict.verdict}")

    def _say(self, line: str) -> None:
        if line in self.told or self.quiet:
            return
        self.told.add(line)
        errors.print(Text(line), soft_wrap=True)


def _is_over(run: PipelineRun) -> bool:
    finished = run.status.condition(ConditionType.FINISHED)
    return finished is not None and finished.status == "True"


def _standing(run: PipelineRun) -> str:
    succeeded = run.status.condition(ConditionType.SUCCEEDED)
    if succeeded is None:
        return "Pending: the operator has not seen it yet"
    message = succeeded.message or EXPLANATIONS[succeeded.reason].meaning
    return f"{succeeded.reason}: {message}"


def _progress(stage: StageProgress) -> str:
    subject = f" {stage.subject}" if "." in stage.subject or stage.stage == "quality" else ""
    attempt = f", attempt {stage.attempts}" if stage.attempts > 1 else ""
    message = f": {stage.message}" if stage.message else ""
    return f"{stage.stage}{subject}: {stage.reason}{attempt}{message}"
