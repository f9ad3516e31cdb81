"""skaffold.yaml: it keeps to its schema, and knows every image and chart that there is."""

import gzip
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from scripts.image.archive import DOCKERFILES

ROOT = Path(__file__).parents[1]
SCHEMA = Path(__file__).parent / "skaffold" / "schema-v4beta13.json.gz"


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return YAML(typ="safe").load(ROOT / "skaffold.yaml")  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def mistakes() -> Draft7Validator:
    return Draft7Validator(json.loads(gzip.decompress(SCHEMA.read_bytes())))


def test_it_keeps_to_its_schema(config: dict[str, Any], mistakes: Draft7Validator) -> None:
    """A field that skaffold does not know is a mistake."""
    assert [error.message for error in mistakes.iter_errors(config)] == []
    wrong = deepcopy(config)
    wrong["build"]["artifacts"][0]["dockerfile"] = "Dockerfile"
    assert list(mistakes.iter_errors(wrong))


def test_it_builds_every_image_and_hands_it_to_the_chart(config: dict[str, Any]) -> None:
    """From the Dockerfile of each, as its own value."""
    built = {item["image"]: item["docker"]["dockerfile"] for item in config["build"]["artifacts"]}
    images = {name: file for name, file in DOCKERFILES.items() if name != "dev"}
    assert built == {f"podium/{name}": file for name, file in images.items()}
    releases = {release["name"]: release for release in config["deploy"]["helm"]["releases"]}
    assert releases["podium"]["setValueTemplates"] == {
        f"images.overrides.{name}": f"{{{{.IMAGE_FULLY_QUALIFIED_podium_{name}}}}}" for name in images
    }
    for release in releases.values():
        for file in (f"{release['chartPath']}/Chart.yaml", *release.get("valuesFiles", ())):
            assert (ROOT / file).is_file()


def test_a_profile_leaves_out_spark_alone(config: dict[str, Any]) -> None:
    """Its patches are by place: the places are those of Spark."""
    (profile,) = config["profiles"]
    for patch in profile["patches"]:
        place: Any = config
        for step in patch["path"].removeprefix("/").split("/"):
            place = place[int(step)] if isinstance(place, list) else place[step]
        assert "spark" in json.dumps(place)
