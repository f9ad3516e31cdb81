"""Law 5 for what makes a value of other rows: both engines interpolate and merge the same, to the last digit."""

import random
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from podium_contracts.pipeline import Dataset, Duplicates, Fuzzy
from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing import outcome
from podium_lakehouse.cleansing.dispositions import LARGE_BLOCKS
from podium_lakehouse.cleansing.fuzzy import large_blocks_statement, pairs_statement
from podium_lakehouse.cleansing.interpolation import interpolation_statement
from podium_lakehouse.cleansing.staging import BRONZE
from podium_lakehouse.delta.tables import arrow_schema
from podium_lakehouse.expressions.dialects import DUCKDB, SPARK

from tests.conformance.conftest import Engines

pytestmark = [pytest.mark.spark, pytest.mark.integration, pytest.mark.timeout(600)]
METHODS = ("linear", "forward", "backward", "mean", "median")
ORDERS = {"moment": "timestamp", "day": "date", "place": "integer", "depth": "decimal(9,3)"}
VALUES = {
    "small": "decimal(5,5)",
    "price": "decimal(12,3)",
    "wide": "decimal(18,2)",
    "whole": "integer",
    "big": "bigint",
}


def dataset() -> Dataset:
    """Return a dataset that interpolates a column for each method, type of value and measure of distance."""
    nulls, columns = {}, {name: {"type": kind} for name, kind in {"room": "string", **ORDERS}.items()}
    for number, method in enumerate(METHODS):
        for place, (value, kind) in enumerate(VALUES.items()):
            column, order = f"{value}_{method}", list(ORDERS)[(number + place) % len(ORDERS)]
            columns[column] = {"type": kind, "from": value}
            rule: dict[str, object] = {"strategy": "interpolate", "method": method, "partition_by": ["room"]}
            nulls[column] = rule if method in {"mean", "median"} else {**rule, "order_by": [order]}
    for column, kind, method in (
        ("note", "string", "forward"),
        ("seen", "date", "backward"),
        ("on", "boolean", "forward"),
    ):
        columns[column] = {"type": kind}
        nulls[column] = {"strategy": "interpolate", "method": method, "order_by": ["moment", "place"]}
    return Dataset.model_validate({"sources": [{"files": {"path": "*"}}], "columns": columns, "nulls": nulls})


def bronze(rows: int) -> pa.Table:
    """Return rows of two files with missing, unreadable and extreme values, and repeated moments."""
    chance = random.Random(7)
    texts = {
        "room": ["a", "b", None],
        "moment": [
            "2024-02-29 10:00",
            "2024-02-29T10:00:00.000001Z",
            "0100-01-01",
            "9999-12-31 23:59:59.999999",
            None,
        ],
        "day": ["2024-02-29", "1582-10-10", "1969-12-31", "2024-02-30", None],
        "place": [*map(str, range(-5, 6)), "999999999", None],
        "depth": ["0.001", "-0.5", "7", "999999.999", None],
        "small": ["0.00001", "-0.99999", "0.5", None, None],
        "price": ["0.005", "-0.001", "999999999.999", "2.5", None, None],
        "wide": ["9999999999999999.99", "-9999999999999999.99", "0.01", "0", None, None],
        "whole": ["999999999", "-999999999", "1", "2", "x", None, None],
        "big": ["999999999999999999", "-999999999999999999", "3", "4", None, None],
        "note": ["ß", "😀", "", None],
        "seen": ["2024-02-29", "1900-01-01", None],
        "on": ["true", "FALSE", None],
    }
    found = {
        name: pa.array([chance.choice(held) for _ in range(rows)], pa.string())
        for name, held in texts.items()
    }
    own = {
        "source_file": pa.array([chance.choice(["one.csv", "two.csv"]) for _ in range(rows)]),
        "ingestion_batch_id": pa.array(["shop.sales.000001"] * rows),
        names.ROW: pa.array(range(rows), pa.int64()),
        names.CORRUPT_RECORD: pa.array(
            [None if chance.random() < 0.95 else "broken" for _ in range(rows)], pa.string()
        ),
    }
    return pa.table({**found, **own})


def test_both_engines_fill_in_the_same(engines: Engines) -> None:
    """Every method over every type, along every measure: the same rows, values and types."""
    rows, declared = bronze(400), dataset()
    stored = {name: name for name in rows.column_names}
    engines.duckdb.register(BRONZE, rows)
    engines.spark.createDataFrame(rows).createOrReplaceTempView(BRONZE)
    printed = {
        dialect: dialect.statement(interpolation_statement(declared, stored, dialect, BRONZE))
        for dialect in (DUCKDB, SPARK)
    }
    ours = engines.duckdb.sql(printed[DUCKDB]).to_arrow_table()
    theirs = engines.spark.sql(printed[SPARK]).toArrow()
    assert [field.type for field in theirs.schema] == [field.type for field in ours.schema]
    assert sorted(map(repr, theirs.to_pylist())) == sorted(map(repr, ours.to_pylist()))
    assert all(ours[name].null_count < ours.num_rows for name in ours.column_names)


MERGING = Dataset.model_validate(
    {
        "sources": [{"files": {"path": "*"}}],
        "columns": {
            "id": {"type": "string"},
            "at": {"type": "timestamp"},
            "note": {"type": "string"},
            "name": {"type": "string"},
            "low": {"type": "integer"},
            "high": {"type": "decimal(12,3)"},
            "since": {"type": "date"},
            "on": {"type": "boolean"},
            "flagged": {"type": "bigint"},
            "double": {"type": "decimal(15,3)", "expression": "high * 2"},
        },
        "nulls": {"flagged": {"strategy": "flag"}},
        "rules": {"w": {"type": "range_check", "column": "low", "min": 0, "on_failure": "warn"}},
        "scoring": {"details": True},
        "duplicates": {
            "keys": ["id"],
            "order": ["at"],
            "strategy": "merge",
            "merge": {"name": "longest", "low": "min", "high": "max", "since": "first"},
        },
    }
)


def rows_of(count: int, keys: int, seed: int) -> list[dict[str, object]]:
    """Return rows as staging leaves them, of few keys, moments and values, so that they tie."""
    chance = random.Random(seed)
    moments = [datetime(2024, 2, 29, hour, tzinfo=UTC) for hour in range(3)]
    found = []
    for place in range(count):
        high, flagged = chance.choice([Decimal("1.500"), Decimal("-2.001"), None]), chance.choice([0, 7, 8])
        row: dict[str, object] = {
            "id": f"ß{chance.randrange(keys)}",
            "at": chance.choice(moments),
            "note": chance.choice(["", "a", "Ä", "😀", None]),
            "name": chance.choice(["x", "ÿy", "zz", None]),
            "low": chance.choice([1, -1, None]),
            "high": high,
            "since": chance.choice([date(1900, 1, 1), date(2024, 2, 29), None]),
            "on": chance.choice([True, False, None]),
            "flagged": flagged,
            "flagged_is_null_flag": flagged == 0,
            "double": None if high is None else high * 2,
            "quality_score": chance.choice([Decimal("100.0"), Decimal("65.5")]),
            "quality_tier": "HIGH",
            "quality_details": chance.choice(["a,b", None]),
            "quality_warnings": chance.choice(["w", None]),
            "source_file": chance.choice(["one.csv", "two.csv"]),
            "ingestion_batch_id": "shop.sales.000001",
            "created_at": moments[0],
            "updated_at": moments[0],
            names.ROW: place,
            names.REFUSED: chance.random() < 0.1,
            names.DROPPED_BY: "low" if chance.random() < 0.1 else None,
        }
        for column in names.as_of_columns(MERGING):
            held = row[column.removesuffix(names.AS_OF)]
            row[column] = None if held is None or (column == "flagged_as_of" and flagged == 0) else row["at"]
        found.append({**row, names.KEY_HASH: hash(row["id"]) % 2**31})
    return found


@pytest.mark.parametrize("with_base", [False, True], ids=["the first batch", "against Silver"])
def test_both_engines_merge_the_same(engines: Engines, with_base: bool) -> None:  # noqa: FBT001
    """Every way over every type, ties and nulls among them: the same rows are chosen, and the same row is made of them."""
    silver = arrow_schema(names.silver_columns(MERGING))
    own = {
        names.ROW: pa.int64(),
        names.KEY_HASH: pa.int64(),
        names.REFUSED: pa.bool_(),
        names.DROPPED_BY: pa.string(),
    }
    staged = pa.Table.from_pylist(rows_of(300, 80, 1), pa.schema([*silver, *own.items()]))
    first = {str(row["id"]): row for row in rows_of(200, 60, 2)}
    relations = {outcome.STAGED: staged, outcome.BASE: pa.Table.from_pylist(list(first.values()), silver)}
    found = []
    for dialect in (DUCKDB, SPARK):
        for name, table in relations.items():
            if dialect is DUCKDB:
                engines.duckdb.register(name, table)
            else:
                engines.spark.createDataFrame(table).createOrReplaceTempView(name)
        repeated = dialect.statement(outcome.repeated_statement(dialect))
        merging = dialect.statement(outcome.exceptions_statement(MERGING, dialect, with_base=with_base))
        if dialect is DUCKDB:
            engines.duckdb.execute(f"CREATE OR REPLACE VIEW {outcome.REPEATED} AS {repeated}")
            found.append(engines.duckdb.sql(merging).to_arrow_table())
        else:
            engines.spark.sql(repeated).createOrReplaceTempView(outcome.REPEATED)
            found.append(engines.spark.sql(merging).toArrow())
    ours, theirs = found
    assert [field.type for field in theirs.schema] == [field.type for field in ours.schema]
    assert sorted(map(repr, theirs.to_pylist())) == sorted(map(repr, ours.to_pylist()))
    assert len(set(ours[outcome.DISPOSITION].to_pylist())) >= (3 if with_base else 2)


def test_both_engines_compare_the_same_pairs(engines: Engines) -> None:
    """Rows of a block and a file, each with every better one, ties and nulls among them; of blocks that are too large none."""
    fuzzy = Fuzzy(block=("since", "on"), column="name", threshold=Decimal("0.5"))
    duplicates = Duplicates(keys=("id",), order=("at",), fuzzy=fuzzy)
    dataset = MERGING.model_copy(update={"duplicates": duplicates})
    own = {names.ROW: pa.int64(), names.REFUSED: pa.bool_(), names.DROPPED_BY: pa.string()}
    columns = {
        **dict.fromkeys(names.business_columns(dataset)),
        "source_file": None,
        "ingestion_batch_id": None,
    }
    silver = arrow_schema(names.silver_columns(MERGING))
    schema = pa.schema([*(silver.field(name) for name in columns), *own.items()])
    staged = pa.Table.from_pylist(rows_of(400, 300, 3), schema)
    engines.duckdb.register(outcome.STAGED, staged)
    engines.spark.createDataFrame(staged).createOrReplaceTempView(outcome.STAGED)
    found = []
    for bound in (50_000, 14, 2):
        fuzzy = fuzzy.model_copy(update={"max_block_rows": bound})
        larger = DUCKDB.statement(large_blocks_statement(fuzzy, DUCKDB))
        engines.duckdb.execute(f"CREATE OR REPLACE VIEW {LARGE_BLOCKS} AS {larger}")
        larger = SPARK.statement(large_blocks_statement(fuzzy, SPARK))
        engines.spark.sql(larger).createOrReplaceTempView(LARGE_BLOCKS)
        everything = f"SELECT * FROM {LARGE_BLOCKS}"
        pairs = DUCKDB.statement(pairs_statement(dataset, fuzzy, DUCKDB))
        ours = [engines.duckdb.sql(text).to_arrow_table() for text in (everything, pairs)]
        pairs = SPARK.statement(pairs_statement(dataset, fuzzy, SPARK))
        theirs = [engines.spark.sql(text).toArrow() for text in (everything, pairs)]
        for one, other in zip(ours, theirs, strict=True):
            assert sorted(map(repr, other.to_pylist())) == sorted(map(repr, one.to_pylist()))
        found.append(tuple(table.num_rows for table in ours))
    assert found == [(0, 734), (3, 391), (8, 0)]
