"""What helm makes of the charts."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

CHARTS = Path(__file__).parents[2] / "charts"
CHART = CHARTS / "podium"
DEV = CHART / "values-dev.yaml"
EXAMPLES = {path.stem: path for path in (*sorted((CHART / "examples").glob("*.yaml")), DEV)}
PRODUCTION, NAMESPACES, CLUSTER_WIDE = (
    EXAMPLES[name] for name in ("production", "namespaces", "cluster-wide")
)
WORKLOADS = ("Deployment", "StatefulSet", "Pod")
RELEASE_NAMESPACE = "platform"
Manifest = dict[str, Any]


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run helm; a test without it is skipped."""
    if shutil.which("helm") is None:
        pytest.skip("needs helm")
    return subprocess.run(["helm", *arguments], capture_output=True, text=True, timeout=60, check=False)


@lru_cache
def _template(release: str, values: Path, namespace: str, settings: tuple[str, ...]) -> str:
    given = [part for setting in settings for part in ("--set-json", setting)]
    done = helm("template", release, str(CHART), "-n", namespace, "-f", str(values), *given)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(
    values: Path, *settings: str, release: str = "podium", namespace: str = RELEASE_NAMESPACE
) -> list[Manifest]:
    """Return every object that a release would have; a setting is as `kafka.replication=1`, with a value in JSON."""
    documents = YAML(typ="safe").load_all(_template(release, values, namespace, settings))
    return [document for document in documents if document]


def refusal(*settings: str, values: Path = DEV) -> str:
    """Return why values are refused."""
    given = [part for setting in settings for part in ("--set-json", setting)]
    done = helm("template", "podium", str(CHART), "-f", str(values), *given)
    assert done.returncode != 0, "they were not refused"
    return done.stderr


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    """Return the objects of these kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """Return the one object of a kind and a name."""
    (found,) = (item for item in of_kind(manifests, kind) if item["metadata"]["name"] == name)
    return found


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest, Manifest]]:
    """Yield each pod that is made: its name, its labels and its spec."""
    for manifest in of_kind(manifests, *WORKLOADS):
        pod = manifest if manifest["kind"] == "Pod" else manifest["spec"]["template"]
        yield manifest["metadata"]["name"], pod["metadata"]["labels"], pod["spec"]


def environment(manifests: list[Manifest], pod: Manifest) -> Mapping[str, str]:
    """Return the variables of a pod's container, as far as they are no secrets."""
    (container,) = pod["containers"]
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        if "configMapRef" in source:
            found |= next(
                item["data"]
                for item in of_kind(manifests, "ConfigMap")
                if item["metadata"]["name"] == source["configMapRef"]["name"]
            )
    return found | {item["name"]: item["value"] for item in container["env"] if "value" in item}


def schema() -> Manifest:
    """Return the schema of the chart's values."""
    found: Manifest = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    return found
