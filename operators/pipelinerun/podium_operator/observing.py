"""What the watches have brought, so that a decision needs no call: the newest state of every object that runs are made of."""

from collections.abc import Iterator, Mapping
from typing import Any

from podium_contracts.resources import PipelineRun, StageRun
from podium_contracts.resources.course import RUN

from podium_operator.core.objects import Manifest
from podium_operator.core.seen import Raw

Key = tuple[str, str]
"""Namespace and name."""


class Observations:
    """Objects by kind, namespace and name."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[Key, Raw]] = {}
        self._by_run: dict[Key, set[tuple[str, str]]] = {}

    def put(self, kind: str, raw: Raw) -> None:
        """Note an object as it is now."""
        key = _key(raw)
        self._kinds.setdefault(kind, {})[key] = _needed(kind, raw)
        if kind != "PipelineRun" and (run := run_of(kind, raw)):
            self._by_run.setdefault(run, set()).add((kind, key[1]))

    def remove(self, kind: str, raw: Raw) -> None:
        """Forget an object that is gone."""
        key = _key(raw)
        self._kinds.get(kind, {}).pop(key, None)
        run = run_of(kind, raw)
        if run and (parts := self._by_run.get(run)):
            parts.discard((kind, key[1]))
            if not parts:
                del self._by_run[run]

    def get(self, kind: str, key: Key) -> Raw | None:
        """Return an object, None where there is none."""
        return self._kinds.get(kind, {}).get(key)

    def all(self, kind: str) -> Mapping[Key, Raw]:
        """Return every object of a kind."""
        return self._kinds.get(kind, {})

    def of_run(self, kind: str, run: Key) -> Iterator[Raw]:
        """Yield the objects of a kind that belong to a run."""
        for found, name in sorted(self._by_run.get(run, ())):
            if found == kind and (raw := self.get(kind, (run[0], name))):
                yield raw

    def runs_of(self, pipeline: Key) -> Iterator[Key]:
        """Yield the runs of a Pipeline."""
        for key, raw in self.all("PipelineRun").items():
            if key[0] == pipeline[0] and raw["spec"].get("pipeline") == pipeline[1]:
                yield key


def run_of(kind: str, raw: Raw) -> Key | None:
    """Return the run that an object belongs to."""
    if kind == "PipelineRun":
        return _key(raw)
    name = raw["metadata"].get("labels", {}).get(RUN)
    return (raw["metadata"]["namespace"], name) if name else None


def parsed_run(raw: Raw) -> PipelineRun:
    """Return a run, with an empty status where the one that is stored is none of ours.

    Raises:
        ValidationError: its spec is none.
    """
    return PipelineRun.model_validate(_without_broken_status(PipelineRun, raw))


def parsed_stage(raw: Raw) -> StageRun:
    """Return a StageRun, as `parsed_run`.

    Raises:
        ValidationError: its spec is none.
    """
    return StageRun.model_validate(_without_broken_status(StageRun, raw))


def _without_broken_status(model: type[PipelineRun | StageRun], raw: Raw) -> Manifest:
    status = raw.get("status") or {}
    kind: Any = model.model_fields["status"].annotation
    try:
        kind.model_validate(status)
    except ValueError:
        status = {}
    return {**raw, "status": status}


def _key(raw: Raw) -> Key:
    return raw["metadata"].get("namespace", ""), raw["metadata"]["name"]


def _needed(kind: str, raw: Raw) -> Raw:
    """Leave out what no decision needs: managed fields, and most of a Job and a pod."""
    metadata = {
        key: value for key, value in raw["metadata"].items() if key not in {"managedFields", "annotations"}
    }
    kept: Manifest = {**raw, "metadata": metadata}
    if kind == "Job":
        kept["spec"] = {"suspend": raw["spec"].get("suspend", False)}
    if kind == "Pod":
        kept["spec"] = {}
    return kept
