"""As much of an API server as the operator needs to watch nothing: it knows the kinds, has no objects, and can let a watch fall silent."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from aiohttp import web
from podium_operator.watches import WATCHED, Watched

BOOKMARK_SECONDS = 1.0


@dataclass
class ApiServer:
    """Lets watches move by bookmarks and ends them when their time is over, as an API server does when nothing happens."""

    bookmarks: bool = True
    silent: set[str] = field(default_factory=set)
    """The plurals of kinds whose watches say nothing more."""
    mute: set[str] = field(default_factory=set)
    """The plurals of kinds whose watches are taken and never answered."""
    watched: dict[str, str] = field(default_factory=dict)
    """The query of the last watch of each kind, by its plural."""
    port: int = 0

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_get("/api", self._versions)
        app.router.add_get("/apis", self._groups)
        for path in {root(watched) for watched in WATCHED}:
            app.router.add_get(path, self._resources)
        for watched in WATCHED:
            app.router.add_get(f"{root(watched)}/namespaces/team/{watched.plural}", self._objects)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield
        finally:
            await runner.cleanup()

    def kubeconfig(self, file: Path) -> Path:
        """Write how it is reached into a file; return the file."""
        name = "here"
        cluster = {"server": f"http://127.0.0.1:{self.port}"}
        context = {"cluster": name, "user": name}
        known = {
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": {"token": "t"}}],
            "contexts": [{"name": name, "context": context}],
            "current-context": name,
        }
        file.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **known}))
        return file

    async def _versions(self, _: web.Request) -> web.Response:
        return web.json_response({"kind": "APIVersions", "versions": ["v1"]})

    async def _groups(self, _: web.Request) -> web.Response:
        found = {watched.group: watched.version for watched in WATCHED if watched.group}
        groups = [
            {"name": name, "versions": [{"version": version}], "preferredVersion": {"version": version}}
            for name, version in found.items()
        ]
        return web.json_response({"kind": "APIGroupList", "groups": groups})

    async def _resources(self, request: web.Request) -> web.Response:
        """Name the kinds of a group, and namespaces, without which kopf watches nothing."""
        resources = [
            {
                "name": watched.plural,
                "singularName": watched.kind.lower(),
                "kind": watched.kind,
                "namespaced": True,
                "verbs": ["list", "watch"],
            }
            for watched in WATCHED
            if root(watched) == request.path
        ]
        if request.path == "/api/v1":
            resources.append(
                {
                    "name": "namespaces",
                    "singularName": "namespace",
                    "kind": "Namespace",
                    "namespaced": False,
                    "verbs": ["get"],
                }
            )
        return web.json_response({"kind": "APIResourceList", "resources": resources})

    async def _objects(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return web.json_response({"metadata": {"resourceVersion": "1"}, "items": []})
        plural = request.path.rpartition("/")[2]
        self.watched[plural] = request.query.get("labelSelector", "")
        if plural in self.mute:
            await asyncio.Event().wait()
        response = web.StreamResponse()
        await response.prepare(request)
        bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "1"}}}
        end = monotonic() + float(request.query["timeoutSeconds"])
        while plural in self.silent or monotonic() < end:
            if self.bookmarks and plural not in self.silent:
                await response.write(json.dumps(bookmark).encode() + b"\n")
            await asyncio.sleep(BOOKMARK_SECONDS)
        return response


def root(watched: Watched) -> str:
    """Return where the resources of a kind's group are."""
    return watched.paths(["team"])[0].partition("/namespaces/")[0]
