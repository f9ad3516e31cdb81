"""How a service in a cluster answers an event of a PipelineRun: not by calling its stage, but by the StageRun that follows."""

import json
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from podium_contracts.errors import TransientError
from podium_contracts.events import CloudEvent
from podium_contracts.names import Layer, Stage
from podium_contracts.resources import PipelineRun, RunReference
from podium_contracts.resources.course import Step, announced, following, pinned_name, stage_run
from pydantic import ValidationError

from podium_runtime.cluster import Cluster, Manifest, Refused
from podium_runtime.service.calls import Failure
from podium_runtime.telemetry import fields, log

Due = Callable[[Path, CloudEvent], Awaitable[bool | Failure]]
"""Whether the lakehouse of the pipeline in a file has what the stage waits for."""


class Objects(Protocol):
    """What is asked of the API server."""

    async def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return an object, None where there is none."""

    async def make(self, manifest: Manifest) -> Manifest:
        """Make an object, once."""


class Dispatch:
    """Makes the StageRuns of one stage."""

    def __init__(
        self, stage: Stage, due: Due, connect: Callable[[], Awaitable[Objects]] = Cluster.connect
    ) -> None:
        self.stage = stage
        self.due = due
        self._connect = connect
        self._cluster: Objects | None = None

    async def follow(self, event: CloudEvent, header: str) -> bool:
        """Make the StageRun by which this stage answers an event, if the run that it was announced for lives; return whether there is one.

        Raises:
            TransientError: the API server or the lakehouse does not answer, or refuses for now.
        """
        try:
            return await self._follow(event, *header.split("/"))
        except Refused as refused:
            raise TransientError(f"the API server refuses: {refused.message}") from refused
        except (OSError, TimeoutError) as error:
            raise TransientError(f"the API server does not answer: {error!r}") from error

    async def _follow(self, event: CloudEvent, namespace: str, name: str, uid: str) -> bool:
        if self._cluster is None:
            self._cluster = await self._connect()
        raw = await self._cluster.find("PipelineRun", namespace, name)
        run = _living(raw, uid) if raw else None
        if run is None:
            return False
        found = await self._cluster.find("ConfigMap", namespace, pinned_name(name))
        if found is None:
            raise TransientError(f"PipelineRun {namespace}/{name} has nothing pinned yet")
        step = await self._step(event, run, found["data"]["pipeline.yaml"])
        if step is None:
            return False
        await self._cluster.make(stage_run(RunReference(name=name, uid=uid), namespace, step, event))
        log.info("stage run made", run_resource=f"{namespace}/{name}", step=step.subject, **fields(event))
        return True

    async def _step(self, event: CloudEvent, run: PipelineRun, pinned: str) -> Step | None:
        news, spec = announced(event), json.loads(pinned)["spec"]
        step = following(news)
        if step and step.stage == self.stage:
            return step if self.stage != Stage.PUBLISH or spec.get("publish") else None
        if self.stage != Stage.MODEL or news.layer != Layer.SILVER or not spec.get("model"):
            return None
        asked = _about(event, run.spec.datasets or tuple(spec["datasets"]))
        with tempfile.TemporaryDirectory(prefix="podium-pinned-") as folder:
            due = await self.due(_written(pinned, folder), asked)
        if isinstance(due, Failure):
            raise TransientError(due.message)
        return Step(Stage.MODEL) if due else None


def _about(event: CloudEvent, datasets: tuple[str, ...]) -> CloudEvent:
    """Return an event as one of a run of these datasets: it may be an earlier run's, announced again."""
    run = event.run.model_copy(update={"datasets": datasets})
    return event.model_copy(update={"data": event.data.model_copy(update={"run": run})})


def _written(text: str, folder: str) -> Path:
    path = Path(folder, "pipeline.yaml")
    path.write_text(text)
    return path


def _living(raw: Manifest, uid: str) -> PipelineRun | None:
    """Return a run if it is the one of this uid and something may be left to do for it."""
    try:
        run = PipelineRun.model_validate({**raw, "status": raw.get("status") or {}})
    except ValidationError:
        return None
    gone = run.is_finished or run.spec.cancel or run.metadata.deletion_timestamp or run.metadata.uid != uid
    return None if gone else run
