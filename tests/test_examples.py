"""The examples stay what they say they are."""

import re
from pathlib import Path

from podium_contracts.pipeline import KafkaSource
from podium_ingest.payloads import reader
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


def test_the_sources_that_the_streaming_example_shows_in_comments_can_be_read() -> None:
    """Their schemas have the same fields."""
    text = (EXAMPLES / "streaming" / "pipeline.yaml").read_text(encoding="utf-8")
    shown = [YAML(typ="safe").load(line)["kafka"] for line in re.findall("# - (kafka: .*)", text)]
    assert [source["format"] for source in shown] == ["avro", "protobuf"]
    schemas = {source["schema"]: (EXAMPLES / "streaming" / source["schema"]).read_bytes() for source in shown}
    avro, protobuf = (reader(KafkaSource.model_validate(source), schemas, {}).columns for source in shown)
    assert avro == protobuf
    assert "Customer_ID" in avro
