"""`podium`: the command line. Each command is a function in `podium.commands`; this is where they meet, and where errors end."""

import sys

import typer
from podium_contracts.errors import InvalidPipeline, PodiumError, QualityHold, TransientError

from podium.commands.accounts import events, ledger, quarantine, report
from podium.commands.definitions import compile_, validate
from podium.commands.running import run
from podium.commands.tables import history, show, tables
from podium.console import errors as console
from podium.mistakes import render

EXIT_FAILED, EXIT_INVALID, EXIT_HELD, EXIT_TRANSIENT = 1, 2, 3, 75
EPILOG = (
    "Exit codes: 0 done; 1 a person must act; 2 the command or the pipeline file is wrong; 3 a failed verdict holds "
    "the data; 75 the same command may pass later."
)

app = typer.Typer(
    name="podium",
    help="Podium turns raw data into certified Bronze, Silver and Gold Delta tables.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for command in (run, validate, tables, show, history, ledger, events, report):
    app.command()(command)
app.command("compile")(compile_)
app.add_typer(quarantine, name="quarantine")


def main() -> None:
    """Run a command; an error of Podium's becomes a message with the next step and an exit code."""
    try:
        app()
    except InvalidPipeline as error:
        render(error, console)
        sys.exit(EXIT_INVALID)
    except PodiumError as error:
        console.print(f"[bold red]error:[/] {type(error).__name__}: {error}", highlight=False)
        if error.hint:
            console.print(f"[bold]next:[/] {error.hint}", highlight=False)
        if isinstance(error, QualityHold):
            sys.exit(EXIT_HELD)
        sys.exit(EXIT_TRANSIENT if isinstance(error, TransientError) else EXIT_FAILED)


if __name__ == "__main__":
    main()
