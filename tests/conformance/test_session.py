"""The session that Podium makes on one machine."""

import subprocess
import sys
from pathlib import Path

import pytest
from podium_contracts.errors import ModelFailed
from podium_contracts.names import EngineName
from podium_lakehouse.engines.spark_session import PROFILES, SETTINGS, spark_session
from podium_lakehouse.expressions.dialects import SPARK_SETTINGS
from pyspark.sql import SparkSession

from tests.integration.conftest import Shop
from tests.integration.test_batches import real_lines

pytestmark = [pytest.mark.spark, pytest.mark.integration, pytest.mark.timeout(600)]
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


def test_the_session_says_that_its_settings_are_applied(spark: SparkSession) -> None:
    """In one line of the log, each with its value; what Spark does anyway is not set."""
    program = f"import logging; logging.basicConfig(level='INFO'); from {spark_session.__module__} import *; spark_session()"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr
    (line,) = (line for line in said.splitlines() if line.startswith("INFO:podium.spark:"))
    assert [item.key for item in SETTINGS if f"{item.key}={spark.conf.get(item.key)}" not in line] == []


def test_one_machine_keeps_to_itself(spark: SparkSession) -> None:
    """Nothing listens for other machines, and there is no web page."""
    context = spark.sparkContext
    assert context.master.startswith("local[")
    assert context.getConf().get("spark.driver.bindAddress") == "127.0.0.1"
    assert context.uiWebUrl is None


@pytest.mark.timeout(300)
def test_a_value_that_cannot_be_computed_fails_in_a_model_too(spark: SparkSession, tmp_path: Path) -> None:
    """dbt runs in the session with the session's meaning: what does not cast is an error, not a null, and stays one afterwards."""
    shop = Shop(tmp_path / "shop")
    model = shop.folder / "dbt" / "models" / "dim_country.sql"
    text = model.read_text()
    assert "max(currency_code)" in text
    model.write_text(text.replace("max(currency_code)", "cast(max(currency_code) as integer)"))
    shop.deliver("part.csv", real_lines(20))
    with pytest.raises(ModelFailed, match="model dim_country"):
        shop.run(EngineName.SPARK)
    assert {key: spark.conf.get(key) for key in SPARK_SETTINGS} == SPARK_SETTINGS


def test_every_setting_has_one_value_and_a_reason() -> None:
    """No profile says again what all sessions have, and nothing is set without saying why."""
    for profile in PROFILES.values():
        keys = [setting.key for setting in (*SETTINGS, *profile)]
        assert len(keys) == len(set(keys))
        assert all(setting.reason for setting in profile)
