"""The operator as a process beside a cluster, for tests and measurements."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.conftest import ROOT, Kubectl
from tests.integration.services.stack import free_port

NO_REPOSITORY = "registry.invalid/podium"
"""Where no image of drivers is, whatever a cluster has."""


@dataclass
class Operator:
    """An operator that watches some namespaces. Its drivers have no image."""

    namespaces: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        settings = {
            "PODIUM_OPERATOR_NAMESPACES": json.dumps(self.namespaces),
            "PODIUM_OPERATOR_HTTP_PORT": str(free_port()),
            "PODIUM_OPERATOR_METRICS_PORT": str(free_port()),
            "PODIUM_OPERATOR_DRIVER__REPOSITORY": NO_REPOSITORY,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "podium_operator.main"],
                env={**os.environ, **settings},
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(20)


@contextmanager
def watching(log: Path, *namespaces: Kubectl) -> Iterator[Operator]:
    """Yield an operator that watches these namespaces, each with an account for drivers."""
    for kubectl in namespaces:
        kubectl.run("create", "serviceaccount", "podium-driver")
    operator = Operator([kubectl.namespace for kubectl in namespaces], log)
    operator.start()
    try:
        yield operator
    finally:
        operator.kill()
