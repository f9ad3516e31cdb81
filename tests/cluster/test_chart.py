"""The charts on a real cluster: what they make is admitted, and each account may do what it needs and nothing else.

No image of Podium's is needed: pods that wait for their images are admitted like any.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kubernetes_asyncio import config
from kubernetes_asyncio.client import ApiClient, Configuration
from podium_runtime.cluster import Cluster, Refused
from ruamel.yaml import YAML

from tests.charts.rendering import CHARTS, CLUSTER_WIDE, DEV, NAMESPACES, PRODUCTION, helm, of_kind, rendered
from tests.cluster.conftest import NAMESPACE, ROOT, Kubectl, namespace
from tests.cluster.playing import NOWHERE as NO_NODE
from tests.cluster.test_definitions import RETAIL, run
from tests.cluster.test_operator import wait_for
from tests.integration.services.stack import eventually, free_port

pytestmark = [pytest.mark.integration, pytest.mark.cluster, pytest.mark.timeout(240, func_only=True)]
UNKNOWN = {"PodMonitor", "PrometheusRule", "ScaledObject", "TriggerAuthentication"}
"""Kinds whose definitions a cluster may not have."""
NOWHERE = ("--set", "images.repository=podium.invalid", "--set", "images.tag=none")
WATCH = {"list", "watch"}
OPERATOR = {
    "podium.dev/pipelines": WATCH,
    "podium.dev/pipelines/status": {"patch"},
    "podium.dev/pipelineruns": WATCH | {"get", "create", "patch", "delete"},
    "podium.dev/pipelineruns/status": {"patch"},
    "podium.dev/stageruns": WATCH | {"get", "create"},
    "podium.dev/stageruns/status": {"patch"},
    "batch/jobs": WATCH | {"get", "create", "delete"},
    "/pods": WATCH,
    "/configmaps": {"get", "create"},
    "/services": {"get", "create"},
    "/events": {"list", "create"},
}
SERVICES = {
    "podium.dev/pipelineruns": {"get"},
    "podium.dev/stageruns": {"get", "create"},
    "/configmaps": {"get"},
}
DRIVER = {"/pods": WATCH | {"get", "create", "delete", "deletecollection"}}


@pytest.fixture(scope="module")
def release(cluster: Kubectl) -> Iterator[Kubectl]:
    """Yield kubectl in a namespace with a release for developers, whose images are nowhere to be had."""
    with namespace(cluster) as kubectl:
        done = helm(
            "install", "podium", str(CHARTS / "podium"), "-n", kubectl.namespace, "-f", str(DEV), *NOWHERE
        )
        assert done.returncode == 0, done.stderr
        yield kubectl


def allowed(kubectl: Kubectl, account: str, where: str) -> dict[str, set[str]]:
    """Return all that an account may do in a namespace, beside what everybody may: verbs by group, resource and name."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": where},
    }

    def asked(name: str) -> dict[str, set[str]]:
        actor = f"system:serviceaccount:{kubectl.namespace}:{name}"
        said = kubectl.run(
            "create", "--validate=false", "-f", "-", "-o", "json", "--as", actor, given=review
        ).stdout
        found: dict[str, set[str]] = {}
        for rule in json.loads(said)["status"]["resourceRules"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for only in rule.get("resourceNames") or [""]:
                        place = f"{group}/{resource}" + (f"={only}" if only else "")
                        found.setdefault(place, set()).update(rule["verbs"])
        return found

    everybody = asked("nobody")
    return {place: verbs for place, verbs in asked(account).items() if verbs != everybody.get(place)}


@pytest.mark.parametrize(
    ("account", "may"),
    [("podium-operator", OPERATOR), ("podium-services", SERVICES), ("podium-driver", DRIVER)],
)
def test_an_account_may_do_this_and_no_more(release: Kubectl, account: str, may: dict[str, set[str]]) -> None:
    """In the namespace of its runs; in another one, nothing."""
    assert allowed(release, account, release.namespace) == may
    assert allowed(release, account, "kube-system") == {}


@pytest.mark.parametrize(
    ("account", "verb", "what"),
    [
        ("podium-operator", "get", "secrets"),
        ("podium-operator", "create", "pods"),
        ("podium-operator", "create", "pods/exec"),
        ("podium-operator", "update", "pipelines.podium.dev"),
        ("podium-operator", "create", "rolebindings.rbac.authorization.k8s.io"),
        ("podium-operator", "list", "leases.coordination.k8s.io"),
        ("podium-services", "get", "secrets"),
        ("podium-services", "create", "jobs.batch"),
        ("podium-services", "patch", "pipelineruns.podium.dev"),
        ("podium-driver", "get", "secrets"),
        ("podium-driver", "create", "jobs.batch"),
        ("podium-driver", "create", "pods/exec"),
    ],
)
def test_an_account_is_refused_what_it_must_not_do(
    release: Kubectl, account: str, verb: str, what: str
) -> None:
    """As the API server itself says."""
    actor = f"system:serviceaccount:{release.namespace}:{account}"
    resource, _, part = what.partition("/")
    asked = ("auth", "can-i", verb, resource, "--subresource", part, "--as", actor)
    assert release.run(*asked, check=False).stdout.strip() == "no"


def test_every_pod_is_admitted(release: Kubectl) -> None:
    """Into a namespace that enforces *restricted*: one of each workload is there, and nothing warns of a violation."""
    names = {item["metadata"]["name"] for item in of_kind(rendered(DEV), "Deployment", "StatefulSet")}

    def missing() -> set[str]:
        pods = [item["metadata"]["name"] for item in release.get("pods")["items"]]
        return {name for name in names if not any(pod.startswith(name) for pod in pods)}

    eventually(lambda: missing() == set(), 60)
    assert "violate" not in release.run("get", "events").stdout


@pytest.mark.parametrize(
    ("values", "settings"),
    [
        (DEV, []),
        (PRODUCTION, []),
        (CLUSTER_WIDE, ['namespaces=["{namespace}"]']),
        (NAMESPACES, ['namespaces=["{namespace}"]']),
    ],
    ids=["dev", "production", "cluster-wide", "namespaces"],
)
def test_the_api_server_takes_every_object(kubectl: Kubectl, values: Path, settings: list[str]) -> None:
    """Dry, with all that it checks: fields that it does not know, names, roles, the pods' restrictions."""
    given = [setting.format(namespace=kubectl.namespace) for setting in settings]
    manifests = rendered(values, *given, namespace=kubectl.namespace)
    kubectl.run("create", "serviceaccount", "podium-test")
    taken = [manifest for manifest in manifests if manifest["kind"] not in UNKNOWN]
    listed = {"apiVersion": "v1", "kind": "List", "items": taken}
    done = kubectl.run(
        "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", given=listed
    )
    assert len(done.stdout.splitlines()) == len(taken)
    assert "violate" not in done.stderr


def acting_as(kubectl: Kubectl, account: str, file: Path) -> Path:
    """Write a kubeconfig with a token of a service account, as its pod has."""
    token = kubectl.run("create", "token", account, "--duration=30m").stdout.strip()
    configuration = json.loads(kubectl.run("config", "view", "--raw", "--minify", "-o", "json").stdout)
    configuration["users"][0]["user"] = {"token": token}
    file.write_text(json.dumps(configuration))
    return file


@contextmanager
def operating(kubectl: Kubectl, folder: Path, *namespaces: str) -> Iterator[str]:
    """Run the operator as a process with a token of its account, for these namespaces or all; yield where its health is.

    In the end the API server has refused it nothing.
    """
    port, log = free_port(), folder / "operator.log"
    settings = {
        "KUBECONFIG": str(acting_as(kubectl, "podium-operator", folder / "kubeconfig")),
        "PODIUM_OPERATOR_NAMESPACES": json.dumps(namespaces),
        "PODIUM_OPERATOR_HTTP_PORT": str(port),
        "PODIUM_OPERATOR_METRICS_PORT": str(free_port()),
        "PODIUM_OPERATOR_DRIVER__REPOSITORY": "podium.invalid",
    }
    command = [sys.executable, "-m", "podium_operator.main"]
    with (
        log.open("wb") as said,
        subprocess.Popen(
            command, env={**os.environ, **settings}, cwd=ROOT, stdout=said, stderr=said
        ) as operator,
    ):
        try:
            yield f"http://127.0.0.1:{port}/healthz"
        finally:
            operator.terminate()
    text = log.read_text()
    assert "forbidden" not in text.lower(), text
    assert "Not enough permissions" not in text


@pytest.mark.usefixtures("release")
def test_the_operator_works_by_its_role(release: Kubectl, tmp_path: Path) -> None:
    """It makes a run's objects, shows how it stands, and is refused nothing."""
    with operating(release, tmp_path, release.namespace) as health:
        release.apply(RETAIL)
        release.apply(run(startTimeout="5m"))
        wait_for(release, "Unknown ImageUnavailable")
        release.apply(run(startTimeout="5m", cancel=True))
        wait_for(release, "False Cancelled")
        eventually(lambda: not release.get("jobs")["items"])
        with urllib.request.urlopen(health) as answer:
            assert json.load(answer) == {"watches": "ok"}
        release.run("delete", "pdr", "--all")


@pytest.fixture
def everywhere(cluster: Kubectl, kubectl: Kubectl) -> Iterator[Kubectl]:
    """Yield kubectl in a namespace with the accounts and roles of a release that looks after all namespaces."""
    manifests = rendered(CLUSTER_WIDE, f'namespaces=["{kubectl.namespace}"]', namespace=kubectl.namespace)
    roles = of_kind(manifests, "ClusterRole", "ClusterRoleBinding")
    kept = of_kind(manifests, "ServiceAccount", "Role", "RoleBinding")
    try:
        kubectl.apply({"apiVersion": "v1", "kind": "List", "items": [*kept, *roles]})
        yield kubectl
    finally:
        for role in roles:
            cluster.run("delete", role["kind"], role["metadata"]["name"], "--ignore-not-found")


def test_the_operator_of_a_cluster_works_by_its_role(
    cluster: Kubectl, everywhere: Kubectl, tmp_path: Path
) -> None:
    """It brings a run of another namespace to its Job, by a ClusterRole that lets it do the same everywhere and nothing else."""
    with namespace(cluster) as other:
        assert allowed(everywhere, "podium-operator", other.namespace) == OPERATOR
        _leave_others_alone(cluster)
        other.run("create", "serviceaccount", "podium-driver")
        with operating(everywhere, tmp_path) as health:
            other.apply(RETAIL)
            other.apply(run(pods={"nodeSelector": NO_NODE}))
            wait_for(other, "Unknown Unschedulable")
            (job,) = other.get("jobs")["items"]
            assert job["metadata"]["labels"]["podium.dev/run"] == "retail-1"
            with urllib.request.urlopen(health) as answer:
                assert json.load(answer) == {"watches": "ok"}


def _leave_others_alone(cluster: Kubectl) -> None:
    """Skip a test whose operator would take up the runs of others; those that tests have left are nobody's."""
    runs = cluster.get("pipelineruns.podium.dev", "-A")["items"]
    others = [run for run in runs if not run["metadata"]["namespace"].startswith(NAMESPACE)]
    if others:
        pytest.skip(
            f"an operator of all namespaces would look after {len(others)} runs that are not the test's"
        )


def test_the_operator_of_a_cluster_is_refused_what_it_must_not_do(everywhere: Kubectl) -> None:
    """In every namespace, as the API server itself says."""
    actor = f"system:serviceaccount:{everywhere.namespace}:podium-operator"

    def may(verb: str, what: str) -> bool:
        resource, _, part = what.partition("/")
        asked = ("auth", "can-i", verb, resource, "--subresource", part, "--as", actor, "--all-namespaces")
        return everywhere.run(*asked, check=False).stdout.strip() != "no"

    must_not = (
        ("get", "secrets"),
        ("list", "secrets"),
        ("create", "pods"),
        ("delete", "pods"),
        ("create", "pods/exec"),
        ("get", "nodes"),
        ("list", "namespaces"),
        ("get", "leases.coordination.k8s.io"),
        ("list", "leases.coordination.k8s.io"),
        ("update", "pipelines.podium.dev"),
        ("create", "clusterrolebindings.rbac.authorization.k8s.io"),
    )
    assert [call for call in must_not if may(*call)] == []
    assert may("create", "jobs.batch")


def test_a_service_works_by_its_role(release: Kubectl, tmp_path: Path) -> None:
    """It reads a run and what is pinned of it, makes the StageRun that follows, once, and can neither change nor remove it."""
    release.apply(run("by-role"))
    release.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "by-role-pinned"}})
    owner = release.get("pdr", "by-role")["metadata"]
    stage = {
        "apiVersion": "podium.dev/v1alpha1",
        "kind": "StageRun",
        "metadata": {
            "name": "by-role-cleanse",
            "namespace": release.namespace,
            "ownerReferences": [
                {
                    "apiVersion": "podium.dev/v1alpha1",
                    "kind": "PipelineRun",
                    "name": "by-role",
                    "uid": owner["uid"],
                    "controller": True,
                }
            ],
        },
        "spec": {
            "pipelineRun": {"name": "by-role", "uid": owner["uid"]},
            "stage": "cleanse",
            "subject": "silver.sales",
            "event": "{}",
        },
    }

    async def work(cluster: Cluster) -> None:
        known = await cluster.find("PipelineRun", release.namespace, "by-role")
        assert known
        assert await cluster.find("ConfigMap", release.namespace, "by-role-pinned")
        made = await cluster.make(stage)
        assert await cluster.make(stage) == made
        for refused in (
            cluster.delete("StageRun", release.namespace, "by-role-cleanse"),
            cluster.apply_status("PipelineRun", known, {}),
        ):
            with pytest.raises(Refused, match="forbidden"):
                await refused

    _connected(acting_as(release, "podium-services", tmp_path / "kubeconfig"), work)


def _connected(kubeconfig: Path, work: Callable[[Cluster], Awaitable[None]]) -> None:
    async def connect() -> None:
        configuration = Configuration()
        await config.load_kube_config(str(kubeconfig), client_configuration=configuration)
        cluster = Cluster(ApiClient(configuration))
        try:
            await work(cluster)
        finally:
            await cluster.close()

    asyncio.run(connect())


def test_definitions_are_upgraded_under_live_runs_and_kept(kubectl: Kubectl, tmp_path: Path) -> None:
    """Helm brings them to the chart's state; uninstalling leaves them and what is defined by them."""
    kubectl.apply(run())
    uid = kubectl.get("pdr", "retail-1")["metadata"]["uid"]
    older = shutil.copytree(CHARTS / "podium-crds", tmp_path / "podium-crds")
    _with_another_column(older / "templates" / "stageruns.yaml")
    chart = ("podium-crds", "-n", kubectl.namespace, "--take-ownership")
    first = helm("install", chart[0], str(older), *chart[1:])
    assert first.returncode == 0, first.stderr
    assert "Another" in columns(kubectl)
    done = helm("upgrade", chart[0], str(CHARTS / "podium-crds"), *chart[1:])
    assert done.returncode == 0, done.stderr
    assert "Another" not in columns(kubectl)
    gone = helm("uninstall", "podium-crds", "-n", kubectl.namespace)
    assert "kept due to the resource policy" in gone.stdout
    assert kubectl.get("pdr", "retail-1")["metadata"]["uid"] == uid


def _with_another_column(definition: Path) -> None:
    yaml = YAML()
    document = yaml.load(definition.read_text())
    (version,) = document["spec"]["versions"]
    version["additionalPrinterColumns"].append(
        {"name": "Another", "type": "string", "jsonPath": ".spec.stage", "priority": 1}
    )
    yaml.dump(document, definition)


def columns(kubectl: Kubectl) -> list[str]:
    (version,) = kubectl.get("crd", "stageruns.podium.dev")["spec"]["versions"]
    return [column["name"] for column in version["additionalPrinterColumns"]]


def test_pipelines_of_examples_are_taken(kubectl: Kubectl) -> None:
    """Those of values are for the services; the API server knows the same rules."""
    given: dict[str, Any] = YAML(typ="safe").load(CLUSTER_WIDE.read_text())
    kubectl.apply(given["pipelines"]["orders"])
