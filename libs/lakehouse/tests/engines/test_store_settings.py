"""What Spark is told of an object store: where it is, and never who asks."""

import pytest
from podium_lakehouse.engines.spark_session import SETTINGS, store_settings

SECRETS = {
    "AWS_ACCESS_KEY_ID": "podium",
    "AWS_SECRET_ACCESS_KEY": "podium-secret",
    "AWS_SESSION_TOKEN": "for-an-hour",
}
HERE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"}
ENDPOINT, PATHS, REGION = (
    f"spark.hadoop.fs.s3a.{name}" for name in ("endpoint", "path.style.access", "endpoint.region")
)
TOLD: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "Amazon's": ({}, {REGION: "us-east-1"}),
    "Amazon's elsewhere": ({"AWS_REGION": "eu-central-1"}, {REGION: "eu-central-1"}),
    "another": (HERE, {REGION: "us-east-1", ENDPOINT: HERE["AWS_ENDPOINT_URL"], PATHS: "true"}),
    "with buckets as hosts": (
        {**HERE, "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true"},
        {REGION: "us-east-1", ENDPOINT: HERE["AWS_ENDPOINT_URL"], PATHS: "false"},
    ),
}


@pytest.mark.parametrize(("environment", "told"), TOLD.values(), ids=TOLD)
def test_the_environment_says_where_the_store_is(environment: dict[str, str], told: dict[str, str]) -> None:
    """As it says it to delta-rs and obstore; whatever else is there."""
    found = store_settings({**SECRETS, **environment})
    assert {setting.key: setting.value for setting in found} == told
    assert all(setting.reason for setting in found)


def test_no_setting_holds_a_key() -> None:
    """Settings are shown and logged; keys are taken from the environment of each process."""
    settings = (*SETTINGS, *store_settings({**SECRETS, **HERE}))
    assert not [setting for setting in settings if setting.value in SECRETS.values()]
    assert not [setting for setting in settings if "secret" in setting.key or "access.key" in setting.key]
