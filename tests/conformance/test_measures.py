"""What is measured of a table is the same on both engines: counts, newest values of any year, values that another table has."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from podium_contracts.pipeline import TIERS
from podium_lakehouse.expressions.dialects import DUCKDB, SPARK
from podium_quality.measures import Measured, Referred, add
from pyspark.sql import SparkSession

from tests.conformance.conftest import Engines

pytestmark = [pytest.mark.spark, pytest.mark.integration, pytest.mark.timeout(600)]
MEASURED = Measured(
    complete=("id", "town"),
    unique=("town",),
    keys=("town_key",),
    binned=("town_key", "quality_score"),
    newest=("sold", "day"),
    references={
        "town": Referred("towns", "name"),
        "id": Referred(None, "name"),
        "late": Referred("towns", "name", moved=True),
    },
    scored=True,
)
DAYS = (date(1, 1, 1), date(9999, 12, 31), date(1969, 12, 31), None)


def rows(signs: list[int]) -> pa.Table:
    """Return a row for each sign, every third without a town."""
    count = range(len(signs))
    days = [DAYS[number % 4] for number in count]
    columns = {
        "id": [f"ß{number}" for number in count],
        "town": [None if number % 3 == 0 else f"town {number % 5}" for number in count],
        "late": [f"town {number % 7}" for number in count],
        "town_key": pa.array([number - 1 for number in count], pa.int64()),
        "day": pa.array(days, pa.date32()),
        "sold": pa.array(
            [day and datetime(day.year, day.month, day.day, 23, 59, 59, 999999, tzinfo=UTC) for day in days],
            pa.timestamp("us", tz="UTC"),
        ),
        "quality_score": pa.array([Decimal("62.5")] * len(signs), pa.decimal128(4, 1)),
        "quality_tier": [TIERS[number % 4][0] for number in count],
        "_sign": pa.array(signs, pa.int32()),
    }
    return pa.table(columns)


@pytest.mark.parametrize("table", [None, "judged"], ids=["all rows", "changes"])
def test_both_engines_measure_the_same(engines: Engines, spark: SparkSession, table: str | None) -> None:
    """Whether all rows are measured or what came and went, the measures have the same values."""
    changed = rows([1] * 20 if table is None else [1, -1, 1, 1] * 5)
    towns = pa.table({"name": ["town 1", "town 2", "town 2", None]})
    for name, relation in {"changes": changed, "judged": rows([1] * 30), "towns": towns}.items():
        engines.duckdb.register(name, relation)
        spark.createDataFrame(relation).createOrReplaceTempView(name)
    ours = engines.duckdb.sql(MEASURED.query("changes", table, DUCKDB, table)).to_arrow_table().to_pylist()
    theirs = spark.sql(MEASURED.query("changes", table, SPARK, table)).toArrow().to_pylist()
    assert add({}, ours[0]) == add({}, theirs[0])
    assert max(ours[0]["newest.day"], ours[0].get("gone.day", 0)) == 253_402_214_400
