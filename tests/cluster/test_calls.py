"""What `Cluster` makes of the API server's answers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from podium_runtime.cluster import Changed, Cluster, OwnedByAnother, Refused

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
        "name": "retail-1",
        "uid": owner,
        "controller": True,
    }
    metadata = {"name": "pinned", "namespace": kubectl.namespace, "ownerReferences": [reference]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **more}


def known(kubectl: Kubectl, **other: str) -> dict[str, Any]:
    """Return the run as it is, or with other metadata."""
    raw: dict[str, Any] = kubectl.get("pdr", "retail-1")
    return {**raw, "metadata": {**raw["metadata"], **other}}


@pytest.fixture
def uid(kubectl: Kubectl) -> str:
    """Return the identity of a run that is there."""
    kubectl.apply(RETAIL)
    kubectl.apply(run(timeout="2h"))
    found: str = known(kubectl)["metadata"]["uid"]
    return found


def test_an_object_is_made_once(kubectl: Kubectl, uid: str) -> None:
    """Whoever makes it again gets the first one; whoever makes one of its name for another owner, or one that is none, is refused."""

    async def work(cluster: Cluster) -> None:
        first = await cluster.make(config_map(kubectl, uid, data={"number": "1"}))
        again = await cluster.make(config_map(kubectl, uid, data={"number": "2"}))
        assert again == first
        with pytest.raises(OwnedByAnother):
            await cluster.make(config_map(kubectl, UID))
        wrong = config_map(kubectl, uid, data={"not a key": "1"})
        wrong["metadata"]["name"] = "wrong"
        with pytest.raises(Refused, match="is invalid") as refused:
            await cluster.make(wrong)
        assert refused.value.status == 422

    called(work)


@pytest.mark.usefixtures("uid")
def test_what_is_not_there_is_nothing(kubectl: Kubectl) -> None:
    """Found as None, without a status, deleted already."""

    async def work(cluster: Cluster) -> None:
        assert await cluster.find("ConfigMap", kubectl.namespace, "nowhere") is None
        await cluster.delete("Job", kubectl.namespace, "nowhere")
        assert await cluster.apply_status("PipelineRun", known(kubectl, name="nowhere"), {"rows": 1}) is None

    called(work)


@pytest.mark.usefixtures("uid")
def test_what_has_changed_is_not_written_to(kubectl: Kubectl) -> None:
    """Nor what is another one of its name: nothing is cancelled, shown or deleted."""
    before = known(kubectl)
    kubectl.run("label", "pdr", "retail-1", "team=sales")

    async def work(cluster: Cluster) -> None:
        for other in (before, known(kubectl, uid=UID, resourceVersion="1")):
            with pytest.raises(Changed):
                await cluster.apply_status("PipelineRun", other, {"rows": 1})
            with pytest.raises(Changed):
                await cluster.cancel(other)
        await cluster.delete("PipelineRun", kubectl.namespace, "retail-1", UID)

    called(work)
    kept = known(kubectl)
    assert not kept["spec"]["cancel"]
    assert "status" not in kept


@pytest.mark.usefixtures("uid")
def test_a_run_is_shown_and_cancelled(kubectl: Kubectl) -> None:
    """The rest of its spec stays, and the answer is what is stored."""

    async def work(cluster: Cluster) -> None:
        shown = await cluster.apply_status("PipelineRun", known(kubectl), {"rows": 7})
        assert shown
        assert shown["status"]["rows"] == 7
        await cluster.cancel(shown)

    called(work)
    spec = known(kubectl)["spec"]
    assert (spec["cancel"], spec["timeout"]) == (True, "2h")
