"""`STAGE POINT`: the driver of a stage, which stops itself when it reaches a point; SIGCONT lets it go on."""

import os
import runpy
import signal
import sys

from podium_contracts.pipeline import Pipeline
from podium_lakehouse import hosting
from podium_lakehouse.lakehouse import Lakehouse

STAGE, POINT = sys.argv[1:]


def stop(point: str) -> None:
    """Stop here, as a node does that hangs."""
    if point == POINT:
        os.kill(os.getpid(), signal.SIGSTOP)


def watched(pipeline: Pipeline) -> Lakehouse:
    """Return a pipeline's lakehouse, which tells of its points."""
    return Lakehouse(pipeline.lakehouse_uri, reached=stop)


if __name__ == "__main__":
    hosting.open_lakehouse = watched
    runpy.run_module(f"podium_{STAGE}.job", run_name="__main__")
