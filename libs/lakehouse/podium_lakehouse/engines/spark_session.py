"""The Spark session of this process: one, made when the first stage asks for it, with each setting's reason.

The reference's settings are among `SETTINGS`; docs/how-to/spark.md says which of them still change anything on Spark 4.
"""

import atexit
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from podium_contracts.errors import ExecutorLost, OutOfMemory, TerminalError

from podium_lakehouse.expressions.dialects import SPARK_SETTINGS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger("podium.spark")

JAVA = 17
"""The oldest Java that Spark 4 runs on."""
LOCAL_HEAP_SHARE = 4
"""On one machine the heap is this part of the memory: Python workers, DuckDB and the page cache need the rest."""
REGION = "us-east-1"
"""What obstore and delta-rs take where the environment names none."""
LEAST_HEAP_MB, MOST_HEAP_MB = 1024, 8192

LOG4J = Path(__file__).with_name("log4j2.properties").as_uri()
JARS = ("delta-spark_*.jar", "hadoop-aws-*.jar", "podium.jar")

TOO_MANY_LOST = 11
"""The exit code of a JVM whose executors failed more often than `spark.executor.maxNumFailures`."""
ENDING = re.compile(
    r"SparkContext was shut ?down|stopped SparkContext|Connection (refused|reset)|"
    r"Error while sending or receiving|Answer from Java side is empty"
)
"""What is said of a JVM that ends, or has ended."""
ENDING_SECONDS = 60.0
FINALIZER_SECONDS = 5.0
"""It looks once a second whether it is to end."""
LOST = re.compile(
    r"(ExecutorLostFailure|MetadataFetchFailedException|Executor memory \d+ must be at least|"
    r"Spark context stopped while waiting for backend).*"
)
"""What Spark says when it gives up because executors were gone."""
MORE_MEMORY = "give the driver more memory"
MORE_FOR_EXECUTORS = "give the executors more memory, or look at their nodes"

Profile = Literal["small", "large"]


@dataclass(frozen=True)
class Setting:
    """A setting of the session and why it has its value."""

    key: str
    value: str
    reason: str


SETTINGS = (
    Setting(
        "spark.sql.extensions",
        "io.delta.sql.DeltaSparkSessionExtension",
        "Delta's statements: MERGE, time travel",
    ),
    Setting(
        "spark.sql.catalog.spark_catalog",
        "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "Delta tables by path",
    ),
    Setting("spark.ui.showConsoleProgress", "false", "the command line shows its own progress"),
    Setting("spark.sql.catalogImplementation", "in-memory", "no metastore: tables are known by their paths"),
    Setting(
        "spark.sql.adaptive.enabled",
        "true",
        "plans follow the sizes that are met, not those that were guessed",
    ),
    Setting("spark.sql.adaptive.coalescePartitions.enabled", "true", "a small batch makes few files"),
    Setting(
        "spark.sql.adaptive.skewJoin.enabled", "true", "one big customer or country does not hold up a stage"
    ),
    Setting(
        "spark.sql.optimizer.dynamicPartitionPruning.enabled",
        "true",
        "a join with few days reads few partitions",
    ),
    Setting(
        "spark.sql.autoBroadcastJoinThreshold",
        "100MB",
        "dimensions and lookups are sent, facts are not shuffled",
    ),
    Setting("spark.sql.execution.arrow.pyspark.enabled", "true", "rows go to Python in columns"),
    Setting(
        "spark.serializer", "org.apache.spark.serializer.KryoSerializer", "smaller RDD blocks than Java's own"
    ),
    Setting("spark.sql.parquet.compression.codec", "zstd", "the same codec as the other engine's files"),
    Setting(
        "spark.sql.parquet.outputTimestampType",
        "TIMESTAMP_MICROS",
        "INT96 has no statistics, and Delta reads micros",
    ),
    Setting(
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs",
        "false",
        "a table's folder holds data only",
    ),
    Setting(
        "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version",
        "2",
        "only a commit makes files part of a table",
    ),
    Setting(
        "spark.databricks.delta.properties.defaults.enableDeletionVectors",
        "false",
        "delta-rs counts rows wrongly with them",
    ),
    Setting(
        "spark.hadoop.fs.s3.impl",
        "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "tables keep one URI on both engines",
    ),
    Setting(
        "spark.delta.logStore.s3.impl",
        "dev.podium.ConditionalLogStore",
        "a commit must not overwrite another writer's (docs/decisions/0011)",
    ),
    Setting(
        "spark.hadoop.fs.s3a.aws.credentials.provider",
        "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider,"
        "software.amazon.awssdk.auth.credentials.WebIdentityTokenFileCredentialsProvider,"
        "org.apache.hadoop.fs.s3a.auth.IAMInstanceCredentialsProvider",
        "who asks is for the environment of each process to say, never for a setting",
    ),
    *(
        Setting(key, value, "expressions mean the same on both engines")
        for key, value in SPARK_SETTINGS.items()
    ),
)
"""Settings of every session."""

PROFILES: dict[Profile, tuple[Setting, ...]] = {
    "small": (
        Setting("spark.ui.enabled", "false", "nobody looks at a run of seconds, and the port may be taken"),
        Setting(
            "spark.sql.warehouse.dir",
            "{temporary}",
            "every table says where it lies: no folder beside the pipeline",
        ),
        Setting("spark.driver.host", "127.0.0.1", "driver and executor are one process"),
        Setting("spark.driver.bindAddress", "127.0.0.1", "nothing listens for other machines"),
        Setting(
            "spark.sql.shuffle.partitions",
            "{cores}",
            "more partitions than cores are overhead for small batches",
        ),
        Setting(
            "spark.databricks.delta.snapshotPartitions", "2", "logs of thousands of files, not of millions"
        ),
        Setting(
            "spark.sql.sources.parallelPartitionDiscovery.parallelism",
            "{cores}",
            "VACUUM would start 10,000 tasks",
        ),
        Setting(
            "spark.driver.extraJavaOptions",
            "-XX:+UseSerialGC -Dlog4j2.configurationFile={log4j}",
            "few cores: the collector's threads would take theirs; what goes wrong is raised, not logged",
        ),
    ),
    "large": (
        Setting("spark.sql.shuffle.partitions", "200", "AQE joins small ones; too few cannot be split"),
        Setting(
            "spark.databricks.delta.snapshotPartitions", "16", "logs of large tables are read in parallel"
        ),
    ),
}
"""`small` is one machine, driver and executor in one process; `large` is a cluster, whose master and sizes its host sets."""


def store_settings(environment: Mapping[str, str]) -> tuple[Setting, ...]:
    """Return where the object store is, as the AWS_… variables say it to delta-rs and obstore; no secret is among the settings."""
    found = [
        Setting(
            "spark.hadoop.fs.s3a.endpoint.region",
            environment.get("AWS_REGION", REGION),
            "as of other clients",
        )
    ]
    if endpoint := environment.get("AWS_ENDPOINT_URL"):
        hosted = environment.get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "").lower() == "true"
        found += [
            Setting("spark.hadoop.fs.s3a.endpoint", endpoint, "where the store is"),
            Setting("spark.hadoop.fs.s3a.path.style.access", str(not hosted).lower(), "as of other clients"),
        ]
    return tuple(found)


@cache
def spark_session() -> "SparkSession":
    """Return the session of this process; on one machine unless the environment's Spark configuration names a master.

    Raises:
        TerminalError: Java, pyspark or Delta's jars are missing; the message says what to install.
    """
    _check_java()
    _check_pyspark()
    from pyspark import SparkConf  # noqa: PLC0415 - only this engine needs it, and it is not always installed
    from pyspark.sql import SparkSession  # noqa: PLC0415

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    given = SparkConf()
    keys = {key for key, _ in given.getAll()} | configured(os.environ)
    local = "spark.master" not in keys
    if local:
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    cores = len(os.sched_getaffinity(0))
    ours = (*SETTINGS, *PROFILES["small" if local else "large"], *store_settings(os.environ))
    values = {"cores": cores, "log4j": LOG4J, "temporary": tempfile.gettempdir()}
    applied = {item.key: item.value.format(**values) for item in ours if item.key not in keys}
    builder = SparkSession.builder.appName("podium")
    for key, value in applied.items():
        builder = builder.config(key, value)
    if local:
        builder = builder.master(f"local[{cores}]").config("spark.driver.memory", f"{_heap_mb()}m")
    session = builder.getOrCreate()
    atexit.register(_end_finalizer)
    session.sparkContext.setLogLevel("FATAL" if local else "ERROR")
    quiet_exceptions()
    log.info(
        "the Spark session's settings are applied: %s", ", ".join(f"{k}={v}" for k, v in applied.items())
    )
    return session


def _end_finalizer() -> None:
    """End py4j's thread for what is no longer used: where the interpreter's end finds it asleep, DuckDB tells all of its own functions as leaked."""
    from py4j.clientserver import (  # noqa: PLC0415 - see `spark_session`
        SHUTDOWN_FINALIZER_WORKER,
        FinalizerWorker,
    )

    for thread in threading.enumerate():
        if isinstance(thread, FinalizerWorker):
            thread.deque.append(SHUTDOWN_FINALIZER_WORKER)
            thread.join(FINALIZER_SECONDS)


def quiet_exceptions() -> None:
    """Keep pyspark from writing each exception as JSON, with the JVM's whole stack: whoever catches it says what it means."""
    from pyspark.logger import PySparkLogger  # noqa: PLC0415 - see `spark_session`

    for name in ("DataFrameQueryContextLogger", "SQLQueryContextLogger"):
        PySparkLogger.getLogger(name).disabled = True


def loss(error: Exception) -> OutOfMemory | ExecutorLost | None:
    """Return what the session has lost where that, or its cause, is why something failed; after the end of its JVM the next caller gets another session."""
    if "pyspark" not in sys.modules:
        return None
    from pyspark import SparkContext  # noqa: PLC0415 - see `spark_session`
    from pyspark.sql import SparkSession  # noqa: PLC0415

    said = f"{error}\n{error.__cause__ or ''}"
    process = getattr(SparkContext._gateway, "proc", None)  # noqa: SLF001 - pyspark tells nobody that its JVM has ended
    code = None
    with suppress(subprocess.TimeoutExpired):
        code = process.wait(ENDING_SECONDS if re.search(ENDING, said) else 0) if process else None
    if code is not None:
        SparkContext._gateway = SparkContext._jvm = SparkContext._active_spark_context = None  # noqa: SLF001
        SparkSession._instantiatedSession = None  # noqa: SLF001
        spark_session.cache_clear()
    if code == -signal.SIGKILL:
        return OutOfMemory("the kernel ended Spark's JVM, as memory was short", hint=MORE_MEMORY)
    if words := re.search(r"java\.lang\.OutOfMemoryError.*|System memory \d+ must be at least.*", said):
        return OutOfMemory(words[0].rstrip("."), hint=MORE_MEMORY)
    if code == TOO_MANY_LOST:
        return ExecutorLost("Spark gave up after too many executors were lost", hint=MORE_FOR_EXECUTORS)
    if words := re.search(LOST, said):
        return ExecutorLost(words[0].rstrip("."), hint=MORE_FOR_EXECUTORS)
    return None


def configured(environment: Mapping[str, str]) -> set[str]:
    """Return the keys that Spark's own configuration file sets: Spark reads it in its JVM only, which is not there yet."""
    home = environment.get("SPARK_HOME") or str(_pyspark())
    file = Path(environment.get("SPARK_CONF_DIR") or f"{home}/conf") / "spark-defaults.conf"
    if not file.is_file():
        return set()
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return {re.split(r"[\s=:]", line, maxsplit=1)[0] for line in lines if line and line[0] not in "#!"}


def _pyspark() -> Path:
    """Return the folder of pyspark, which need not be imported for that.

    Raises:
        TerminalError: it is not installed.
    """
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise TerminalError("engine spark needs pyspark, which is not installed", hint=_install("pyspark"))
    return Path(spec.origin).parent


def _heap_mb() -> int:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return min(max(pages * size // LOCAL_HEAP_SHARE >> 20, LEAST_HEAP_MB), MOST_HEAP_MB)


def _check_java() -> None:
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None or not Path(java).exists():
        raise TerminalError("engine spark needs Java, and there is none", hint=_install(f"Java {JAVA}"))
    printed = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'version "(\d+)', printed)
    if match is None or int(match[1]) < JAVA:
        raise TerminalError(
            f"engine spark needs Java {JAVA} or later, {java} is older", hint=_install(f"Java {JAVA}")
        )


def _check_pyspark() -> None:
    jars = _pyspark() / "jars"
    if not all(map(list, map(jars.glob, JARS))):
        raise TerminalError("engine spark needs Delta's jars beside pyspark's own", hint=_install("them"))


def _install(what: str) -> str:
    return (
        f"`make spark` in Podium's folder installs {what} (Debian, Ubuntu: apt-get install openjdk-17-jre-headless for Java); "
        "or run it with --engine duckdb, which needs neither"
    )
