"""`podium run`."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Annotated

import typer
from podium_contracts.errors import QualityHold
from podium_contracts.events import CloudEvent
from podium_contracts.messages import Topics
from podium_contracts.names import EngineWish, Layer, Verdict
from podium_contracts.pipeline import Pipeline
from podium_ingest.stage import waiting
from podium_lakehouse.engines.choice import choose
from podium_lakehouse.store.files import exists
from podium_quality.report import write as write_report
from podium_runtime.requests import request
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from podium import host
from podium.console import Form, OutputOption, errors, write_json
from podium.ending import EXIT_INTERRUPTED
from podium.idleness import idle
from podium.opening import DEFAULT_FILE, FileOption, Opened, OverlayOption, open_pipeline, options
from podium.summary import breaches, print_summary, sentence, summary


def run(
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    form: OutputOption = Form.TABLE,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    engine: Annotated[
        EngineWish | None,
        typer.Option("--engine", "-e", help="What runs the stages; by default what the pipeline file says."),
    ] = None,
) -> None:
    """Run a pipeline: bring what is new through Bronze, Silver and Gold, and publish it.

    Run it as often as you like: only what is new is read, and what an interrupted run left undone is finished first.

    Examples:

        podium run -f examples/retail/pipeline.yaml

        podium run -f pipeline.yaml --output json | jq .verdict

        podium run -f pipeline.yaml --engine spark
    """
    started = monotonic()
    try:
        with interruptible():
            opened, outcome = _run(file, overlay, engine, quiet=quiet or form == Form.JSON)
    except KeyboardInterrupt:
        errors.print(
            f"interrupted: `podium run {options(file, overlay)}` goes on where it stopped", markup=False
        )
        raise typer.Exit(EXIT_INTERRUPTED) from None
    skipped = None if outcome.fresh else idle(opened)
    tell(opened, outcome, monotonic() - started, form, skipped)


def tell(
    opened: Opened,
    outcome: host.Outcome,
    seconds: float,
    form: Form,
    skipped: Mapping[str, str] | None = None,
) -> None:
    """Tell what was done, or why nothing, by dataset, and end as the verdicts say.

    Raises:
        QualityHold: a verdict is failed.
    """
    if form == Form.JSON:
        write_json(summary(opened, outcome, seconds, skipped))
    else:
        print_summary(opened, outcome, seconds, skipped)
    refuse_failed(opened, outcome)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end in KeyboardInterrupt, whatever the code that it meets makes of it: of DuckDB's it is a RuntimeError."""
    pressed: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    except Exception as error:
        if pressed:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)


def _run(
    file: Path, overlay: Path | None, engine: EngineWish | None, *, quiet: bool
) -> tuple[Opened, host.Outcome]:
    with progress(quiet=quiet) as shown:
        opened = on_engine(open_pipeline(file, shown.reached, overlay=overlay), engine, quiet=quiet)
        requested = request(opened.pipeline)
        outcome = host.run(
            opened.pipeline,
            opened.lakehouse,
            requested,
            topics=_topics(opened.pipeline),
            on_completed=shown.completed,
        )
    renew_report(opened, outcome)
    return opened, outcome


def renew_report(opened: Opened, outcome: host.Outcome) -> None:
    """Write the report anew where there is anything to add to it."""
    if outcome.fresh or not exists(opened.report):
        write_report(opened.pipeline, opened.lakehouse, opened.report)


def _topics(pipeline: Pipeline) -> Topics | None:
    """Return the topics that a pipeline reads; without Kafka's clients there are none, and ingest says what to install."""
    if not any(source.kafka for dataset in pipeline.spec.datasets.values() for source in dataset.sources):
        return None
    try:
        from podium_runtime import settings  # noqa: PLC0415 - only there with podium[kafka]
        from podium_runtime.kafka.messages import KafkaTopics  # noqa: PLC0415 - as above
    except ModuleNotFoundError:
        return None
    return KafkaTopics(settings.load().kafka)


def on_engine(opened: Opened, asked: EngineWish | None, *, quiet: bool) -> Opened:
    """Return the pipeline on the engine that was asked for, saying why where that was left open."""
    wish = asked or opened.pipeline.spec.engine
    files = waiting(opened.pipeline, opened.lakehouse) if wish == EngineWish.AUTO else []
    choice = choose(wish, {file.name: file.size for file in files}, opened.lakehouse.path)
    if wish == EngineWish.AUTO and not quiet:
        errors.print(f"engine {choice.engine}: {choice.reason}", highlight=False)
    return replace(opened, lakehouse=replace(opened.lakehouse, engine=choice.engine))


def refuse_failed(opened: Opened, outcome: host.Outcome) -> None:
    """End with an error where a verdict holds a layer.

    Raises:
        QualityHold: naming every breach.
    """
    failed = [verdict for verdict in outcome.verdicts if verdict.verdict == Verdict.FAILED]
    if not failed:
        return
    broken = [message for verdict in failed for message in breaches(verdict)]
    last = failed[-1]
    later = outcome.verdicts[outcome.verdicts.index(last) + 1 :]
    restored = any((one.layer, one.subject) == (last.layer, last.subject) for one in later)
    done = (
        "the last certified version was put back, and what failed rests until there is more news"
        if restored
        else "nothing after it was run"
    )
    named = "gold" if last.layer == Layer.GOLD else f"{last.layer}.{last.subject}"
    raise QualityHold(
        f"the verdict on {last.layer}.{last.subject} is failed: {'; '.join(broken)}",
        hint=f"{done}. Look at `podium quarantine ls {opened.options}`; correct the rules or "
        "thresholds in the pipeline file, then run it again: it is judged anew"
        + ("" if restored else f". Or accept it: `podium certify {named} --reason … {opened.options}`"),
    )


@dataclass(frozen=True)
class _Progress:
    """What to do at each point that a stage reaches, and with each completion."""

    reached: Callable[[str], None] = lambda _point: None
    completed: Callable[[CloudEvent], None] = lambda _event: None


@contextmanager
def progress(*, quiet: bool) -> Iterator[_Progress]:
    """Show progress on standard error: live on a terminal, elsewhere one line per completion."""
    if quiet:
        yield _Progress()
    elif errors.is_terminal:
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*columns, console=errors) as live:
            lines = _Lines(live)
            yield _Progress(lines.reached, lines.completed)
            lines.finish()
    else:
        yield _Progress(completed=lambda event: errors.print(Text(sentence(event)), soft_wrap=True))


class _Lines:
    """A line per stage on a terminal, from its first point to its completion."""

    def __init__(self, live: Progress) -> None:
        self.live = live
        self.task = live.add_task("looking for news", total=None)

    def reached(self, point: str) -> None:
        """Show what a stage is at."""
        when, _, step = point.partition(" ")
        if when == "before" and not step.endswith("event"):
            self.live.update(self.task, description=step)

    def completed(self, event: CloudEvent) -> None:
        """Close the line of a stage that is done."""
        self.live.update(self.task, description=sentence(event), total=1, completed=1)
        self.task = self.live.add_task("…", total=None)

    def finish(self) -> None:
        """Take away the line that has nothing to show."""
        self.live.remove_task(self.task)
