"""What the guide to tuning tells people to turn is there to be turned."""

import re

from ruamel.yaml import YAML

from tests.test_how_to import EXAMPLE, GUIDES, ROOT, commands


def test_what_the_guide_to_tuning_turns_is_there() -> None:
    """Each setting that it names is one of a service, of a Pipeline, of the dbt project or of a model."""
    text = (GUIDES / "tuning.md").read_text(encoding="utf-8")
    settings = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    resources = (ROOT / "docs/reference/resources.md").read_text(encoding="utf-8")
    tables = (ROOT / "docs/reference/tables.md").read_text(encoding="utf-8")
    variables = YAML(typ="safe").load(EXAMPLE / "dbt" / "dbt_project.yml")["vars"]
    named = set(re.findall(r"`([A-Za-z_.]+)(?:[:(][^`]*)?`", text))
    of_services = {name for name in named if name.startswith("PODIUM_")}
    assert of_services == {"PODIUM_PROCESSES", "PODIUM_KAFKA__EVENTS_PARTITIONS"}
    assert all(f"`{name}`" in settings for name in of_services)
    assert {"enable_data_tests", "fact_layout"} <= named & variables.keys()
    assert all(f"`{name}`" in tables for name in ("partition_by", "cluster_by", "zorder_by"))
    assert "affected_from" in tables
    assert "`spec.runs.pods.executors`" in resources
    assert len(commands(text, "podium")) >= 7
