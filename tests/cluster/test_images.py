"""The images on a real cluster: each runs under the restricted level, with a root file system that it cannot write."""

import json
import textwrap
from collections.abc import Callable
from typing import Any

import pytest
from podium_contracts.resources import PipelineRun, StageRun
from podium_operator.core.objects import POD_SECURITY, RESTRICTED, Pinned, headless, job, pinned
from podium_operator.settings import DriverSettings

from tests.cluster.conftest import Images, Kubectl
from tests.cluster.test_definitions import RETAIL, UID
from tests.integration.services.stack import eventually

pytestmark = [
    pytest.mark.integration,
    pytest.mark.cluster,
    pytest.mark.spark,
    pytest.mark.timeout(300, func_only=True),
]
Show = Callable[..., str]


def pod(image: str, *arguments: str, **more: Any) -> dict[str, Any]:
    """Return a pod that is declared as drivers are."""
    container = {
        "name": "container",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": arguments,
        "securityContext": RESTRICTED,
        "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],
        **more,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod"},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": POD_SECURITY,
            "containers": [container],
            "volumes": [{"name": "scratch", "emptyDir": {}}],
        },
    }


@pytest.fixture
def show(kubectl: Kubectl) -> Show:
    """Return what runs a pod, and returns what it said."""

    def run(image: str, *arguments: str, **more: Any) -> str:
        kubectl.apply(pod(image, *arguments, **more))
        eventually(lambda: kubectl.get("pod", "pod")["status"]["phase"] in {"Succeeded", "Failed"}, 240)
        said = kubectl.run("logs", "pod").stdout
        assert kubectl.get("pod", "pod")["status"]["phase"] == "Succeeded", said
        return said

    return run


WHO = "import getpass, os; print(getpass.getuser(), os.access('/opt', os.W_OK), os.access('/tmp', os.W_OK))"


def test_the_operator_runs_as_nobody_else(images: Images, show: Show) -> None:
    """It knows its user's name, and writes nothing but its scratch; it is the image's own command that starts it."""
    command = ["python", "-c", f"{WHO}; import podium_operator.main"]
    assert show(images.operator, command=command) == "podium False True\n"


def test_spark_holds_the_driver_of_each_stage(images: Images, show: Show) -> None:
    program = f"""
        {WHO}
        import podium_cleanse.job, podium_ingest.job, podium_model.job, podium_publish.job, podium_quality.job
        import podium_cleanse.service, podium_ingest.service, podium_model.service, podium_publish.service
        import podium_quality.service, dbt.adapters.spark
    """
    assert show(images.spark, "python", "-c", textwrap.dedent(program)) == "podium False True\n"


def test_spark_says_what_it_lacks(images: Images, kubectl: Kubectl) -> None:
    kubectl.apply(pod(images.spark))
    eventually(lambda: kubectl.get("pod", "pod")["status"]["phase"] == "Failed", 60)
    assert "say what to run" in kubectl.run("logs", "pod").stdout


def test_spark_writes_and_reads_delta_on_one_machine(images: Images, show: Show) -> None:
    """With a statement of each kind that a stage makes."""
    program = """
        from podium_lakehouse.engines.spark_session import spark_session
        spark = spark_session()
        spark.range(1000).write.format("delta").save("/tmp/table")
        spark.sql("merge into delta.`/tmp/table` t using (select 5000 as id) s on t.id = s.id when not matched then insert *")
        print(spark.read.format("delta").load("/tmp/table").count())
    """
    assert show(images.spark, "python", "-c", textwrap.dedent(program)).splitlines()[-1] == "1001"


def test_dev_has_java_kafka_and_s3(images: Images, show: Show) -> None:
    """Both servers start so far that they can say how, or of what version they are."""
    said = show(
        images.dev,
        "-c",
        """
        java -version 2>&1
        java -cp '/opt/kafka/libs/*' kafka.Kafka 2>&1 || true
        java -cp '/opt/s3proxy/*' org.gaul.s3proxy.Main --version 2>&1
        """,
        command=["sh"],
    )
    assert "openjdk version" in said
    assert "USAGE: java [options] kafka.Kafka server.properties" in said
    assert "org.gaul.s3proxy.Main -- 4." in said


DRIVER = """
import json, os, socket
from podium_lakehouse.engines.spark_session import spark_session
session = spark_session()
def place(_):
    import podium_cleanse, pyspark
    return socket.gethostname(), os.environ["SPARK_HOME"]
places = set(session.sparkContext.parallelize(range(8), 4).map(place).collect())
print(json.dumps(list(places)))
session.stop()
"""


def test_an_executor_starts_as_spark_asks_for_it(images: Images, kubectl: Kubectl) -> None:
    """A driver that is declared as the operator does gets its executor, and Python runs there."""
    namespace = kubectl.namespace
    access = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "podium-driver"},
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["pods"],
                "verbs": ["get", "list", "watch", "create", "delete", "deletecollection"],
            }
        ],
    }
    kubectl.apply(access)
    kubectl.run("create", "serviceaccount", "podium-driver")
    kubectl.run(
        "create",
        "rolebinding",
        "podium-driver",
        "--role=podium-driver",
        f"--serviceaccount={namespace}:podium-driver",
    )
    pods = {"resources": {"memory": "2Gi", "cpu": "100m"}, "executors": {"instances": 1, "memory": "1Gi"}}
    run = PipelineRun.model_validate(
        {
            "metadata": {"name": "retail-1", "namespace": namespace, "uid": UID},
            "spec": {"pipeline": "retail", "engine": "spark", "pods": pods},
        }
    )
    stage = StageRun.model_validate(
        {
            "metadata": {"name": "retail-1-cleanse", "namespace": namespace, "uid": UID},
            "spec": {
                "pipelineRun": {"name": "retail-1", "uid": UID},
                "stage": "cleanse",
                "subject": "silver.sales",
                "event": "{}",
            },
        }
    )
    settings = DriverSettings(spark_image=images.spark)
    declared = job(run, stage, 1, Pinned.of(run, RETAIL), settings)
    declared["spec"]["template"]["spec"]["containers"][0]["command"] = ["python", "-c", DRIVER]
    for manifest in (pinned(run, RETAIL, settings), headless(run, stage), declared):
        del manifest["metadata"]["ownerReferences"]  # what it would belong to is not there
        kubectl.apply(manifest)
    status = ("job", declared["metadata"]["name"])
    eventually(lambda: {"succeeded", "failed"} & kubectl.get(*status)["status"].keys(), 280)
    said = kubectl.run("logs", "/".join(status)).stdout
    assert kubectl.get(*status)["status"].get("succeeded") == 1, said
    ((place, home),) = json.loads(said.splitlines()[-1])
    assert place.endswith("-exec-1")
    assert home == "/opt/podium/spark"
