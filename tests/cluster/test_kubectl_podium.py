"""`kubectl podium` on a real cluster: runs with statuses as the operator writes them, and real pods with what drivers say."""

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from podium.cli import call as podium
from podium.kubectl.commands import call
from podium_contracts.names import Stage
from podium_contracts.resources import PipelineRunStatus
from podium_contracts.resources.course import ATTEMPT, COMPONENT, LABELS, RUN, STAGE, STAGE_RUN, pinned_name
from podium_lakehouse.store.objects import put
from podium_operator.core.statuses import dumped
from podium_runtime.pipeline_file import load

from tests.cluster.conftest import Kubectl, busybox
from tests.cluster.test_definitions import RETAIL, run
from tests.integration.services.stack import eventually
from tests.s3 import S3Server, environment_of

pytestmark = [pytest.mark.integration, pytest.mark.cluster, pytest.mark.timeout(300)]
NOON = "2026-01-02T12:00:00Z"
SALES = {"rowsIn": 525461, "inserted": 518593, "deduplicated": 6865, "quarantined": 3}
STATUS: dict[str, Any] = {
    "run": "retail-1-0c2d9b52",
    "startTime": NOON,
    "stage": "cleanse silver.sales",
    "rows": 525461,
    "quarantined": 3,
    "ledger": [
        {"subject": "bronze.sales", "rowsIn": 525461, "inserted": 525461},
        {"subject": "silver.sales", **SALES},
    ],
    "stocks": [{"table": "gold.fact_sale", "before": 0, "inserted": 518593, "removed": 0, "after": 518593}],
    "controlTotals": [{"name": "agg_daily.revenue", "expected": "9726006.95", "actual": "9726006.95"}],
    "verdicts": [{"subject": "silver.sales", "verdict": "passed"}],
    "tables": [
        {"name": "bronze.sales", "toVersion": 1, "rows": 525461},
        {"name": "silver.sales", "fromVersion": 1, "toVersion": 2, "rows": 518593},
    ],
}


def conditions(
    reason: str, succeeded: str, *, message: str = "", finished: bool = True
) -> list[dict[str, str]]:
    stamped = {"reason": reason, "message": message, "lastTransitionTime": NOON}
    return [
        {"type": "Succeeded", "status": succeeded, **stamped},
        {"type": "Finished", "status": "True" if finished else "False", **stamped},
    ]


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Ask = Callable[..., Answer]


@pytest.fixture
def ask(kubectl: Kubectl, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Call `kubectl podium` in the test's namespace."""

    def asked(*arguments: str) -> Answer:
        capsys.readouterr()
        code = call([*arguments, "-n", kubectl.namespace])
        out, err = capsys.readouterr()
        return Answer(code, out, " ".join(err.split()))

    return asked


def told(kubectl: Kubectl, name: str = "retail-1", **status: Any) -> dict[str, Any]:
    """Make a run that stands so; return it."""
    kubectl.apply(run(name))
    written = dumped(PipelineRunStatus.model_validate({**STATUS, **status}))
    patch = json.dumps({"status": written})
    kubectl.run("patch", "pdr", name, "--subresource=status", "--type=merge", "-p", patch)
    found: dict[str, Any] = kubectl.get("pdr", name)
    return found


def test_the_ledger_of_a_run(kubectl: Kubectl, ask: Ask) -> None:
    """Where the rows went, what was judged, and what is left: to people and to scripts."""
    told(kubectl, conditions=conditions("Completed", "True"))
    shown = ask("ledger", "retail-1").out
    assert "retail-1 of retail: Completed" in shown
    assert "silver.sales: 525,461 in = 518,593 inserted + 6,865 deduplicated" in shown
    assert "gold.fact_sale: 0 + 518,593 - 0 = 518,593" in shown
    assert "agg_daily.revenue: 9726006.95 = 9726006.95" in shown
    assert "balanced" in shown
    assert "none → 1" in shown
    assert "Left out" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    written = ask("ledger", "retail-1", "-o", "json").json
    assert written["balanced"] is True
    assert written["ledger"][1]["quarantined"] == 3
    assert written["stocks"][0]["after"] == 518593
    assert written["controlTotals"] == STATUS["controlTotals"]
    assert written["tables"][1] == {"name": "silver.sales", "fromVersion": 1, "toVersion": 2, "rows": 518593}


@pytest.mark.parametrize(
    "wrong",
    [
        {"ledger": [{"subject": "silver.sales", "rowsIn": 2, "inserted": 1}]},
        {"stocks": [{"table": "gold.fact_sale", "before": 1, "inserted": 1, "after": 3}]},
        {"controlTotals": [{"name": "agg_daily.revenue", "expected": "1", "actual": "2"}]},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_ledger_that_does_not_balance_is_told(kubectl: Kubectl, ask: Ask, wrong: dict[str, Any]) -> None:
    """Whoever wrote it."""
    told(kubectl, **wrong)
    assert "NOT balanced" in ask("ledger", "retail-1").out
    assert ask("ledger", "retail-1", "-o", "json").json["balanced"] is False


def test_what_a_status_has_no_room_for_is_told(kubectl: Kubectl, ask: Ask) -> None:
    """In words, with the command that shows it."""
    told(kubectl, leftOut=["ledger", "tables"], tables=[])
    shown = ask("ledger", "retail-1").out
    assert "the accounts of single datasets, the versions of the tables" in " ".join(shown.split())
    assert f"kubectl podium ledger retail-1 --whole -n {kubectl.namespace}" in shown
    assert ask("ledger", "retail-1", "-o", "json").json["leftOut"] == ["ledger", "tables"]
    assert "has not begun" in ask("ledger", "retail-1", "--whole").err


def test_a_run_that_is_not_there(kubectl: Kubectl, ask: Ask) -> None:
    """With those that are near its name, or that there is none."""
    empty = ask("ledger", "retail-1")
    assert (empty.code, empty.out) == (1, "")
    assert "there is none at all" in empty.err
    kubectl.apply(run("retail-20260101"))
    near = ask("wait", "retail-2026010")
    assert near.code == 1
    assert f"there is no PipelineRun 'retail-2026010' in namespace {kubectl.namespace}" in near.err
    assert "did you mean retail-20260101?" in near.err


ENDS = {
    "well": (conditions("Completed", "True"), 0, "Succeeded", ""),
    "with nothing new": (conditions("NothingNew", "True"), 0, "nothing new", ""),
    "by a verdict": (
        conditions("QualityFailed", "False", message="gold: x"),
        3,
        "QualityFailed: gold: x",
        "quarantine",
    ),
    "by a mistake": (conditions("InvalidPipeline", "False"), 1, "only its stages can see", "podium validate"),
    "by the cluster": (
        conditions("OutOfMemory", "False"),
        75,
        "OutOfMemory",
        "Raise `spec.pods.resources.memory`",
    ),
}


@pytest.mark.parametrize(("stands", "code", "words", "advice"), ENDS.values(), ids=ENDS)
def test_a_run_that_is_over_is_its_exit_code(
    kubectl: Kubectl, ask: Ask, stands: list[dict[str, str]], code: int, words: str, advice: str
) -> None:
    """With what became of it, and what to do."""
    told(kubectl, conditions=stands)
    answer = ask("wait", "retail-1")
    assert answer.code == code
    assert words in (answer.err if code else answer.out)
    assert advice in answer.err
    written = ask("wait", "retail-1", "-o", "json")
    assert (written.code, written.json["reason"]) == (code, stands[0]["reason"])


def test_a_run_is_followed(kubectl: Kubectl, ask: Ask) -> None:
    """Each thing that its stages do is told once, in its order, until it is over."""
    kubectl.apply(run())
    ingest = {"name": "s", "stage": "ingest", "subject": "bronze"}
    cleanse = {"name": "t", "stage": "cleanse", "subject": "silver.sales"}
    course: list[dict[str, Any]] = [
        {"conditions": conditions("Pending", "Unknown", finished=False)},
        {"stages": [{**ingest, "reason": "Running", "attempts": 1}]},
        {
            "stages": [
                {**ingest, "reason": "Completed", "attempts": 1},
                {**cleanse, "reason": "Running", "attempts": 2},
            ]
        },
        {**STATUS, "conditions": conditions("Completed", "True"), "duration": "9s"},
    ]

    def go() -> None:
        for status in course:
            patch = json.dumps({"status": status})
            kubectl.run("patch", "pdr", "retail-1", "--subresource=status", "--type=merge", "-p", patch)
            time.sleep(3)

    operator = threading.Thread(target=go)
    operator.start()
    answer = ask("wait", "retail-1", "--timeout", "4m")
    operator.join()
    assert answer.code == 0
    assert answer.out.startswith("Succeeded in 9s")
    lines = [
        "Pending",
        "ingest: Running",
        "ingest: Completed",
        "cleanse silver.sales: Running, attempt 2",
        "525,461 in",
    ]
    assert [answer.err.find(line) for line in lines] == sorted(answer.err.find(line) for line in lines)
    assert all(answer.err.count(line) == 1 for line in lines[1:4])


def test_waiting_ends_when_its_time_is_over(kubectl: Kubectl, ask: Ask) -> None:
    """The run goes on; it may be followed again."""
    told(kubectl, conditions=conditions("Running", "Unknown", message="cleanse", finished=False))
    answer = ask("wait", "retail-1", "--timeout", "2s")
    assert answer.code == 75
    assert "run retail-1 is not at its end: Running: cleanse" in answer.err
    assert ask("wait", "retail-1", "--timeout", "2 hours").code == 2


def test_waiting_ends_when_the_run_is_deleted(kubectl: Kubectl, ask: Ask) -> None:
    """And is not mistaken in another of its name."""
    told(kubectl, conditions=conditions("Running", "Unknown", finished=False))

    def replace() -> None:
        kubectl.run("delete", "pdr", "retail-1")
        kubectl.apply(run())

    timer = threading.Timer(3, replace)
    timer.start()
    answer = ask("wait", "retail-1")
    timer.join()
    assert answer.code == 1
    assert "run retail-1 was deleted" in answer.err


def stage(kubectl: Kubectl, owner: dict[str, Any], name: str, kind: Stage, *attempts: dict[str, Any]) -> None:
    """Make a StageRun of a run, with the attempts that its status tells of."""
    metadata = owner["metadata"]
    spec = {
        "pipelineRun": {"name": metadata["name"], "uid": metadata["uid"]},
        "stage": kind,
        "subject": "bronze" if kind == Stage.INGEST else "silver.sales",
        "event": "{}",
    }
    labels = {**LABELS, RUN: metadata["name"], STAGE: kind}
    kubectl.apply(
        {
            "apiVersion": "podium.dev/v1alpha1",
            "kind": "StageRun",
            "metadata": {"name": name, "labels": labels},
            "spec": spec,
        }
    )
    over = {"outcome": {"reason": attempts[-1]["reason"]}} if attempts[-1].get("finished") else {}
    patch = json.dumps({"status": {"attempts": attempts, **over}})
    kubectl.run("patch", "stagerun.podium.dev", name, "--subresource=status", "--type=merge", "-p", patch)


def pod(
    name: str,
    owner: str,
    script: str,
    *,
    component: str = "driver",
    attempt: int = 1,
    image: str = "",
    parent: str = "",
) -> dict[str, Any]:
    """Return a pod as the operator, or Spark, makes it for a StageRun."""
    labels = {**LABELS, RUN: "retail-1", COMPONENT: component}
    if component == "driver":
        labels |= {STAGE_RUN: owner, ATTEMPT: str(attempt)}
    parents = [{"apiVersion": "v1", "kind": "Pod", "name": owner, "uid": parent}] if parent else []
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels, "ownerReferences": parents},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": component,
                    "image": image or busybox(),
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sh", "-c", script],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }


def says(event: str) -> str:
    """Return the command by which a pod says something as a driver does."""
    line = {"stage": "cleanse", "event": event, "level": "info", "timestamp": NOON, "rows": 17}
    return f"echo '{json.dumps(line)}'"


def begun(kubectl: Kubectl, name: str) -> None:
    """Wait until a pod has begun, or is over."""
    eventually(
        lambda: kubectl.get("pod", name)["status"]["phase"] in {"Running", "Succeeded", "Failed"}, seconds=90
    )


@pytest.mark.usefixtures("pods")
def test_the_log_of_the_right_pod(kubectl: Kubectl, ask: Ask) -> None:
    """Of the stage that runs, of one that is named, of an earlier attempt; to people, and as it is."""
    owner = told(kubectl)
    stage(
        kubectl,
        owner,
        "retail-1-ingest",
        Stage.INGEST,
        {"number": 1, "job": "i", "reason": "Completed", "finished": NOON},
    )
    failed = {"number": 1, "job": "a", "reason": "OutOfMemory", "finished": NOON}
    stage(
        kubectl,
        owner,
        "retail-1-cleanse",
        Stage.CLEANSE,
        failed,
        {"number": 2, "job": "b", "reason": "Running"},
    )
    pods = {
        "ingest-1": pod("ingest-1", "retail-1-ingest", says("ingested")),
        "cleanse-1": pod("cleanse-1", "retail-1-cleanse", says("too much")),
        "cleanse-2": pod(
            "cleanse-2", "retail-1-cleanse", f"{says('cleansed')}; sleep 1; echo done", attempt=2
        ),
    }
    for name, manifest in pods.items():
        kubectl.apply(manifest)
        begun(kubectl, name)
    last = ask("logs", "retail-1", "-f")
    assert last.code == 0
    assert last.out.splitlines() == ["12:00:00 info     cleansed  rows=17", "done"]
    assert "cleanse silver.sales, attempt 2, pod cleanse-2" in last.err
    assert "ingested" in ask("logs", "retail-1", "ingest").out
    assert "too much" in ask("logs", "retail-1", "silver.sales", "--attempt", "1").out
    assert json.loads(ask("logs", "retail-1", "ingest", "-o", "json").out)["event"] == "ingested"


@pytest.mark.usefixtures("pods")
def test_the_log_of_executors(kubectl: Kubectl, ask: Ask) -> None:
    """Of that driver, each line with which one said it."""
    owner = told(kubectl)
    stage(kubectl, owner, "retail-1-ingest", Stage.INGEST, {"number": 1, "job": "i", "reason": "Running"})
    kubectl.apply(pod("d", "retail-1-ingest", "sleep 600"))
    begun(kubectl, "d")
    assert "has no executors now" in ask("logs", "retail-1", "--executor").err
    uid = kubectl.get("pod", "d")["metadata"]["uid"]
    for number in (1, 2):
        kubectl.apply(
            pod(f"d-exec-{number}", "d", f"echo shuffled {number}", component="executor", parent=uid)
        )
        begun(kubectl, f"d-exec-{number}")
    kubectl.apply(
        pod(
            "e-exec-1",
            "e",
            "echo another",
            component="executor",
            parent="b1f3a7c2-0000-4000-8000-000000000000",
        )
    )
    shown = ask("logs", "retail-1", "--executor").out
    assert set(shown.splitlines()) == {"exec-1 | shuffled 1", "exec-2 | shuffled 2"}


@pytest.mark.usefixtures("pods")
def test_a_log_that_is_not_there_is_told(kubectl: Kubectl, ask: Ask) -> None:
    """No driver yet, one that cannot begin, one that is gone, a stage that is none."""
    owner = told(kubectl)
    assert "run retail-1 has no driver yet" in ask("logs", "retail-1").err
    gone = {"number": 1, "job": "i", "reason": "DriverLost", "message": "evicted", "finished": NOON}
    stage(
        kubectl, owner, "retail-1-ingest", Stage.INGEST, gone, {"number": 2, "job": "j", "reason": "Starting"}
    )
    lost = ask("logs", "retail-1", "--attempt", "1")
    assert lost.code == 1
    assert "the pod of attempt 1 of ingest bronze is gone" in lost.err
    assert "DriverLost: evicted" in lost.err
    kubectl.apply(pod("j", "retail-1-ingest", "true", attempt=2, image="nowhere.invalid/none:1"))
    eventually(
        lambda: "Image" in ask("logs", "retail-1").err or "ErrImage" in ask("logs", "retail-1").err,
        seconds=90,
    )
    assert "the driver has not begun" in ask("logs", "retail-1").err
    unknown = ask("logs", "retail-1", "publish")
    assert "has no stage 'publish'" in unknown.err
    assert "ingest bronze" in unknown.err
    assert "there is no attempt 7" in ask("logs", "retail-1", "--attempt", "7").err


def test_another_runs_stages_are_not_shown(kubectl: Kubectl, ask: Ask) -> None:
    """Of a run of that name that was there before."""
    owner = told(kubectl)
    before = {"metadata": {**owner["metadata"], "uid": "b1f3a7c2-0000-4000-8000-000000000000"}}
    stage(kubectl, before, "retail-1-old", Stage.INGEST, {"number": 1, "job": "i", "reason": "Running"})
    assert "has no driver yet" in ask("logs", "retail-1").err


def test_what_a_user_may_not_see_is_told(kubectl: Kubectl, tmp_path: Path) -> None:
    """In the API server's words, with whom to ask."""
    kubectl.run("create", "serviceaccount", "nobody")
    token = kubectl.run("create", "token", "nobody").stdout.strip()
    config = tmp_path / "kubeconfig"
    config.write_text(kubectl.run("config", "view", "--raw", "--minify").stdout)
    for arguments in (
        ("set-credentials", "nobody", f"--token={token}"),
        ("set-context", "--current", "--user=nobody", f"--namespace={kubectl.namespace}"),
    ):
        subprocess.run(
            ["kubectl", "--kubeconfig", config, "config", *arguments], check=True, capture_output=True
        )
    program = Path(sys.executable).parent / "kubectl-podium"
    done = subprocess.run(
        [program, "ledger", "retail-1"],
        env={**os.environ, "KUBECONFIG": str(config)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    said = " ".join(done.stderr.split())
    assert (
        f'cannot get resource "pipelineruns" in API group "podium.dev" in the namespace "{kubectl.namespace}"'
        in said
    )
    assert "ask for these rights" in said


def test_it_is_a_command_of_kubectls(kubectl: Kubectl) -> None:
    """Found on the PATH, in the namespace that is named."""
    told(kubectl)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["kubectl", "podium", "ledger", "retail-1", "-n", kubectl.namespace, "-o", "json"],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["run"] == "retail-1-0c2d9b52"


def test_a_pipeline_that_no_pod_could_run_is_told_by_its_plan(kubectl: Kubectl, ask: Ask) -> None:
    """The cluster takes it; a run would lose its tables with its pod."""
    kubectl.apply(RETAIL)
    answer = ask("plan", "retail")
    assert answer.code == 2
    assert "spec.lakehouse.uri ./lakehouse lies on this machine" in answer.err
    assert "spec.model.dbt dbt is in no bundle" in answer.err
    assert "did you mean retail?" in ask("plan", "retial").err


PIPELINE = """
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {name: stall}
spec:
  lakehouse: {uri: lakehouse}
  lookups: {towns: {path: towns.csv, key: variant, value: name}}
  datasets:
    sales:
      sources: [{files: {path: in/*.csv}}]
      columns: {id: {type: string}, price: {type: integer}, town: {type: string}}
      standardise: {town: {lookup: towns}}
      rules: {not_negative: {type: range_check, column: price, min: 0}}
      duplicates: {keys: [id]}
"""
PROD = "spec: {{lakehouse: {{uri: {0}/lake}}, datasets: {{sales: {{sources: [{{files: {{path: '{0}/in/*.csv'}}}}]}}}}}}\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server, which this machine alone reaches."""
    server = S3Server(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def stall(server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let the current folder have a pipeline with its overlay; return the URI of its bucket."""
    monkeypatch.chdir(tmp_path)
    name = f"stall-{secrets.token_hex(3)}"
    with environment_of(server):
        server.bucket(name)
        Path("pipeline.yaml").write_text(PIPELINE)
        Path("prod.yaml").write_text(PROD.format(f"s3://{name}"))
        Path("towns.csv").write_text("variant,name\nBTH,Bath\n")
        yield f"s3://{name}"


def test_from_a_file_to_the_cluster_and_back(
    kubectl: Kubectl, ask: Ask, stall: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipeline is bundled and applied as it is printed; its plan, its refused rows and its lineage are read back."""
    assert podium(["bundle", "--overlay", "prod.yaml", "--to", f"{stall}/bundles"]) == 0
    Path("manifest.yaml").write_text(capsys.readouterr().out)
    kubectl.run("apply", "--server-side", "-f", "manifest.yaml")
    put(f"{stall}/in/one.csv", b"id,price,town\na,1,BTH\nb,-1,Rome\n")
    (news,) = ask("plan", "stall", "-o", "json").json["news"]
    assert news["files"] == [f"{stall}/in/one.csv"]
    assert podium(["run", "--overlay", "prod.yaml", "-q"]) == 0
    assert ask("plan", "stall", "-o", "json").json["news"][0]["files"] == []
    counted = ask("quarantine", "stall", "-o", "json").json
    assert {item["rule"]: item["rows"] for item in counted} == {"lookup.town": 1, "rule.not_negative": 1}
    (row,) = ask("quarantine", "stall", "--dataset", "sales", "-o", "json").json
    assert row["source_file"] == f"{stall}/in/one.csv"
    lineage = {
        item["column"]: item["from"]
        for item in ask("lineage", "stall", "silver.sales.town", "-o", "json").json
    }
    assert lineage["silver.sales.town"] == ["bronze.sales.town", "lookup.towns.name"]
    assert "no dataset 'sale'" in ask("quarantine", "stall", "-d", "sale").err


def test_the_refused_rows_of_one_run(kubectl: Kubectl, ask: Ask, stall: str) -> None:
    """Not those of others: as the run's own commits have added them, by the Pipeline that it has pinned."""
    for number in (1, 2):
        put(f"{stall}/in/{number}.csv", f"id,price,town\nx{number},-1,Rome\n".encode())
        assert podium(["run", "--overlay", "prod.yaml", "-q"]) == 0
    last = DeltaTable(f"{stall}/lake/quarantine/sales").history(1)[0]
    told(kubectl, run=last["podium.run"], conditions=conditions("Completed", "True"))
    assert "has not begun" in ask("quarantine", "retail-1").err
    pinned = {"pipeline.yaml": json.dumps(load(Path("pipeline.yaml"), Path("prod.yaml")).written)}
    name = {"name": pinned_name("retail-1")}
    kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": name, "data": pinned})
    (row,) = ask("quarantine", "retail-1", "--dataset", "sales", "-o", "json").json
    assert row["source_file"] == f"{stall}/in/2.csv"
    assert {item["rows"] for item in ask("quarantine", "retail-1", "-o", "json").json} == {1}


def test_kubectl_completes_names(kubectl: Kubectl) -> None:
    """Of the runs and pipelines in the namespace that is named, by the program that it asks for it."""
    kubectl.apply(RETAIL)
    told(kubectl)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for words, offered in (
        (["ledger"], ["retail-1"]),
        (["lineage"], ["retail"]),
        (["quarantine"], ["retail-1", "retail"]),
        (["plan"], ["retail"]),
    ):
        done = subprocess.run(
            ["kubectl", "__complete", "podium", *words, "-n", kubectl.namespace, "ret"],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines() == [*offered, ":4"]
