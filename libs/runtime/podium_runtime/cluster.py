"""The API server of Kubernetes: objects are made once, statuses are applied, everything else is read."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.request import getproxies_environment

from aiohttp import ClientSession, ClientTimeout
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
    "Pod": "api/v1/namespaces/{}/pods",
    "ConfigMap": "api/v1/namespaces/{}/configmaps",
    "Service": "api/v1/namespaces/{}/services",
    "Event": "api/v1/namespaces/{}/events",
}
NOT_FOUND, CONFLICT = 404, 409
ENDLESS = ClientTimeout(total=None, sock_connect=30)
"""For what is followed: only the connection must be there soon."""


class Refused(Exception):
    """The API server refused a call; `message` is its own."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message


class OwnedByAnother(Refused):
    """An object of that name exists and belongs to something else."""


class Changed(Refused):
    """An object is not as it was when it was decided what to write into it."""


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

    async def has_definitions(self) -> bool:
        """Whether the API server knows Podium's resources."""
        try:
            await self._call("GET", "/apis/podium.dev/v1alpha1")
        except Refused as refused:
            if refused.status == NOT_FOUND:
                return False
            raise
        return True

    async def select(
        self, kind: str, namespace: str, labels: Mapping[str, str] | None = None
    ) -> list[Manifest]:
        """Return the objects of a namespace, those with these labels where some are given."""
        selector = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
        query = [("labelSelector", selector)] if selector else []
        items: list[Manifest] = (await self._call("GET", self._path(kind, namespace), query=query))["items"]
        return items

    async def log(self, namespace: str, pod: str, container: str, *, follow: bool) -> AsyncIterator[str]:
        """Yield the lines of a container's log; those to come, too, where it is followed.

        Raises:
            Refused: there is none: the pod is gone, or the container has not begun.
        """
        query = [("container", container), *([("follow", "true")] if follow else [])]
        path = f"{self._path('Pod', namespace, pod)}/log"
        response = await self._response("GET", path, query=query, seconds=ENDLESS if follow else 30)
        async for line in response.content:
            yield line.decode(errors="replace").rstrip("\n")

    async def apply_status(
        self, kind: str, known: Mapping[str, Any], status: Mapping[str, Any]
    ) -> Manifest | None:
        """Let an object have this status and nothing else in it that the operator ever wrote.

        Return it, None where it is gone.

        Raises:
            Changed: it is another one of its name, or has changed since it was as it is `known`.
        """
        return await self._apply_to(kind, known, {"status": status}, "/status")

    async def cancel(self, known: Mapping[str, Any]) -> Manifest | None:
        """Cancel a PipelineRun, as `apply_status` does its work."""
        return await self._apply_to("PipelineRun", known, {"spec": {"cancel": True}})

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
        self, kind: str, known: Mapping[str, Any], part: Mapping[str, Any], subresource: str = ""
    ) -> Manifest | None:
        metadata = {key: known["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
        body = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, **part}
        path = self._path(kind, metadata["namespace"], metadata["name"]) + subresource
        try:
            return await self._apply(path, body)
        except Refused as refused:
            if refused.status == CONFLICT:
                raise Changed(refused.status, refused.reason, refused.message) from refused
            if refused.status != NOT_FOUND:
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
        response = await self._response(method, path, body, content_type, query)
        found: Manifest = json.loads(await response.read())
        return found

    async def _response(
        self,
        method: str,
        path: str,
        body: Manifest | None = None,
        content_type: str = PLAIN,
        query: list[tuple[str, str]] | None = None,
        seconds: float | ClientTimeout = 30,
    ) -> Any:
        response = await self._client.call_api(
            path,
            method,
            query_params=query or [],
            header_params={"Accept": PLAIN, "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,  # so the client hands out what a server refuses, too
            _request_timeout=seconds,
        )
        if not response.ok:
            raise _refusal(response.status, await response.read())
        return response


def _leave_environment(client: ApiClient) -> None:
    """Let a client not look for a proxy in the environment: it asks two threads before every call."""
    session = client.rest_client.pool_manager
    client.rest_client.pool_manager = ClientSession(connector=session.connector)
    session.detach()


def _refusal(status: int, said: bytes) -> Refused:
    """Return what the API server says, which is not a Status where it knows no such resource."""
    try:
        shown = json.loads(said)
    except ValueError:
        shown = {"message": said.decode(errors="replace").strip()}
    return Refused(status, shown.get("reason", ""), shown.get("message") or f"status {status}")


def _owner(manifest: Manifest) -> str:
    owners = manifest["metadata"].get("ownerReferences", ())
    return next((owner["uid"] for owner in owners if owner.get("controller")), "")
