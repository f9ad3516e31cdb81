"""`podium run`."""

from time import monotonic
from typing import Annotated

import typer
from podium_contracts.errors import QualityHold
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import LayerCompleted, Published, QualityEvaluated
from podium_contracts.names import Verdict
from podium_quality.report import write as write_report
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from podium import host
from podium.console import Form, OutputOption, errors, output, write_json
from podium.opening import DEFAULT_FILE, FileOption, Opened, open_pipeline
from podium.summary import print_summary, summary

REPORT = "report.html"


def run(
    file: FileOption = DEFAULT_FILE,
    form: OutputOption = Form.TABLE,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Run a pipeline: bring what is new through Bronze, Silver and Gold, and publish it.

    Run it as often as you like: only what is new is read, and what an interrupted run left undone is finished first.

    Examples:

        podium run -f examples/retail/pipeline.yaml

        podium run -f pipeline.yaml --output json | jq .verdict
    """
    started = monotonic()
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=errors,
        transient=False,
        disable=quiet or form == Form.JSON,
    ) as progress:
        steps = _Steps(progress)
        opened = open_pipeline(file, steps.reached)
        outcome = host.run(
            opened.pipeline, opened.lakehouse, host.request(opened.pipeline), on_event=steps.announced
        )
        steps.finish()
    if outcome.fresh:
        write_report(opened.pipeline, opened.lakehouse, opened.lakehouse.path / REPORT)
    seconds = monotonic() - started
    if form == Form.JSON:
        write_json(summary(opened, outcome, seconds))
    else:
        print_summary(opened, outcome, seconds, output)
    _refuse_failed(opened, outcome)


def _refuse_failed(opened: Opened, outcome: host.Outcome) -> None:
    """End with an error where a verdict holds a layer.

    Raises:
        QualityHold: naming every breach.
    """
    failed = [verdict for verdict in outcome.verdicts if verdict.verdict == Verdict.FAILED]
    if not failed:
        return
    breaches = [check.message for verdict in failed for check in verdict.checks if not check.passed]
    raise QualityHold(
        f"the verdict on {failed[-1].layer}.{failed[-1].subject} is failed: {'; '.join(breaches)}",
        hint=f"nothing after it was run. Look at `podium quarantine ls -f {opened.file}`; correct the rules or "
        "thresholds in the pipeline file, then run it again: it is judged anew",
    )


class _Steps:
    """One line of progress per stage and subject, from its first point to its completion."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.task = progress.add_task("looking for news", total=None)
        self.completed: set[str] = set()

    def reached(self, point: str) -> None:
        """Show what a stage is at."""
        when, _, step = point.partition(" ")
        if when == "after" and step.endswith(" completion"):
            self.completed.add(step.removesuffix(" completion"))
        if when == "before" and not step.endswith("event"):
            self.progress.update(self.task, description=step)

    def announced(self, event: CloudEvent) -> None:
        """Close the line of a stage that is done."""
        description = _done(event)
        if description and f"{host.origin(event)} {event.subject}" in self.completed:
            self.progress.update(self.task, description=description, total=1, completed=1)
            self.task = self.progress.add_task("…", total=None)

    def finish(self) -> None:
        """Take away the line that has nothing to show."""
        self.progress.remove_task(self.task)


def _done(event: CloudEvent) -> str:
    match event.data:
        case LayerCompleted(layer=layer, subject=subject, tables=tables):
            rows = sum(table.rows for table in tables if not table.name.startswith("quarantine."))
            return f"{layer} {subject}: {rows:,} rows"
        case QualityEvaluated(layer=layer, subject=subject, verdict=verdict):
            return f"quality of {layer} {subject}: {verdict}"
        case Published(destination=destination, uri=uri):
            return f"published to {destination}: {uri}"
    return ""
