"""The values: what is refused, and that every one is documented, in the schema, and in the README."""

import json
from pathlib import Path
from typing import Any

import pytest
from chart_values import table, values
from ruamel.yaml import YAML

from tests.charts.rendering import CHART, CHARTS, EXAMPLES, PRODUCTION, helm, refusal, rendered, schema

MISTAKES = {
    "a value that is none": (['kafka.bootstrapServer="k:9092"'], "'bootstrapServer' not allowed"),
    "a protocol that is none": (['kafka.securityProtocol="TLS"'], "/kafka/securityProtocol"),
    "brokers without a port": (['kafka.bootstrapServers="kafka"'], "/kafka/bootstrapServers"),
    "replicas in words": (['stages.ingest.replicas="many"'], "/stages/ingest/replicas"),
    "a stage that is none": (["stages.publsh={}"], "'publsh' not allowed"),
    "an image of none": (['images.overrides.ingst="x"'], "'ingst' not allowed"),
    "half of the replicas in words": (['services.maxUnavailable="half"'], "/services/maxUnavailable"),
    "an amount that is none": (['runs.memory="2 GB"'], "/runs/memory"),
    "a destination without ports": (
        ['networkPolicy.destinations=[{"peers":[{}]}]'],
        "missing property 'ports'",
    ),
    "a lakehouse in a folder": (['test.lakehouse="/tmp/lake"'], "/test/lakehouse"),
    "a pipeline that is none": (
        ['pipelines.orders={"kind":"Pod","metadata":{},"spec":{}}'],
        "/pipelines/orders",
    ),
    "no broker": (["dev.kafka.enabled=false"], "kafka.bootstrapServers: say where the brokers are"),
    "a login without a password": (
        ['kafka.securityProtocol="SASL_SSL"', 'kafka.sasl.username="podium"'],
        "kafka.sasl: SASL_SSL needs username, and existingSecret",
    ),
    "certificates without encryption": (['kafka.ssl.caSecret="ca"'], "kafka.ssl: PLAINTEXT does not encrypt"),
    "a store without encryption": (
        ['objectStore.endpoint="http://s3:80"'],
        "name it with https://, or set objectStore.allowHttp",
    ),
    "fewer replicas than the fewest": (
        ["autoscaling.enabled=true", "autoscaling.minReplicas=5"],
        "minReplicas must not be larger",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_in_words(mistake: str) -> None:
    """Before anything is made, with the path of the value."""
    settings, words = MISTAKES[mistake]
    assert words in refusal(*settings)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_taken(example: str) -> None:
    """By helm's own checks, too."""
    done = helm("lint", "--strict", str(CHART), "-f", str(EXAMPLES[example]))
    assert done.returncode == 0, done.stdout


def test_the_definitions_are_a_chart() -> None:
    """Which takes no values."""
    chart = str(CHARTS / "podium-crds")
    assert helm("lint", "--strict", chart).returncode == 0
    assert "not allowed" in helm("template", chart, "--set", "x=1").stderr


def test_a_pipeline_may_be_a_file() -> None:
    """As `--set-file` gives it, or as values: the service reads the same."""
    text = YAML(typ="safe").load((CHART / "examples/cluster-wide.yaml").read_text())["pipelines"]["orders"]
    for given in (f"pipelines.orders={json.dumps(text)}", f"pipelines.orders={json.dumps(json.dumps(text))}"):
        (found,) = (
            item
            for item in rendered(PRODUCTION, given)
            if item["kind"] == "ConfigMap" and item["metadata"]["name"] == "podium-pipelines"
        )
        assert YAML(typ="safe").load(found["data"]["orders.yaml"]) == text


def test_the_schema_knows_every_value_and_no_other() -> None:
    """Also those that are empty by default."""
    defaults = YAML(typ="safe").load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert _missing(defaults, schema(), "") == []
    assert _unknown(defaults, schema(), "") == []


def _missing(given: Any, known: dict[str, Any], path: str) -> list[str]:
    """Return the values that the schema does not know."""
    known = _resolved(known)
    if not isinstance(given, dict) or "properties" not in known:
        return []
    found = []
    for key, value in given.items():
        if key not in known["properties"]:
            found.append(f"{path}{key}")
        else:
            found += _missing(value, known["properties"][key], f"{path}{key}.")
    return found


def _unknown(given: Any, known: dict[str, Any], path: str) -> list[str]:
    """Return what the schema knows and the values do not show."""
    known = _resolved(known)
    freely = {"global", "images.overrides", *(f"stages.{stage}" for stage in given.get("stages", ()))}
    found = []
    for key, part in known.get("properties", {}).items():
        here = f"{path}{key}"
        if here in freely or here.startswith("stages."):
            continue
        if key not in given:
            found.append(here)
        elif isinstance(given[key], dict):
            found += _unknown(given[key], part, f"{here}.")
    return found


def _resolved(known: dict[str, Any]) -> dict[str, Any]:
    reference = known.get("$ref", "").rpartition("/")[2]
    return schema()["$defs"][reference] if reference else known


def test_every_value_has_its_comment_and_its_line_in_the_readme() -> None:
    """`make generate` writes the table."""
    assert [value.path for value in values(CHART / "values.yaml") if not value.comment] == []
    readme = (CHART / "README.md").read_text(encoding="utf-8")
    assert table(CHART / "values.yaml") in readme


def test_a_table_has_what_the_file_says(tmp_path: Path) -> None:
    """A comment of two lines is one text; values under one comment share it; a map without comments within is one value."""
    file = tmp_path / "values.yaml"
    file.write_text(
        "# The first\n# of all.\na: 1\nb:\n  # Of c and d.\n  c: ''\n  d: [x]\n# A map.\ne:\n  f: {g: 1}\n"
    )
    assert table(file).splitlines()[2:] == [
        "| `a` | `1` | The first of all. |",
        "| `b.c` |  | Of c and d. |",
        '| `b.d` | `["x"]` | Of c and d. |',
        '| `e` | `{"f": {"g": 1}}` | A map. |',
    ]
