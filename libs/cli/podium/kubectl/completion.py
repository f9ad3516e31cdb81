"""What kubectl completes after `kubectl podium`: it asks the program `kubectl_complete-podium`, in the protocol of cobra."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import typer
from podium_contracts.errors import PodiumError
from podium_runtime.cluster import Cluster

from podium.console import Form
from podium.kubectl.commands import app
from podium.kubectl.connection import ask

NO_FILES, FILES = ":4", ":0"
"""Whether the shell is to offer files, too."""
NAMES = {"run": ("PipelineRun",), "pipeline": ("Pipeline",), "name": ("PipelineRun", "Pipeline")}
"""What an argument names, by what it is called."""


def main() -> None:
    """Print what the last word of this process's arguments may become, a line each."""
    words = sys.argv[1:] or [""]
    for line in completions(words):
        print(line)
    print(
        FILES
        if len(words) > 1 and words[-2] in {"-f", "--file", "--overlay"} and words[0] == "plan"
        else NO_FILES
    )


def completions(words: Sequence[str]) -> list[str]:
    """Return what the last of some words may become: a command, an option, a value of one, or a name in the cluster."""
    *before, begun = words
    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    if not before:
        found: Iterable[str] = (
            f"{name}\t{command.get_short_help_str(60)}" for name, command in commands.items()
        )
    elif before[0] not in commands:
        found = ()
    else:
        found = _of_command(commands[before[0]], before[1:], begun)
    return [line for line in found if line.startswith(begun)]


def _of_command(command: Any, before: Sequence[str], begun: str) -> Iterator[str]:
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    asking = next((item for item in options if before and before[-1] in item.opts and not item.is_flag), None)
    if asking:
        yield from Form if asking.name == "form" else ()
    elif begun.startswith("-"):
        yield from (f"{name}\t{item.help}" for item in options for name in item.opts if name.startswith("--"))
    else:
        yield from _names(command, before)


def _names(command: Any, before: Sequence[str]) -> list[str]:
    """Return the names in the cluster that the next argument may be; none where it is another one, or nobody answers."""
    given = command.make_context(command.name, list(before), resilient_parsing=True).params
    arguments = [item.name for item in command.params if item.param_type_name == "argument"]
    wanted = next((name for name in arguments if not given.get(name)), "")
    kinds = ("Pipeline",) if command.name == "plan" else NAMES.get(wanted, ())

    async def known(cluster: Cluster, namespace: str) -> list[str]:
        items = [item for kind in kinds for item in await cluster.select(kind, namespace)]
        return [item["metadata"]["name"] for item in items]

    try:
        return ask(given.get("namespace") or "", given.get("context") or "", known) if kinds else []
    except PodiumError:
        return []
