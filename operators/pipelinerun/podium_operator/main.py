"""The operator as a process: `python -m podium_operator.main` runs it, by a service account or by KUBECONFIG."""

import asyncio
import logging
import sys
from typing import Any

import kopf
import structlog
from podium_contracts.resources import GROUP
from podium_contracts.resources.course import LABELS
from podium_runtime.cluster import Cluster
from prometheus_client import start_http_server

from podium_operator.operator import HEARTBEAT, Operator
from podium_operator.settings import OperatorSettings

MANAGED = {key: value for key, value in LABELS.items() if key == "app.kubernetes.io/managed-by"}
STREAM_SECONDS = 300
"""A watch is opened anew after so long, so that one that died silently is not the last."""


def build(settings: OperatorSettings) -> kopf.OperatorRegistry:
    """Return the handlers of an operator: each hands on what a watch brought."""
    registry = kopf.OperatorRegistry()
    operator = Operator(settings)

    @kopf.on.login(registry=registry)
    def log_in(**given: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**given) or kopf.login_with_kubeconfig(**given)

    @kopf.on.startup(registry=registry)
    async def begin(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.loggers = False
        settings.scanning.disabled = True
        settings.persistence.diffbase_storage = NoDiffs()
        settings.watching.server_timeout = STREAM_SECONDS
        settings.watching.client_timeout = STREAM_SECONDS + 30
        settings.networking.request_timeout = 30
        await operator.begin()

    @kopf.on.cleanup(registry=registry)
    async def end(**_: Any) -> None:
        await operator.end()

    @kopf.on.probe(id="watch", registry=registry)
    async def watch(**_: Any) -> str:
        trouble = operator.trouble()
        if trouble:
            raise RuntimeError(trouble)
        return "ok"

    _follow(operator, registry, "Pipeline", GROUP, "pipelines")
    _follow(operator, registry, "PipelineRun", GROUP, "pipelineruns")
    _follow(operator, registry, "StageRun", GROUP, "stageruns")
    _follow(operator, registry, "Job", "batch", "v1", "jobs", labels=MANAGED)
    _follow(
        operator,
        registry,
        "Pod",
        "",
        "v1",
        "pods",
        labels={**MANAGED, "app.kubernetes.io/component": "driver"},
    )

    @kopf.on.event(
        "coordination.k8s.io", "v1", "leases", registry=registry, field="metadata.name", value=HEARTBEAT
    )
    async def beat(**_: Any) -> None:
        operator.beat_heard()

    return registry


def _follow(
    operator: Operator, registry: kopf.OperatorRegistry, kind: str, *resource: str, **filters: Any
) -> None:
    """Hand on every object of a kind.

    kopf calls what fills an index for every change of an object but its end, and what takes events only once every object that is there is in
    the indices. So the index brings what is there, and the event of the heartbeat, the only one that is taken as it comes, says that all is.
    """

    @kopf.index(*resource, id=f"index-{kind}", registry=registry, **filters)
    async def take(body: kopf.Body, **_: Any) -> None:
        operator.take(kind, dict(body))

    @kopf.on.event(*resource, id=f"end-{kind}", registry=registry, when=_is_gone, **filters)
    async def lose(body: kopf.Body, **_: Any) -> None:
        operator.lose(kind, dict(body))


def _is_gone(type: str | None, **_: Any) -> bool:  # noqa: A002 - kopf's own name for it
    return type == "DELETED"


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
