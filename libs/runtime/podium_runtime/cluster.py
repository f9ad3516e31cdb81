"""The API server of Kubernetes: objects are made once, statuses are applied, everything else is read."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.request import getproxies_environment

from aiohttp import ClientSession
from kubernetes_asyncio import config
from kubernetes_asyncio.client import ApiClient, Configuration
from podium_contracts.resources.resource import API_VERSION

Manifest = dict[str, Any]
MANAGER = "podium-operator"
APPLY, PLAIN = "application/apply-patch+yaml", "application/json"
PLURALS = {
    "Pipeline": "apis/podium.dev/v1alpha1/namespaces/{}/pipelines",
    "PipelineRun": "apis/podium.dev/v1alpha1/namespaces/{}/pipelineruns",
    "StageRun": "apis/podium.dev/v1alpha1/namespaces/{}/stageruns",
    "Job": "apis/batch/v1/namespaces/{}/jobs",
    "ConfigMap": "api/v1/namespaces/{}/configmaps",
    "Service": "api/v1/namespaces/{}/services",
    "Event": "api/v1/namespaces/{}/events",
    "Lease": "apis/coordination.k8s.io/v1/namespaces/{}/leases",
}
NOT_FOUND, CONFLICT = 404, 409


class Refused(Exception):
    """The API server refused a call; `message` is its own."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message


class OwnedByAnother(Refused):
    """An object of that name exists and belongs to something else."""


class Cluster:
    """A connection to the API server, as a service account or by a kubeconfig."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    @classmethod
    async def connect(cls) -> "Cluster":
        """Connect as the pod's service account, or by KUBECONFIG outside of a cluster."""
        configuration = Configuration()
        try:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except config.ConfigException:
            await config.load_kube_config(client_configuration=configuration)
        client = ApiClient(configuration)
        if not getproxies_environment():
            _leave_environment(client)
        return cls(client)

    async def close(self) -> None:
        """End the connection."""
        await self._client.close()

    async def make(self, manifest: Manifest) -> Manifest:
        """Make an object, once; return it, or the one that was made before.

        Raises:
            OwnedByAnother: an object of that name belongs to another owner.
            Refused: the API server does not take it.
        """
        metadata = manifest["metadata"]
        try:
            return await self._call("POST", self._path(manifest["kind"], metadata["namespace"]), manifest)
        except Refused as refused:
            if refused.status != CONFLICT or refused.reason != "AlreadyExists":
                raise
            found = await self.find(manifest["kind"], metadata["namespace"], metadata["name"])
            if (
                found is None
                or _owner(found) != _owner(manifest)
                or found["metadata"].get("deletionTimestamp")
            ):
                message = f"a {manifest['kind']} {metadata['name']} of another owner is there, or is still being deleted"
                raise OwnedByAnother(CONFLICT, "AlreadyExists", message) from refused
            return found

    async def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return an object, None where there is none."""
        try:
            return await self._call("GET", self._path(kind, namespace, name))
        except Refused as refused:
            if refused.status == NOT_FOUND:
                return None
            raise

    async def apply_status(
        self, kind: str, namespace: str, name: str, uid: str, status: Mapping[str, Any]
    ) -> Manifest | None:
        """Let an object have this status and nothing else in it that the operator ever wrote; return it, None where it is gone."""
        path = f"{self._path(kind, namespace, name)}/status"
        return await self._apply_to(path, kind, namespace, name, uid, {"status": status})

    async def cancel(self, namespace: str, name: str, uid: str) -> None:
        """Cancel a PipelineRun; one that is gone needs it no more."""
        path = self._path("PipelineRun", namespace, name)
        await self._apply_to(path, "PipelineRun", namespace, name, uid, {"spec": {"cancel": True}})

    async def delete(self, kind: str, namespace: str, name: str, uid: str | None = None) -> None:
        """Delete an object and what it owns; one that is gone already is gone."""
        body: Manifest = {"propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            await self._call("DELETE", self._path(kind, namespace, name), body)
        except Refused as refused:
            if refused.status not in {NOT_FOUND, CONFLICT}:
                raise

    async def beat(self, namespace: str, name: str, moment: str) -> None:
        """Write a moment into a Lease, so that whoever watches it sees that the watch moves."""
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"holderIdentity": MANAGER, "renewTime": moment},
        }
        await self._apply(self._path("Lease", namespace, name), body)

    async def tell(
        self, about: Mapping[str, Any], reason: str, message: str, *, warning: bool, moment: str
    ) -> None:
        """Tell people of an object, as an Event of it; where it cannot be said, it is not."""
        metadata = about["metadata"]
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
            "involvedObject": {
                "apiVersion": about.get("apiVersion", ""),
                "kind": about.get("kind", ""),
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
            },
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "message": message[:1000],
            "count": 1,
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "source": {"component": MANAGER},
        }
        with suppress(Refused):
            await self._call("POST", self._path("Event", metadata["namespace"]), event)

    async def warnings(self, namespace: str) -> dict[str, str]:
        """Return what the cluster has warned of last about each object of a namespace, by the object's name."""
        query = [("fieldSelector", "type=Warning"), ("resourceVersion", "0")]
        found = await self._call("GET", self._path("Event", namespace), query=query)
        items = sorted(
            found["items"], key=lambda item: str(item.get("lastTimestamp") or item.get("eventTime") or "")
        )
        return {item["involvedObject"]["name"]: item.get("message", "") for item in items}

    async def _apply_to(
        self, path: str, kind: str, namespace: str, name: str, uid: str, part: Mapping[str, Any]
    ) -> Manifest | None:
        metadata = {"name": name, "namespace": namespace, "uid": uid}
        body = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, **part}
        try:
            return await self._apply(path, body)
        except Refused as refused:
            if refused.status not in {NOT_FOUND, CONFLICT}:
                raise
            return None

    async def _apply(self, path: str, body: Manifest) -> Manifest:
        return await self._call("PATCH", path, body, APPLY, [("fieldManager", MANAGER), ("force", "true")])

    def _path(self, kind: str, namespace: str, name: str = "") -> str:
        return f"/{PLURALS[kind].format(namespace)}{f'/{name}' if name else ''}"

    async def _call(
        self,
        method: str,
        path: str,
        body: Manifest | None = None,
        content_type: str = PLAIN,
        query: list[tuple[str, str]] | None = None,
    ) -> Manifest:
        response = await self._client.call_api(
            path,
            method,
            query_params=query or [],
            header_params={"Accept": PLAIN, "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _request_timeout=30,
        )
        answer = await response.read()
        if not response.ok:
            raise _refusal(response.status, response.reason, answer)
        found: Manifest = json.loads(answer)
        return found


def _leave_environment(client: ApiClient) -> None:
    """Let a client not look for a proxy in the environment: it asks two threads before every call."""
    session = client.rest_client.pool_manager
    client.rest_client.pool_manager = ClientSession(connector=session.connector)
    session.detach()


def _refusal(status: int, reason: str, answer: bytes) -> Refused:
    try:
        said = json.loads(answer)
    except ValueError:
        said = {}
    return Refused(status, said.get("reason", ""), said.get("message") or reason)


def _owner(manifest: Manifest) -> str:
    owners = manifest["metadata"].get("ownerReferences", ())
    return next((owner["uid"] for owner in owners if owner.get("controller")), "")
