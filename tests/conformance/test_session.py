"""The session that Podium makes on one machine."""

import pytest
from podium_lakehouse.engines.spark_session import PROFILES, SETTINGS
from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.integration]
REFERENCE = {
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.adaptive.coalescePartitions.enabled": "true",
    "spark.sql.adaptive.skewJoin.enabled": "true",
    "spark.sql.optimizer.dynamicPartitionPruning.enabled": "true",
    "spark.sql.autoBroadcastJoinThreshold": "100MB",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}


@pytest.mark.parametrize("key", REFERENCE)
def test_the_references_settings_hold(spark: SparkSession, key: str) -> None:
    """Each setting that the reference names has its value in the session."""
    assert spark.conf.get(key) == REFERENCE[key]


def test_one_machine_keeps_to_itself(spark: SparkSession) -> None:
    """Nothing listens for other machines, and there is no web page."""
    context = spark.sparkContext
    assert context.master.startswith("local[")
    assert context.getConf().get("spark.driver.bindAddress") == "127.0.0.1"
    assert context.uiWebUrl is None


def test_every_setting_has_one_value_and_a_reason() -> None:
    """No profile says again what all sessions have, and nothing is set without saying why."""
    for profile in PROFILES.values():
        keys = [setting.key for setting in (*SETTINGS, *profile)]
        assert len(keys) == len(set(keys))
        assert all(setting.reason for setting in profile)
