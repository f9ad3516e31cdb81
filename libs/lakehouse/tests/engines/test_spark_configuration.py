"""What Spark's own configuration sets is left alone: it is known before Spark's JVM reads it."""

from pathlib import Path

from podium_lakehouse.engines.spark_session import configured

DEFAULTS = """\
# a cluster
spark.master            k8s://https://kubernetes.default.svc

spark.sql.shuffle.partitions=64
spark.executor.memory:2g
  spark.eventLog.enabled  true
"""


def test_the_keys_of_its_file_are_known(tmp_path: Path) -> None:
    """As Java writes properties: with spaces, `=` or `:` between key and value, and comments."""
    (tmp_path / "spark-defaults.conf").write_text(DEFAULTS)
    found = {
        "spark.master",
        "spark.sql.shuffle.partitions",
        "spark.executor.memory",
        "spark.eventLog.enabled",
    }
    assert configured({"SPARK_CONF_DIR": str(tmp_path)}) == found


def test_it_is_found_as_spark_finds_it(tmp_path: Path) -> None:
    """In the folder of its configuration, else below its home; where there is none, nothing is set."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "spark-defaults.conf").write_text("spark.master local[1]\n")
    assert configured({"SPARK_HOME": str(tmp_path)}) == {"spark.master"}
    assert configured({"SPARK_HOME": str(tmp_path), "SPARK_CONF_DIR": str(tmp_path)}) == set()
