"""An existing suite of Great Expectations is a part of the verdict, where one is declared."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from podium_contracts.errors import TerminalError
from podium_contracts.events.v1 import Check
from podium_contracts.pipeline import Pipeline, PipelineDocument
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.engines.duckdb import duckdb_engine
from podium_quality import expecting, suites

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Great Expectations' own imports
ROWS = pa.table(
    {
        "id": ["a", "b", "b"],
        "price": pa.array([Decimal("0.10"), Decimal("2.30"), None], pa.decimal128(12, 2)),
        "pieces": pa.array([1, None, 3], pa.int64()),
        "day": pa.array([date(2024, 2, 29), None, date(2025, 1, 1)]),
        "sold": pa.array([datetime(2024, 2, 29, 23, tzinfo=UTC)] * 3, pa.timestamp("us", tz="UTC")),
    }
)


class Shop:
    """A Silver table, and what suites find in it."""

    def __init__(self, folder: Path) -> None:
        self.uri = str(folder / "sales")
        write_deltalake(self.uri, ROWS)

    def pipeline(self, content: bytes | None) -> Pipeline:
        """Return a pipeline with a suite, or with none."""
        declared = {} if content is None else {"expectations": {"sales": "expectations/sales.json"}}
        columns = {"id": {"type": "string"}}
        dataset = {
            "sources": [{"files": {"path": "*.csv"}}],
            "columns": columns,
            "duplicates": {"keys": ["id"]},
        }
        spec = {"lakehouse": {"uri": "lakehouse"}, "datasets": {"sales": dataset}, "quality": declared}
        document = {"apiVersion": "podium.dev/v1alpha1", "kind": "Pipeline", "metadata": {"name": "shop"}}
        parsed = PipelineDocument.model_validate({**document, "spec": spec}).spec
        return Pipeline(
            "shop", parsed, Path(), "", expectations={} if content is None else {"sales": content}
        )

    def checks(self, content: bytes | None) -> list[Check]:
        """Return the checks of the table by a suite."""
        with duckdb_engine() as engine:
            return expecting.expected(
                "silver.sales", Decimal(3), Snapshot(self.uri, 0), self.pipeline(content), engine
            )

    def check(self, kind: str, **arguments: Any) -> Check:
        """Return the check of one expectation."""
        (found,) = self.checks(suite({"type": kind, "kwargs": arguments}))
        return found

    def problems(self, content: bytes) -> list[tuple[str, str]]:
        """Return what `podium validate` says of a suite."""
        pipeline = self.pipeline(content)
        found = suites.problems(pipeline.spec, pipeline.expectations)
        return [(item.where, item.message) for item in found]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def suite(*expectations: object) -> bytes:
    """Return a suite as Great Expectations 1.x writes it."""
    return json.dumps({"name": "sales", "expectations": expectations, "meta": {}}).encode()


@pytest.mark.parametrize(
    ("kind", "arguments", "passed", "actual", "threshold"),
    [
        ("column_values_to_not_be_null", {"column": "price", "mostly": 0.5}, True, 66.666667, 50),
        ("column_values_to_not_be_null", {"column": "pieces"}, False, 66.666667, 100),
        (
            "column_values_to_be_between",
            {"column": "price", "min_value": 0.1, "max_value": 2.3},
            True,
            100,
            100,
        ),
        ("column_values_to_be_between", {"column": "price", "min_value": 0.11}, False, 50, 100),
        ("column_values_to_be_in_set", {"column": "price", "value_set": [0.1, 2.3]}, True, 100, 100),
        ("column_values_to_be_in_set", {"column": "pieces", "value_set": [1, 2]}, False, 50, 100),
        ("column_min_to_be_between", {"column": "price", "min_value": 0.1, "max_value": 0.1}, True, 0.1, 0.1),
        ("column_max_to_be_between", {"column": "price", "max_value": 2}, False, 2.3, 2),
        ("column_sum_to_be_between", {"column": "price", "min_value": 2, "max_value": 3}, True, 2.4, 3),
        ("column_mean_to_be_between", {"column": "pieces", "min_value": 3}, False, 2, 3),
        ("column_values_to_match_regex", {"column": "id", "regex": "^a$"}, False, 33.333333, 100),
        ("column_values_to_be_unique", {"column": "id"}, False, 33.333333, 100),
        (
            "column_pair_values_a_to_be_greater_than_b",
            {"column_A": "pieces", "column_B": "price"},
            True,
            100,
            100,
        ),
        (
            "column_pair_values_a_to_be_greater_than_b",
            {"column_A": "pieces", "column_B": "price", "ignore_row_if": "both_values_are_missing"},
            False,
            33.333333,
            100,
        ),
        ("column_values_to_be_unique", {"column": "price"}, True, 100, 100),
        ("compound_columns_to_be_unique", {"column_list": ["id", "price"]}, True, 100, 100),
        ("column_values_to_be_between", {"column": "day", "min_value": "2024-02-29"}, True, 100, 100),
        ("column_values_to_be_between", {"column": "day", "min_value": "2024-03-01"}, False, 50, 100),
        ("column_values_to_be_between", {"column": "sold", "min_value": "2024-02-29"}, True, 100, 100),
        ("column_min_to_be_between", {"column": "sold", "min_value": "2024-02-29T23:00"}, True, 100, 100),
        (
            "column_values_to_be_between",
            {"column": "sold", "max_value": "2024-02-29T22:59:59"},
            False,
            0,
            100,
        ),
        (
            "column_max_to_be_between",
            {"column": "sold", "max_value": "2024-03-01T00:00:00+02:00"},
            False,
            0,
            100,
        ),
        ("table_row_count_to_equal", {"value": 3}, True, 3, 3),
        ("table_row_count_to_be_between", {"min_value": 4}, False, 3, 4),
        ("column_to_exist", {"column": "colour"}, False, 0, 100),
        ("table_column_count_to_equal", {"value": 5}, True, 5, 5),
        ("table_columns_to_match_set", {"column_set": ["id"], "exact_match": False}, True, 100, 100),
    ],
)
def test_an_expectation_is_a_check(
    shop: Shop, kind: str, arguments: dict[str, Any], *, passed: bool, actual: float, threshold: float
) -> None:
    """Of a share of values, of a number, or of whether it is met. Decimals are compared as the numbers they are written as."""
    check = shop.check(f"expect_{kind}", **arguments)
    assert (check.passed, check.actual, check.threshold) == (passed, actual, threshold)
    assert (check.table, check.severity, bool(check.message)) == ("silver.sales", "WARNING", not passed)


def test_checks_are_named_by_expectation_and_column_in_the_order_of_the_suite(shop: Shop) -> None:
    """Also where there are two of the same; both versions' names of the type are read, and what is not about the data is passed over."""
    older = {"expectation_type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}, "meta": {}}
    between = {"column": "pieces", "min_value": 2, "result_format": "SUMMARY", "catch_exceptions": True}
    newer = {
        "type": "expect_column_values_to_be_between",
        "kwargs": between,
        "id": "x",
        "severity": "critical",
    }
    other = {**newer, "kwargs": {"column": "pieces", "max_value": 2}, "meta": {"severity": "warning"}}
    rows = {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 3}, "meta": None}
    found = shop.checks(suite(newer, older, older, other, rows))
    assert [check.metric for check in found] == [
        "gx.expect_column_values_to_be_between.pieces",
        "gx.expect_column_values_to_be_unique.id",
        "gx.expect_column_values_to_be_unique.id.2",
        "gx.expect_column_values_to_be_between.pieces.2",
        "gx.expect_table_row_count_to_equal",
    ]
    assert [check.severity for check in found] == ["CRITICAL", "WARNING", "WARNING", "WARNING", "WARNING"]
    assert found[0].message == (
        "gx.expect_column_values_to_be_between.pieces (50) does not meet its minimum (100); expected: min_value: 2"
    )


def test_what_is_for_information_breaches_nothing(shop: Shop) -> None:
    """It is told like any metric without a threshold; `meta` wins over the field of the same name."""
    wanted = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}, "severity": "critical"}
    (check,) = shop.checks(suite({**wanted, "meta": {"severity": "info"}}))
    assert (check.actual, check.passed, check.threshold, check.severity) == (33.333333, True, None, "")


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("expect_love", {}, "expect_love not found"),
        ("expect_column_values_to_be_unique", {"column": "id", "n": 1}, "extra fields not permitted"),
        ("expect_column_values_to_be_unique", {"column": "colour"}, "silver.sales has no column 'colour'"),
        ("expect_column_sum_to_be_between", {"column": "id", "min_value": 1}, "cannot be evaluated"),
    ],
)
def test_what_cannot_be_evaluated_is_an_error_that_says_where(
    shop: Shop, kind: str, arguments: dict[str, Any], message: str
) -> None:
    """It is neither passed nor a breach."""
    with pytest.raises(TerminalError, match=message) as raised:
        shop.check(kind, **arguments)
    assert str(raised.value).startswith(f"expectations/sales.json: expectations[0], {kind}")
    assert raised.value.hint


def test_a_table_that_one_machine_cannot_hold_is_for_spark(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the columns count that the suite looks at."""
    monkeypatch.setattr(expecting, "MOST_CELLS", 3)
    assert shop.check("expect_column_values_to_be_unique", column="id").threshold == 100
    with pytest.raises(TerminalError, match="2 columns of 3 rows") as raised:
        shop.check("expect_compound_columns_to_be_unique", column_list=["id", "price"])
    assert "engine: spark" in raised.value.hint


def test_without_the_extra_an_error_says_what_to_install(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is a suite."""
    monkeypatch.setitem(sys.modules, "great_expectations", None)
    assert shop.checks(None) == []
    with pytest.raises(TerminalError) as raised:
        shop.check("expect_table_row_count_to_equal", value=3)
    assert raised.value.hint == "pip install 'podium[gx]', or build the image with EXTRA=gx"


def test_nothing_is_imported_for_who_declares_no_suite(tmp_path: Path) -> None:
    """Neither Great Expectations nor pandas."""
    script = tmp_path / "stage.py"
    script.write_text(
        "import sys, podium_quality.stage\n"
        "from decimal import Decimal\n"
        "from podium_contracts.pipeline import Quality\n"
        "from types import SimpleNamespace as Some\n"
        "pipeline = Some(spec=Some(quality=Quality()))\n"
        "assert podium_quality.stage.expected('silver.sales', Decimal(1), None, pipeline, None) == []\n"
        "print({'great_expectations', 'pandas', 'pyspark'} & set(sys.modules))\n"
    )
    told = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b"[]", "is no suite"),
        (suite("x"), "expectations[0] is no expectation"),
        (
            suite({"type": "expect_column_values_to_be_increasing", "kwargs": {"column": "id"}}),
            "the order of rows",
        ),
        (suite({"type": "expect_love", "kwargs": {"value": {"$PARAMETER": "x"}}}), "value is a parameter"),
        (suite({"type": "expect_love", "meta": {"severity": "fatal"}}), "no severity 'fatal'"),
    ],
)
def test_a_suite_that_is_none_is_told_with_its_place(shop: Shop, content: bytes, message: str) -> None:
    """Before anything runs."""
    ((where, told),) = shop.problems(content)
    assert where == "spec.quality.expectations.sales"
    assert message in told


def test_a_check_names_the_column_whatever_rows_it_is_about(shop: Shop) -> None:
    """A condition on rows may be about any column; the expectation is about one."""
    found = shop.check(
        "expect_column_values_to_not_be_null",
        column="price",
        row_condition="pieces > 1",
        condition_parser="pandas",
    )
    assert found.metric == "gx.expect_column_values_to_not_be_null.price"


def test_a_suite_that_did_not_come_along_is_an_error(shop: Shop) -> None:
    """It would be no verdict on what was declared."""
    pipeline = replace(shop.pipeline(suite()), expectations={})
    with (
        duckdb_engine() as engine,
        pytest.raises(TerminalError, match="the suite of silver"),
    ):
        expecting.expected("silver.sales", Decimal(3), Snapshot(shop.uri, 0), pipeline, engine)
