"""How a command ends: an error of Podium's becomes a message with the next step, and an exit code."""

import os
import sys
from collections.abc import Sequence

import typer
from podium_contracts.errors import InvalidPipeline, PodiumError, QualityHold, TransientError
from podium_lakehouse.store.troubles import after_refusal, in_words
from rich.text import Text

from podium.console import errors as console
from podium.mistakes import render

EXIT_FAILED, EXIT_INVALID, EXIT_HELD, EXIT_TRANSIENT, EXIT_INTERRUPTED = 1, 2, 3, 75, 130


def ended(app: typer.Typer, arguments: Sequence[str], name: str) -> int:
    """Run a command of a program that goes by a name; return its exit code."""
    try:
        with in_words():
            app(list(arguments), prog_name=name)
    except SystemExit as end:
        return _flushed(end.code if isinstance(end.code, int) else 0)
    except InvalidPipeline as error:
        render(error, console)
        return EXIT_INVALID
    except PodiumError as error:
        _explain(str(error), error.hint)
        return _code(error)
    except OSError as error:
        _explain(f"{error.filename or 'the system'}: {error.strerror or error}", after_refusal(error))
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
