"""What `Cluster` makes of the API server's answers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from podium_runtime.cluster import Cluster, OwnedByAnother, Refused

from tests.cluster.conftest import Kubectl
from tests.cluster.test_definitions import RETAIL, UID, run

pytestmark = [pytest.mark.integration, pytest.mark.cluster]


def called(work: Callable[[Cluster], Awaitable[None]]) -> None:
    """Do something with a connection."""

    async def main() -> None:
        cluster = await Cluster.connect()
        try:
            await work(cluster)
        finally:
            await cluster.close()

    asyncio.run(main())


def config_map(kubectl: Kubectl, owner: str, **more: Any) -> dict[str, Any]:
    reference = {
        "apiVersion": "podium.dev/v1alpha1",
        "kind": "PipelineRun",
        "name": "r",
        "uid": owner,
        "controller": True,
    }
    metadata = {"name": "pinned", "namespace": kubectl.namespace, "ownerReferences": [reference]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **more}


def test_an_object_is_made_once(kubectl: Kubectl) -> None:
    """Whoever makes it again gets the first one; whoever makes one of its name for another owner, or one that is none, is refused."""

    async def work(cluster: Cluster) -> None:
        first = await cluster.make(config_map(kubectl, UID, data={"number": "1"}))
        again = await cluster.make(config_map(kubectl, UID, data={"number": "2"}))
        assert again == first
        with pytest.raises(OwnedByAnother):
            await cluster.make(config_map(kubectl, UID.replace("0", "1")))
        wrong = config_map(kubectl, UID, data={"not a key": "1"})
        wrong["metadata"]["name"] = "wrong"
        with pytest.raises(Refused, match="is invalid") as refused:
            await cluster.make(wrong)
        assert refused.value.status == 422

    called(work)


def test_what_is_not_there_is_nothing(kubectl: Kubectl) -> None:
    """Found as None, without a status, deleted and cancelled already; neither is one that is another by its identity."""

    async def work(cluster: Cluster) -> None:
        assert await cluster.find("ConfigMap", kubectl.namespace, "nowhere") is None
        await cluster.delete("Job", kubectl.namespace, "nowhere")
        for name in ("nowhere", "retail-1"):
            assert (
                await cluster.apply_status("PipelineRun", kubectl.namespace, name, UID, {"rows": 1}) is None
            )
            await cluster.cancel(kubectl.namespace, name, UID)
            await cluster.delete("PipelineRun", kubectl.namespace, name, UID)
        kept = kubectl.get("pdr", "retail-1")
        assert "cancel" not in kept["spec"] or not kept["spec"]["cancel"]
        assert "status" not in kept

    kubectl.apply(RETAIL)
    kubectl.apply(run())
    called(work)


def test_a_run_is_cancelled_and_shown(kubectl: Kubectl) -> None:
    """By its identity; the rest of its spec stays, and the answer is what is stored."""

    async def work(cluster: Cluster) -> None:
        uid = kubectl.get("pdr", "retail-1")["metadata"]["uid"]
        shown = await cluster.apply_status("PipelineRun", kubectl.namespace, "retail-1", uid, {"rows": 7})
        assert shown
        assert shown["status"]["rows"] == 7
        await cluster.cancel(kubectl.namespace, "retail-1", uid)
        spec = kubectl.get("pdr", "retail-1")["spec"]
        assert (spec["cancel"], spec["timeout"]) == (True, "2h")

    kubectl.apply(run(timeout="2h"))
    called(work)
