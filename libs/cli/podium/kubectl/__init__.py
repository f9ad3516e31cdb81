"""`kubectl podium`: what kubectl cannot show of runs. `kubectl-podium` on the PATH makes it a command of kubectl's."""

import sys
from importlib.util import find_spec


def main() -> None:
    """Run the command of this process and end it with the command's exit code."""
    if not find_spec("kubernetes_asyncio"):
        print(
            "error: the client of Kubernetes is not installed\nnext: pip install 'podium[kubernetes]'",
            file=sys.stderr,
        )
        sys.exit(1)
    from podium.kubectl.commands import call  # noqa: PLC0415 - only there with podium[kubernetes]

    sys.exit(call(sys.argv[1:]))
