"""Events of a PipelineRun become the StageRun that follows, as long as the run lives."""

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from podium_contracts.errors import TransientError
from podium_contracts.events import CloudEvent, envelope
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated, Run
from podium_contracts.names import Stage
from podium_runtime.cluster import Manifest, Refused
from podium_runtime.service.calls import Failure
from podium_runtime.service.dispatch import Dispatch

UID = "0c2d9b52-97a4-4c4f-8a53-3f3f2b8e7f10"
HEADER = f"team/shop-1/{UID}"
RUN = Run(pipeline="shop", id="earlier", requested_at="2026-01-05T02:00:00Z", datasets=("sales",))


@dataclass
class Server:
    """Keeps objects in memory."""

    objects: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    away: bool = False

    async def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        if self.away:
            raise Refused(503, "ServiceUnavailable", "starting")
        assert namespace == "team"
        return self.objects.get((kind, name))

    async def make(self, manifest: Manifest) -> Manifest:
        return self.objects.setdefault((manifest["kind"], manifest["metadata"]["name"]), manifest)

    @property
    def stages(self) -> list[Manifest]:
        return [item for (kind, _), item in self.objects.items() if kind == "StageRun"]


def server(pinned_spec: dict[str, Any] | None = None, **run: Any) -> Server:
    document = {
        "apiVersion": "podium.dev/v1alpha1",
        "kind": "Pipeline",
        "metadata": {"name": "shop"},
        "spec": {
            "datasets": {"sales": {}, "customers": {}},
            "model": {"dbt": "dbt"},
            "publish": {"duckdb": {"path": "x"}},
            **(pinned_spec or {}),
        },
    }
    made = {"metadata": {"name": "shop-1", "uid": UID}, "spec": {"pipeline": "shop"}, **run}
    pinned = {"data": {"pipeline.yaml": json.dumps(document)}}
    return Server({("PipelineRun", "shop-1"): made, ("ConfigMap", "shop-1-pinned"): pinned})


def completed(layer: str, dataset: str = "") -> CloudEvent:
    subject = f"{layer}.{dataset}" if dataset else layer
    data = LayerCompleted(run=RUN, layer=layer, sequence=1)
    return envelope(
        data, stage=Stage.INGEST, subject=subject, sequence=1, traceparent="00-a-b-01", causation="x"
    )


def judged(layer: str, dataset: str = "", verdict: str = "passed") -> CloudEvent:
    subject = f"{layer}.{dataset}" if dataset else layer
    data = QualityEvaluated(run=RUN, layer=layer, sequence=1, verdict=verdict)
    return envelope(
        data, stage=Stage.QUALITY, subject=subject, sequence=1, traceparent="00-a-b-01", causation="x"
    )


def named(path: Path) -> str:
    return str(json.loads(path.read_text())["metadata"]["name"])


def follow(stage: Stage, event: CloudEvent, objects: Server, *, due: bool | Failure = True) -> bool:
    asked: list[tuple[str, ...]] = []

    async def is_due(path: Path, event: CloudEvent) -> bool | Failure:
        assert named(path) == "shop"
        asked.append(event.run.datasets)
        return due

    async def connect() -> Server:
        return objects

    made = asyncio.run(Dispatch(stage, is_due, connect).follow(event, HEADER))
    assert all(datasets == ("sales", "customers") for datasets in asked), (
        "those of this run, not of the event's"
    )
    return made


@pytest.mark.parametrize(
    ("stage", "event", "subject"),
    [
        (Stage.CLEANSE, completed("bronze", "sales"), "silver.sales"),
        (Stage.QUALITY, completed("silver", "sales"), "silver.sales"),
        (Stage.MODEL, judged("silver", "sales"), "gold"),
        (Stage.QUALITY, completed("gold"), "gold"),
        (Stage.PUBLISH, judged("gold"), "gold"),
    ],
)
def test_the_stage_that_follows_is_made_once(stage: Stage, event: CloudEvent, subject: str) -> None:
    """However often the event comes; it belongs to the run, and carries the event."""
    objects = server()
    assert follow(stage, event, objects)
    assert follow(stage, event, objects)
    (made,) = objects.stages
    assert (made["spec"]["stage"], made["spec"]["subject"]) == (stage, subject)
    assert made["metadata"]["ownerReferences"][0]["uid"] == UID
    assert CloudEvent.model_validate_json(made["spec"]["event"]) == event


@pytest.mark.parametrize(
    ("stage", "event"),
    [
        (Stage.CLEANSE, judged("silver", "sales")),
        (Stage.PUBLISH, judged("gold", verdict="failed")),
        (Stage.QUALITY, completed("bronze", "sales")),
    ],
)
def test_what_does_not_follow_is_not_made(stage: Stage, event: CloudEvent) -> None:
    """A verdict lets no cleansing follow in the same run, a failed one nothing."""
    objects = server()
    assert not follow(stage, event, objects)
    assert not objects.stages


def test_what_a_pipeline_has_not_is_not_made() -> None:
    """No model, no destinations."""
    objects = server({"model": None, "publish": None})
    assert not follow(Stage.MODEL, judged("silver", "sales"), objects)
    assert not follow(Stage.PUBLISH, judged("gold"), objects)


def test_gold_waits_for_the_others() -> None:
    """What is not due is made by the verdict that comes last."""
    objects = server()
    assert not follow(Stage.MODEL, judged("silver", "sales"), objects, due=False)
    assert not objects.stages
    with pytest.raises(TransientError, match="no store"):
        follow(
            Stage.MODEL,
            judged("silver", "sales"),
            objects,
            due=Failure("TransientError", "no store", transient=True),
        )


@pytest.mark.parametrize(
    "run",
    [
        {"metadata": {"name": "shop-1", "uid": UID.replace("0", "1")}},
        {"metadata": {"name": "shop-1", "uid": UID, "deletionTimestamp": "2026-01-05T02:00:00Z"}},
        {"spec": {"pipeline": "shop", "cancel": True}},
        {
            "status": {
                "conditions": [
                    {
                        "type": "Finished",
                        "status": "True",
                        "reason": "TimedOut",
                        "lastTransitionTime": "2026-01-05T02:00:00Z",
                    }
                ]
            }
        },
    ],
)
def test_nothing_is_made_for_a_run_that_is_over(run: dict[str, Any]) -> None:
    """Deleted, replaced by one of its name, cancelled, or ended."""
    objects = server(**run)
    assert not follow(Stage.CLEANSE, completed("bronze", "sales"), objects)
    assert not objects.stages


def test_an_api_server_that_refuses_is_asked_again() -> None:
    """It is no reason to give the event up."""
    objects = server()
    objects.away = True
    with pytest.raises(TransientError, match="starting"):
        follow(Stage.CLEANSE, completed("bronze", "sales"), objects)


def test_outside_of_a_cluster_its_client_is_not_even_imported() -> None:
    """It takes as long as all else that a service imports, each time that one starts."""
    program = "import sys, podium_runtime.service; sys.exit('kubernetes_asyncio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
