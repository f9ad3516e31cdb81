"""`podium request`: a run for the services."""

import time
from collections.abc import Iterator
from typing import Annotated

import typer
from podium_contracts.errors import PodiumError, QualityHold, TerminalError, TransientError
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import Published, QualityEvaluated, RunRequested, StageFailed
from podium_contracts.names import Stage, Verdict
from podium_contracts.pipeline import Pipeline
from podium_runtime.kafka.runs import Following
from podium_runtime.requests import request as new_request
from rich.text import Text

from podium.commands.dead_letters import BootstrapOption, service_settings
from podium.console import Form, OutputOption, errors, output, write_json
from podium.opening import DEFAULT_FILE, FileOption, OverlayOption, check
from podium.summary import breaches, sentence

LOOK_SECONDS = 0.5


def request(
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Follow the run to its end.")] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0, metavar="SECONDS", help="How long to wait.")
    ] = 3600,
    bootstrap_servers: BootstrapOption = "",
    form: OutputOption = Form.TABLE,
) -> None:
    """Ask the services for a run of a pipeline; print the run's id.

    With --wait it ends when the run is published, a verdict fails, a stage fails, or every stage has answered all that came of
    it: so it ends at once for a run that finds nothing new.

    Examples:

        podium request -f pipeline.yaml

        podium request -f pipeline.yaml --wait --timeout 600
    """
    pipeline = check(file, overlay).pipeline()
    settings = service_settings(bootstrap_servers)
    requested = new_request(pipeline)
    following = Following(settings, requested)
    if form == Form.TABLE:
        output.print(requested.id, highlight=False)
    outcome = _Outcome(pipeline, requested.id)
    if wait:
        for event in _follow(following, outcome, timeout):
            if form == Form.TABLE:
                errors.print(Text(sentence(event)), soft_wrap=True)
    if form == Form.JSON:
        write_json({"run": requested.id, **({"outcome": outcome.word} if wait else {})})
    elif wait and outcome.error is None:
        errors.print(outcome.word, highlight=False)
    if outcome.error:
        raise outcome.error


class _Outcome:
    """What the events say about a run, so far."""

    def __init__(self, pipeline: Pipeline, run: str) -> None:
        self.run = run
        self.wanted = set(pipeline.spec.publish.destinations) if pipeline.spec.model else set[str]()
        self.own: list[CloudEvent] = []
        self.verdicts: dict[str, QualityEvaluated] = {}
        self.failures: list[StageFailed] = []
        self.error: PodiumError | None = None

    def add(self, event: CloudEvent) -> bool:
        """Take an event of the pipeline; return whether the run ends with it."""
        if isinstance(event.data, RunRequested):
            return False
        own = event.correlationid == self.run
        match event.data:
            case StageFailed() as failed:
                self.failures.append(failed)
            case QualityEvaluated() as verdict:
                self.verdicts[event.subject] = verdict
            case Published(destination=destination) if own:
                self.wanted.discard(destination)
                self.own.append(event)
                return not self.wanted
        if own:
            self.own.append(event)
            self.error = _error(event.data)
        return self.error is not None

    def close(self) -> None:
        """Decide where every stage has answered: by what the pipeline's other events say, too, as a run may go on with another's."""
        failed = [verdict for verdict in self.verdicts.values() if verdict.verdict == Verdict.FAILED]
        self.error = next(filter(None, map(_error, [*self.failures, *failed])), None)

    @property
    def word(self) -> str:
        """What became of the run, in a word or two."""
        match self.error:
            case QualityHold():
                return "held"
            case PodiumError():
                return "failed"
        if any(isinstance(event.data, Published) for event in self.own):
            return "published"
        return "completed" if self.own else "nothing new"


def _follow(following: Following, outcome: _Outcome, timeout: float) -> Iterator[CloudEvent]:
    """Yield what comes of a run until it is decided.

    Raises:
        TransientError: it is not within the time.
    """
    end = time.monotonic() + timeout
    with following.reading() as reading:
        while True:
            offsets = following.offsets(tuple(Stage))
            for event in following.events(reading):
                if event.correlationid == outcome.run and not isinstance(event.data, RunRequested):
                    yield event
                if outcome.add(event):
                    return
            behind = following.behind(offsets)
            if not behind:
                outcome.close()
                return
            if time.monotonic() > end:
                raise TransientError(
                    f"run {outcome.run} is not at its end after {timeout:g} s: {', '.join(behind)} has not answered",
                    hint="it goes on; look at `podium events`, and whether these services run",
                )
            time.sleep(LOOK_SECONDS)


def _error(data: object) -> PodiumError | None:
    """Return the error that an event stands for."""
    match data:
        case StageFailed(stage=stage, subject=subject, reason=reason, message=message, transient=transient):
            kind = TransientError if transient else TerminalError
            return kind(
                f"{stage} of {subject} failed: {reason}: {message}",
                hint=f"do what it says, then replay its letter: `podium dead-letters ls --stage {stage}` shows which",
            )
        case QualityEvaluated(verdict=Verdict.FAILED, layer=layer, subject=subject) as failed:
            return QualityHold(
                f"the verdict on {layer}.{subject} is failed: {'; '.join(breaches(failed))}",
                hint="correct the rules or thresholds in the pipeline file, then request another run: it is judged anew",
            )
    return None
