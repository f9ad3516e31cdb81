"""Runs on a real cluster, from the chart to certified Gold, on both engines and through whatever happens to pods."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from podium_contracts.names import Stage

from tests.cluster.conftest import Images, Kubectl, namespace
from tests.cluster.platform import CLAIMED, MOUNTED, Platform, checksums, claimed, helm, installed
from tests.integration.checker import recount
from tests.integration.conftest import REAL_FILE, Shop
from tests.integration.services.stack import eventually
from tests.integration.test_batches import real_lines
from tests.s3 import copied, environment_of

pytestmark = [pytest.mark.integration, pytest.mark.cluster, pytest.mark.timeout(600, func_only=True)]
SOME = 3_000


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
    copy = copied(lakehouse, tmp_path / "lakehouse")
    assert recount(retail.folder / "data" / REAL_FILE, copy) == []
    assert checksums(copy) == checksums(retail.folder / "lakehouse")

    platform.start("second", "retail")
    again = platform.finished("second")
    reasons = {item["type"]: item["reason"] for item in again["conditions"]}
    assert reasons["Succeeded"] == "NothingNew"


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
    status = platform.finished("small")
    (condition,) = [item for item in status["conditions"] if item["type"] == "Succeeded"]
    assert (condition["status"], condition["reason"]) == ("False", "OutOfMemory")
    assert "spec.pods.resources.memory" in condition["message"]


@pytest.mark.slow
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
