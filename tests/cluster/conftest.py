"""A real cluster, which KUBECONFIG names: its own namespace for each test, with the restricted level of pod security enforced."""

import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from podium_operator.core.objects import POD_SECURITY, RESTRICTED

from tests.integration.conftest import retail  # noqa: F401 - a fixture

ROOT = Path(__file__).parents[2]
DEFINITIONS = ROOT / "charts" / "podium-crds" / "templates"
NAMESPACE = "podium-test-"
"""How the namespaces of tests begin."""


@dataclass(frozen=True)
class Kubectl:
    """kubectl in one namespace."""

    namespace: str

    def run(
        self, *arguments: str, given: object = None, check: bool = True, patience: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command for so many seconds; what is `given` goes to its standard input as JSON."""
        done = subprocess.run(
            ["kubectl", "--namespace", self.namespace, *arguments],
            input=None if given is None else json.dumps(given),
            capture_output=True,
            text=True,
            timeout=patience,
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


@contextmanager
def namespace(cluster: Kubectl) -> Iterator[Kubectl]:
    """Yield kubectl in a new namespace, which is deleted in the end."""
    name = f"{NAMESPACE}{secrets.token_hex(4)}"
    levels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": levels}})
    try:
        yield Kubectl(name)
    finally:
        cluster.run("delete", "namespace", name, "--wait=false")


@pytest.fixture
def kubectl(cluster: Kubectl) -> Iterator[Kubectl]:
    """Return kubectl in a new namespace."""
    with namespace(cluster) as kubectl:
        yield kubectl


@pytest.fixture(scope="session")
def pods(cluster: Kubectl) -> None:
    """See that the cluster starts pods, as a machine without what containers need cannot."""
    container = {"name": "it", "image": busybox(), "command": ["true"], "securityContext": RESTRICTED}
    spec = {"restartPolicy": "Never", "securityContext": POD_SECURITY, "containers": [container]}
    with namespace(cluster) as kubectl:
        kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "first"}, "spec": spec})
        started = ("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/first", "--timeout=60s")
        if kubectl.run(*started, check=False).returncode:
            said = [event["message"] for event in kubectl.get("events")["items"]]
            pytest.skip(f"the cluster starts no pods: {said}")


@cache
def busybox() -> str:
    """Return an image that has a shell: one that a node has already, where there is one."""
    names = [
        name
        for node in Kubectl("default").get("nodes")["items"]
        for image in node["status"].get("images", ())
        for name in image.get("names") or ()
    ]
    return next((name for name in names if "busybox" in name and "@" not in name), "busybox:1.37.0")


@dataclass(frozen=True)
class Images:
    """The images that the cluster has, by their names."""

    operator: str
    spark: str
    """Holds all stages: it stands for the images of the services, too, but for the one that is built."""
    cleanse: str
    dev: str
    """Kafka and S3Proxy."""


@pytest.fixture(scope="session")
def images(cluster: Kubectl, pods: None) -> Images:  # noqa: ARG001 - what starts no pods needs no images
    """Build the images and load them into the cluster, once.

    That takes minutes: a test that asks for them limits its own time alone, by `pytest.mark.timeout(…, func_only=True)`.
    """
    load = os.environ.get("PODIUM_IMAGE_LOAD")
    if not load:
        pytest.skip(
            "needs images in the cluster: let PODIUM_IMAGE_LOAD be a command that loads archives, as `kind load image-archive`"
        )
    names = ("operator", "spark", "cleanse", "dev")
    tools = ROOT / ".tools"
    with tempfile.TemporaryDirectory(dir=tools) as folder:
        program = (sys.executable, ROOT / "scripts" / "image" / "archive.py")
        built = subprocess.run(
            [*program, *names, folder], capture_output=True, text=True, timeout=1800, check=False
        )
        assert built.returncode == 0, built.stderr
        found = Images(*built.stdout.split())
        for name in names:
            if has_image(cluster, getattr(found, name)):
                continue
            archive = Path(folder, f"{name}.tar")
            loaded = subprocess.run(
                [*shlex.split(load), archive], capture_output=True, text=True, timeout=600, check=False
            )
            assert loaded.returncode == 0, loaded.stderr
    return found


def has_image(cluster: Kubectl, image: str) -> bool:
    """Return whether each node of a cluster has an image."""
    nodes = cluster.get("nodes")["items"]
    held = [
        {name for image in node["status"]["images"] for name in image.get("names") or ()} for node in nodes
    ]
    return all(f"docker.io/{image}" in names for names in held)
