"""Runs on a real cluster, from the chart to certified Gold, on both engines and through whatever happens to pods."""

import csv
import gzip
import json
import random
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated
from podium_contracts.names import Stage
from podium_lakehouse.lakehouse import Lakehouse

from tests.cluster.conftest import Images, Kubectl, namespace
from tests.cluster.platform import CLAIMED, DATA, MOUNTED, Platform, checksums, claimed, helm, installed
from tests.commands import printed
from tests.integration.checker import recount
from tests.integration.conftest import REAL_FILE, Shop
from tests.integration.services.stack import eventually
from tests.integration.test_batches import real_lines
from tests.integration.topics.test_retail_events import gold_differences
from tests.s3 import copied, environment_of

pytestmark = [pytest.mark.integration, pytest.mark.cluster, pytest.mark.timeout(600, func_only=True)]
SOME = 3_000
HOLD = "import time; held = b'x' * 250_000_000; time.sleep(20)"
"""A program that holds less memory than Spark's JVM, which the kernel therefore prefers to end."""


@pytest.fixture(scope="module")
def platform(cluster: Kubectl, images: Images) -> Iterator[Platform]:
    with (
        namespace(cluster) as kubectl,
        claimed(kubectl) as shared,
        installed(kubectl, images, shared) as platform,
        environment_of(platform),
    ):
        yield platform


def succeeded(status: dict[str, object]) -> dict[str, str]:
    """Return each condition's status."""
    return {item["type"]: item["status"] for item in status["conditions"]}  # type: ignore[attr-defined]


def test_the_chart_proves_itself(platform: Platform) -> None:
    """By a small run, with the ledger in its log."""
    said = helm("test", "podium", "--namespace", platform.kubectl.namespace, "--logs")
    assert "Phase:          Succeeded" in said
    assert "quarantined" in said


def test_a_run_makes_the_gold_of_make_run(platform: Platform, retail: Shop, tmp_path: Path) -> None:
    """Row for row, and its status has the data's own account."""
    lakehouse = platform.retail("retail")
    platform.start("first", "retail")
    status = platform.finished("first")
    assert {kind: value for kind, value in succeeded(status).items() if value != "True"} == {}, status[
        "conditions"
    ]
    accounts = {account["subject"]: account for account in status["ledger"]}
    assert accounts["silver.sales"]["rowsIn"] == 525_461
    assert accounts["silver.sales"]["quarantined"] == 3 == status["quarantined"]
    assert {item["verdict"] for item in status["verdicts"]} == {"passed"}
    assert {"gold.fact_sale", "gold.dim_date"} <= {stock["table"] for stock in status["stocks"]}
    assert all(total["actual"] == total["expected"] for total in status["controlTotals"])
    bounded, whole = (accounted(platform, "first", *more) for more in ((), ("--whole",)))
    assert bounded["balanced"]
    assert whole == bounded
    copy = copied(lakehouse, tmp_path / "lakehouse")
    assert recount(retail.folder / "data" / REAL_FILE, copy) == []
    assert checksums(copy) == checksums(retail.folder / "lakehouse")

    platform.start("second", "retail")
    again = platform.finished("second")
    reasons = {item["type"]: item["reason"] for item in again["conditions"]}
    assert reasons["Succeeded"] == "NothingNew"


def accounted(platform: Platform, run: str, *more: str) -> dict[str, object]:
    """Return what `kubectl podium ledger` says of a run."""
    program = Path(sys.executable).with_name("kubectl-podium")
    where = ("-n", platform.kubectl.namespace, "-o", "json")
    said: dict[str, object] = json.loads(printed(program, "ledger", run, *more, *where, seconds=60))
    return said


def test_engine_spark_runs_as_pods(platform: Platform, tmp_path: Path) -> None:
    """A driver and an executor for each stage, although the Pipeline itself asks for duckdb; the tables are those of duckdb."""
    made = {}
    for engine in ("duckdb", "spark"):
        lakehouse = platform.retail(f"some-{engine}", SOME)
        platform.start(f"some-{engine}", f"some-{engine}", engine=engine)
        if engine == "spark":
            eventually(lambda: {"driver", "executor"} <= _components(platform, "some-spark"), 240)
        status = platform.finished(f"some-{engine}", 500)
        assert succeeded(status)["Succeeded"] == "True", status["conditions"]
        made[engine] = checksums(copied(lakehouse, tmp_path / engine / "lakehouse"))
    assert made["duckdb"] == made["spark"]
    assert made["spark"]["gold/fact_sale"]


def _components(platform: Platform, run: str) -> set[str]:
    running = [pod for pod in platform.pods(run) if pod["status"]["phase"] == "Running"]
    return {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in running}


def test_pods_share_a_lakehouse_on_a_claim(platform: Platform, tmp_path: Path) -> None:
    """Tables and the published file lie on a volume that the services and each stage's pod mount, and are those of `podium run`."""
    places = {
        "lakehouse": {"uri": "/shared/lakehouse"},
        "publish": {"duckdb": {"path": "/shared/retail.duckdb"}},
    }
    platform.retail("on-a-claim", SOME, **places)
    for run, reason in (("claimed", "Completed"), ("claimed-again", "NothingNew")):
        platform.start(run, "on-a-claim", pods={"volumes": [{**CLAIMED, **MOUNTED}]})
        (condition,) = [item for item in platform.finished(run)["conditions"] if item["type"] == "Succeeded"]
        assert (condition["status"], condition["reason"]) == ("True", reason), condition
    alone = Shop(tmp_path / "alone")
    alone.deliver("sales.csv", real_lines(SOME))
    alone.run()
    assert checksums(platform.shared / "lakehouse") == checksums(alone.folder / "lakehouse")
    assert (platform.shared / "retail.duckdb").is_file()


def test_whatever_is_killed_the_run_goes_on(platform: Platform, tmp_path: Path) -> None:
    """The operator and the services are killed at random moments; each stage is run once, and the tables are the same."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    lakehouses = {}
    for run in ("quiet", "shaken"):
        destination = {"duckdb": {"path": f"/shared/{run}.duckdb"}}
        lakehouses[run] = platform.retail(run, SOME, publish=destination)
        platform.start(run, run, pods={"volumes": [{**CLAIMED, **MOUNTED}]})
        if run == "shaken":
            victims = ["operator", *Stage] * 2
            chance.shuffle(victims)
            for victim in victims[:8]:
                chosen = f"app.kubernetes.io/component={victim}"
                platform.kubectl.run("delete", "pod", "-l", chosen, "--grace-period=0", "--force")
                time.sleep(chance.uniform(0, 8))
        status = platform.finished(run, 500)
        assert succeeded(status)["Succeeded"] == "True", status["conditions"]
        assert [stage["attempts"] for stage in status["stages"]] == [1] * 6
    copies = [copied(uri, tmp_path / run / "lakehouse") for run, uri in lakehouses.items()]
    assert checksums(copies[0]) == checksums(copies[1])
    assert (platform.shared / "shaken.duckdb").is_file()


def test_a_driver_without_memory_says_so(platform: Platform) -> None:
    """The kernel ends it, its run says why and what to do, and is not tried again more often than it says.

    The limit is below what the imports alone allocate: just above it a process that reads its libraries' pages over and over may take minutes to end.
    """
    platform.retail("small", SOME)
    resources = {"memory": "48Mi"}
    platform.start("small", "small", pods={"resources": resources}, retries={"infrastructure": 0})
    assert "spec.pods.resources.memory" in failed(platform.finished("small"), "OutOfMemory")


@pytest.mark.slow
def test_a_heap_that_is_too_small_for_spark_is_said(platform: Platform) -> None:
    """With what to do, and not as an error of Podium's."""
    platform.retail("tight", SOME)
    alone = {"engine": "spark", "retries": {"infrastructure": 0}}
    platform.start("heap", "tight", pods={"resources": {"memory": "600Mi"}}, **alone)
    message = failed(platform.finished("heap"), "OutOfMemory")
    assert "must be at least" in message
    assert "spec.pods.resources.memory" in message


@pytest.mark.slow
def test_a_jvm_that_the_kernel_ends_is_a_lack_of_memory(platform: Platform) -> None:
    """Other processes in the driver's container fill it until the kernel ends the largest: the JVM, and not the driver's own process."""
    platform.retail("crowded")
    resources = {"memory": "900Mi"}
    platform.start(
        "kernel", "crowded", engine="spark", pods={"resources": resources}, retries={"infrastructure": 0}
    )
    end_by(platform, "kernel", "driver", "python", "-c", HOLD)
    message = failed(platform.finished("kernel"), "OutOfMemory")
    assert "the kernel ended" in message
    assert "spec.pods.resources.memory" in message


@pytest.mark.slow
def test_an_executor_that_is_lost_is_replaced(platform: Platform) -> None:
    """Spark makes another for the same driver, and the run succeeds with one driver for each stage."""
    platform.retail("replaced", SOME)
    platform.start("replaced", "replaced", engine="spark")
    (first,) = eventually(lambda: running(platform, "replaced", "executor"), 240)
    platform.kubectl.run("delete", "pod", first, "--grace-period=0", "--force")
    second = first.replace("-exec-1", "-exec-2")
    eventually(lambda: second in running(platform, "replaced", "executor"), 120)
    status = platform.finished("replaced", 500)
    assert succeeded(status)["Succeeded"] == "True", status["conditions"]
    assert {stage["attempts"] for stage in status["stages"]} == {1}


@pytest.mark.slow
def test_executors_that_are_lost_again_and_again_end_the_run(platform: Platform) -> None:
    """Spark gives up after some; the run says so and what to do, and not that it is an error of Podium's."""
    platform.retail("lossy", SOME)
    platform.start("lossy", "lossy", engine="spark", retries={"infrastructure": 0})
    end_by(platform, "lossy", "executor", "sh", "-c", "kill 1")
    assert "spec.pods.executors.memory" in failed(platform.finished("lossy"), "ExecutorLost")


def running(platform: Platform, run: str, component: str) -> list[str]:
    """Return the names of a run's drivers or executors that are at work."""
    return [
        pod["metadata"]["name"]
        for pod in platform.pods(run)
        if pod["metadata"]["labels"]["app.kubernetes.io/component"] == component
        and pod["status"]["phase"] == "Running"
    ]


def end_by(platform: Platform, run: str, component: str, *command: str) -> None:
    """Have each driver or executor of a run execute a command, twice at once, until the run is over."""
    kubectl = ("kubectl", "-n", platform.kubectl.namespace)

    def strike() -> bool:
        for name in running(platform, run, component):
            for process in [subprocess.Popen([*kubectl, "exec", name, "--", *command]) for _ in range(2)]:
                process.wait(60)
        return "completionTime" in platform.kubectl.get("pdr", run).get("status", {})

    eventually(strike, 500)


def failed(status: dict[str, object], reason: str) -> str:
    """Return the message of a run that failed for a reason."""
    (condition,) = [item for item in status["conditions"] if item["type"] == "Succeeded"]  # type: ignore[attr-defined]
    assert (condition["status"], condition["reason"]) == ("False", reason), condition
    return str(condition["message"])


@pytest.mark.slow
@pytest.mark.timeout(900, func_only=True)
def test_a_topic_is_brought_to_gold_without_runs(platform: Platform, tmp_path: Path) -> None:
    """The services keep a Pipeline of the chart's values up to date; all of their pods are deleted in the middle, and Gold is that of the file."""
    alone = Shop(tmp_path / "alone")
    alone.deliver("sales.csv", real_lines(SOME))
    alone.run()
    with gzip.open(DATA, "rt", newline="", encoding="utf-8-sig") as file:
        lines = list(islice(csv.DictReader(file), SOME))
    source = {"kafka": {"topic": "retail-lines", "trigger_seconds": 2}}
    platform.sell("retail-lines", lines[: SOME // 2])
    platform.host(platform.bundled("streamed", source))
    completions = Lakehouse("s3://lake/streamed/lakehouse").completions

    def layers() -> set[str]:
        told = [event.data for event in completions.all("streamed")]
        return {data.layer for data in told if isinstance(data, LayerCompleted)}

    eventually(lambda: layers() == {"bronze", "silver", "gold"}, 400)
    platform.sell("retail-lines", lines[SOME // 2 :])
    for stage in Stage:
        chosen = f"app.kubernetes.io/component={stage}"
        platform.kubectl.run("delete", "pod", "-l", chosen, "--grace-period=0", "--force")

    def differences() -> dict[str, int]:
        streamed = tmp_path / secrets.token_hex(4)
        copied("s3://lake/streamed/lakehouse", streamed / "lakehouse")
        return gold_differences(alone.folder, streamed)

    eventually(lambda: differences() == {}, 400)
    verdicts = [
        event.data.verdict
        for event in completions.all("streamed")
        if isinstance(event.data, QualityEvaluated)
    ]
    assert set(verdicts) <= {"passed", "warned"}


@pytest.mark.slow
@pytest.mark.timeout(1800, func_only=True)
def test_the_real_file_on_spark_survives_its_executors(
    platform: Platform, retail: Shop, tmp_path: Path
) -> None:
    """Executors are killed while they work; Gold is that of `make run`."""
    lakehouse = platform.retail("retail-spark")
    platform.start("spark", "retail-spark", engine="spark")
    for _ in range(3):
        eventually(lambda: "executor" in _components(platform, "spark"), 240)
        platform.kubectl.run(
            "delete",
            "pod",
            "-l",
            "podium.dev/run=spark,app.kubernetes.io/component=executor",
            "--grace-period=0",
            "--force",
        )
    status = platform.finished("spark", 900)
    assert succeeded(status)["Succeeded"] == "True", status["conditions"]
    copy = copied(lakehouse, tmp_path / "lakehouse")
    assert checksums(copy) == checksums(retail.folder / "lakehouse")
