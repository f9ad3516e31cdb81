"""The course of a run in a cluster: which stage follows which, as StageRuns with names that say which they are.

Services and the operator share it: a service makes the StageRun that follows an event, the operator knows from what stages announced
which StageRuns are still to come.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated
from podium_contracts.names import Layer, Stage, Verdict
from podium_contracts.resources.resource import API_VERSION
from podium_contracts.resources.stage_run import Announced, RunReference

LABELS = {"app.kubernetes.io/name": "podium", "app.kubernetes.io/managed-by": "podium-operator"}
"""Of everything that a run is made of."""
PIPELINE, RUN = "podium.dev/pipeline", "podium.dev/run"
STAGE, STAGE_RUN = "podium.dev/stage", "podium.dev/stage-run"
SCHEDULED_AT = "podium.dev/scheduled-at"
"""The annotation of a run that a schedule made: for when."""
ATTEMPT = "podium.dev/attempt"
"""The label that says which attempt of its StageRun a Job is."""
COMPONENT = "app.kubernetes.io/component"
"""The label that says whether a pod is a driver or an executor."""
RUN_HEADER = "podium-pipelinerun"
"""The header of a Kafka record that says for which PipelineRun an event was announced: `namespace/name/uid`. It is none of the event's: the
same event is announced again where there is nothing new, for another run.
"""
LONGEST_NAME = 59
"""Of a StageRun: its Jobs are called so with the number of the attempt, and labels have 63."""


@dataclass(frozen=True)
class Step:
    """One stage of a run; `dataset` is empty where it works on the whole pipeline."""

    stage: Stage
    dataset: str = ""

    @property
    def subject(self) -> str:
        """What a StageRun says that it works on."""
        if self.dataset:
            return f"{Layer.SILVER}.{self.dataset}"
        return Layer.BRONZE if self.stage == Stage.INGEST else Layer.GOLD

    def name(self, run: RunReference) -> str:
        """Return the name of the step's StageRun: always the same for a run, and that of no other one, a later one of its name included."""
        digest = hashlib.sha256(f"{run.uid}/{self.stage}/{self.dataset}".encode()).hexdigest()[:6]
        readable = "-".join(filter(None, (run.name, self.stage, self.dataset.replace("_", "-"))))
        return f"{readable[: LONGEST_NAME - len(digest) - 1].rstrip('-.')}-{digest}"


def announced(event: CloudEvent, *, fresh: bool = True) -> Announced:
    """Return as much of an event as decides what comes next."""
    data = event.data
    layer = data.layer if isinstance(data, LayerCompleted | QualityEvaluated) else ""
    verdict = data.verdict if isinstance(data, QualityEvaluated) else ""
    return Announced(
        type=event.type,
        subject=event.subject,
        layer=layer,
        sequence=event.number,
        verdict=verdict,
        fresh=fresh,
    )


def following(news: Announced) -> Step | None:
    """Return the step that follows from one event alone; Gold, which needs every dataset's verdict, is not among them."""
    _, _, dataset = news.subject.partition(".")
    judged = bool(news.verdict)
    match (news.layer, judged):
        case (Layer.BRONZE, False):
            return Step(Stage.CLEANSE, dataset)
        case (Layer.SILVER, False):
            return Step(Stage.QUALITY, dataset)
        case (Layer.GOLD, False):
            return Step(Stage.QUALITY)
        case (Layer.GOLD, True) if news.verdict != Verdict.FAILED:
            return Step(Stage.PUBLISH)
    return None


def expected(
    datasets: Sequence[str], news: Iterable[Announced], *, has_model: bool, has_destination: bool
) -> list[Step]:
    """Return every step that a run takes, as far as what has been announced in it tells."""
    heard = list(news)
    steps = [Step(Stage.INGEST)]
    steps += [
        step
        for item in heard
        if (step := following(item)) and (has_destination or step.stage != Stage.PUBLISH)
    ]
    certified = {
        item.subject.partition(".")[2]
        for item in heard
        if item.layer == Layer.SILVER and item.verdict and item.verdict != Verdict.FAILED
    }
    if has_model and datasets and certified >= set(datasets):
        steps.append(Step(Stage.MODEL))
    return list(dict.fromkeys(steps))


def stage_run(run: RunReference, namespace: str, step: Step, event: CloudEvent) -> dict[str, Any]:
    """Return the manifest of a step's StageRun: whoever makes it makes the same."""
    return {
        "apiVersion": API_VERSION,
        "kind": "StageRun",
        "metadata": {
            "name": step.name(run),
            "namespace": namespace,
            "labels": {**LABELS, RUN: run.name, STAGE: step.stage},
            "ownerReferences": [owner("PipelineRun", run.name, run.uid)],
        },
        "spec": {
            "pipelineRun": run.model_dump(by_alias=True),
            "stage": step.stage,
            "subject": step.subject,
            "event": event.model_dump_json(by_alias=True),
        },
    }


def pinned_name(run: str) -> str:
    """Return the name of the ConfigMap that holds the Pipeline as a run found it."""
    return f"{run}-pinned"


def owner(kind: str, name: str, uid: str) -> dict[str, Any]:
    """Return what says that an object goes when the one goes that it belongs to."""
    return {"apiVersion": API_VERSION, "kind": kind, "name": name, "uid": uid, "controller": True}
