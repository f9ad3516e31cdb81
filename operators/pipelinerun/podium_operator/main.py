"""The operator as a process: `python -m podium_operator.main` runs it, by a service account or by KUBECONFIG."""

import asyncio
import logging
import sys
from functools import lru_cache
from typing import Any

import kopf
import structlog
from podium_runtime.cluster import Cluster
from prometheus_client import start_http_server

from podium_operator.operator import Operator
from podium_operator.settings import OperatorSettings
from podium_operator.watches import WATCHED, Watched

LONGEST_WATCH_SECONDS = 60
"""Less than the 70 after which kopf opens a silent watch anew itself."""


def build(settings: OperatorSettings) -> kopf.OperatorRegistry:
    """Return the handlers of an operator: each hands on what a watch brought."""
    registry = kopf.OperatorRegistry()
    operator = Operator(settings)
    session = lru_cache(maxsize=1)(
        operator.watches.session
    )  # the same for the same access, so that kopf knows one that was refused

    @kopf.on.login(registry=registry)
    async def log_in(**given: Any) -> kopf.AiohttpSession | None:
        access = kopf.login_with_service_account(**given) or kopf.login_with_kubeconfig(**given)
        return session(access) if access else None

    @kopf.on.startup(registry=registry)
    async def begin(settings: kopf.OperatorSettings, **_: Any) -> None:
        _configure(settings, operator.settings.stuck_seconds)
        await operator.begin()

    @kopf.on.cleanup(registry=registry)
    async def end(**_: Any) -> None:
        await operator.end()

    @kopf.on.probe(id="watches", registry=registry)
    async def watches(**_: Any) -> str:
        if trouble := operator.trouble():
            raise kopf.PermanentError(trouble)  # kopf asks again after any other one, and lets the probe wait
        return "ok"

    for watched in WATCHED:
        _follow(operator, registry, watched)
    return registry


def _configure(settings: kopf.OperatorSettings, stuck_seconds: float) -> None:
    """Set up kopf; the server is to end each watch so often that one that it does not end is noticed."""
    watch_seconds = max(min(LONGEST_WATCH_SECONDS, int(stuck_seconds / 3)), 1)
    settings.posting.loggers = False
    settings.scanning.disabled = True
    settings.persistence.diffbase_storage = NoDiffs()
    settings.watching.server_timeout = watch_seconds
    settings.watching.client_timeout = watch_seconds + 30
    settings.networking.request_timeout = 30
    for watched in WATCHED:
        if watched.labels:
            settings.watching.label_selectors[watched.resource] = watched.selector


def _follow(operator: Operator, registry: kopf.OperatorRegistry, watched: Watched) -> None:
    """Hand on every object of a kind.

    kopf calls what fills an index for every change of an object but its end, and what takes events only once every object that is there is in
    the indices. So the index brings what is there, and the first event says that all is.
    """

    def tells(type: str | None, **_: Any) -> bool:  # noqa: A002 - kopf's own name for it
        return type == "DELETED" or not operator.has_seen_all

    @kopf.index(*watched.resource, id=f"index-{watched.kind}", registry=registry)
    async def take(body: kopf.Body, **_: Any) -> None:
        operator.take(watched.kind, dict(body))

    @kopf.on.event(*watched.resource, id=f"event-{watched.kind}", registry=registry, when=tells)
    async def hear(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - as above
        operator.begin_work()
        if type == "DELETED":
            operator.lose(watched.kind, dict(body))


class NoDiffs(kopf.DiffBaseStorage):
    """Keeps nothing of an object to compare it with: no handler asks what has changed, and kopf would copy every object to tell."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Return nothing."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        """Have nothing."""

    def store(self, **_: Any) -> None:
        """Keep nothing."""


async def _has_definitions() -> bool:
    cluster = await Cluster.connect()
    try:
        return await cluster.has_definitions()
    finally:
        await cluster.close()


def main() -> None:
    """Run until SIGTERM or SIGINT; where there is nothing to watch, end at once, to be started again."""
    settings = OperatorSettings()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.add_log_level,
            structlog.processors.JSONRenderer(),
        ]
    )
    if not asyncio.run(_has_definitions()):
        sys.exit("podium: the API server knows no PipelineRuns: install the chart podium-crds")
    start_http_server(settings.metrics_port, addr=settings.http_host)
    kopf.run(
        registry=build(settings),
        standalone=True,
        clusterwide=not settings.namespaces,
        namespaces=settings.namespaces,
        liveness_endpoint=f"http://{settings.http_host}:{settings.http_port}/healthz",
    )


if __name__ == "__main__":
    main()
