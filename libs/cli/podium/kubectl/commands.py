"""The commands of `kubectl podium`, and where they meet."""

from collections.abc import Sequence

import typer

from podium.ending import ended
from podium.kubectl.accounts import ledger, quarantine
from podium.kubectl.logs import logs
from podium.kubectl.origins import lineage
from podium.kubectl.planning import plan
from podium.kubectl.waiting import wait

EPILOG = (
    "Exit codes: 0 done; 1 a person must act; 2 the command or the pipeline is wrong; 3 a failed verdict holds the "
    "data; 75 the same command may pass later; 130 interrupted. KUBECONFIG says which cluster, as it does for kubectl."
)

app = typer.Typer(
    name="kubectl podium",
    help="What kubectl cannot show of Podium's runs: what they would do, did, refused and said.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for command in (plan, wait, logs, ledger, quarantine, lineage):
    app.command()(command)


def call(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code."""
    return ended(app, arguments, "kubectl podium")
