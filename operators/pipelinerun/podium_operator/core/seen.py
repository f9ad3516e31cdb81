"""What has been seen of a run's Jobs and pods, as far as decisions need it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from podium_contracts.names import EngineName, EngineWish
from podium_contracts.resources import PipelineRun, PipelineRunStatus, StageRun, StageRunStatus
from podium_contracts.resources.course import ATTEMPT, STAGE_RUN

Raw = Mapping[str, Any]


@dataclass(frozen=True)
class Driver:
    """A driver's pod."""

    name: str
    started: datetime | None = None
    """When its container began, None before."""
    finished: datetime | None = None
    exit_code: int | None = None
    reason: str = ""
    """Why the container or the pod ended, as `OOMKilled` or `Evicted`."""
    said: str = ""
    """The container's last words."""
    waits: str = ""
    """Why the container does not begin, in one word: `ImagePullBackOff`, `Unschedulable`."""
    waits_because: str = ""

    @classmethod
    def of(cls, raw: Raw) -> "Driver":
        """Return a pod as decisions need it."""
        status = raw.get("status", {})
        statuses: list[Raw] = status.get("containerStatuses", [])
        container: Raw = statuses[0].get("state", {}) if statuses else {}
        ended, running, waiting = (
            container.get(state) or {} for state in ("terminated", "running", "waiting")
        )
        unscheduled = _unscheduled(status)
        return cls(
            name=raw["metadata"]["name"],
            started=moment(ended.get("startedAt") or running.get("startedAt")),
            finished=moment(ended.get("finishedAt")),
            exit_code=ended.get("exitCode"),
            reason=ended.get("reason", "")
            if ended.get("reason") not in {None, "Error", "Completed"}
            else status.get("reason", ""),
            said=ended.get("message", ""),
            waits=unscheduled.get("reason", "") or waiting.get("reason", ""),
            waits_because=unscheduled.get("message", "") or waiting.get("message", ""),
        )


@dataclass(frozen=True)
class Job:
    """One attempt of a StageRun."""

    name: str
    number: int
    created: datetime
    succeeded: bool = False
    failed: bool = False
    failure: str = ""
    """Why it failed, in the Job controller's words."""
    deleted: bool = False
    suspended: bool = False
    driver: Driver | None = None
    warning: str = ""
    """What the cluster has said last of its driver, or of it where there is none: what cannot be mounted, why no pod could be made."""

    @property
    def over(self) -> bool:
        """Whether it runs no more."""
        return self.succeeded or self.failed

    @classmethod
    def of(cls, raw: Raw, pods: Sequence[Raw] = ()) -> "Job":
        """Return a Job with its pod, the newest if there are several."""
        metadata, status = raw["metadata"], raw.get("status", {})
        conditions = {
            item["type"]: item for item in status.get("conditions", ()) if item.get("status") == "True"
        }
        newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)
        return cls(
            name=metadata["name"],
            number=int(metadata.get("labels", {}).get(ATTEMPT, 1)),
            created=moment(metadata["creationTimestamp"]),
            succeeded="Complete" in conditions,
            failed="Failed" in conditions,
            failure=conditions.get("Failed", {}).get("message", ""),
            deleted=bool(metadata.get("deletionTimestamp")),
            suspended=bool(raw.get("spec", {}).get("suspend")),
            driver=Driver.of(newest) if newest else None,
        )


@dataclass(frozen=True)
class Pinned:
    """What a run has pinned: the engine, and what follows on what."""

    engine: EngineName
    has_model: bool
    has_destination: bool
    datasets: tuple[str, ...]

    @classmethod
    def of(cls, run: PipelineRun, document: Raw) -> "Pinned":
        """Return what a run needs to know of a Pipeline.

        Raises:
            ValueError: its engine is `auto`.
        """
        spec = document["spec"]
        return cls(
            engine=EngineName(engine_wish(run, document)),
            has_model=bool(spec.get("model")),
            has_destination=bool(spec.get("publish")),
            datasets=run.spec.datasets or tuple(spec["datasets"]),
        )

    @classmethod
    def within(cls, run: PipelineRun, config_map: Raw) -> "Pinned":
        """Return what a run needs to know of the Pipeline that a ConfigMap holds."""
        return cls.of(run, json.loads(config_map["data"]["pipeline.yaml"]))


def engine_wish(run: PipelineRun, document: Raw) -> EngineWish:
    """Return what a run asks for, or else its Pipeline."""
    return EngineWish(run.spec.engine or document["spec"].get("engine", EngineWish.DUCKDB))


@dataclass(frozen=True)
class Seen:
    """A run and all that belongs to it, at one moment."""

    run: PipelineRun
    now: datetime
    pipeline: Raw | None = None
    """The Pipeline as it is stored; None where there is none."""
    pinned: Pinned | None = None
    """None before its start."""
    stages: tuple[StageRun, ...] = ()
    jobs: Mapping[str, tuple[Job, ...]] = field(default_factory=dict)
    """By the name of their StageRun, the oldest first."""

    def with_statuses(self, run: PipelineRunStatus | None, stages: Mapping[str, StageRunStatus]) -> "Seen":
        """Return it with other statuses of the run and of some of its StageRuns."""
        return replace(
            self,
            run=self.run.model_copy(update={"status": run}) if run else self.run,
            stages=tuple(
                stage.model_copy(update={"status": stages.get(stage.metadata.name, stage.status)})
                for stage in self.stages
            ),
        )

    def with_object(self, raw: Raw) -> "Seen":
        """Return it with an object that has been made for the run."""
        match raw["kind"]:
            case "ConfigMap":
                return replace(self, pinned=Pinned.within(self.run, raw))
            case "StageRun":
                return replace(self, stages=(*self.stages, StageRun.model_validate(raw)))
            case "Job":
                stage = raw["metadata"]["labels"][STAGE_RUN]
                jobs = (*self.jobs.get(stage, ()), Job.of(raw))
                return replace(self, jobs={**self.jobs, stage: jobs})
        return self


def moment(text: str | datetime | None) -> Any:
    """Return a time of the Kubernetes API, None where there is none."""
    if text is None or isinstance(text, datetime):
        return text
    return datetime.fromisoformat(text)


def _unscheduled(status: Raw) -> Raw:
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            found: Raw = condition
            return found
    return {}
