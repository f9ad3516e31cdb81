"""The images of the services and the Compose file, as far as they can be shown without Docker: what an image holds is installed and run."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from difflib import ndiff
from importlib.metadata import distributions, files
from pathlib import Path
from typing import Any

import pytest
from podium.opening import open_pipeline
from podium_contracts.events.v1 import LayerCompleted
from podium_contracts.names import Stage
from podium_runtime.kafka.topics import ensure_topics
from podium_runtime.requests import request
from ruamel.yaml import YAML

from libs.cli.tests.conftest import PIPELINE, deliver
from scripts.image.archive import DOCKERFILES
from tests.broker import Broker
from tests.integration.services.stack import Service, Stack, events, eventually

ROOT = Path(__file__).parents[1]
COMPOSE = ROOT / "examples" / "streaming" / "compose.yaml"
OWN = {"podium-contracts", "podium-lakehouse", "podium-runtime"}


def pins(lock: Path) -> set[tuple[str, str]]:
    """Return the packages of a lock with their versions: several of one name, where that depends on Python's."""
    return set(re.findall(r"^([a-z0-9._-]+)==([^ ]+)", lock.read_text(), re.MULTILINE))


def compose() -> dict[str, Any]:
    return YAML(typ="safe").load(COMPOSE)  # type: ignore[no-any-return]


def test_images_differ_in_their_stage_alone() -> None:
    """One Dockerfile for each service, on a base of one exact version."""
    texts = {stage: (ROOT / "services" / stage / "Dockerfile").read_text() for stage in Stage}
    (text,) = {text.replace(stage, "STAGE") for stage, text in texts.items()}
    assert re.search(r"^ARG PYTHON=python:3\.12\.[0-9]+-slim-bookworm$", text, re.MULTILINE)
    assert re.findall("^FROM (.*)$", text, re.MULTILINE) == ["${PYTHON} AS build", "${PYTHON}"]
    assert text.index("USER 10001:10001") > text.index("COPY --from=build")


def test_the_operators_image_is_made_as_the_services() -> None:
    """It differs in what it is, holds no lakehouse and is given no pipelines."""
    service = (ROOT / "services" / "ingest" / "Dockerfile").read_text()
    operator = (ROOT / "operators" / "pipelinerun" / "Dockerfile").read_text()
    for own, theirs in {
        "operators/pipelinerun": "services/ingest",
        "install pipelinerun": "install ingest",
        "podium/operator": "podium/ingest",
        "of the operator": "of the ingest service",
        "podium_operator.main": "podium_ingest.service",
        "PODIUM_OPERATOR_HTTP_HOST": "PODIUM_HTTP_HOST",
    }.items():
        operator = operator.replace(own, theirs)
    assert [line for line in ndiff(service.splitlines(), operator.splitlines()) if line[0] in "+-"] == [
        "- ARG EXTRA=",
        "- COPY libs/lakehouse/ libs/lakehouse/",
        "-     PODIUM_PIPELINES=/pipelines \\",
        "- EXPOSE 6066",
        "+ EXPOSE 8080 8081",
    ]


def test_all_images_share_what_they_are_based_on() -> None:
    """The base, the user, and Java where there is one: layers of one digest."""
    texts = [(ROOT / file).read_text() for file in DOCKERFILES.values()]
    assert {path.relative_to(ROOT) for path in ROOT.glob("[a-z]*/**/Dockerfile")} == set(
        map(Path, DOCKERFILES.values())
    )
    for pattern, number in {
        r"^ARG PYTHON=.*$": 1,
        r"^RUN groupadd .*$": 1,
        r"^FROM .* AS java\n(?:.+\n)+": 2,
    }.items():
        found = [match for text in texts for match in re.findall(pattern, text, re.MULTILINE)]
        assert len(set(found)) == 1
        assert len(found) == (len(texts) if number == 1 else number)
    assert all(text.index("USER 10001:10001") > text.rindex("COPY ") for text in texts)


@pytest.mark.parametrize("stage", Stage)
def test_an_image_holds_what_is_tested(stage: Stage) -> None:
    """Its lock has no version that the tests do not run with, and nothing that only they need."""
    tested, held = pins(ROOT / "requirements/dev.txt"), pins(ROOT / f"requirements/services/{stage}.txt")
    assert held <= tested
    names = {name for name, _ in held}
    assert not names & {"pytest", "hatchling", "pyspark", "typer", "cython"}
    assert ("dbt-core" in names) == (stage == Stage.MODEL)


def test_the_image_of_engine_spark_holds_all_stages_and_spark() -> None:
    """What the images of the services hold, in the same versions, and besides only what Spark needs."""
    held = pins(ROOT / "requirements/images/spark.txt")
    stages = {pin for stage in Stage for pin in pins(ROOT / f"requirements/services/{stage}.txt")}
    assert held <= pins(ROOT / "requirements/dev.txt")
    assert {name for name, _ in held - stages} == {"dbt-spark", "delta-spark", "py4j", "pyspark", "sqlparams"}
    assert {name for name, _ in stages - held} <= {"colorama"}  # for Windows


@pytest.mark.parametrize("lock", ["services/quality", "images/spark"])
def test_an_image_with_the_extra_holds_great_expectations_besides(lock: str) -> None:
    """All that the image holds without it, in the same versions, and nothing that the tests do not run with."""
    held, more = (pins(ROOT / "requirements" / f"{lock}{extra}.txt") for extra in ("", "-gx"))
    assert held < more <= pins(ROOT / "requirements/dev.txt")
    assert {"great-expectations", "pandas"} <= {name for name, _ in more - held}


def test_an_extra_that_an_image_cannot_have_is_refused(tmp_path: Path) -> None:
    """Before anything is installed, with the lock that would have to be there."""
    program, made = ROOT / "scripts/image/install", tmp_path / "made"
    done = subprocess.run(
        [program, "cleanse", made],
        env={**os.environ, "EXTRA": "gx"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "cleanse has no extra gx: there is no requirements/services/cleanse-gx.txt" in done.stderr
    assert not made.exists()


@pytest.mark.spark
def test_each_jar_beside_pysparks_is_the_only_one_of_its_name() -> None:
    """Two versions of one class would be a lottery."""
    shipped = {artifact(path.name) for path in files("pyspark") or [] if path.suffix == ".jar"}
    added = [artifact(path.name) for path in (ROOT / ".tools" / "jars").glob("*.jar")]
    assert len(added) > 40
    assert len(shipped) > 200
    assert len(set(added)) == len(added)
    assert not shipped & set(added)


def artifact(jar: str) -> str:
    """Return what a jar is called without its version."""
    return re.sub(r"-[0-9][^/]*[.]jar$", "", jar)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "stage", [pytest.param(stage, marks=pytest.mark.slow if stage != Stage.INGEST else ()) for stage in Stage]
)
def test_what_an_image_holds_runs_by_itself(broker: Broker, tmp_path: Path, stage: Stage) -> None:
    """Installed into one folder and moved to another, it has what the lock says and runs with nothing of this repository."""
    made, folder = tmp_path / "made", tmp_path / "moved"
    subprocess.run([ROOT / "scripts/image/install", stage, made], check=True, timeout=240)
    shutil.move(made, folder)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    own = OWN | {f"podium-{stage}"}
    found = {
        re.sub("[._-]+", "-", item.name).lower(): item.version
        for item in distributions(path=[str(packages), str(folder / "own")])
    }
    foreign = {(name, version) for name, version in found.items() if name not in own}
    assert foreign <= pins(ROOT / f"requirements/services/{stage}.txt")
    assert own | {"faust-streaming", "deltalake"} <= found.keys()
    assert not any(str(ROOT) in path.read_text() for path in packages.glob("*.pth"))

    stack = Stack(tmp_path / "services", broker)
    ensure_topics(stack.kafka)
    service = Service(stage, stack.folder, stack.environment)
    given = {name: value for name, value in service.environment.items() if name.startswith("PODIUM_")}
    with service.log.open("wb") as log:
        service.process = subprocess.Popen(
            [folder / "bin" / "python", "-m", f"podium_{stage}.service"],
            env={**given, "TMPDIR": str(tmp_path)},
            cwd="/",
            stdout=log,
            stderr=log,
        )
    try:
        eventually(service.is_ready)
        if stage == Stage.INGEST:
            assert bronze_rows(stack) == 2
    finally:
        service.kill()
        shutil.rmtree(folder)  # half a gigabyte


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(300)
def test_an_image_with_the_extra_runs_a_suite(tmp_path: Path) -> None:
    """What it holds is enough for a suite of expectations."""
    folder = tmp_path / "made"
    subprocess.run(
        [ROOT / "scripts/image/install", "quality", folder],
        env={**os.environ, "EXTRA": "gx"},
        check=True,
        timeout=240,
    )
    program = "from podium_quality import expecting; print(expecting._library().__version__)"
    done = subprocess.run(
        [folder / "bin" / "python", "-c", program],
        env={"TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        cwd="/",
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ("great-expectations", done.stdout.strip()) in pins(ROOT / "requirements/services/quality-gx.txt")
    shutil.rmtree(folder)  # a gigabyte


def bronze_rows(stack: Stack) -> int:
    """Let a pipeline be ingested, and return how many rows there are."""
    folder = stack.pipelines / "stall"
    folder.mkdir()
    (folder / "pipeline.yaml").write_text(PIPELINE)
    deliver(folder, "one.csv", "a,1,1.00", "b,1,2.00")
    topic = stack.watch()
    stack.put(request(open_pipeline(folder / "pipeline.yaml").pipeline))
    found = eventually(
        lambda: [item.data for item in events(topic, "stall") if isinstance(item.data, LayerCompleted)]
    )
    return found[0].tables[0].rows


def check_compose(file: Path) -> subprocess.CompletedProcess[str]:
    """Hold a file against the schema of the Compose Specification."""
    command = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema"]
    return subprocess.run(
        [*command, "vendor.compose-spec", str(file)], capture_output=True, text=True, check=False
    )


def test_the_compose_file_keeps_to_its_schema(tmp_path: Path) -> None:
    """As Docker would say; a word that it does not know is refused."""
    good = check_compose(COMPOSE)
    assert good.returncode == 0, good.stdout
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(COMPOSE.read_text().replace("    ports:", "    port:", 1))
    assert check_compose(wrong).returncode == 1


def test_the_compose_file_runs_each_service_for_this_machine_alone() -> None:
    """Every image is there, each port on loopback, the broker of the version that the tests run; each service keeps its name."""
    services = compose()["services"]
    built = {name: service["build"] for name, service in services.items() if "build" in service}
    assert built.keys() == set(Stage)
    for stage, build in built.items():
        assert (COMPOSE.parent / build["context"]).resolve() == ROOT
        assert build["dockerfile"] == f"services/{stage}/Dockerfile"
        assert services[stage]["environment"]["PODIUM_MEMBER"] == "0"
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 6
    assert all(port.startswith("127.0.0.1:") for port in ports)
    pom = (ROOT / "scripts/kafka/pom.xml").read_text()
    (version,) = re.findall(r"<artifactId>kafka_2[.]13</artifactId>\s*<version>(.*)</version>", pom)
    assert {service["image"] for name, service in services.items() if name not in built} == {
        f"apache/kafka:{version}"
    }


@pytest.mark.integration
def test_the_broker_takes_the_settings_of_the_compose_file(tmp_path: Path) -> None:
    """As its image hands them on: a variable for each property."""
    variables = compose()["services"]["kafka"]["environment"]
    lines = [
        f"{name.removeprefix('KAFKA_').replace('_', '.').lower()}={value}"
        for name, value in variables.items()
        if name != "KAFKA_LOG_DIRS"
    ]
    (tmp_path / "server.properties").write_text("\n".join([*lines, f"log.dirs={tmp_path}/log", ""]))
    kafka = ("java", "-cp", ".tools/kafka/*", "kafka.tools.StorageTool", "format")
    formatted = subprocess.run(
        [*kafka, "--cluster-id", "podium-in-containers", "--config", str(tmp_path / "server.properties")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert formatted.returncode == 0, formatted.stdout + formatted.stderr
    assert (tmp_path / "log" / "meta.properties").exists()
