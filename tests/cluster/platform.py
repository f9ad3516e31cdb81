"""The platform as people install it: a release of the chart in a namespace of its own, with Kafka and an object store."""

import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obstore.store import S3Store
from podium_contracts.names import Stage
from ruamel.yaml import YAML

from tests.benchmarks.sameness import FROM_THE_RUN, Figures, figures, tables_of
from tests.cluster.conftest import ROOT, Images, Kubectl
from tests.commands import printed
from tests.integration.services.stack import free_port

RETAIL = ROOT / "examples" / "retail"
DATA = RETAIL / "data" / "online_retail_2009_2010.csv.gz"
CHART = ROOT / "charts" / "podium"
RELEASE = "podium"
CLAIMED = {"name": "shared", "persistentVolumeClaim": {"claimName": "shared"}}
MOUNTED = {"mountPath": "/shared"}
"""A volume that services and runs share, and where it is in their pods."""


SELL = """
import os, sys
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
brokers, topic = {"bootstrap.servers": os.environ["PODIUM_KAFKA__BOOTSTRAP_SERVERS"]}, sys.argv[1]
admin = AdminClient(brokers)  # kept: the future fails when it is gone
if topic not in admin.list_topics(timeout=20).topics:
    admin.create_topics([NewTopic(topic, 4, 1)])[topic].result(20)
producer = Producer(brokers)
for line in sys.stdin:
    key, _, value = line.rstrip().partition("\\t")
    producer.produce(topic, value, key)
sys.exit(producer.flush(60))
"""
"""What puts the lines of its standard input, each behind its key, on a topic."""


def helm(*arguments: str | Path, given: object = None) -> str:
    """Run helm; return what it printed."""
    return printed("helm", *arguments, seconds=600, given=None if given is None else json.dumps(given))


def values(images: Images) -> dict[str, Any]:
    """Return the chart's values for a cluster of one small node."""
    return {
        "images": {
            "overrides": {
                "operator": images.operator,
                "spark": images.spark,
                **dict.fromkeys(Stage, images.spark),
                Stage.CLEANSE: images.cleanse,
            }
        },
        "dev": {"kafka": {"image": images.dev}, "objectStore": {"image": images.dev}},
        "operator": {"resources": {"requests": {"cpu": "50m", "memory": "128Mi"}}},
        "services": {
            "resources": {"requests": {"cpu": "20m", "memory": "256Mi"}},
            "volumes": [CLAIMED],
            "volumeMounts": [{"name": CLAIMED["name"], **MOUNTED}],
        },
        "runs": {"cpu": "100m"},
    }


@dataclass
class Platform:
    """A release that is ready."""

    kubectl: Kubectl
    endpoint: str
    shared: Path
    """Where the claim `shared` lies on this machine."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables by which programs beside the cluster find its object store."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "podium",
            "AWS_SECRET_ACCESS_KEY": "podium-secret",
        }

    def put(self, key: str, content: bytes) -> str:
        """Put an object into the store; return its URI."""
        store = S3Store(
            "lake",
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id="podium",
            secret_access_key="podium-secret",
            client_options={"allow_http": True},
        )
        store.put(key, content)
        return f"s3://lake/{key}"

    def retail(self, name: str, lines: int | None = None, **changed: object) -> str:
        """Apply the retail example under a name, with so many lines of its file and what is changed in it; return where its lakehouse is."""
        if lines is None:
            path = self.put(f"{name}/data/{DATA.name}", DATA.read_bytes())
        else:
            with gzip.open(DATA, "rb") as opened:
                path = self.put(f"{name}/data/sales.csv", b"".join(next(opened) for _ in range(lines + 1)))
        source = {"files": {"path": path, "format": "csv"}}
        self.kubectl.apply(self.bundled(name, source, **changed))
        return f"s3://lake/{name}/lakehouse"

    def bundled(self, name: str, source: object, **changed: object) -> dict[str, Any]:
        """Return the retail example as a manifest of that name, with that source of its sales; what it refers to is in the store."""
        overlay = {
            "apiVersion": "podium.dev/v1alpha1",
            "kind": "Pipeline",
            "metadata": {"name": name},
            "spec": {
                "lakehouse": {"uri": f"s3://lake/{name}/lakehouse"},
                "datasets": {"sales": {"sources": [source]}},
                "publish": None,
                **changed,
            },
        }
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "cluster.yaml")
            file.write_text(json.dumps(overlay))
            written = printed(
                Path(sys.executable).with_name("podium"), "bundle", "-f", RETAIL / "pipeline.yaml",
                "--overlay", file, "--to", "s3://lake/bundles/", seconds=120, environment=self.environment,
            )  # fmt: skip
        manifest: dict[str, Any] = YAML(typ="safe").load(written)
        return manifest

    def host(self, manifest: dict[str, Any]) -> None:
        """Have the services keep a Pipeline up to date, without runs."""
        helm(
            "upgrade", RELEASE, CHART, "--namespace", self.kubectl.namespace, "--reuse-values", "--values", "-",
            "--wait", "--timeout", "5m", given={"pipelines": {manifest["metadata"]["name"]: manifest}},
        )  # fmt: skip

    def sell(self, topic: str, lines: Iterable[Mapping[str, str]]) -> None:
        """Put lines of the retail file on a topic, those of an invoice in one partition; brokers are reached from within the cluster alone."""
        texts = (
            f"{line['Invoice']}\t{json.dumps({name: value or None for name, value in line.items()})}\n"
            for line in lines
        )
        printed(
            "kubectl", "-n", self.kubectl.namespace, "exec", "-i", f"statefulset/{RELEASE}-{Stage.INGEST}", "--",
            "python", "-c", SELL, topic, seconds=180, given="".join(texts),
        )  # fmt: skip

    def start(self, name: str, pipeline: str, **spec: Any) -> None:
        """Apply a run."""
        self.kubectl.apply(
            {
                "apiVersion": "podium.dev/v1alpha1",
                "kind": "PipelineRun",
                "metadata": {"name": name},
                "spec": {"pipeline": pipeline, **spec},
            }
        )

    def finished(self, name: str, seconds: float = 300) -> dict[str, Any]:
        """Wait until a run has ended; return its status."""
        waited = self.kubectl.run(
            "wait", "--for=condition=Finished", f"pipelinerun.podium.dev/{name}", f"--timeout={seconds:.0f}s",
            check=False, patience=seconds + 10,
        )  # fmt: skip
        status: dict[str, Any] = self.kubectl.get("pdr", name).get("status", {})
        assert waited.returncode == 0, (status, [pod["status"] for pod in self.pods(name)])
        return status

    def pods(self, run: str) -> list[dict[str, Any]]:
        """Return the pods of a run."""
        found: list[dict[str, Any]] = self.kubectl.get("pods", "-l", f"podium.dev/run={run}")["items"]
        return found


def checksums(lakehouse: Path) -> dict[str, Figures]:
    """Return count and checksums of every table of Silver and Gold, by what does not come from the run."""
    tables = [table for table in tables_of(lakehouse) if table.startswith(("silver/", "gold/"))]
    return {table: figures(lakehouse / table, FROM_THE_RUN) for table in tables}


@contextmanager
def forwarded(kubectl: Kubectl, service: str, port: int) -> Iterator[str]:
    """Yield the address at which a service of the cluster is reached from here."""
    here = free_port()
    command = ["kubectl", "-n", kubectl.namespace, "port-forward", f"service/{service}", f"{here}:{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert "Forwarding" in process.stdout.readline()
        try:
            yield f"http://127.0.0.1:{here}"
        finally:
            process.terminate()


@contextmanager
def claimed(kubectl: Kubectl) -> Iterator[Path]:
    """Bind a claim `shared` to a folder of this machine, which is the cluster's node; yield the folder."""
    (node,) = kubectl.get("nodes")["items"]
    host = "kubernetes.io/hostname"
    here = {"key": host, "operator": "In", "values": [node["metadata"]["labels"][host]]}
    about = {"storageClassName": "", "accessModes": ["ReadWriteOnce"]}
    with tempfile.TemporaryDirectory(prefix="podium-claim-") as folder:
        kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": kubectl.namespace},
                "spec": {
                    **about,
                    "capacity": {"storage": "1Gi"},
                    "persistentVolumeReclaimPolicy": "Retain",
                    "claimRef": {"namespace": kubectl.namespace, "name": "shared"},
                    "local": {"path": folder},
                    "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
                },
            }
        )
        kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "shared"},
                "spec": {
                    **about,
                    "volumeName": kubectl.namespace,
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }
        )
        yield Path(folder)
        kubectl.run("delete", "pvc/shared", f"pv/{kubectl.namespace}", "--wait=false")


@contextmanager
def installed(kubectl: Kubectl, images: Images, shared: Path) -> Iterator[Platform]:
    """Yield a release that is ready, with a claim that lies in a folder."""
    namespace = ("--namespace", kubectl.namespace)
    helm(
        "install", RELEASE, CHART, *namespace, "--values", CHART / "values-dev.yaml", "--values", "-",
        "--wait", "--timeout", "5m", given=values(images),
    )  # fmt: skip
    try:
        with forwarded(kubectl, f"{RELEASE}-dev-s3", 8080) as endpoint:
            yield Platform(kubectl, endpoint, shared)
    finally:
        helm("uninstall", RELEASE, *namespace)
