"""A run as the API server would keep it, moved on by hand."""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from podium_contracts.resources import PipelineRun, StageOutcome, StageRun
from podium_contracts.resources.pipeline_run import PipelineRunStatus
from podium_contracts.resources.stage_run import StageRunStatus
from podium_operator.core import statuses
from podium_operator.core.decisions import Decision, decide
from podium_operator.core.seen import Driver, Job, Pinned, Seen
from podium_operator.settings import DriverSettings
from ruamel.yaml import YAML

DEFINITIONS = Path(__file__).parents[3] / "charts" / "podium-crds" / "templates"
START = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
UID = "0c2d9b52-97a4-4c4f-8a53-3f3f2b8e7f10"
PIPELINE: dict[str, Any] = {
    "apiVersion": "podium.dev/v1alpha1",
    "kind": "Pipeline",
    "metadata": {"name": "shop", "namespace": "team"},
    "spec": {
        "lakehouse": {"uri": "s3://lake/shop"},
        "datasets": {"sales": {}, "customers": {}},
        "model": {"dbt": "dbt"},
    },
}
SETTINGS = DriverSettings()


def run(**spec: Any) -> PipelineRun:
    return PipelineRun.model_validate(
        {
            "metadata": {
                "name": "shop-1",
                "namespace": "team",
                "uid": UID,
                "generation": 1,
                "creationTimestamp": START.isoformat(),
            },
            "spec": {"pipeline": "shop", **spec},
        }
    )


@cache
def schema(plural: str) -> dict[str, Any]:
    """Return the schema of a kind's status."""
    definition = YAML(typ="safe").load(DEFINITIONS / f"{plural}.yaml")
    return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]  # type: ignore[no-any-return]


def check(plural: str, status: PipelineRunStatus | StageRunStatus) -> None:
    """Refuse a status that the API server would refuse."""
    jsonschema.validate(statuses.dumped(status), schema(plural))


@dataclass
class World:
    """Keeps what decisions make, as the API server would, and lets time pass."""

    run: PipelineRun
    pipeline: dict[str, Any] | None = field(default_factory=lambda: PIPELINE)
    now: datetime = START
    pinned: Pinned | None = None
    stages: dict[str, StageRun] = field(default_factory=dict)
    jobs: dict[str, list[Job]] = field(default_factory=dict)
    made: list[dict[str, Any]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def look(self) -> Decision:
        """Decide once, and do what was decided."""
        seen = Seen(
            run=self.run,
            now=self.now,
            pipeline=self.pipeline,
            pinned=self.pinned,
            stages=tuple(self.stages.values()),
            jobs={name: tuple(jobs) for name, jobs in self.jobs.items()},
        )
        decision = decide(seen, SETTINGS)
        if decision.status:
            check("pipelineruns", decision.status)
            self.run = self.run.model_copy(update={"status": decision.status})
        for name, status in decision.stages.items():
            check("stageruns", status)
            self.stages[name] = self.stages[name].model_copy(update={"status": status})
        for name in decision.remove_jobs:
            self.removed.append(name)
            self.jobs = {
                stage: [job for job in jobs if job.name != name] for stage, jobs in self.jobs.items()
            }
        for manifest in decision.make:
            self._make(manifest)
        return decision

    def settle(self) -> Decision:
        """Decide until nothing more is made."""
        while (decision := self.look()).make:
            pass
        return decision

    def stage(self, text: str) -> StageRun:
        return next(
            stage for name, stage in self.stages.items() if re.fullmatch(f"shop-1-{text}-[0-9a-f]+", name)
        )

    def job(self, text: str) -> Job:
        return self.jobs[self.stage(text).metadata.name][-1]

    def change(self, text: str, **changes: Any) -> None:
        """Let something happen to the last Job of a stage."""
        jobs = self.jobs[self.stage(text).metadata.name]
        jobs[-1] = replace(jobs[-1], **changes)

    def driver(self, text: str, **changes: Any) -> None:
        """Give the last Job of a stage a driver, which runs unless something else is said."""
        known = {"name": "pod", "started": self.now, **changes}
        self.change(text, driver=Driver(**known))

    def end(self, text: str, outcome: StageOutcome | None = None, *, code: int = 0, **changes: Any) -> None:
        """End the last Job of a stage with its driver's words."""
        said = outcome.last_words(self.stage(text).spec.event) if outcome else ""
        known = {"exit_code": code, "finished": self.now, "said": said, **changes}
        self.driver(text, **known)
        self.change(text, succeeded=not code, failed=bool(code))

    def follow(self, manifest: dict[str, Any]) -> None:
        """Make a StageRun as a service does."""
        self._make(manifest)

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @property
    def shown(self) -> dict[str, tuple[str, str]]:
        """Status and reason of each condition."""
        return {item.type: (item.status, item.reason) for item in self.run.status.conditions}

    def status(self) -> dict[str, Any]:
        return statuses.dumped(self.run.status)

    def _make(self, manifest: dict[str, Any]) -> None:
        self.made.append(manifest)
        metadata = manifest["metadata"]
        match manifest["kind"]:
            case "ConfigMap":
                self.pinned = Pinned.within(self.run, manifest)
            case "StageRun":
                kept = {
                    **manifest,
                    "metadata": {
                        **metadata,
                        "uid": f"uid-{metadata['name']}",
                        "creationTimestamp": self.now.isoformat(),
                    },
                }
                self.stages.setdefault(metadata["name"], StageRun.model_validate(kept))
            case "Job":
                stage = metadata["labels"]["podium.dev/stage-run"]
                number = int(metadata["labels"]["podium.dev/attempt"])
                self.jobs.setdefault(stage, []).append(Job(metadata["name"], number, self.now))
