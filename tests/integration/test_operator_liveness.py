"""The operator as a process, with an API server whose watches freeze: its health is that of each watch that it works by."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientConnectionError, ClientSession

from operators.pipelinerun.tests.apiserver import ApiServer
from tests.integration.services.stack import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
STUCK_SECONDS, PATIENCE_SECONDS = 6.0, 120.0
HEALTHY, UNHEALTHY = 200, 500


@dataclass
class Operating:
    """An operator that runs."""

    process: asyncio.subprocess.Process
    port: int
    log: Path

    async def health(self) -> int | None:
        """Return the status that `/healthz` answers with, None while nobody answers."""
        assert self.process.returncode is None, self.log.read_text()
        try:
            async with (
                ClientSession() as session,
                session.get(f"http://127.0.0.1:{self.port}/healthz") as answer,
            ):
                return answer.status
        except ClientConnectionError:
            return None

    async def until(self, status: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.health() != status:  # noqa: ASYNC110 - another process is asked
                await asyncio.sleep(0.5)

    async def says(self, words: str) -> None:
        """Ask for the health until the log has these words: a slow start may be a silence of other watches, too."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while words not in self.log.read_text():
                await asyncio.sleep(0.5)
                await self.health()


@asynccontextmanager
async def operating(server: ApiServer, folder: Path) -> AsyncIterator[Operating]:
    """Yield an operator that watches by a server."""
    port, log = free_port(), folder / "operator.log"
    settings = {
        "KUBECONFIG": str(server.kubeconfig(folder / "kubeconfig")),
        "PODIUM_OPERATOR_NAMESPACES": json.dumps(["team"]),
        "PODIUM_OPERATOR_HTTP_PORT": str(port),
        "PODIUM_OPERATOR_METRICS_PORT": str(free_port()),
        "PODIUM_OPERATOR_STUCK_SECONDS": str(STUCK_SECONDS),
    }
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "podium_operator.main",
            env={**os.environ, **settings},
            stdout=said,
            stderr=said,
        )
    try:
        yield Operating(process, port, log)
    finally:
        process.kill()
        await process.wait()


@pytest.mark.parametrize(
    ("plural", "bookmarks"),
    [("pipelineruns", True), pytest.param("pods", True, marks=pytest.mark.slow), ("stageruns", False)],
)
def test_a_watch_that_falls_silent_is_no_health(plural: str, bookmarks: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """Though its connection is open and the others move; until then bookmarks alone, or watches that end in time, are health enough."""

    async def freeze() -> None:
        server = ApiServer(bookmarks=bookmarks)
        async with server.serve(), operating(server, tmp_path) as operator:
            await operator.until(HEALTHY)
            await asyncio.sleep(2 * STUCK_SECONDS)
            await operator.until(HEALTHY)
            server.silent.add(plural)
            await operator.until(UNHEALTHY)
            await operator.says(f"/namespaces/team/{plural} has not moved for")
            server.silent.clear()
            await operator.until(HEALTHY)

    asyncio.run(freeze())


def test_a_watch_that_is_never_answered_is_no_health(tmp_path: Path) -> None:
    """The server takes it and says nothing, from the beginning."""

    async def freeze() -> None:
        server = ApiServer(mute={"jobs"})
        async with server.serve(), operating(server, tmp_path) as operator:
            await operator.until(UNHEALTHY)
            await operator.says("/apis/batch/v1/namespaces/team/jobs has not moved for")
            assert set(server.watched) == {"pipelines", "pipelineruns", "stageruns", "jobs", "pods"}
            managed = "app.kubernetes.io/managed-by=podium-operator"
            assert server.watched["jobs"] == managed
            assert server.watched["pods"] == f"{managed},app.kubernetes.io/component=driver"

    asyncio.run(freeze())
