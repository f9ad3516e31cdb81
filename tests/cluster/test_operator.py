"""The operator on a real cluster, as a process beside it: what it makes of runs, and what it says where something is in the way.

No image of Podium's is needed: a driver that cannot start shows as much of the operator.
"""

import json
import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import DEFINITIONS, Kubectl, namespace
from tests.cluster.playing import NOWHERE, Player
from tests.cluster.running import Operator, watching
from tests.cluster.test_definitions import RETAIL, changed, run
from tests.integration.services.stack import eventually

pytestmark = [pytest.mark.integration, pytest.mark.cluster, pytest.mark.timeout(180)]


@pytest.fixture
def operator(kubectl: Kubectl, tmp_path: Path) -> Iterator[Operator]:
    """Return an operator for the test's namespace."""
    with watching(tmp_path / "operator.log", kubectl) as operator:
        yield operator


def reason(kubectl: Kubectl, name: str = "retail-1") -> Callable[[], str]:
    """Return what reads the reason of a run's success."""

    def read() -> str:
        conditions = kubectl.get("pdr", name).get("status", {}).get("conditions", [])
        return next(
            (f"{item['status']} {item['reason']}" for item in conditions if item["type"] == "Succeeded"), ""
        )

    return read


def wait_for(kubectl: Kubectl, expected: str, name: str = "retail-1") -> dict[str, Any]:
    """Wait until a run stands so; return its condition."""
    read, end = reason(kubectl, name), time.monotonic() + 60
    while (now := read()) != expected:
        assert time.monotonic() < end, f"{name} is not {expected} but {now}"
        time.sleep(0.2)
    found = kubectl.get("pdr", name)["status"]["conditions"]
    condition: dict[str, Any] = next(item for item in found if item["type"] == "Succeeded")
    return condition


def owned(kubectl: Kubectl) -> list[str]:
    """Return what a run is made of, by kind, name and identity."""
    kinds = "stageruns.podium.dev,jobs,pods,services,configmaps"
    items = kubectl.get(kinds, "-l", "app.kubernetes.io/managed-by=podium-operator")["items"]
    return sorted(f"{item['kind']} {item['metadata']['name']} {item['metadata']['uid']}" for item in items)


@pytest.mark.usefixtures("pods", "operator")
def test_a_run_waits_for_its_pipeline_and_becomes_a_driver(kubectl: Kubectl) -> None:
    """Applied before its Pipeline; then pinned, with a StageRun and a Job in a namespace that enforces *restricted*; its image is nowhere to be
    had, which the condition says at once, and `startTimeout` ends. The driver that is over leaves with its Job.
    """
    kubectl.apply(run(startTimeout="15s", retries={"scheduling": 0}))
    assert "there is no Pipeline 'retail'" in wait_for(kubectl, "Unknown PipelineNotFound")["message"]
    kubectl.apply(RETAIL)
    assert "registry.invalid/podium/ingest" in wait_for(kubectl, "Unknown ImageUnavailable")["message"]
    assert [line.split()[0] for line in owned(kubectl)] == ["ConfigMap", "Job", "Pod", "StageRun"]
    assert "ImageUnavailable" in wait_for(kubectl, "False StartTimedOut")["message"]
    kubectl.run("wait", "--for=condition=Finished", "pdr/retail-1", "--timeout=10s")
    eventually(lambda: "Job" not in " ".join(owned(kubectl)))
    events = kubectl.get("events", "--field-selector", "involvedObject.kind=PipelineRun")["items"]
    assert {"PipelineNotFound", "Started", "ImageUnavailable", "StartTimedOut"} <= {
        event["reason"] for event in events
    }


@pytest.mark.usefixtures("pods")
def test_an_operator_that_is_killed_changes_nothing(kubectl: Kubectl, operator: Operator) -> None:
    """While it begins a run, and afterwards: nothing is made twice, nothing is made anew."""
    kubectl.apply(RETAIL)
    kubectl.apply(run())
    for pause in (0.2, 1.0):
        time.sleep(pause)
        operator.kill()
        operator.start()
    wait_for(kubectl, "Unknown ImageUnavailable")
    before = owned(kubectl)
    operator.kill()
    operator.start()
    kubectl.apply(run("later"))
    wait_for(kubectl, "Unknown ImageUnavailable", "later")
    assert set(before) < set(owned(kubectl))
    assert len(owned(kubectl)) == 2 * len(before) == 8


@pytest.mark.usefixtures("pods", "operator")
def test_a_run_is_held_and_cancelled(kubectl: Kubectl) -> None:
    """`suspend` takes the driver away and gives another one back; `cancel` ends the run for good."""
    kubectl.apply(RETAIL)
    kubectl.apply(run())
    wait_for(kubectl, "Unknown ImageUnavailable")
    kubectl.apply(run(suspend=True))
    wait_for(kubectl, "Unknown Suspended")
    eventually(lambda: "Job" not in " ".join(owned(kubectl)))
    kubectl.apply(run(suspend=False))
    wait_for(kubectl, "Unknown ImageUnavailable")
    assert any(line.startswith("Job") and "-2 " in line for line in owned(kubectl))
    kubectl.apply(run(cancel=True))
    wait_for(kubectl, "False Cancelled")
    eventually(lambda: "Job" not in " ".join(owned(kubectl)))


@pytest.mark.usefixtures("pods", "operator")
def test_a_deleted_run_leaves_nothing(kubectl: Kubectl) -> None:
    """And one of its name that follows is another one."""
    kubectl.apply(RETAIL)
    kubectl.apply(run())
    wait_for(kubectl, "Unknown ImageUnavailable")
    first = {line for line in owned(kubectl) if line.startswith("StageRun")}
    kubectl.run("delete", "pdr", "retail-1")
    eventually(lambda: not owned(kubectl))
    kubectl.apply(run())
    wait_for(kubectl, "Unknown ImageUnavailable")
    assert not first & set(owned(kubectl))


@pytest.mark.usefixtures("operator")
def test_a_quota_that_is_exceeded_is_said(kubectl: Kubectl) -> None:
    """In the cluster's words; other runs are none of its concern."""
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "none"},
            "spec": {"hard": {"pods": "0"}},
        }
    )
    kubectl.apply(RETAIL)
    kubectl.apply(run())
    kubectl.apply(run("other", pipeline="nowhere"))
    assert "exceeded quota: none" in wait_for(kubectl, "Unknown QuotaExceeded")["message"]
    wait_for(kubectl, "Unknown PipelineNotFound", "other")


@pytest.mark.usefixtures("pods", "operator")
@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ({"secret": {"secretName": "nowhere"}}, "SecretNotFound"),
        ({"configMap": {"name": "nowhere"}}, "ConfigMapNotFound"),
    ],
    ids=["secret", "config map"],
)
def test_what_a_driver_needs_and_is_missing_is_said(
    kubectl: Kubectl, volume: dict[str, Any], expected: str
) -> None:
    """Its kind is the reason, its name is in the message; once it is there, the driver goes on."""
    kubectl.apply(RETAIL)
    kubectl.apply(run(pods={"volumes": [{"name": "certs", "mountPath": "/certs", **volume}]}))
    message = wait_for(kubectl, f"Unknown {expected}")["message"]
    assert "nowhere" in message
    assert "Make what the message names" in message
    kind = ("secret", "generic") if "secret" in volume else ("configmap",)
    kubectl.run("create", *kind, "nowhere", "--from-literal=ca.crt=x")
    wait_for(kubectl, "Unknown ImageUnavailable")


@pytest.mark.usefixtures("pods", "operator")
def test_a_status_that_somebody_broke_is_made_anew(kubectl: Kubectl) -> None:
    """What is decided depends on what is there, not on what a status says."""
    kubectl.apply(RETAIL)
    kubectl.apply(run())
    wait_for(kubectl, "Unknown ImageUnavailable")
    before = owned(kubectl)
    broken = json.dumps({"status": {"conditions": [], "stages": [], "rows": 12}})
    kubectl.run("patch", "pdr", "retail-1", "--subresource=status", "--type=merge", "-p", broken)
    wait_for(kubectl, "Unknown ImageUnavailable")
    assert kubectl.get("pdr", "retail-1")["status"]["rows"] == 0
    assert owned(kubectl) == before


@pytest.mark.usefixtures("pods", "operator")
def test_a_job_that_somebody_deletes_is_made_again(kubectl: Kubectl) -> None:
    """As another attempt after its pause; what is pinned nobody can change, and what a StageRun says of itself is made anew."""
    kubectl.apply(RETAIL)
    kubectl.apply(run(backoff={"first": "1s"}))
    wait_for(kubectl, "Unknown ImageUnavailable")
    (stage,) = kubectl.get("stageruns.podium.dev")["items"]
    name = stage["metadata"]["name"]
    forgotten = json.dumps({"status": {"attempts": [], "conditions": []}})
    kubectl.run("patch", "stagerun", name, "--subresource=status", "--type=merge", "-p", forgotten)
    eventually(lambda: kubectl.get("stagerun", name)["status"]["attempts"])
    other = json.dumps({"data": {"pipeline.yaml": "{}"}})
    refused = kubectl.run("patch", "configmap", "retail-1-pinned", "--type=merge", "-p", other, check=False)
    assert "immutable" in refused.stderr
    kubectl.run("delete", "job", f"{name}-1")
    eventually(lambda: any(line.startswith(f"Job {name}-2 ") for line in owned(kubectl)))
    lost, again = kubectl.get("stagerun", name)["status"]["attempts"]
    assert (lost["reason"], again["number"]) == ("DriverLost", 2)


@pytest.mark.usefixtures("pods", "operator")
def test_what_kubernetes_will_never_take_ends_the_run(kubectl: Kubectl) -> None:
    """A toleration that contradicts itself, and a Pipeline that no ConfigMap holds; in the API server's words, and the run beside them goes its way."""
    kubectl.apply(RETAIL)
    kubectl.apply(run("bad", pods={"tolerations": [{"key": "spot", "operator": "Exists", "value": "x"}]}))
    kubectl.apply(run("good"))
    large = changed("metadata", "name", value="large")
    column = large["spec"]["datasets"]["sales"]["columns"]["country"]
    large["spec"]["datasets"]["sales"]["columns"] |= {
        f"column_{number:03}": {**column, "description": "x" * 5_000} for number in range(220)
    }
    kubectl.apply(large)
    kubectl.apply(run("large", pipeline="large"))
    assert "must be empty" in wait_for(kubectl, "False InvalidSpec", "bad")["message"]
    assert "Too long" in wait_for(kubectl, "False InvalidSpec", "large")["message"]
    wait_for(kubectl, "Unknown ImageUnavailable", "good")
    assert "bad" not in " ".join(line for line in owned(kubectl) if line.startswith("Job"))


def test_no_value_of_a_secret_is_anywhere(kubectl: Kubectl, operator: Operator) -> None:
    """In no object of the run, no Event and no line of the operator's log."""
    value = secrets.token_hex(16)
    kubectl.run("create", "secret", "generic", "store", f"--from-literal=PASSWORD={value}")
    kubectl.apply(RETAIL)
    kubectl.apply(run(pods={"envFrom": [{"secretRef": {"name": "store"}}], "nodeSelector": NOWHERE}))
    wait_for(kubectl, "Unknown Unschedulable")
    kinds = "pipelines.podium.dev,pipelineruns.podium.dev,stageruns.podium.dev,jobs,pods,configmaps,events"
    everything = kubectl.run("get", kinds, "-o", "json", "--show-managed-fields").stdout
    assert "secretRef" in everything
    assert value not in everything + operator.log.read_text()


def test_a_namespace_that_is_deleted_takes_its_runs_along(
    kubectl: Kubectl, cluster: Kubectl, tmp_path: Path
) -> None:
    """While they begin; runs of another namespace go their way."""
    with ExitStack() as undo:
        with namespace(cluster) as doomed:
            undo.enter_context(watching(tmp_path / "operator.log", kubectl, doomed))
            doomed.apply(RETAIL)
            for number in range(5):
                doomed.apply(run(f"run-{number}", pods={"nodeSelector": NOWHERE}))
        kubectl.apply(RETAIL)
        kubectl.apply(run(pods={"nodeSelector": NOWHERE}))
        wait_for(kubectl, "Unknown Unschedulable")
        gone = ("get", "namespace", doomed.namespace)
        eventually(lambda: cluster.run(*gone, check=False).returncode, seconds=60)


@pytest.mark.usefixtures("operator")
def test_many_runs_at_once_and_one_that_is_deleted_in_the_middle(kubectl: Kubectl) -> None:
    """Each has its Job, once; of the one that is deleted nothing is left."""
    kubectl.apply(RETAIL)
    names = [f"run-{number}" for number in range(50)]
    runs = [run(name, pods={"nodeSelector": NOWHERE}) for name in names]
    kubectl.apply({"apiVersion": "v1", "kind": "List", "items": runs})
    kubectl.run("delete", "pdr", "run-7", "--wait=false")

    def reasons() -> dict[str, str]:
        return {
            item["metadata"]["name"]: condition["reason"]
            for item in kubectl.get("pdr")["items"]
            for condition in item.get("status", {}).get("conditions", [])
            if condition["type"] == "Succeeded"
        }

    wanted = {name: "Unschedulable" for name in names if name != "run-7"}
    eventually(lambda: reasons() == wanted, seconds=60)
    eventually(lambda: not [line for line in owned(kubectl) if " run-7-" in line])
    assert len([line for line in owned(kubectl) if line.startswith("Job")]) == 49


@pytest.mark.slow
@pytest.mark.usefixtures("operator")
def test_definitions_are_applied_again_under_a_live_run(kubectl: Kubectl, cluster: Kubectl) -> None:
    """With a change that harms nobody: watches begin anew, and the run goes on where it was."""
    kubectl.apply(RETAIL)
    kubectl.apply(run(pods={"nodeSelector": NOWHERE}))
    wait_for(kubectl, "Unknown Unschedulable")
    before = owned(kubectl)
    described = "/spec/versions/0/schema/openAPIV3Schema/description"
    change = json.dumps([{"op": "replace", "path": described, "value": "One pass of a Pipeline, changed."}])
    for plural in ("pipelineruns", "stageruns"):
        cluster.run("patch", "crd", f"{plural}.podium.dev", "--type=json", "-p", change)
    player = Player(kubectl, "retail-1")
    eventually(lambda: not player.step() and reason(kubectl)() == "True Completed", seconds=90)
    cluster.run("apply", "--server-side", "--force-conflicts", "-f", str(DEFINITIONS))
    assert set(before) < set(owned(kubectl))


@pytest.mark.usefixtures("operator")
def test_a_schedule_is_shown(kubectl: Kubectl) -> None:
    """When its next run is due; one that never comes is said to be none, and what is no time zone is no Pipeline."""
    zone = changed("spec", "schedule", value="0 2 * * *")
    zone["spec"]["scheduling"] = {"time_zone": "Mars/Base"}
    assert "write a name of the IANA database" in kubectl.refusal(zone)
    kubectl.apply(changed("spec", "schedule", value="0 2 31 2 *"))
    eventually(lambda: _scheduled(kubectl) == "False InvalidSchedule")
    zone["spec"]["scheduling"] = {"time_zone": "Europe/Berlin"}
    kubectl.apply(zone)
    eventually(lambda: _scheduled(kubectl) == "True Scheduled")
    head, line = (line.split() for line in kubectl.run("get", "pipelines.podium.dev").stdout.splitlines())
    assert head == ["NAME", "ENGINE", "SCHEDULE", "SUSPENDED", "LAST", "NEXT", "AGE"]
    assert any(word.endswith(":00:00Z") for word in line)
    zone["spec"]["scheduling"]["suspend"] = True
    kubectl.apply(zone)
    eventually(lambda: _scheduled(kubectl) == "False Suspended")
    assert "nextScheduleTime" not in kubectl.get("pipelines.podium.dev", "retail")["status"]


@pytest.mark.slow
@pytest.mark.usefixtures("operator")
def test_a_schedule_makes_runs(kubectl: Kubectl) -> None:
    """One for every minute, in the place of the last; they go with their Pipeline."""
    every = changed("spec", "schedule", value="* * * * *")
    every["spec"]["runs"] = {"pods": {"nodeSelector": NOWHERE}}
    every["spec"]["scheduling"] = {"time_zone": "Europe/Berlin", "concurrency": "replace", "keep_failed": 1}
    kubectl.apply(every)
    eventually(lambda: len(kubectl.get("pdr")["items"]) == 1, seconds=70)
    (first,) = kubectl.get("pdr")["items"]
    name = first["metadata"]["name"]
    assert first["metadata"]["annotations"]["podium.dev/scheduled-at"].endswith(":00Z")
    wait_for(kubectl, "Unknown Unschedulable", name)
    assert kubectl.get("pipelines.podium.dev", "retail")["status"]["active"] == [name]
    eventually(lambda: len(kubectl.get("pdr")["items"]) == 2, seconds=70)
    wait_for(kubectl, "False Cancelled", name)
    kubectl.run("delete", "pipelines.podium.dev", "retail")
    eventually(lambda: not kubectl.get("pdr")["items"])


def _scheduled(kubectl: Kubectl) -> str:
    conditions = kubectl.get("pipelines.podium.dev", "retail").get("status", {}).get("conditions", [])
    return next((f"{item['status']} {item['reason']}" for item in conditions), "")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_an_operator_that_is_killed_at_random_moments_makes_every_job_once(
    kubectl: Kubectl, operator: Operator
) -> None:
    """Twenty times while runs go from ingest to published: every Job is the first attempt of its stage, and none is made anew."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    kubectl.apply(RETAIL)
    names = ["first", "second", "third"]
    for name in names:
        kubectl.apply(run(name, pods={"nodeSelector": NOWHERE}))
    players = [Player(kubectl, name) for name in names]
    seen: dict[str, set[str]] = {}

    def look() -> None:
        for line in owned(kubectl):
            kind, name, uid = line.split()
            if kind in {"Job", "StageRun"}:
                seen.setdefault(f"{kind} {name}", set()).add(uid)

    for _ in range(20):
        time.sleep(chance.uniform(0.0, 5.0))
        operator.kill()
        operator.start()
        chance.choice(players).step()
        look()

    def all_done() -> bool:
        for player in players:
            player.step()
        look()
        return all(reason(kubectl, name)() == "True Completed" for name in names)

    eventually(all_done, seconds=300)
    stages = len(names) * 6
    assert {name: len(uids) for name, uids in seen.items() if len(uids) > 1} == {}
    assert sorted(name.split()[0] for name in seen) == ["Job"] * stages + ["StageRun"] * stages
    assert all(name.endswith("-1") for name in seen if name.startswith("Job"))
