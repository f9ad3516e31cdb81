"""What stands in for the commands that speak to Kafka where its clients are not installed."""

import typer
from podium_contracts.errors import TerminalError

ANYTHING = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def refuse(context: typer.Context) -> None:
    r"""Speak to Kafka: needs `pip install 'podium\[kafka]'`."""
    raise TerminalError(
        f"`podium {context.info_name}` speaks to Kafka, and its clients are not installed",
        hint="pip install 'podium[kafka]'",
    )
