"""Beside Tekton, whose Pipelines and PipelineRuns have the same names in another group."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import Kubectl
from tests.cluster.running import Operator, watching
from tests.cluster.test_definitions import RETAIL, run
from tests.integration.services.stack import eventually

pytestmark = [pytest.mark.integration, pytest.mark.cluster, pytest.mark.timeout(180)]
KINDS = {"pipelines": ("Pipeline", []), "pipelineruns": ("PipelineRun", ["pr", "prs"])}
"""Tekton's, by their plurals, each with its short names."""


def definition(plural: str) -> dict[str, Any]:
    """Return the least that makes a kind of Tekton's, with the names that Tekton gives it."""
    kind, short = KINDS[plural]
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "shortNames": short}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.tekton.dev"},
        "spec": {
            "group": "tekton.dev",
            "scope": "Namespaced",
            "names": {**names, "categories": ["tekton", "tekton-pipelines"]},
            "versions": [version],
        },
    }


@pytest.fixture(autouse=True)
def tekton(cluster: Kubectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the cluster have Tekton's kinds for a test; what kubectl has learned of them is forgotten with it."""
    if not cluster.run("get", "crd/pipelines.tekton.dev", check=False).returncode:
        pytest.skip("the cluster has a Tekton of its own")
    monkeypatch.setenv("KUBECACHEDIR", str(tmp_path / "kubectl"))
    names = [f"crd/{plural}.tekton.dev" for plural in KINDS]
    try:
        for plural in KINDS:
            cluster.run("create", "-f", "-", given=definition(plural))
        cluster.run("wait", "--for=condition=Established", *names, "--timeout=30s")
        yield
    finally:
        cluster.run("delete", "--ignore-not-found", "--timeout=60s", *names)


@pytest.fixture
def operator(kubectl: Kubectl, tmp_path: Path) -> Iterator[Operator]:
    """Return an operator for the test's namespace."""
    with watching(tmp_path / "operator.log", kubectl) as operator:
        yield operator


def theirs(kind: str, name: str) -> dict[str, Any]:
    """Return an object of Tekton's."""
    return {"apiVersion": "tekton.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": {"tasks": []}}


def test_each_has_its_names(kubectl: Kubectl) -> None:
    """Full ones, the short one and the category: also of objects that are called the same, and when one of them is deleted."""
    for manifest in (RETAIL, run(), theirs("Pipeline", "retail"), theirs("PipelineRun", "retail-1")):
        kubectl.apply(manifest)

    def named(*words: str) -> list[str]:
        return kubectl.run("get", *words, "-o", "name").stdout.split()

    assert named("pipelines.podium.dev") == ["pipeline.podium.dev/retail"]
    assert named("pdr") == named("pipelineruns.podium.dev") == ["pipelinerun.podium.dev/retail-1"]
    assert named("pr") == named("pipelineruns.tekton.dev") == ["pipelinerun.tekton.dev/retail-1"]
    assert named("podium") == ["pipelinerun.podium.dev/retail-1", "pipeline.podium.dev/retail"]
    kubectl.run(
        "patch", "pipelines.podium.dev", "retail", "--type=merge", "-p", '{"spec":{"engine":"spark"}}'
    )
    assert kubectl.get("pipelines.podium.dev", "retail")["spec"]["engine"] == "spark"
    assert kubectl.get("pipelines.tekton.dev", "retail")["spec"] == {"tasks": []}
    kubectl.run("delete", "pdr", "retail-1")
    assert named("pipelineruns.podium.dev") == []
    assert named("pipelineruns.tekton.dev") == ["pipelinerun.tekton.dev/retail-1"]


@pytest.mark.usefixtures("operator")
def test_the_operator_looks_at_its_own(kubectl: Kubectl) -> None:
    """A Pipeline of Tekton's is none that a run could mean, and a PipelineRun of Tekton's is left as it is."""
    before = []
    for kind, name in (("Pipeline", "retail"), ("PipelineRun", "retail-1")):
        kubectl.apply(theirs(kind, name))
        before.append(kubectl.get(f"{kind.lower()}s.tekton.dev", name))
    kubectl.apply(run())

    def conditions() -> str:
        return json.dumps(kubectl.get("pdr", "retail-1").get("status", {}).get("conditions", []))

    eventually(lambda: "PipelineNotFound" in conditions())
    kubectl.apply(RETAIL)
    eventually(lambda: kubectl.get("stageruns.podium.dev")["items"])
    assert "PipelineNotFound" not in conditions()
    after = [
        kubectl.get("pipelines.tekton.dev", "retail"),
        kubectl.get("pipelineruns.tekton.dev", "retail-1"),
    ]
    assert after == before
