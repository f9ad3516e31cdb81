"""Custom steps: a person's function over the standardised rows of a batch, held to its rows, columns and types."""

from typing import Any

import pytest
from podium_contracts.errors import StepFailed

from services.cleanse.tests.conftest import Desk
from services.cleanse.tests.test_stage import flow_of

pytestmark = pytest.mark.integration

DOUBLE = """\
import polars as pl

def double(rows):
    assert rows.columns == ["_row_id", "price"], rows.columns
    doubled = pl.when(pl.col("price") < 50).then(pl.col("price") * 2)
    return rows.with_columns(doubled.cast(pl.Decimal(9, 2)).alias("price")).sort("price")
"""


def with_step(desk: Desk, code: str, **step: Any) -> Desk:
    """Give the pipeline the step `double` over the price, made of this code."""
    desk.steps = {"steps/clean.py": code.encode()}
    declared = {"columns": ["price"], "polars": "steps/clean.py:double", **step}
    desk.spec["datasets"]["sales"]["steps"] = {"double": declared}
    return desk


def test_what_a_step_returns_is_judged_and_kept(desk: Desk) -> None:
    """The function may sort its rows; what it makes goes where it belongs, and rules see it."""
    with_step(desk, DOUBLE)
    completed = desk.deliver("a,1,3.00,BTH", "b,1,1.00,Bath", "c,1,-1.00,Bath", "d,1,,Bath")
    assert desk.silver() == {"a": (1, "6.00", "Bath"), "b": (1, "2.00", "Bath")}
    assert flow_of(completed).dropped == {"nulls.price": 1}
    (row,) = desk.table("quarantine/sales").to_pyarrow_table().to_pylist()
    assert row["rules"] == ["rule.not_negative"]


def test_a_value_that_becomes_null_is_refused(desk: Desk) -> None:
    """No silent null: the row is in quarantine under the step, as the source had it."""
    with_step(desk, DOUBLE).deliver("a,1,99.00,Bath", "b,1,1.00,Bath", "broken")
    assert set(desk.silver()) == {"b"}
    rows = desk.table("quarantine/sales").to_pyarrow_table().to_pylist()
    by_rule = {tuple(row["rules"]): row["raw"] for row in rows}
    assert '"price":"99.00"' in by_rule["step.double",].replace(" ", "")
    assert [rules for rules in by_rule if "csv.corrupt" in rules] == [("csv.corrupt",)]


def test_derived_columns_are_made_of_what_a_step_returns(desk: Desk) -> None:
    """Steps come after standardisation and before what is computed."""
    with_step(desk, DOUBLE)
    desk.spec["datasets"]["sales"]["columns"]["cents"] = {
        "type": "decimal(12,2)",
        "expression": "price * 100",
    }
    desk.deliver("a,1,3.00,Bath")
    (row,) = desk.table("silver/sales").to_pyarrow_table().to_pylist()
    assert (str(row["price"]), int(row["cents"])) == ("6.00", 600)


TYPED = """\
from __future__ import annotations
from dataclasses import dataclass
import polars as pl

@dataclass
class Factor:
    by: int = 2

def double(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns((pl.col("price") * Factor().by).cast(pl.Decimal(9, 2)))
"""


def test_a_file_may_have_classes_beside_its_functions(desk: Desk) -> None:
    """As any module: what a dataclass looks for while the file is read is there."""
    with_step(desk, TYPED).deliver("a,1,3.00,Bath")
    assert desk.silver() == {"a": (1, "6.00", "Bath")}


FRAME = "def double(rows):\n    return {}\n"
WRONG = {
    "def double(rows):\n    x = 1\n    raise ValueError('no such price')\n": "raised ValueError at line 3: no such price",
    "def double(rows)\n": "raised SyntaxError at line 1",
    "def other(rows):\n    return rows\n": "the file defines no such function",
    "import sys\n\ndef double(rows):\n    sys.exit(0)\n": "raised SystemExit at line 4",
    "import polars as pl\n\ndef double(rows):\n    raise pl.exceptions.PanicException('gone')\n": "raised PanicException at line 4: gone",
    FRAME.format("None"): "it returned NoneType, not polars.DataFrame",
    FRAME.format("rows.head(1)"): r"got 2 row\(s\) and returned 1",
    FRAME.format("rows.vstack(rows)"): r"returned 4 with 2 different _row_ids",
    "import polars as pl\n" + FRAME.format("rows.with_columns(_row_id=pl.col('_row_id') + 'x')"): "0 of them",
    FRAME.format("rows.drop('price')"): "price is absent",
    FRAME.format("rows.with_columns(town=rows['_row_id'])"): "town is string, not declared",
    FRAME.format("rows.cast({'price': float})"): r"price is double, not decimal128\(9, 2\)",
}


@pytest.mark.parametrize("code", WRONG)
def test_a_step_that_does_what_it_may_not_writes_nothing(desk: Desk, code: str) -> None:
    """The error names the step, the file and the function, what happened, and where."""
    with_step(desk, code)
    with pytest.raises(
        StepFailed, match=rf"(?s)step double: steps/clean\.py:double.* {WRONG[code]}"
    ) as caught:
        desk.deliver("a,1,3.00,Bath", "b,1,1.00,Bath")
    assert "takes and returns a polars.DataFrame with _row_id, price" in caught.value.hint
    assert not (desk.folder / "lakehouse/silver/sales").exists()


def test_an_interrupted_step_is_no_failed_one(desk: Desk) -> None:
    """Ctrl-C ends the run, whatever it meets."""
    with_step(desk, "def double(rows):\n    raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        desk.deliver("a,1,3.00,Bath")


def test_a_step_without_a_function_for_the_engine_says_so(desk: Desk) -> None:
    """What is written for Spark alone cannot run here."""
    with_step(desk, DOUBLE, polars=None, spark="steps/clean.py:double")
    with pytest.raises(StepFailed, match="step double has no function for engine duckdb") as caught:
        desk.deliver("a,1,3.00,Bath")
    assert "`polars: steps/clean.py:double`" in caught.value.hint


def test_what_was_pinned_runs_whatever_the_file_says_now(desk: Desk) -> None:
    """Killed after its commit to Silver, the stage ends with the code of its intent; the next batch has the code of now."""
    event = with_step(desk, DOUBLE).ingest("a,1,3.00,Bath", "b,1,99.00,Bath")
    desk.cleanse_killed(event, "after cleanse silver.sales commit silver")
    desk.steps = {"steps/clean.py": b"def double(rows):\n    return rows\n"}
    desk.cleanse(event)
    assert [row["rules"] for row in desk.table("quarantine/sales").to_pyarrow_table().to_pylist()] == [
        ["step.double"]
    ]
    desk.deliver("c,1,99.00,Bath")
    assert desk.silver() == {"a": (1, "6.00", "Bath"), "c": (1, "99.00", "Bath")}


def test_a_corrected_step_takes_the_rows_that_it_failed_for(desk: Desk) -> None:
    """What failed has written nothing, so it stands in nobody's way."""
    with_step(desk, FRAME.format("1 / 0"))
    event = desk.ingest("a,1,3.00,Bath")
    with pytest.raises(StepFailed, match="ZeroDivisionError at line 2"):
        desk.cleanse(event)
    with_step(desk, DOUBLE).cleanse(event)
    assert desk.silver() == {"a": (1, "6.00", "Bath")}


def test_however_rows_are_cut_a_step_makes_the_same(desk: Desk) -> None:
    """Law 6, for a function that looks at a row by itself."""
    with_step(desk, DOUBLE)
    for line in ("a,1,3.00,Bath", "b,1,1.00,Bath", "a,2,4.00,Bath"):
        desk.deliver(line)
    assert desk.silver() == {"a": (2, "8.00", "Bath"), "b": (1, "2.00", "Bath")}
