"""The examples stay what they say they are."""

from pathlib import Path

from ruamel.yaml import YAML

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def test_the_streaming_example_is_the_retail_one_with_another_source() -> None:
    """All rules, columns and thresholds are the same; names and paths differ as they must."""
    retail, streaming = (
        YAML(typ="safe").load(EXAMPLES / name / "pipeline.yaml") for name in ("retail", "streaming")
    )
    assert streaming["metadata"]["name"] == "retail-stream"
    retail["metadata"]["name"] = "retail-stream"
    retail["spec"]["lookups"]["countries"]["path"] = "../retail/lookups/countries.csv"
    retail["spec"]["model"]["dbt"] = "../retail/dbt"
    retail["spec"]["publish"]["duckdb"]["path"] = "retail-stream.duckdb"
    retail["spec"]["datasets"]["sales"]["sources"] = [
        {"kafka": {"topic": "sales-events", "trigger_seconds": 2}}
    ]
    assert streaming == retail
