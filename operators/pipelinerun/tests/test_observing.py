"""What the watches bring, in whatever order it comes."""

from typing import Any

from podium_operator.observing import Observations


def job(uid: str, version: int, **more: Any) -> dict[str, Any]:
    metadata = {"name": "shop-1-ingest-1", "namespace": "team", "uid": uid, "resourceVersion": str(version)}
    labels = {"podium.dev/run": "shop-1"}
    return {"metadata": {**metadata, "labels": labels, "managedFields": [{}]}, "spec": {}, **more}


KEY = ("team", "shop-1-ingest-1")


def test_an_older_state_does_not_replace_a_newer_one() -> None:
    """An answer of the API server may be there before the watch brings what was before it."""
    observed = Observations()
    assert observed.put("Job", job("a", 10))
    assert not observed.put("Job", job("a", 10))
    assert not observed.put("Job", job("a", 9))
    assert observed.put("Job", job("a", 11, status={"active": 1}))
    known = observed.get("Job", KEY)
    assert known
    assert known["status"] == {"active": 1}
    assert "managedFields" not in known["metadata"]


def test_the_end_of_an_object_is_not_that_of_its_successor() -> None:
    """Of the same name: the watch tells of each on its own."""
    observed = Observations()
    observed.put("Job", job("a", 10))
    observed.put("Job", job("b", 13))
    observed.remove("Job", job("a", 12))
    assert [raw["metadata"]["uid"] for raw in observed.of_run("Job", ("team", "shop-1"))] == ["b"]
    observed.remove("Job", job("b", 14))
    assert not list(observed.of_run("Job", ("team", "shop-1")))
    assert observed._by_run == {}


def test_an_answer_does_not_bring_back_what_is_gone() -> None:
    """Or make one object of two."""
    observed = Observations()
    observed.renew("Job", job("a", 10))
    assert observed.get("Job", KEY) is None
    observed.put("Job", job("b", 11))
    observed.renew("Job", job("a", 12))
    known = observed.get("Job", KEY)
    assert known
    assert known["metadata"]["uid"] == "b"
