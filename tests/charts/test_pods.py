"""The pods that the chart makes: restricted, probed, bounded, and told what they need."""

import re
from pathlib import Path

import pytest
from podium_operator.settings import OperatorSettings
from podium_runtime import settings as environment_of_services
from podium_runtime.settings import SecurityProtocol

from tests.charts.rendering import (
    CLUSTER_WIDE,
    DEV,
    EXAMPLES,
    NAMESPACES,
    PRODUCTION,
    RELEASE_NAMESPACE,
    Manifest,
    environment,
    named,
    of_kind,
    pods,
    refusal,
    rendered,
)

STAGES = ["cleanse", "ingest", "model", "publish", "quality"]
ROOT = Path(__file__).parents[2]


def service(manifests: list[Manifest], stage: str = "ingest") -> Manifest:
    pod: Manifest = named(manifests, "StatefulSet", f"podium-{stage}")["spec"]["template"]["spec"]
    return pod


def operator(manifests: list[Manifest]) -> Manifest:
    pod: Manifest = named(manifests, "Deployment", "podium-operator")["spec"]["template"]["spec"]
    return pod


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_pod_is_restricted_and_bounded(example: str) -> None:
    """Also those that are for developers: no root, no privileges, nothing written outside of volumes, limits of memory and disk."""
    found = list(pods(rendered(EXAMPLES[example])))
    assert len(found) >= 6
    for name, _, pod in found:
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is ("dev" not in name), name
        for container in (*pod["containers"], *pod.get("initContainers", ())):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"},
            }
            resources = container["resources"]
            assert {"cpu", "memory", "ephemeral-storage"} <= resources["requests"].keys(), name
            assert {"memory", "ephemeral-storage"} <= resources["limits"].keys(), name


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_pod_that_stays_has_probes(example: str) -> None:
    """On pages of the port that it opens."""
    for manifest in of_kind(rendered(EXAMPLES[example]), "Deployment", "StatefulSet"):
        (container,) = manifest["spec"]["template"]["spec"]["containers"]
        opened = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            (how,) = (
                container[probe].get(kind) for kind in ("httpGet", "tcpSocket") if kind in container[probe]
            )
            assert how["port"] in opened
        if "dev" not in manifest["metadata"]["name"]:
            assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_a_service_keeps_its_name_and_is_given_time_to_stop() -> None:
    """A member of its group by the name of its pod; what it may take is more than the service needs at most."""
    for stage in STAGES:
        pod = service(rendered(DEV, "services.stopSeconds=90"), stage)
        (container,) = pod["containers"]
        (member,) = (item for item in container["env"] if item["name"] == "PODIUM_MEMBER")
        assert member["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
        variables = {item["name"]: item.get("value") for item in container["env"]}
        assert variables["PODIUM_STAGE_RUNS"] == "true"
        assert variables["PODIUM_STOP_SECONDS"] == "90"
        assert pod["terminationGracePeriodSeconds"] == 100


def test_there_is_one_operator_at_a_time() -> None:
    """The old one goes before the new one comes."""
    found = named(rendered(DEV), "Deployment", "podium-operator")["spec"]
    assert (found["replicas"], found["strategy"]) == (1, {"type": "Recreate"})


def test_a_service_understands_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the chart, read by the service itself."""
    manifests = rendered(DEV, "kafka.replication=3", 'services.env={"PODIUM_BACKLOG":"32"}')
    for name, value in environment(manifests, service(manifests)).items():
        monkeypatch.setenv(name, value)
    found = environment_of_services.load()
    assert found.kafka.bootstrap_servers == f"podium-dev-kafka.{RELEASE_NAMESPACE}.svc:9092"
    assert (found.kafka.replication, found.kafka.events_partitions) == (3, 4)
    assert (found.stage_runs, found.processes, found.backlog) == (True, 1, 32)
    assert (str(found.pipelines), found.http_host) == ("/pipelines", "0.0.0.0")


def test_a_service_has_its_login_and_certificates_as_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The files that it is told of are in the Secrets that it mounts."""
    manifests = rendered(PRODUCTION, 'kafka.ssl.clientSecret="podium-tls"', 'objectStore.caSecret="house-ca"')
    pod = service(manifests)
    (container,) = pod["containers"]
    secrets = {item["name"]: item["secret"]["secretName"] for item in pod["volumes"] if "secret" in item}
    folders = {
        item["mountPath"]: secrets[item["name"]]
        for item in container["volumeMounts"]
        if item["name"] in secrets
    }
    assert sorted(folders.values()) == ["house-ca", "kafka-cluster-ca-cert", "podium-kafka", "podium-tls"]
    for name, value in environment(manifests, pod).items():
        folder, _, key = value.rpartition("/")
        monkeypatch.setenv(name, value)
        if folder in folders:
            file = tmp_path / folders[folder] / key
            file.parent.mkdir(exist_ok=True)
            file.write_text("secret\n")
            monkeypatch.setenv(name, str(file))
    kafka = environment_of_services.load().kafka
    assert kafka.security_protocol == SecurityProtocol.SASL_SSL
    assert (kafka.sasl_username, kafka.password) == ("podium", "secret")
    assert [
        file and file.name for file in (kafka.ssl_ca_file, kafka.ssl_certificate_file, kafka.ssl_key_file)
    ] == [
        "ca.crt",
        "tls.crt",
        "tls.key",
    ]


def test_the_operator_understands_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """And gives drivers the same connections as the services have, with the login to Kafka for drivers alone."""
    manifests = rendered(
        PRODUCTION,
        'namespaces=["sales","finance"]',
        'images.overrides={"spark":"r/spark@sha256:1","model":"r/model:2"}',
        'objectStore.caSecret="house-ca"',
    )
    for name, value in environment(manifests, operator(manifests)).items():
        monkeypatch.setenv(name, value)
    found = OperatorSettings()
    assert (found.namespaces, found.http_host) == (("sales", "finance"), "0.0.0.0")
    driver = found.driver
    assert driver.image("cleanse") == "registry.example.com/podium/cleanse:0.1.0"
    assert (driver.image("model"), driver.spark_image) == ("r/model:2", "r/spark@sha256:1")
    assert driver.config_maps == ("podium-connections",)
    assert driver.secrets == ("podium-store", "warehouse-login")
    assert {(item.secret, item.executors) for item in driver.secret_files} == {
        ("podium-kafka", False),
        ("kafka-cluster-ca-cert", False),
        ("house-ca", True),
    }
    for namespace in found.namespaces:
        made = {
            item["metadata"]["name"] for item in manifests if item["metadata"].get("namespace") == namespace
        }
        assert {driver.service_account, *driver.config_maps} <= made


def test_the_operator_of_a_cluster_watches_all_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told of none."""
    manifests = rendered(CLUSTER_WIDE)
    for name, value in environment(manifests, operator(manifests)).items():
        monkeypatch.setenv(name, value)
    assert OperatorSettings().namespaces == ()


def test_no_secret_is_in_the_objects_but_those_of_developers() -> None:
    """Values name Secrets; only `dev` makes one, in each namespace that needs it."""
    assert of_kind(rendered(PRODUCTION) + rendered(NAMESPACES) + rendered(CLUSTER_WIDE), "Secret") == []
    made = of_kind(rendered(DEV, 'namespaces=["a"]'), "Secret")
    assert [item["metadata"]["namespace"] for item in made] == [RELEASE_NAMESPACE, "a"]


def test_services_and_drivers_each_have_secrets_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """As variables, after those of the store: a service those of `services.secrets`, a driver those of `runs.secrets`."""
    manifests = rendered(PRODUCTION, 'services.secrets=["stream-login","warehouse-tls"]')
    for stage in STAGES:
        (container,) = service(manifests, stage)["containers"]
        secrets = [item["secretRef"]["name"] for item in container["envFrom"] if "secretRef" in item]
        assert secrets == ["podium-store", "stream-login", "warehouse-tls"]
    for name, value in environment(manifests, operator(manifests)).items():
        monkeypatch.setenv(name, value)
    assert OperatorSettings().driver.secrets == ("podium-store", "warehouse-login")
    assert "/services/secrets/0" in refusal('services.secrets=["Not a name"]')


def test_a_change_of_connections_starts_services_anew() -> None:
    """They read their variables once; nothing else of the connections makes them start."""
    before, same, after = (
        named(rendered(DEV, setting), "StatefulSet", "podium-model")["spec"]["template"]["metadata"][
            "annotations"
        ]
        for setting in ("kafka.replication=1", "autoscaling.maxReplicas=9", "kafka.replication=2")
    )
    assert before == same
    assert before != after


def test_placement_is_by_values() -> None:
    """For the operator and the services, each by its own."""
    manifests = rendered(
        DEV,
        'services.nodeSelector={"disk":"ssd"}',
        'services.tolerations=[{"key":"data","operator":"Exists"}]',
        'services.affinity={"nodeAffinity":{}}',
        'services.priorityClassName="high"',
        'services.topologySpreadConstraints=[{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}]',
        'operator.nodeSelector={"role":"control"}',
        'images.pullSecrets=["registry"]',
    )
    pod = service(manifests, "publish")
    assert (pod["nodeSelector"], pod["priorityClassName"]) == ({"disk": "ssd"}, "high")
    assert pod["tolerations"] == [{"key": "data", "operator": "Exists"}]
    assert pod["affinity"] == {"nodeAffinity": {}}
    (spread,) = pod["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == "publish"
    assert operator(manifests)["nodeSelector"] == {"role": "control"}
    assert all(pod["imagePullSecrets"] == [{"name": "registry"}] for _, _, pod in pods(manifests))


def test_every_service_has_its_budget() -> None:
    """Which finds its pods, and no other stage's."""
    manifests = rendered(PRODUCTION)
    for stage in STAGES:
        budget = named(manifests, "PodDisruptionBudget", f"podium-{stage}")["spec"]
        selected = budget["selector"]["matchLabels"].items()
        assert [name for name, labels, _ in pods(manifests) if selected <= labels.items()] == [
            f"podium-{stage}"
        ]


@pytest.mark.parametrize("release", ["podium", "data", "a-release-with-a-name-as-long-as-helm-allows-one-x"])
def test_names_are_short_enough(release: str) -> None:
    """For labels and names of services, which may have 63 characters; a StatefulSet's pods are labelled with 11 more."""
    for manifest in rendered(DEV, release=release):
        room = 52 if manifest["kind"] == "StatefulSet" else 63
        assert len(manifest["metadata"]["name"]) <= room


def test_servers_of_developers_are_those_of_the_tests() -> None:
    """The versions of scripts/kafka and scripts/s3proxy."""
    manifests = rendered(DEV)
    for name, project in (("podium-dev-kafka", "kafka"), ("podium-dev-s3", "s3proxy")):
        (container,) = named(manifests, "Deployment", name)["spec"]["template"]["spec"]["containers"]
        version = re.search("<version>([0-9.]+)</version>(?!.*<packaging>)", _pom(project), re.DOTALL)
        assert version
        assert container["image"].endswith(f":{version[1]}")


def _pom(project: str) -> str:
    return (ROOT / "scripts" / project / "pom.xml").read_text(encoding="utf-8").partition("<packaging>")[2]
