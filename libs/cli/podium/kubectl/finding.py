"""Runs, their stages and pipelines by name, and what is near a name that is not there."""

from collections.abc import Mapping
from typing import Any, TypeVar

from podium_contracts.errors import TerminalError
from podium_contracts.resources import PipelineRun, StageRun
from podium_contracts.resources.course import RUN, pinned_name
from podium_contracts.resources.resource import Observed
from podium_runtime.cluster import Cluster, Manifest
from pydantic import ValidationError

from podium.nearest import nearest

Kind = TypeVar("Kind", bound=Observed)


async def run_named(cluster: Cluster, namespace: str, name: str) -> PipelineRun:
    """Return a run.

    Raises:
        TerminalError: there is none of that name; the hint has those that are near it, or the newest.
    """
    found = await cluster.find("PipelineRun", namespace, name)
    if found is None:
        raise await missing(cluster, namespace, name, "PipelineRun")
    return read(PipelineRun, found)


async def stages_of(cluster: Cluster, run: PipelineRun) -> list[StageRun]:
    """Return the StageRuns of a run, as they were made."""
    raw = await cluster.select("StageRun", run.metadata.namespace, {RUN: run.metadata.name})
    stages = [read(StageRun, item) for item in raw]
    own = [stage for stage in stages if stage.spec.pipeline_run.uid == run.metadata.uid]
    return sorted(own, key=lambda stage: (str(stage.metadata.creation_timestamp), stage.metadata.name))


async def pipeline_named(cluster: Cluster, namespace: str, name: str) -> Manifest:
    """Return a Pipeline; raises as `run_named`."""
    found = await cluster.find("Pipeline", namespace, name)
    if found is None:
        raise await missing(cluster, namespace, name, "Pipeline")
    return found


async def pinned_by(cluster: Cluster, run: PipelineRun) -> str | None:
    """Return the text of the Pipeline as a run has pinned it, None where it has not."""
    kept = await cluster.find("ConfigMap", run.metadata.namespace, pinned_name(run.metadata.name))
    return kept["data"]["pipeline.yaml"] if kept else None


async def missing(cluster: Cluster, namespace: str, name: str, *kinds: str) -> TerminalError:
    """Return the error that there is nothing of a name, with what there is."""
    items = [item for kind in kinds for item in await cluster.select(kind, namespace)]
    newest = sorted(items, key=_made, reverse=True)
    what = " and no ".join(kinds)
    hint = nearest(name, dict.fromkeys(item["metadata"]["name"] for item in newest))
    return TerminalError(
        f"there is no {what} {name!r} in namespace {namespace}",
        hint=hint
        or f"there is none at all: -n names another namespace, `kubectl get {kinds[0].lower()}s -A` shows all",
    )


def read(kind: type[Kind], raw: Mapping[str, Any]) -> Kind:
    """Return an object as Podium knows it.

    Raises:
        TerminalError: somebody, or another version, wrote what this one does not know.
    """
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise TerminalError(
            f"{raw['kind']} {raw['metadata']['name']} cannot be read: {where}: {first['msg']}",
            hint="see whether `kubectl podium` has the version of the operator",
        ) from error


def _made(raw: Mapping[str, Any]) -> str:
    return str(raw["metadata"]["creationTimestamp"])
