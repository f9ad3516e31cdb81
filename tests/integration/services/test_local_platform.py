"""`make up`, `make demo-stream`, `make down`: the platform on one machine, as its users start it, in a copy of the project."""

import csv
import gzip
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from deltalake import DeltaTable
from podium_contracts.names import Stage

from tests.commands import printed
from tests.integration.conftest import RETAIL
from tests.integration.services.stack import ROOT, eventually, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
SOLD = 2_000


def five_free_ports() -> int:
    """Return the first of five ports in a row that nobody listens on."""
    while True:
        first = free_port()
        with ExitStack() as taken:
            try:
                for port in range(first, first + 5):
                    taken.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
        return first


@dataclass(frozen=True)
class Project:
    """A copy of what the scripts need, and the ports on which they start the platform."""

    folder: Path
    ports: Mapping[str, str]

    def call(self, script: str, *arguments: str) -> str:
        """Call a script; return what it printed."""
        environment = {**self.ports, "TMPDIR": str(self.folder)}
        return printed(
            sys.executable, self.folder / "scripts" / script, *arguments, seconds=200, environment=environment
        )


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Lend a copy of the project; whatever it has started is stopped."""
    for name in ("scripts", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("lakehouse", "*.duckdb"))
    for name in (".venv", ".tools"):
        (tmp_path / name).symlink_to(ROOT / name)
    file = tmp_path / "examples/streaming/customers-and-products.yaml"
    file.write_text(file.read_text().replace("trigger_seconds: 30", "trigger_seconds: 2"))
    ports = {"LOCAL_KAFKA_PORT": str(free_port()), "LOCAL_PAGES_PORT": str(five_free_ports())}
    project = Project(tmp_path, ports)
    yield project
    project.call("local_platform.py", "down")


def test_what_is_sold_becomes_gold(project: Project) -> None:
    """Lines reach certified, published Gold; customers and products, which have topics of their own, are the latest in Silver.

    Each service is a member of its group by a name that it keeps, so that one that is killed goes on at once when it is started again.
    """
    assert "the platform is up" in project.call("local_platform.py", "up")
    assert members(project) == {stage: ["0"] for stage in Stage}
    said = project.call("demo_stream.py", "--rate", str(SOLD / 4), "--seconds", "4")
    assert "every line is published" in said
    with gzip.open(RETAIL / "data/online_retail_2009_2010.csv.gz", "rt", newline="") as file:
        lines = list(islice(csv.DictReader(file), SOLD))
    customers = {line["Customer ID"].removesuffix(".0") for line in lines} - {""}
    products = {line["StockCode"].strip().upper() for line in lines}
    eventually(lambda: keys(project, "customers", "customer_id") == customers)
    eventually(lambda: keys(project, "products", "stock_code") == products)
    eventually(lambda: project.call("local_platform.py", "status").count("ready, 0 events wait") == 5)
    project.call("local_platform.py", "down")
    assert project.call("local_platform.py", "status").count("is not running") == 5


def members(project: Project) -> dict[Stage, list[str | None]]:
    """Return the names that the members of each stage's group keep."""
    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{project.ports['LOCAL_KAFKA_PORT']}"})
    described = admin.describe_consumer_groups([f"podium.{stage}" for stage in Stage])
    return {
        stage: [member.group_instance_id for member in described[f"podium.{stage}"].result(20).members]
        for stage in Stage
    }


def keys(project: Project, table: str, column: str) -> set[object]:
    """Return the keys in a table of Silver; none where it is not there yet."""
    uri = project.folder / "examples/streaming/customers-and-products/lakehouse/silver" / table
    if not DeltaTable.is_deltatable(str(uri)):
        return set()
    found = DeltaTable(str(uri)).to_pyarrow_table(columns=[column]).column(column).to_pylist()
    assert len(found) == len(set(found))
    return set(found)
