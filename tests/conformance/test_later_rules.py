"""Rules and scores that come and go over Silver that is there: both engines keep what was said of rows, and say the same of those that come."""

from dataclasses import replace
from pathlib import Path

import pytest
from podium import host
from podium.opening import open_pipeline
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated
from podium_contracts.names import EngineName
from podium_runtime.requests import request

from tests.conformance.tables import rows

pytestmark = [pytest.mark.spark, pytest.mark.integration, pytest.mark.timeout(600)]
PIPELINE = """\
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {name: shop}
spec:
  lakehouse: {uri: ./lakehouse}
  datasets:
    sales:
      sources: [{files: {path: in/*.csv}}]
      columns:
        id: {type: string}
        at: {type: integer}
        price: {type: "decimal(12,2)"}
        double: {type: "decimal(15,2)", expression: price * 2}
      duplicates: {keys: [id], order: [at]}
"""
RULES = """\
      rules:
        cheap: {type: range_check, column: price, max: 5, on_failure: warn}
        capped: {type: range_check, column: price, max: 50, on_failure: correct}
        paid: {type: range_check, column: price, min: 0}
      scoring:
        details: true
        deductions: {dear: {condition: out_of_range, column: price, max_value: 5, deduction: 20}}
"""
BATCHES = [
    ("", ["a,1,9.00", "b,1,99.00", "c,1,-1.00"]),
    (RULES, ["a,2,8.00", "d,1,70.00", "e,1,1.00", "f,1,-2.00"]),
    ("", ["d,2,7.50", "g,1,-3.00"]),
]
"""What the pipeline file says, and what comes then."""
REMARKS = ("quality_warnings", "quality_corrections", "quality_details")


def run(folder: Path, engine: EngineName, number: int) -> None:
    """Bring a batch into Silver, under the file of its time."""
    asked, lines = BATCHES[number]
    (folder / "in").mkdir(parents=True, exist_ok=True)
    (folder / "pipeline.yaml").write_text(PIPELINE + asked)
    (folder / f"in/{number}.csv").write_text("\n".join(["id,at,price", *lines, ""]))
    opened = open_pipeline(folder / "pipeline.yaml")
    host.run(opened.pipeline, replace(opened.lakehouse, engine=engine), request(opened.pipeline))


def accounts(folder: Path) -> list[object]:
    """Return every ledger, what rules found, and every verdict."""
    opened = open_pipeline(folder / "pipeline.yaml")
    found: list[object] = []
    for event in opened.lakehouse.completions.all(opened.pipeline.name):
        match event.data:
            case LayerCompleted(ledger=ledger, validation=validation):
                found += [ledger, validation]
            case QualityEvaluated(checks=checks, verdict=verdict):
                found += [checks, verdict]
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("spark")
def test_rules_come_and_go_alike_on_both_engines(tmp_path: Path) -> None:
    """The columns for their remarks are added to Silver that is there, and stay, null, when nothing asks for them any more."""
    ours, theirs = tmp_path / "duckdb", tmp_path / "spark"
    for number in range(len(BATCHES)):
        run(ours, EngineName.DUCKDB, number)
        run(theirs, EngineName.SPARK, number)
        for table in ("silver/sales", "quarantine/sales"):
            assert rows(theirs, table) == rows(ours, table), (number, table)
    assert accounts(theirs) == accounts(ours)
    said = {
        row["id"]: (str(row["price"]), str(row["quality_score"]), *(row[name] for name in REMARKS))
        for row in rows(theirs, "silver/sales")
    }
    assert said == {
        "a": ("8.00", "80.0", "cheap", None, "dear"),
        "b": ("99.00", "100.0", None, None, None),
        "c": ("-1.00", "100.0", None, None, None),
        "d": ("7.50", "100.0", None, None, None),
        "e": ("1.00", "100.0", None, None, None),
        "g": ("-3.00", "100.0", None, None, None),
    }
    assert [row["rules"] for row in rows(theirs, "quarantine/sales")] == [["rule.paid"]]
