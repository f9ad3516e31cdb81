"""The calls of the API server that the operator makes, answered from memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from podium_runtime.cluster import Cluster, Manifest, Refused

from operators.pipelinerun.tests.cases import START


@dataclass
class Memory(Cluster):
    """Keeps what is made; `calls` are those that were made, as `make Job`."""

    calls: list[str] = field(default_factory=list)
    objects: dict[tuple[str, str, str], Manifest] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    refusals: dict[str, Refused] = field(default_factory=dict)
    """What making an object of a kind is answered with."""
    warned: dict[str, str] = field(default_factory=dict)
    version: int = 100

    async def make(self, manifest: Manifest) -> Manifest:
        kind, metadata = manifest["kind"], manifest["metadata"]
        self.calls.append(f"make {kind}")
        if kind in self.refusals:
            raise self.refusals[kind]
        if found := self.objects.get((kind, metadata["namespace"], metadata["name"])):
            return found
        made = {"uid": f"uid-{metadata['name']}", "creationTimestamp": START.isoformat(), "generation": 1}
        return self._keep({**manifest, "metadata": {**made, **metadata}})

    async def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        self.calls.append(f"find {kind}")
        return self.objects.get((kind, namespace, name))

    async def apply_status(
        self, kind: str, known: Mapping[str, Any], status: Mapping[str, Any]
    ) -> Manifest | None:
        self.calls.append(f"apply_status {kind}")
        return self._keep({**known, "kind": kind, "status": dict(status)})

    async def delete(self, kind: str, namespace: str, name: str, uid: str | None = None) -> None:  # noqa: ARG002 - as the real one
        self.calls.append(f"delete {kind}")
        self.objects.pop((kind, namespace, name), None)

    async def tell(
        self,
        about: Mapping[str, Any],  # noqa: ARG002 - as the real one
        reason: str,
        message: str,  # noqa: ARG002 - as the real one
        *,
        warning: bool,  # noqa: ARG002 - as the real one
        moment: str,  # noqa: ARG002 - as the real one
    ) -> None:
        self.calls.append("tell")
        self.told.append(reason)

    async def warnings(self, namespace: str) -> dict[str, str]:  # noqa: ARG002 - as the real one
        self.calls.append("warnings")
        return dict(self.warned)

    def _keep(self, raw: Manifest) -> Manifest:
        self.version += 1
        kept = {**raw, "metadata": {**raw["metadata"], "resourceVersion": str(self.version)}}
        metadata = kept["metadata"]
        self.objects[kept["kind"], metadata["namespace"], metadata["name"]] = kept
        return kept
