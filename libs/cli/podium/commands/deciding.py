"""`podium quarantine replay` and `reject`: what a person decides on refused rows."""

from pathlib import Path
from time import monotonic
from typing import Annotated

import typer
from podium_lakehouse.records.intents import Decision
from podium_quality.report import write as write_report
from podium_runtime.requests import request

from podium import host, reasons
from podium.commands.running import interruptible, on_engine, progress, refuse_failed
from podium.console import Form, OutputOption, errors, write_json
from podium.ending import EXIT_INTERRUPTED
from podium.opening import DEFAULT_FILE, FileOption, OverlayOption, dataset_of, open_pipeline, options
from podium.summary import print_summary, summary

DatasetArgument = Annotated[str, typer.Argument(help="A dataset, such as sales.")]
IdsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="As `quarantine show` says them: quarantine_id.")
]
RuleOption = Annotated[str, typer.Option("--rule", "-r", help="All rows that this rule refused.")]
AllOption = Annotated[bool, typer.Option("--all", "-a", help="Every row.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]


def replay(
    dataset: DatasetArgument,
    ids: IdsArgument = None,
    rule: RuleOption = "",
    every: AllOption = False,
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    quiet: QuietOption = False,
    form: OutputOption = Form.TABLE,
) -> None:
    """Send refused rows the way of new ones, after the pipeline file or a lookup was mended, and bring what comes of it to Gold.

    They are read from Bronze once more. Rows that are still refused go back into quarantine, with the rules that refuse them now.

    Examples:

        podium quarantine replay sales --rule lookup.country -f pipeline.yaml

        podium quarantine replay sales --all
    """
    decision = Decision(action="replay", rule=rule, ids=_named(ids, rule, every=every))
    _carry_out(decision, dataset, file, overlay, form, quiet=quiet)


def reject(
    dataset: DatasetArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the completion.")],
    ids: IdsArgument = None,
    rule: RuleOption = "",
    every: AllOption = False,
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    quiet: QuietOption = False,
    form: OutputOption = Form.TABLE,
) -> None:
    """Give refused rows up: they leave quarantine, counted as rejected. Bronze keeps what they said.

    Examples:

        podium quarantine reject sales --rule rule.price_not_negative --reason "test sales of the tills"

        podium quarantine reject sales 1c8e0f6a93d2 --reason "typed twice"
    """
    decision = Decision(
        action="reject", rule=rule, ids=_named(ids, rule, every=every), reason=reasons.given(reason)
    )
    _carry_out(decision, dataset, file, overlay, form, quiet=quiet)


def _named(ids: list[str] | None, rule: str, *, every: bool) -> tuple[str, ...]:
    if bool(ids) + bool(rule) + every != 1:
        raise typer.BadParameter("name the rows: ids, --rule or --all")
    return tuple(sorted(set(ids or ())))


def _carry_out(
    decision: Decision, dataset: str, file: Path, overlay: Path | None, form: Form, *, quiet: bool
) -> None:
    started = monotonic()
    try:
        with interruptible(), progress(quiet=quiet or form == Form.JSON) as shown:
            opened = on_engine(open_pipeline(file, shown.reached, overlay=overlay), None, quiet=True)
            name = dataset_of(opened, dataset)
            requested = request(opened.pipeline, datasets=(name,))
            outcome = host.decide(
                decision, name, opened.pipeline, opened.lakehouse, requested, on_completed=shown.completed
            )
            write_report(opened.pipeline, opened.lakehouse, opened.report)
    except KeyboardInterrupt:
        errors.print(
            f"interrupted: the same command goes on where it stopped, and so does `podium run {options(file, overlay)}`",
            markup=False,
        )
        raise typer.Exit(EXIT_INTERRUPTED) from None
    seconds = monotonic() - started
    if form == Form.JSON:
        write_json(summary(opened, outcome, seconds))
    else:
        print_summary(opened, outcome, seconds)
    refuse_failed(opened, outcome)
