"""The operator on a real cluster, as a process beside it: what it makes of runs, and what it says where something is in the way.

No image of Podium's is needed: a driver that cannot start shows as much of the operator.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import ROOT, Kubectl
from tests.cluster.test_definitions import RETAIL, run
from tests.integration.services.stack import eventually, free_port

pytestmark = [pytest.mark.integration, pytest.mark.cluster, pytest.mark.timeout(180)]


@dataclass
class Operator:
    """An operator that watches one namespace."""

    kubectl: Kubectl
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        settings = {
            "PODIUM_OPERATOR_NAMESPACE": self.kubectl.namespace,
            "PODIUM_OPERATOR_NAMESPACES": json.dumps([self.kubectl.namespace]),
            "PODIUM_OPERATOR_HTTP_PORT": str(free_port()),
            "PODIUM_OPERATOR_METRICS_PORT": str(free_port()),
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


@pytest.fixture
def operator(kubectl: Kubectl, tmp_path: Path) -> Iterator[Operator]:
    kubectl.run("create", "serviceaccount", "podium-driver")
    operator = Operator(kubectl, tmp_path / "operator.log")
    operator.start()
    yield operator
    operator.kill()


def reason(kubectl: Kubectl, name: str = "retail-1") -> Callable[[], str]:
    """Return what reads the reason of a run's success."""

    def read() -> str:
        conditions = kubectl.get("pdr", name).get("status", {}).get("conditions", [])
        return next(
            (f"{item['status']} {item['reason']}" for item in conditions if item["type"] == "Succeeded"), ""
        )

    return read


def wait_for(kubectl: Kubectl, expected: str, name: str = "retail-1") -> dict[str, Any]:
    """Wait until a run stands so; return its condition."""
    read = reason(kubectl, name)
    eventually(lambda: read() == expected)
    found = kubectl.get("pdr", name)["status"]["conditions"]
    condition: dict[str, Any] = next(item for item in found if item["type"] == "Succeeded")
    return condition


def owned(kubectl: Kubectl) -> list[str]:
    """Return what a run is made of, by kind, name and identity."""
    kinds = "stageruns.podium.dev,jobs,pods,services,configmaps"
    items = kubectl.get(kinds, "-l", "app.kubernetes.io/managed-by=podium-operator")["items"]
    return sorted(f"{item['kind']} {item['metadata']['name']} {item['metadata']['uid']}" for item in items)


@pytest.mark.usefixtures("operator")
def test_a_run_waits_for_its_pipeline_and_becomes_a_driver(kubectl: Kubectl) -> None:
    """Applied before its Pipeline; then pinned, with a StageRun and a Job in a namespace that enforces *restricted*; its image is nowhere to be
    had, which the condition says at once, and `startTimeout` ends. The driver that is over leaves with its Job.
    """
    kubectl.apply(run(startTimeout="15s", retries={"scheduling": 0}))
    assert "there is no Pipeline 'retail'" in wait_for(kubectl, "Unknown PipelineNotFound")["message"]
    kubectl.apply(RETAIL)
    assert "podium/ingest" in wait_for(kubectl, "Unknown ImageUnavailable")["message"]
    assert [line.split()[0] for line in owned(kubectl)] == ["ConfigMap", "Job", "Pod", "StageRun"]
    assert "ImageUnavailable" in wait_for(kubectl, "False StartTimedOut")["message"]
    kubectl.run("wait", "--for=condition=Finished", "pdr/retail-1", "--timeout=10s")
    eventually(lambda: "Job" not in " ".join(owned(kubectl)))
    events = kubectl.get("events", "--field-selector", "involvedObject.kind=PipelineRun")["items"]
    assert {"PipelineNotFound", "Started", "ImageUnavailable", "StartTimedOut"} <= {
        event["reason"] for event in events
    }


def test_an_operator_that_is_killed_changes_nothing(kubectl: Kubectl, operator: Operator) -> None:
    """At any moment: nothing is made twice, nothing is made anew."""
    kubectl.apply(RETAIL)
    kubectl.apply(run())
    for pause in (0.2, 0.5, 1.0, 1.5):
        time.sleep(pause)
        operator.kill()
        operator.start()
    wait_for(kubectl, "Unknown ImageUnavailable")
    before = owned(kubectl)
    operator.kill()
    operator.start()
    time.sleep(5)
    assert owned(kubectl) == before
    assert len(before) == 4


@pytest.mark.usefixtures("operator")
def test_a_run_is_held_and_cancelled(kubectl: Kubectl) -> None:
    """`suspend` takes the driver away and gives another one back; `cancel` ends the run for good."""
    kubectl.apply(RETAIL)
    kubectl.apply(run())
    wait_for(kubectl, "Unknown ImageUnavailable")
    kubectl.apply(run(suspend=True))
    wait_for(kubectl, "Unknown Suspended")
    eventually(lambda: "Job" not in " ".join(owned(kubectl)))
    kubectl.apply(run(suspend=False))
    wait_for(kubectl, "Unknown ImageUnavailable")
    assert any(line.startswith("Job") and "-2 " in line for line in owned(kubectl))
    kubectl.apply(run(cancel=True))
    wait_for(kubectl, "False Cancelled")
    eventually(lambda: "Job" not in " ".join(owned(kubectl)))


@pytest.mark.usefixtures("operator")
def test_a_deleted_run_leaves_nothing(kubectl: Kubectl) -> None:
    """And one of its name that follows is another one."""
    kubectl.apply(RETAIL)
    kubectl.apply(run())
    wait_for(kubectl, "Unknown ImageUnavailable")
    first = {line for line in owned(kubectl) if line.startswith("StageRun")}
    kubectl.run("delete", "pdr", "retail-1")
    eventually(lambda: not owned(kubectl))
    kubectl.apply(run())
    wait_for(kubectl, "Unknown ImageUnavailable")
    assert not first & set(owned(kubectl))


@pytest.mark.usefixtures("operator")
def test_a_quota_that_is_exceeded_is_said(kubectl: Kubectl) -> None:
    """In the cluster's words; other runs are none of its concern."""
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "none"},
            "spec": {"hard": {"pods": "0"}},
        }
    )
    kubectl.apply(RETAIL)
    kubectl.apply(run())
    kubectl.apply(run("other", pipeline="nowhere"))
    assert "exceeded quota: none" in wait_for(kubectl, "Unknown QuotaExceeded")["message"]
    wait_for(kubectl, "Unknown PipelineNotFound", "other")


@pytest.mark.usefixtures("operator")
def test_a_secret_that_is_missing_is_said(kubectl: Kubectl) -> None:
    """Its name is in the message."""
    kubectl.apply(RETAIL)
    volumes = [{"name": "certs", "mountPath": "/certs", "secret": {"secretName": "nowhere"}}]
    kubectl.apply(run(pods={"volumes": volumes}))
    assert "nowhere" in wait_for(kubectl, "Unknown SecretNotFound")["message"]


@pytest.mark.usefixtures("operator")
def test_a_status_that_somebody_broke_is_made_anew(kubectl: Kubectl) -> None:
    """What is decided depends on what is there, not on what a status says."""
    kubectl.apply(RETAIL)
    kubectl.apply(run())
    wait_for(kubectl, "Unknown ImageUnavailable")
    before = owned(kubectl)
    broken = json.dumps({"status": {"conditions": [], "stages": [], "rows": 12}})
    kubectl.run("patch", "pdr", "retail-1", "--subresource=status", "--type=merge", "-p", broken)
    wait_for(kubectl, "Unknown ImageUnavailable")
    assert kubectl.get("pdr", "retail-1")["status"]["rows"] == 0
    assert owned(kubectl) == before
