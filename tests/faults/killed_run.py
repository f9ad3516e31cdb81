"""Runs of a pipeline in processes of their own, some of which die, or wait for another, at a named point.

A server process imports everything once and forks runs from there, so that a run costs what it does and not its imports.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

from podium import host
from podium.opening import open_pipeline
from podium_contracts.errors import TransientError
from podium_contracts.names import EngineName
from podium_lakehouse.lakehouse import Observer
from podium_lakehouse.records.intents import Decision
from podium_runtime.requests import request

EXIT_TRANSIENT = 75
"""As `podium run` ends when the same command may pass later."""
PATIENCE_SECONDS = 60


def processes() -> ForkServerContext:
    """Return what starts processes that have Podium imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", "podium.host", "podium.opening", "dbt.cli.main", __name__])
    return context


def killed_at(file: Path, point: str, engine: EngineName = EngineName.DUCKDB) -> int | None:
    """Run a pipeline file until a point is reached and the process kills itself; return its exit code."""
    process = processes().Process(target=_run, args=(file, point, None, engine))
    process.start()
    process.join()
    return process.exitcode


def decision_killed_at(file: Path, point: str, decision: Decision, dataset: str) -> int | None:
    """Carry out a decision on a quarantine until a point is reached and the process kills itself; return its exit code."""
    process = processes().Process(target=_decide, args=(file, point, decision, dataset))
    process.start()
    process.join()
    return process.exitcode


def _decide(file: Path, point: str, decision: Decision, dataset: str) -> None:
    def reached(here: str) -> None:
        if here == point:
            os.kill(os.getpid(), signal.SIGKILL)

    tempfile.tempdir = str(file.parent)
    opened = open_pipeline(file, reached)
    host.decide(
        decision, dataset, opened.pipeline, opened.lakehouse, request(opened.pipeline, datasets=(dataset,))
    )


def together(file: Path, point: str, count: int) -> list[int | None]:
    """Run a pipeline file in several processes that wait for each other at a point; return their exit codes."""
    context = processes()
    meeting = context.Barrier(count)
    running = [context.Process(target=_run, args=(file, point, meeting)) for _ in range(count)]
    for process in running:
        process.start()
    for process in running:
        process.join()
    return [process.exitcode for process in running]


class Stopped:
    """A run of a pipeline file that has stopped at a point, and may be killed at a later one."""

    def __init__(self, file: Path, point: str, killed: str | None = None) -> None:
        context = processes()
        stopped, self._going = context.Event(), context.Event()

        self._process = context.Process(target=_stop, args=(file, point, stopped, self._going, killed))
        self._process.start()
        assert stopped.wait(PATIENCE_SECONDS), point

    def go_on(self) -> int | None:
        """Let it go on to its end; return the exit code."""
        self._going.set()
        self._process.join()
        return self._process.exitcode


def _stop(file: Path, point: str, stopped: Event, going: Event, killed: str | None) -> None:
    def reached(here: str) -> None:
        if here == point:
            stopped.set()
            going.wait(PATIENCE_SECONDS)
        if here == killed:
            os.kill(os.getpid(), signal.SIGKILL)

    _watched(file, reached)


def _run(file: Path, point: str, meeting: Barrier | None, engine: EngineName = EngineName.DUCKDB) -> None:
    ahead = [point]

    def reached(here: str) -> None:
        if here not in ahead:
            return
        ahead.remove(here)
        if meeting is None:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            meeting.wait(PATIENCE_SECONDS)

    _watched(file, reached, engine)


def _watched(file: Path, reached: Observer, engine: EngineName = EngineName.DUCKDB) -> None:
    tempfile.tempdir = str(file.parent)
    opened = open_pipeline(file, reached)
    try:
        lakehouse = replace(opened.lakehouse, engine=engine)
        host.run(opened.pipeline, lakehouse, request(opened.pipeline))
    except TransientError:
        raise SystemExit(EXIT_TRANSIENT) from None


def podium_run(folder: Path, scratch: Path) -> subprocess.Popen[str]:
    """Start `podium run`; what a killed one leaves in its scratch folder goes with the test's."""
    scratch.mkdir(exist_ok=True)
    return subprocess.Popen(
        [str(Path(sys.executable).parent / "podium"), "run", "--output", "json"],
        cwd=folder,
        env={"TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
