"""What the client makes of a real API server's answers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from podium_runtime.cluster import Cluster, OwnedByAnother, Refused

from tests.cluster.conftest import Kubectl

pytestmark = [pytest.mark.integration, pytest.mark.cluster]


def asked(question: Callable[[Cluster], Awaitable[Any]]) -> Any:
    """Return what a call returns."""

    async def ask() -> Any:
        cluster = await Cluster.connect()
        try:
            return await question(cluster)
        finally:
            await cluster.close()

    return asyncio.run(ask())


def settings(kubectl: Kubectl, name: str, *owners: dict[str, Any]) -> dict[str, Any]:
    references = [
        {"apiVersion": "v1", "kind": "ConfigMap", "controller": True}
        | {key: owner["metadata"][key] for key in ("name", "uid")}
        for owner in owners
    ]
    metadata = {"name": name, "namespace": kubectl.namespace, "ownerReferences": references}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def test_what_is_not_there_is_none_and_needs_no_deletion(kubectl: Kubectl) -> None:
    """As a Job that somebody deleted."""
    assert asked(lambda cluster: cluster.find("Job", kubectl.namespace, "gone")) is None
    asked(lambda cluster: cluster.delete("Job", kubectl.namespace, "gone"))


def test_a_refusal_is_an_error_with_the_words_of_the_api_server(kubectl: Kubectl) -> None:
    """And with its status, by which reasons are told apart."""
    with pytest.raises(Refused, match="RFC 1123") as refused:
        asked(lambda cluster: cluster.make(settings(kubectl, "Upper")))
    assert (refused.value.status, refused.value.reason) == (422, "Invalid")


def test_an_object_is_made_once(kubectl: Kubectl) -> None:
    """Made again it is the same; a namesake of another owner is not taken for it."""
    one, other = (
        asked(lambda cluster, name=name: cluster.make(settings(kubectl, name))) for name in ("one", "other")
    )
    first = asked(lambda cluster: cluster.make(settings(kubectl, "part", one)))
    again = asked(lambda cluster: cluster.make(settings(kubectl, "part", one)))
    assert again["metadata"]["uid"] == first["metadata"]["uid"]
    with pytest.raises(OwnedByAnother):
        asked(lambda cluster: cluster.make(settings(kubectl, "part", other)))


def test_the_definitions_are_there(cluster: Kubectl) -> None:
    """Without them the operator would watch nothing."""
    assert cluster.get("crd/pipelineruns.podium.dev")["metadata"]["name"]
    assert asked(lambda found: found.has_definitions()) is True
