"""The service of a stage that is disturbed: `python disturbed.py STAGE HOW MARK`. Once, and MARK is the file that says that it has happened:

kill    kill -9 of the service and the stage's process after the completion is written, before it is announced
cut     kill -9 of the stage's process after its table is committed, before the completion is written
sleep   the stage takes ten minutes

or, by `crash`, in each call for the pipeline that is named in MARK: kill -9 of the stage's process.
"""

import multiprocessing
import os
import signal
import sys
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from podium_contracts.events import CloudEvent
from podium_contracts.names import Stage
from podium_contracts.pipeline import Pipeline
from podium_lakehouse.hosting import HostedStage
from podium_lakehouse.lakehouse import Lakehouse
from podium_runtime.service import serve

STAGE, HOW, MARK = sys.argv[1], sys.argv[2], Path(sys.argv[3])


def disturbed(event: CloudEvent, pipeline: Pipeline, lakehouse: Lakehouse) -> list[CloudEvent]:
    """Call the stage, and be disturbed."""

    def reached(point: str) -> None:
        words = point.split()
        if HOW == "kill" and (words[0], words[1], words[-1]) == ("after", STAGE, "completion") and first():
            service = multiprocessing.parent_process()
            assert service
            assert service.pid
            os.kill(service.pid, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        if HOW == "cut" and (words[0], words[1], words[3]) == ("after", STAGE, "commit") and first():
            os.kill(os.getpid(), signal.SIGKILL)

    if HOW == "sleep" and first():
        time.sleep(600)
    if HOW == "crash" and MARK.read_text() == pipeline.name:
        os.kill(os.getpid(), signal.SIGKILL)
    module, name = ("service", "ingest_with_topics") if STAGE == Stage.INGEST else ("stage", STAGE)
    stage = getattr(import_module(f"podium_{STAGE}.{module}"), name)
    answers: list[CloudEvent] = stage(event, pipeline, replace(lakehouse, reached=reached))
    return answers


def first() -> bool:
    """Whether it has not happened yet; it has now."""
    try:
        MARK.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


if __name__ == "__main__":
    serve(HostedStage(Stage(STAGE), disturbed), f"podium_{STAGE}.service")
