"""What the API server takes and refuses by itself: the same as `podium validate`, in the same words, and no webhook."""

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from podium_contracts.pipeline import PipelineDocument
from podium_contracts.resources import PipelineRunSpec
from podium_runtime.texts import plain
from pydantic import ValidationError
from ruamel.yaml import YAML

from tests.cluster.conftest import ROOT, Kubectl
from tests.commands import printed

pytestmark = [pytest.mark.integration, pytest.mark.cluster]
RETAIL: dict[str, Any] = plain(YAML(typ="rt").load(Path(ROOT, "examples/retail/pipeline.yaml").read_text()))
UID = "0c2d9b52-97a4-4c4f-8a53-3f3f2b8e7f10"


def run(name: str = "retail-1", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name}
    return {
        "apiVersion": "podium.dev/v1alpha1",
        "kind": "PipelineRun",
        "metadata": metadata,
        "spec": {"pipeline": "retail", **spec},
    }


def mounting(*volumes: tuple[str, str]) -> dict[str, Any]:
    """Return a run whose pods have volumes: the name of each, and where it is mounted."""
    listed = [{"name": name, "mountPath": path, "emptyDir": {}} for name, path in volumes]
    return run(pods={"volumes": listed})


def changed(*path: str | int, value: Any) -> dict[str, Any]:
    """Return the retail pipeline with another value at a path."""
    document = copy.deepcopy(RETAIL)
    place: Any = document
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return document


SALES = ("spec", "datasets", "sales")
MISTAKES = {
    "two kinds of source": (
        changed(*SALES, "sources", 0, "kafka", value={"topic": "sales"}),
        "give either `files` or `kafka`",
    ),
    "no source": (changed(*SALES, "sources", value=[]), "sources"),
    "two origins of a column": (
        changed(
            *SALES,
            "columns",
            "country",
            value={"type": "string", "from": "Country", "expression": "upper(country)"},
        ),
        "a column has either `from` or `expression`",
    ),
    "a type that is none": (changed(*SALES, "columns", "country", value={"type": "money"}), "type"),
    "a name that is none": (changed(*SALES, "columns", "Country!", value={"type": "string"}), "key"),
    "a rule with another's field": (
        changed(
            *SALES,
            "rules",
            "quantity_range",
            value={"type": "range_check", "column": "quantity", "min": 1, "pattern": "x"},
        ),
        "pattern",
    ),
    "a rule without its field": (
        changed(*SALES, "rules", "quantity_range", value={"type": "format_validation", "column": "quantity"}),
        "pattern",
    ),
    "an empty range": (
        changed(
            *SALES,
            "rules",
            "quantity_range",
            value={"type": "range_check", "column": "quantity", "min": 2, "max": 1},
        ),
        "min",
    ),
    "a standardisation in two ways": (
        changed(
            *SALES, "standardise", "country", value={"lookup": "countries", "expression": "upper(country)"}
        ),
        "give either `expression` or `lookup`",
    ),
    "a schedule that is none": (
        changed("spec", "schedule", value="every day"),
        "a schedule has five fields",
    ),
    "a schedule at an hour that is none": (
        changed("spec", "schedule", value="0 24 * * *"),
        "the hour of a schedule is",
    ),
    "SQL for a dataset": (
        changed(
            "spec", "datasets", value={"sales; drop table sales --": RETAIL["spec"]["datasets"]["sales"]}
        ),
        "a key must match",
    ),
    "scheduling without a schedule": (
        changed("spec", "scheduling", value={"deadline": "1h"}),
        "`scheduling` needs a `schedule`",
    ),
    "a long name": (changed("metadata", "name", value="x" * 60), "53"),
    "notifications of files": (
        changed(
            *SALES,
            "sources",
            0,
            "files",
            value={"path": "data/*.csv", "watch_seconds": 5, "notifications": {"topic": "t"}},
        ),
        "notifications tell of objects",
    ),
}
BAD_RUNS = {
    "time-outs out of order": (
        run(timeout="5m", startTimeout="10m"),
        "`startTimeout` must be shorter than `timeout`",
    ),
    "a duration that is none": (run(timeout="1 day"), "timeout"),
    "pauses out of order": (
        run(backoff={"first": "10m", "longest": "5m"}),
        "`first` must not be longer than `longest`",
    ),
    "a dataset twice": (run(datasets=["sales", "sales"]), "datasets"),
    "too many retries": (run(retries={"infrastructure": 1000}), "retries"),
    "another image": (run(pods={"image": "evil:1"}), "image"),
    "a folder of the node": (
        run(pods={"volumes": [{"name": "x", "mountPath": "/x", "hostPath": {"path": "/"}}]}),
        "hostPath",
    ),
    "a volume of two kinds": (
        run(
            pods={
                "volumes": [{"name": "x", "mountPath": "/x", "emptyDir": {}, "secret": {"secretName": "s"}}]
            }
        ),
        "give exactly one of",
    ),
    "a setting of Spark that runs code": (
        run(spark={"spark.driver.extraJavaOptions": "-javaagent:x"}),
        "key",
    ),
    "a setting of Spark that brings another along": (
        run(spark={"spark.sql.shuffle.partitions": "8\nspark.kubernetes.container.image evil:1"}),
        "spark",
    ),
    "a setting of Spark that swallows the next one": (
        run(spark={"spark.sql.shuffle.partitions": "8\\"}),
        "spark",
    ),
    "a setting of Spark that reads the environment": (
        run(spark={"spark.locality.wait": "${env:AWS_SECRET_ACCESS_KEY}"}),
        "spark",
    ),
    "a class for Spark": (run(spark={"spark.shuffle.manager": "evil.Manager"}), "key"),
    "a plugin for Spark": (run(spark={"spark.shuffle.sort.io.plugin.class": "evil.Plugin"}), "key"),
    "a committer for Spark": (run(spark={"spark.sql.parquet.output.committer.class": "evil.Commit"}), "key"),
    "a file for Spark": (run(spark={"spark.scheduler.allocation.file": "/tmp/x.xml"}), "key"),
    "input that Spark may leave unread": (run(spark={"spark.sql.files.ignoreCorruptFiles": "true"}), "key"),
    "files that Spark may miss": (run(spark={"spark.sql.files.ignoreMissingFiles": "true"}), "key"),
    "an engine that nobody can choose": (run(engine="auto"), "engine"),
    "two volumes of a name": (
        mounting(("x", "/x"), ("x", "/y")),
        "each volume needs a name and a `mountPath` of its own",
    ),
    "two volumes in a folder": (
        mounting(("x", "/x"), ("y", "/x")),
        "each volume needs a name and a `mountPath` of its own",
    ),
    "the volume of the pipeline": (
        mounting(("pinned", "/x")),
        "pods have volumes of that name anyway",
    ),
    "a volume that Spark takes for its own": (
        mounting(("spark-local-dir-1", "/x")),
        "pods have volumes of that name anyway",
    ),
    "another image for Spark": (run(spark={"spark.kubernetes.container.image": "evil:1"}), "key"),
    "a way out of a folder": (
        mounting(("x", "/data/../etc")),
        "mountPath",
    ),
    "a folder over the program": (
        run(pods={"volumes": [{"name": "x", "mountPath": "/opt/podium", "configMap": {"name": "mine"}}]}),
        "mount in a folder of your own",
    ),
    "SQL for a dataset": (run(datasets=["sales; drop table sales --"]), "datasets"),
    "a secret's value": (run(pods={"env": [{"name": "PASSWORD", "value": "x"}]}), "env"),
    "a megabyte of selector": (run(pods={"nodeSelector": {"x": "y" * 1_000_000}}), "nodeSelector"),
    "a pipeline by a path": (run(pipeline="../other"), "pipeline"),
    "a long name": (run("r" * 60), "53"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_pipeline_is_refused(kubectl: Kubectl, mistake: str) -> None:
    """At apply time, in plain words; `podium validate` refuses it, too."""
    document, words = MISTAKES[mistake]
    assert words in kubectl.refusal(document)
    with pytest.raises(ValidationError):
        PipelineDocument.model_validate(document, by_alias=True, by_name=False)


@pytest.mark.parametrize("mistake", BAD_RUNS)
def test_a_mistake_in_a_run_is_refused(kubectl: Kubectl, mistake: str) -> None:
    """At apply time, in plain words."""
    document, words = BAD_RUNS[mistake]
    assert words in kubectl.refusal(document)
    if mistake not in {"a long name", "a dataset twice"}:
        with pytest.raises(ValidationError):
            PipelineRunSpec.model_validate(document["spec"], by_alias=True, by_name=False)


@pytest.mark.parametrize("example", ["examples/retail/pipeline.yaml", "examples/streaming/pipeline.yaml"])
def test_an_example_is_taken_as_it_is(kubectl: Kubectl, example: str) -> None:
    """The pipeline file is the manifest: applied twice, it changes nothing, and `kubectl diff` shows nothing."""
    path = str(ROOT / example)
    kubectl.run("apply", "--server-side", "-f", path)
    kubectl.run("apply", "--server-side", "-f", path)
    assert kubectl.run("diff", "--server-side", "-f", path, check=False).stdout == ""
    (stored,) = kubectl.get("pipelines.podium.dev")["items"]
    mine = PipelineDocument.model_validate(
        plain(YAML(typ="rt").load(Path(path).read_text())), by_alias=True, by_name=False
    )
    kept = {**stored, "metadata": {"name": stored["metadata"]["name"]}}
    assert PipelineDocument.model_validate(kept, by_alias=True, by_name=False).makes() == mine.makes()


def test_the_first_run_of_the_guide_is_taken(kubectl: Kubectl, tmp_path: Path) -> None:
    """The example with its overlay, and the run, which is made and not applied."""
    folder = ROOT / "examples" / "retail"
    overlay = folder / "kubernetes" / "overlay.yaml"
    program = Path(sys.executable).with_name("podium")
    bundled = tmp_path / "retail.yaml"
    bundled.write_text(
        printed(
            program, "bundle", "-f", folder / "pipeline.yaml", "--overlay", overlay, "--to", tmp_path,
            seconds=60,
        )
    )  # fmt: skip
    kubectl.run("apply", "--server-side", "--dry-run=server", "-f", str(bundled))
    run = str(folder / "kubernetes" / "run.yaml")
    made = kubectl.run("create", "--dry-run=server", "-f", run, "-o", "name").stdout
    assert made.startswith("pipelinerun.podium.dev/retail-")
    assert "cannot use generate name" in kubectl.run("apply", "-f", run, check=False).stderr


def test_a_run_that_has_started_keeps_its_spec(kubectl: Kubectl) -> None:
    """All of it before; afterwards `suspend`, `cancel` and the time it is kept; and nobody takes a cancellation back."""
    kubectl.apply(run(timeout="2h"))
    kubectl.apply(run(timeout="3h"))
    started = json.dumps({"status": {"startTime": "2026-01-01T00:00:00Z"}})
    kubectl.run("patch", "pdr", "retail-1", "--subresource=status", "--type=merge", "-p", started)
    assert "spec.timeout cannot change once the run has started" in kubectl.refusal(run(timeout="4h"))
    kubectl.apply(run(timeout="3h", suspend=True, ttlSecondsAfterFinished=5))
    kubectl.apply(run(timeout="3h", cancel=True))
    assert "a cancelled run stays cancelled" in kubectl.refusal(run(timeout="3h", cancel=False))


def test_a_stage_run_never_changes(kubectl: Kubectl) -> None:
    """Whoever made it."""
    stage = {
        "apiVersion": "podium.dev/v1alpha1",
        "kind": "StageRun",
        "metadata": {"name": "s"},
        "spec": {
            "pipelineRun": {"name": "r", "uid": UID},
            "stage": "ingest",
            "subject": "bronze",
            "event": "{}",
        },
    }
    kubectl.apply(stage)
    other = {**stage, "spec": {**stage["spec"], "event": "{ }"}}
    assert "a StageRun never changes" in kubectl.refusal(other)


def test_what_kubectl_shows(kubectl: Kubectl) -> None:
    """The columns of runs, their short name, and the category of all."""
    kubectl.apply(RETAIL)
    kubectl.apply(run())
    head = kubectl.run("get", "pdr").stdout.splitlines()[0].split()
    assert head == ["NAME", "SUCCEEDED", "REASON", "STAGE", "ROWS", "QUARANTINED", "START", "DURATION"]
    wide = kubectl.run("get", "pdr", "-o", "wide").stdout.splitlines()[0]
    assert wide.split()[-4:] == ["ATTEMPT", "TRACE", "GOLD", "VERSION"]
    assert "pipelinerun.podium.dev/retail-1" in kubectl.run("get", "podium", "-o", "name").stdout


def test_a_large_pipeline_is_taken(kubectl: Kubectl) -> None:
    """Thousands of columns: no annotation holds it."""
    document = copy.deepcopy(RETAIL)
    columns = {
        f"column_{number:03}": {"type": "string", "from": f"C{number}", "description": "x" * 200}
        for number in range(400)
    }
    for number in range(5):
        extra = copy.deepcopy(document["spec"]["datasets"]["sales"])
        extra["columns"] |= columns
        document["spec"]["datasets"][f"sales_{number}"] = extra
    kubectl.apply(document)
