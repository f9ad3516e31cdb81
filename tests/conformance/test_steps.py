"""Law 5 for custom steps: the same function, once in Polars and once in PySpark, makes the same rows of every type."""

from dataclasses import replace
from pathlib import Path

import pytest
from podium import host
from podium.opening import open_pipeline
from podium_contracts.errors import StepFailed
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
        unit_price: {type: "decimal(12,2)", from: Unit Price}
        seen: {type: timestamp}
        day: {type: date}
        big: {type: bigint}
        open: {type: boolean}
        note: {type: string}
        double: {type: "decimal(15,2)", expression: unit_price * 2}
      nulls: {note: {strategy: flag, default_value: "?"}}
      steps:
        shift: {columns: [seen, day, big, open, at], polars: "steps/clean.py:same", spark: "steps/clean.py:same"}
        mend: {columns: [unit_price, note], polars: "steps/clean.py:mend", spark: "steps/clean.py:mend_on_spark"}
      rules: {dear: {type: range_check, column: unit_price, min: 0}}
      duplicates: {keys: [id], order: [at]}
"""
CODE = """\
def same(rows):
    return rows


def mend(rows):
    import polars as pl

    price = pl.when(pl.col("unit_price") < 100).then(pl.col("unit_price") + 1)
    return rows.with_columns(price.cast(pl.Decimal(12, 2)), pl.col("note").str.to_uppercase())


def mend_on_spark(rows):
    from pyspark.sql import functions as f

    loud = f.udf(shout)
    price = f.when(f.col("unit_price") < 100, f.col("unit_price") + 1).cast("decimal(12,2)")
    return rows.withColumn("unit_price", price).withColumn("note", loud("note"))


def shout(text):
    if text == "quiet":
        raise ValueError("no shouting")
    return text.upper()
"""
HEADER = "id,at,Unit Price,seen,day,big,open,note"
DELIVERIES = [
    [
        "a,1,1.50,2024-02-29 10:00:00.000001,1582-10-10,9007199254740993,true,straße",
        "b,1,100,0001-01-01,0001-01-01,-1,FALSE,dear",
        "c,1,-5,,,,,",
        "d,x,2,2024-02-29,2024-02-29,1,true,unread",
        "e,1,,2024-02-29,2024-02-29,1,true,no price",
        "f",
    ],
    ["a,2,1.75,9999-12-31 23:59:59.999999,9999-12-31,1,false,later", "a,0,1,,,,,late", "b,1,3,,,,,good"],
]


def run(folder: Path, engine: EngineName, number: int, lines: list[str]) -> None:
    """Bring a file into Silver."""
    for name, text in {"pipeline.yaml": PIPELINE, "steps/clean.py": CODE}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "in").mkdir(exist_ok=True)
    (folder / f"in/{number}.csv").write_text("\n".join([HEADER, *lines, ""]))
    opened = open_pipeline(folder / "pipeline.yaml")
    host.run(opened.pipeline, replace(opened.lakehouse, engine=engine), request(opened.pipeline))


@pytest.mark.usefixtures("spark")
def test_both_engines_make_the_same_of_a_step(tmp_path: Path) -> None:
    """In a batch and against Silver; what a step makes null is refused on both, and nothing is lost."""
    ours, theirs = tmp_path / "duckdb", tmp_path / "spark"
    for number, lines in enumerate(DELIVERIES):
        run(ours, EngineName.DUCKDB, number, lines)
        run(theirs, EngineName.SPARK, number, lines)
    for table in ("silver/sales", "quarantine/sales"):
        assert rows(theirs, table) == rows(ours, table), table
    prices = {row["id"]: (str(row["unit_price"]), row["note"]) for row in rows(ours, "silver/sales")}
    assert prices == {
        "a": ("2.75", "LATER"),
        "b": ("4.00", "GOOD"),
        "e": ("None", "NO PRICE"),
    }
    refused = [row["rules"] for row in rows(ours, "quarantine/sales")]
    assert sorted(map(str, refused)) == [
        "['csv.corrupt']",
        "['rule.dear']",
        "['schema.at', 'key.at']",
        "['step.mend']",
    ]


@pytest.mark.usefixtures("spark")
def test_what_fails_in_a_task_is_named_with_its_line(tmp_path: Path) -> None:
    """Spark calls it late and elsewhere; the error still says where."""
    with pytest.raises(
        StepFailed, match=r"(?s)step mend: steps/clean.py:mend_on_spark raised .* at line 22: .*no shouting"
    ):
        run(tmp_path, EngineName.SPARK, 0, ["a,1,1.50,,,,,quiet"])
    assert not (tmp_path / "lakehouse/silver/sales").exists()
