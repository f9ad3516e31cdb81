"""`podium`: the command line. Each command is a function in `podium.commands`; this is where they meet, and where errors end."""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec

import typer
from podium_contracts.errors import InvalidPipeline, PodiumError, QualityHold, TransientError
from podium_lakehouse.store.troubles import in_words
from rich.text import Text

from podium.commands.accounts import events, ledger, quarantine, report
from podium.commands.bundling import bundle
from podium.commands.definitions import compile_, lineage, validate
from podium.commands.running import run
from podium.commands.tables import history, show, tables
from podium.commands.without_kafka import ANYTHING, refuse
from podium.console import errors as console
from podium.mistakes import render

EXIT_FAILED, EXIT_INVALID, EXIT_HELD, EXIT_TRANSIENT = 1, 2, 3, 75
EPILOG = (
    "Exit codes: 0 done; 1 a person must act; 2 the command or the pipeline file is wrong; 3 a failed verdict holds "
    "the data; 75 the same command may pass later; 130 interrupted."
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
for command in (run, validate, tables, show, history, ledger, events, report, lineage, bundle):
    app.command()(command)
app.command("compile")(compile_)
app.add_typer(quarantine, name="quarantine")
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
    sys.exit(call(sys.argv[1:]))


def call(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code. An error of Podium's becomes a message with the next step."""
    try:
        with in_words():
            app(list(arguments), prog_name="podium")
    except SystemExit as end:
        return _flushed(end.code if isinstance(end.code, int) else 0)
    except InvalidPipeline as error:
        render(error, console)
        return EXIT_INVALID
    except PodiumError as error:
        _explain(str(error), error.hint)
        return _code(error)
    except OSError as error:
        _explain(f"{error.filename or 'the system'}: {error.strerror or error}")
        return EXIT_FAILED
    return 0


def _code(error: PodiumError) -> int:
    if isinstance(error, QualityHold):
        return EXIT_HELD
    return EXIT_TRANSIENT if isinstance(error, TransientError) else EXIT_FAILED


def _flushed(code: int) -> int:
    """Write what is buffered; whoever closed the pipe has seen enough, and must not be told again when Python ends."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    return code


def _explain(message: str, hint: str = "") -> None:
    console.print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)
    if hint:
        console.print(Text.assemble(("next: ", "bold"), hint), soft_wrap=True)


if __name__ == "__main__":
    main()
