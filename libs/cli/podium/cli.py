"""`podium`: the command line. Each command is a function in `podium.commands`; this is where they meet."""

import gc
import sys
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from typing import Annotated

import typer

from podium.commands.accounts import events, ledger, quarantine, report
from podium.commands.advising import advise, explain
from podium.commands.baselines import baseline
from podium.commands.beginning import init
from podium.commands.bundling import bundle
from podium.commands.deciding import reject, replay
from podium.commands.definitions import compile_, lineage, validate
from podium.commands.maintaining import optimize, vacuum
from podium.commands.querying import sql
from podium.commands.restoring import certify, restore
from podium.commands.running import run
from podium.commands.schemas import audit, schema
from podium.commands.tables import history, show, tables
from podium.commands.without_kafka import ANYTHING, refuse
from podium.console import output
from podium.ending import ended

EPILOG = (
    "Exit codes: 0 done; 1 a person must act; 2 the command or the pipeline file is wrong; 3 a failed verdict holds "
    "the data; 75 the same command may pass later; 130 interrupted."
)

app = typer.Typer(
    name="podium",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _say_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if asked:
        output.print(f"podium {version('podium')}", highlight=False)
        raise typer.Exit


@app.callback()
def podium(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_say_version, is_eager=True),
    ] = False,
) -> None:
    """Podium turns raw data into certified Bronze, Silver and Gold Delta tables."""


for command in (
    init,
    run,
    validate,
    tables,
    show,
    sql,
    history,
    restore,
    certify,
    ledger,
    events,
    audit,
    report,
    lineage,
    explain,
    advise,
    baseline,
    optimize,
    vacuum,
    bundle,
):
    app.command()(command)
app.command("compile")(compile_)
quarantine.command()(replay)
quarantine.command()(reject)
app.add_typer(quarantine, name="quarantine")
app.add_typer(schema, name="schema")
if find_spec("confluent_kafka"):
    from podium.commands.dead_letters import letters
    from podium.commands.requesting import request

    app.command()(request)
    app.add_typer(letters, name="dead-letters")
else:
    for name in ("request", "dead-letters"):
        app.command(name, context_settings=ANYTHING)(refuse)


def main() -> None:
    """Run the command of this process and end it with the command's exit code."""
    gc.set_threshold(
        100_000, 50, 100
    )  # nearly all that a command makes stays to its end: looking for garbage costs a tenth of dbt
    sys.exit(call(sys.argv[1:]))


def call(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code."""
    return ended(app, arguments, "podium")


if __name__ == "__main__":
    main()
