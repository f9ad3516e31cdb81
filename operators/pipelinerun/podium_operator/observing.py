"""What the watches have brought, so that a decision needs no call: the newest state of every object that runs are made of."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from podium_contracts.resources import GROUP, PipelineRun, ScheduledPipeline, StageRun
from podium_contracts.resources.course import PIPELINE, RUN
from pydantic import ValidationError

from podium_operator.core.objects import Manifest
from podium_operator.core.seen import Raw

Key = tuple[str, str]
"""Namespace and name."""
Model = TypeVar("Model", PipelineRun, StageRun, ScheduledPipeline)
OWN = f"{GROUP}/"
"""What the names of Podium's own annotations begin with."""


class Observations:
    """Objects by kind, namespace and name."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[Key, Raw]] = {}
        self._by_run: dict[Key, set[tuple[str, str]]] = {}

    def put(self, kind: str, raw: Raw) -> bool:
        """Note an object, unless what is known of it is as new; return whether it was noted."""
        key = _key(raw)
        known = self._kinds.setdefault(kind, {})
        if key in known and _version(known[key]) >= _version(raw):
            return False
        known[key] = _needed(kind, raw)
        if kind != "PipelineRun" and (run := run_of(kind, raw)):
            self._by_run.setdefault(run, set()).add((kind, key[1]))
        return True

    def renew(self, kind: str, raw: Raw) -> None:
        """Note an object as an answer of the API server has it, if it is still there."""
        known = self.get(kind, _key(raw))
        if known and known["metadata"]["uid"] == raw["metadata"]["uid"]:
            self.put(kind, raw)

    def remove(self, kind: str, raw: Raw) -> None:
        """Forget an object that is gone, and not a later one of its name."""
        key, run = _key(raw), run_of(kind, raw)
        known = self.get(kind, key)
        if known is None or known["metadata"]["uid"] != raw["metadata"]["uid"]:
            return
        del self._kinds[kind][key]
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

    def waiting_for(self, pipeline: Key) -> Iterator[Key]:
        """Yield the runs of a Pipeline that have not begun: those that have are pinned."""
        for key, raw in self.all("PipelineRun").items():
            begun = (raw.get("status") or {}).get("startTime")
            if key[0] == pipeline[0] and raw["spec"].get("pipeline") == pipeline[1] and not begun:
                yield key

    def made_by(self, pipeline: Key, uid: str) -> Iterator[Raw]:
        """Yield the runs that a Pipeline's schedule has made."""
        for key, raw in self.all("PipelineRun").items():
            if key[0] == pipeline[0] and schedule_of(raw) == pipeline and is_owned(raw, uid):
                yield raw


def run_of(kind: str, raw: Raw) -> Key | None:
    """Return the run that an object belongs to."""
    if kind == "PipelineRun":
        return _key(raw)
    name = raw["metadata"].get("labels", {}).get(RUN)
    return (raw["metadata"]["namespace"], name) if name else None


def schedule_of(run: Raw) -> Key | None:
    """Return the Pipeline whose schedule made a run."""
    name = run["metadata"].get("labels", {}).get(PIPELINE)
    return (run["metadata"]["namespace"], name) if name else None


def is_owned(raw: Raw, uid: str) -> bool:
    """Return whether an object belongs to one of this uid."""
    return any(owner.get("uid") == uid for owner in raw["metadata"].get("ownerReferences", ()))


def parsed(model: type[Model], raw: Raw) -> Model:
    """Return an object as its model, with an empty status where the one that is stored is none of ours.

    Raises:
        ValidationError: its spec is none.
    """
    try:
        return model.model_validate({**raw, "status": raw.get("status") or {}})
    except ValidationError:
        return model.model_validate({**raw, "status": {}})


def mistake(error: ValidationError) -> str:
    """Return the first mistake of a spec, in words."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _version(raw: Raw) -> int:
    """Return the number of an object's change: the store counts up."""
    return int(raw["metadata"]["resourceVersion"])


def _key(raw: Raw) -> Key:
    return raw["metadata"].get("namespace", ""), raw["metadata"]["name"]


def _needed(kind: str, raw: Raw) -> Raw:
    """Leave out what no decision needs: managed fields, others' annotations, and most of a Job and a pod."""
    metadata = {key: value for key, value in raw["metadata"].items() if key != "managedFields"}
    annotations = raw["metadata"].get("annotations", {})
    metadata["annotations"] = {key: value for key, value in annotations.items() if key.startswith(OWN)}
    kept: Manifest = {**raw, "metadata": metadata}
    if kind == "Job":
        kept["spec"] = {"suspend": raw["spec"].get("suspend", False)}
    if kind == "Pod":
        kept["spec"] = {}
    return kept
