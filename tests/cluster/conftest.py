"""A real cluster, which KUBECONFIG names: its own namespace for each test, with the restricted level of pod security enforced."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DEFINITIONS = ROOT / "charts" / "podium-crds" / "templates"


@dataclass(frozen=True)
class Kubectl:
    """kubectl in one namespace."""

    namespace: str

    def run(
        self, *arguments: str, given: object = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; what is `given` goes to its standard input as JSON."""
        done = subprocess.run(
            ["kubectl", "--namespace", self.namespace, *arguments],
            input=None if given is None else json.dumps(given),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def apply(self, manifest: object) -> None:
        """Apply a manifest on the server's side."""
        self.run("apply", "--server-side", "--force-conflicts", "-f", "-", given=manifest)

    def refusal(self, manifest: object) -> str:
        """Return why a manifest is refused."""
        done = self.run("apply", "--server-side", "-f", "-", given=manifest, check=False)
        assert done.returncode != 0, "it was not refused"
        return done.stderr

    def get(self, *arguments: str) -> Any:
        """Return an object, or a list of them."""
        return json.loads(self.run("get", *arguments, "-o", "json").stdout)


@pytest.fixture(scope="session")
def cluster() -> Kubectl:
    """Return kubectl for a cluster that has Podium's definitions."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("needs a Kubernetes cluster: let KUBECONFIG name one")
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl")
    kubectl = Kubectl("default")
    kubectl.run("apply", "--server-side", "--force-conflicts", "-f", str(DEFINITIONS))
    for plural in ("pipelines", "pipelineruns", "stageruns"):
        kubectl.run("wait", "--for=condition=Established", f"crd/{plural}.podium.dev", "--timeout=30s")
    return kubectl


PREFIX = f"podium-test-{secrets.token_hex(3)}"
"""What the names of this session's namespaces begin with."""


@contextmanager
def namespace(cluster: Kubectl) -> Iterator[Kubectl]:
    """Give kubectl in a new namespace, which ends afterwards."""
    name = f"{PREFIX}-{secrets.token_hex(3)}"
    levels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": levels}})
    yield Kubectl(name)
    cluster.run("delete", "namespace", name, "--wait=false")


@pytest.fixture
def kubectl(cluster: Kubectl) -> Iterator[Kubectl]:
    """Return kubectl in a new namespace."""
    with namespace(cluster) as kubectl:
        yield kubectl
