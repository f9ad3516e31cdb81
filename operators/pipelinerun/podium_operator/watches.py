"""What the operator watches, and whether each of these watches moves.

The API server sends an event in a watch when something happens, and a bookmark about every minute when nothing does; but some send none of a kind
that nothing happens to. So a watch also moves when the server ends it as it was asked to, at the end of its time: the next one begins where it
stopped, so that what had happened was told. One that stays silent and is not ended is dead, whichever end it died at: kopf opens it anew after
70 seconds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

import kopf
from aiohttp import (
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    StreamReader,
    TCPConnector,
)
from podium_contracts.resources.course import LABELS
from podium_contracts.resources.resource import GROUP, VERSION

END_SECONDS = 1.0
"""A server counts the time of a watch from a little before its answer is here."""
MANAGED = {key: value for key, value in LABELS.items() if key == "app.kubernetes.io/managed-by"}


@dataclass(frozen=True)
class Watched:
    """A kind whose objects are followed: those with these labels, where some are given."""

    kind: str
    group: str
    version: str
    plural: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def resource(self) -> tuple[str, str, str]:
        """What kopf knows it by."""
        return self.group, self.version, self.plural

    @property
    def selector(self) -> str:
        """Its labels as the API server takes them."""
        return ",".join(f"{key}={value}" for key, value in self.labels.items())

    def paths(self, namespaces: Iterable[str]) -> list[str]:
        """Return where its watches are: one in each namespace, a single one for all of them where none is given."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return [f"{root}/namespaces/{name}/{self.plural}" for name in namespaces] or [f"{root}/{self.plural}"]


WATCHED = (
    Watched("Pipeline", GROUP, VERSION, "pipelines"),
    Watched("PipelineRun", GROUP, VERSION, "pipelineruns"),
    Watched("StageRun", GROUP, VERSION, "stageruns"),
    Watched("Job", "batch", "v1", "jobs", MANAGED),
    Watched("Pod", "", "v1", "pods", {**MANAGED, "app.kubernetes.io/component": "driver"}),
)


@dataclass
class _Watch:
    heard: float
    stream: StreamReader | None = None
    bytes: int = 0
    """How much of the stream had come when it was looked at last."""

    def look(self, now: float) -> None:
        """Note whether something has come since the last look."""
        if self.stream and self.stream.total_bytes > self.bytes:
            self.heard, self.bytes = now, self.stream.total_bytes


class Watches:
    """When each watch has moved last."""

    def __init__(self, namespaces: Iterable[str], clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        namespaces = tuple(namespaces)
        paths = [path for watched in WATCHED for path in watched.paths(namespaces)]
        self._watches = {path: _Watch(clock()) for path in paths}

    def silence(self) -> tuple[str, float]:
        """Return the watch that has been silent longest, with the seconds since it moved or should have been opened."""
        now = self._clock()
        for watch in self._watches.values():
            watch.look(now)
        path = min(self._watches, key=lambda path: self._watches[path].heard)
        return path, now - self._watches[path].heard

    def session(self, access: kopf.ConnectionInfo) -> kopf.AiohttpSession:
        """Return a session for kopf whose watches are listened to."""
        session = ClientSession(
            connector=TCPConnector(limit=0, ssl=access.as_ssl_context()),
            headers=access.as_http_headers(),
            proxy=access.proxy_url,
            trust_env=access.trust_env,
            middlewares=[self._listen],
        )
        return kopf.AiohttpSession(
            server=access.server,
            default_namespace=access.default_namespace,
            expiration=access.expiration,
            aiohttp_session=session,
        )

    async def _listen(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        response = await handler(request)
        if "watch" in request.url.query and response.ok:
            for path, watch in self._watches.items():
                if request.url.path.endswith(path):
                    watch.look(self._clock())
                    watch.stream, watch.bytes = response.content, 0
                    lasts = float(request.url.query.get("timeoutSeconds", "inf"))
                    response.content.on_eof(partial(self._end, watch, self._clock() + lasts))
        return response

    def _end(self, watch: _Watch, due: float) -> None:
        """Note that a server has ended a watch properly: it is a word of it if that was due."""
        if self._clock() >= due - END_SECONDS:
            watch.heard = self._clock()
