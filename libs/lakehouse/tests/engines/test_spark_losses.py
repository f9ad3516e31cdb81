"""What is said when Spark has lost its JVM, its memory or its executors."""

import subprocess
import sys

import pytest
from podium_contracts.errors import ExecutorLost, OutOfMemory
from podium_lakehouse.engines.spark_session import loss

LOSSES = {
    "a full heap": ("An error occurred: java.lang.OutOfMemoryError: Java heap space", OutOfMemory),
    "a heap that is too small": ("System memory 134217728 must be at least 471859200.", OutOfMemory),
    "executors without memory": ("Executor memory 134217728 must be at least 471859200.", ExecutorLost),
    "a task whose executors were lost": (
        "Task 0 in stage 3.0 failed 4 times: ExecutorLostFailure (executor 4 exited caused by one of the running tasks)",
        ExecutorLost,
    ),
    "executors that are lost as they begin": (
        "java.lang.IllegalStateException: Spark context stopped while waiting for backend\n\tat org.apache.spark",
        ExecutorLost,
    ),
    "a mistake": ("[TABLE_OR_VIEW_NOT_FOUND] The table or view `x` cannot be found.", None),
}


@pytest.mark.parametrize(("said", "kind"), LOSSES.values(), ids=LOSSES)
def test_what_spark_says_of_a_loss_is_heard(said: str, kind: type[Exception] | None) -> None:
    """And nothing else is taken for one."""
    pytest.importorskip("pyspark")
    found = loss(ValueError(said))
    assert type(found) is (kind or type(None))


def test_a_loss_is_heard_behind_the_error_of_another_library() -> None:
    """Which has put it into words of its own."""
    pytest.importorskip("pyspark")
    error = ValueError("it cannot be evaluated")
    error.__cause__ = RuntimeError("Py4JJavaError: java.lang.OutOfMemoryError: Java heap space")
    assert isinstance(loss(error), OutOfMemory)


KILLED = """
import os, signal
from podium_contracts.errors import OutOfMemory
from podium_lakehouse.engines.spark import spark_engine
from pyspark import SparkContext

try:
    with spark_engine() as engine:
        os.kill(SparkContext._gateway.proc.pid, signal.SIGKILL)
        engine.execute("SELECT 1")
except OutOfMemory as error:
    print("lost:", error)
with spark_engine() as engine:
    print(engine.execute("SELECT 2"))
"""


@pytest.mark.spark
@pytest.mark.timeout(180)
def test_a_jvm_that_the_kernel_kills_is_a_lack_of_memory() -> None:
    """The next engine of the process has another one."""
    done = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0].startswith("lost: the kernel ended Spark's JVM")
    assert done.stdout.splitlines()[-1] == "[(2,)]"
