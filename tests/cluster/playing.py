"""Plays the kubelet and the services for runs whose pods no node takes: drivers end well, and the stage that follows is made.

The API server, the scheduler and the Job controller are the real ones.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from podium_contracts.events import CloudEvent
from podium_contracts.names import Layer, Stage
from podium_contracts.resources import Reason, RunReference, StageOutcome, StageRun
from podium_contracts.resources.course import RUN, STAGE_RUN, expected, stage_run
from podium_contracts.resources.stage_run import Announced

from tests.cluster.conftest import Kubectl

NOWHERE = {"podium.dev/no-node": "has-this"}
"""A selector of nodes that no node fits."""
COMPLETED, EVALUATED, PUBLISHED = (
    "dev.podium.layer.completed.v1",
    "dev.podium.quality.evaluated.v1",
    "dev.podium.published.v1",
)


@dataclass
class Player:
    """Moves a run of the retail pipeline on."""

    kubectl: Kubectl
    run: str

    def step(self) -> bool:
        """End every driver that waits and make every stage that follows; return whether there was one."""
        stages = self._items("stageruns.podium.dev")
        found = [StageRun.model_validate({**raw, "status": raw.get("status", {})}) for raw in stages]
        by_name = {stage.metadata.name: stage for stage in found}
        pods = [pod for pod in self._items("pods") if pod["status"]["phase"] == "Pending"]
        for pod in pods:
            self._end(pod["metadata"]["name"], by_name[pod["metadata"]["labels"][STAGE_RUN]])
        return bool(pods) or self._follow(found)

    def _items(self, kind: str) -> list[Any]:
        found: list[Any] = self.kubectl.get(kind, "-l", f"{RUN}={self.run}")["items"]
        return found

    def _end(self, pod: str, stage: StageRun) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        outcome = StageOutcome(reason=Reason.COMPLETED, announced=(_news(stage),))
        ended = {
            "exitCode": 0,
            "reason": "Completed",
            "startedAt": now,
            "finishedAt": now,
            "message": outcome.last_words(stage.spec.event),
        }
        container = {
            "name": "driver",
            "image": "none",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"terminated": ended},
        }
        status = json.dumps({"status": {"phase": "Succeeded", "containerStatuses": [container]}})
        patch = ("patch", "pod", pod, "--subresource=status", "--type=strategic", "-p", status)
        self.kubectl.run(*patch, check=False)

    def _follow(self, stages: list[StageRun]) -> bool:
        heard = [news for stage in stages if stage.status.outcome for news in stage.status.outcome.announced]
        raw = self.kubectl.get("pdr", self.run)
        run = RunReference(name=self.run, uid=raw["metadata"]["uid"])
        known = {stage.metadata.name for stage in stages}
        steps = expected(["sales"], heard, has_model=True, has_destination=True)
        new = [step for step in steps if step.stage != Stage.INGEST and step.name(run) not in known]
        for step in new:
            event = CloudEvent.model_validate_json(stages[0].spec.event)
            manifest = stage_run(run, self.kubectl.namespace, step, event)
            self.kubectl.run("create", "-f", "-", given=manifest, check=False)
        return bool(new)


def _news(stage: StageRun) -> Announced:
    """Return what a stage announces that has done its work."""
    subject = stage.spec.subject
    layer = subject.partition(".")[0]
    match stage.spec.stage:
        case Stage.INGEST:
            return Announced(type=COMPLETED, subject="bronze.sales", layer=Layer.BRONZE, sequence=1)
        case Stage.QUALITY:
            return Announced(type=EVALUATED, subject=subject, layer=layer, sequence=1, verdict="passed")
        case Stage.PUBLISH:
            return Announced(type=PUBLISHED, subject=subject, sequence=1)
    return Announced(type=COMPLETED, subject=subject, layer=layer, sequence=1)
