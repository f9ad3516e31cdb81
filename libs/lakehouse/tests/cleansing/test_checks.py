"""Mistakes in a pipeline file that its schema cannot see: all at once, each with its place and what would be right."""

from typing import Any

import pytest
from podium_contracts.errors import Problem
from podium_contracts.pipeline import Spec
from podium_lakehouse.cleansing.checks import problems
from podium_lakehouse.cleansing.quality_checks import METRICS


def spec(quality: dict[str, Any] | None = None, **changes: Any) -> Spec:
    """Return a specification with one dataset that has no mistake, but for the changes."""
    dataset = {
        "sources": [{"files": {"path": "*.csv"}}],
        "columns": {
            "id": {"type": "string"},
            "n": {"type": "integer"},
            "price": {"type": "decimal(9,2)"},
            "day": {"type": "date"},
            "ok": {"type": "boolean"},
            "total": {"type": "decimal(20,2)", "expression": "n * price"},
        },
        "duplicates": {"keys": ["id"], "order": ["day"]},
        **changes,
    }
    dataset["columns"] |= dataset.pop("more", {})
    return Spec.model_validate(
        {
            "lakehouse": {"uri": "lake"},
            "lookups": {"towns": {"path": "towns.csv", "key": "variant", "value": "town"}},
            "datasets": {"sales": dataset},
            "quality": quality or {},
        }
    )


def found(checked: Spec) -> list[tuple[str, str, str]]:
    """Return place, message and hint of each mistake, places within the dataset."""
    listed = [(problem.where, problem.message, problem.hint) for problem in problems(checked)]
    return [(where.removeprefix("spec.datasets.sales."), message, hint) for where, message, hint in listed]


COLUMNS = "the columns are: id, n, price, day, ok, total"
READ = "the columns are: id, n, price, day, ok"
LATER = f"total is computed after this, as n * price; {READ}"
TOPIC = {"sources": [{"kafka": {"topic": "sales"}}]}
OFFSET = {"o": {"type": "bigint", "from": "kafka_offset"}}
ONE_MISTAKE = {
    "a step without a function for the engine": (
        {"steps": {"mend": {"columns": ["n"], "spark": "steps/clean.py:mend"}}},
        (
            "steps.mend",
            "step mend has no function for engine duckdb",
            "the pipeline's engine is duckdb: add `polars: steps/clean.py:mend`",
        ),
    ),
    "a step over a column that is computed": (
        {"steps": {"mend": {"columns": ["n", "total"], "polars": "steps/clean.py:mend"}}},
        ("steps.mend.columns[1]", "no column 'total' here", LATER),
    ),
    "a column of two steps": (
        {
            "steps": {
                "mend": {"columns": ["n", "id"], "polars": "steps/clean.py:mend"},
                "round": {"columns": ["n"], "polars": "steps/clean.py:round"},
            }
        },
        (
            "steps.round.columns[0]",
            "n is a column of step mend, too, and no order is between steps",
            "make one step of both",
        ),
    ),
    "a column of Podium's": (
        {"more": {"quality_score": {"type": "string"}}},
        ("columns.quality_score", "column 'quality_score' is one that Podium adds", "choose another name"),
    ),
    "a column called as a null flag": (
        {"more": {"n_is_null_flag": {"type": "string"}}, "nulls": {"n": {"strategy": "flag"}}},
        (
            "columns.n_is_null_flag",
            "column 'n_is_null_flag' is the null flag of another",
            "choose another name",
        ),
    ),
    "an expression that names a column that is computed": (
        {"more": {"x": {"type": "decimal(20,2)", "expression": "total * 2"}}},
        ("columns.x.expression", "no column 'total' here", LATER),
    ),
    "an expression that names no column": (
        {"more": {"x": {"type": "string", "expression": "upper(idd)"}}},
        ("columns.x.expression", "no column 'idd' here", f"{READ}"),
    ),
    "an expression of another type": (
        {"more": {"x": {"type": "integer", "expression": "upper(id)"}}},
        (
            "columns.x.expression",
            "the expression is string, the column integer",
            "declare the column as string",
        ),
    ),
    "an expression that does not fit": (
        {"more": {"x": {"type": "decimal(5,2)", "expression": "price"}}},
        (
            "columns.x.expression",
            "the expression is decimal(9,2), the column decimal(5,2)",
            "declare the column as decimal(9,2)",
        ),
    ),
    "nulls of an unknown column": (
        {"nulls": {"x": {"strategy": "drop"}}},
        ("nulls.x", "no column 'x' here", READ),
    ),
    "nulls of a derived column": (
        {"nulls": {"total": {"strategy": "drop"}}},
        ("nulls.total", "no column 'total' here", LATER),
    ),
    "a default of another type": (
        {"nulls": {"n": {"strategy": "default", "default_value": "many"}}},
        ("nulls.n.default_value", "'many' is not integer", ""),
    ),
    "a default that no calendar has": (
        {"nulls": {"day": {"strategy": "default", "default_value": "2026-02-30"}}},
        ("nulls.day.default_value", "'2026-02-30' is not date", ""),
    ),
    "a number for a boolean": (
        {"nulls": {"ok": {"strategy": "flag", "default_value": 1}}},
        ("nulls.ok.default_value", "1 is not boolean", ""),
    ),
    "a lookup that is not declared": (
        {"standardise": {"id": {"lookup": "cities"}}},
        ("standardise.id.lookup", "no lookup 'cities'", "the lookups are: towns"),
    ),
    "a block that is no column": (
        {"duplicates": {"keys": ["id"], "fuzzy": {"block": ["town"], "column": "id", "threshold": "0.9"}}},
        ("duplicates.fuzzy.block[0]", "no column 'town' here", COLUMNS),
    ),
    "numbers that are nearly the same": (
        {"duplicates": {"keys": ["id"], "fuzzy": {"block": ["day"], "column": "n", "threshold": "0.9"}}},
        ("duplicates.fuzzy.column", "fuzzy compares strings, n is integer", ""),
    ),
    "a way of merging a key": (
        {"duplicates": {"keys": ["id"], "order": ["day"], "strategy": "merge", "merge": {"id": "max"}}},
        ("duplicates.merge.id", "no column 'id' here", "the columns are: n, price, ok"),
    ),
    "the longest number": (
        {"duplicates": {"keys": ["id"], "order": ["day"], "strategy": "merge", "merge": {"n": "longest"}}},
        ("duplicates.merge.n", "longest needs a string, n is integer", ""),
    ),
    "a column called as one that merging adds": (
        {
            "more": {"n_as_of": {"type": "date"}},
            "duplicates": {"keys": ["id"], "order": ["day"], "strategy": "merge"},
        },
        ("columns.n_as_of", "column 'n_as_of' is one that Podium adds", "choose another name"),
    ),
    "an interpolation along an unknown column": (
        {"nulls": {"n": {"strategy": "interpolate", "method": "forward", "order_by": ["when"]}}},
        ("nulls.n.order_by[0]", "no column 'when' here", READ),
    ),
    "an interpolation within a derived column": (
        {"nulls": {"n": {"strategy": "interpolate", "method": "mean", "partition_by": ["total"]}}},
        ("nulls.n.partition_by[0]", "no column 'total' here", LATER),
    ),
    "a mean of texts": (
        {"nulls": {"id": {"strategy": "interpolate", "method": "mean"}}},
        (
            "nulls.id.method",
            "mean needs a number of at most 18 digits, id is string",
            "take forward or backward",
        ),
    ),
    "a line along a text": (
        {"nulls": {"n": {"strategy": "interpolate", "method": "linear", "order_by": ["id"]}}},
        ("nulls.n.order_by[0]", "linear needs a number, a date or a time, id is string", ""),
    ),
    "an interpolation of messages": (
        {**TOPIC, "nulls": {"n": {"strategy": "interpolate", "method": "mean"}}},
        (
            "nulls.n",
            "interpolate looks at the rows of a file, and messages have none",
            "choose another strategy",
        ),
    ),
    "a rule that asks a lookup which is not declared": (
        {"rules": {"r": {"type": "reference_data_check", "column": "id", "lookup": "cities"}}},
        ("rules.r.lookup", "no lookup 'cities'", "the lookups are: towns"),
    ),
    "reference data of a number": (
        {"rules": {"r": {"type": "reference_data_check", "column": "n", "lookup": "towns"}}},
        ("rules.r.column", "a reference_data_check needs a string, n is integer", ""),
    ),
    "a condition that is none": (
        {"rules": {"r": {"type": "custom_logic", "expression": "n + 1"}}},
        (
            "rules.r.expression",
            "the expression is decimal(11,0), not a condition",
            "compare it with something",
        ),
    ),
    "a condition on an unknown column": (
        {"rules": {"r": {"type": "custom_logic", "expression": "m > 1"}}},
        ("rules.r.expression", "no column 'm' here", COLUMNS),
    ),
    "a correction of a derived column": (
        {"rules": {"r": {"type": "range_check", "column": "total", "min": 0, "on_failure": "correct"}}},
        ("rules.r.column", "no column 'total' here", LATER),
    ),
    "a bound that the column cannot hold": (
        {"rules": {"r": {"type": "range_check", "column": "n", "min": "0.5", "on_failure": "correct"}}},
        (
            "rules.r.min",
            "the nearest bound takes the place of a value, and 0.5 is not integer",
            "give `correction`, an expression for the value",
        ),
    ),
    "a correction of another type": (
        {
            "rules": {
                "r": {
                    "type": "range_check",
                    "column": "n",
                    "min": 0,
                    "on_failure": "correct",
                    "correction": "id",
                }
            }
        },
        (
            "rules.r.correction",
            "the expression is string, the column integer",
            "declare the column as string",
        ),
    ),
    "an outlier of a text": (
        {
            "scoring": {
                "deductions": {
                    "d": {
                        "condition": "robust_z_score",
                        "column": "id",
                        "median": 1,
                        "mad": 1,
                        "deduction": 5,
                    }
                }
            }
        },
        ("scoring.deductions.d.column", "robust_z_score needs a number, id is string", ""),
    ),
    "a lookup of a number": (
        {"standardise": {"n": {"lookup": "towns"}}},
        ("standardise.n", "a lookup needs a string, n is integer", ""),
    ),
    "standardising an unknown column": (
        {"standardise": {"x": {"expression": "upper(id)"}}},
        ("standardise.x", "no column 'x' here", READ),
    ),
    "standardising to another type": (
        {"standardise": {"n": {"expression": "upper(id)"}}},
        (
            "standardise.n.expression",
            "the expression is string, the column integer",
            "declare the column as string",
        ),
    ),
    "a rule of an unknown column": (
        {"rules": {"r": {"type": "range_check", "column": "x", "min": 0}}},
        ("rules.r.column", "no column 'x' here", COLUMNS),
    ),
    "a range of texts": (
        {"rules": {"r": {"type": "range_check", "column": "id", "min": 0}}},
        ("rules.r.column", "a range_check needs a number, id is string", ""),
    ),
    "a format of numbers": (
        {"rules": {"r": {"type": "format_validation", "column": "n", "pattern": "1"}}},
        ("rules.r.column", "a format_validation needs a string, n is integer", ""),
    ),
    "an unknown key": (
        {"duplicates": {"keys": ["id", "x"]}},
        ("duplicates.keys[1]", "no column 'x' here", COLUMNS),
    ),
    "an unknown order": (
        {"duplicates": {"keys": ["id"], "order": ["x"]}},
        ("duplicates.order[0]", "no column 'x' here", COLUMNS),
    ),
    "a column of Kafka's where no topic is read": (
        {"more": {"o": {"type": "bigint", "from": "kafka_offset"}}},
        ("columns.o", "kafka_offset is Kafka's, and no source here is a topic", "choose another name"),
    ),
    "a column of Kafka's of another type": (
        {**TOPIC, "more": {"kafka_offset": {"type": "integer"}}},
        (
            "columns.kafka_offset.type",
            "kafka_offset is bigint, the column integer",
            "declare the column as bigint",
        ),
    ),
    "a column of Kafka's that is not declared": (
        {**TOPIC, "duplicates": {"keys": ["id"], "order": ["kafka_offset"]}},
        (
            "duplicates.order[0]",
            "no column 'kafka_offset' here",
            "declare it in columns, as kafka_offset: {type: bigint}",
        ),
    ),
    "an order that files do not have": (
        {
            "sources": [{"kafka": {"topic": "sales"}}, {"files": {"path": "*.csv"}}],
            "more": OFFSET,
            "duplicates": {"keys": ["id"], "order": ["day", "o"]},
        },
        (
            "duplicates.order[1]",
            "rows of files have no o, and would all be refused",
            "say what theirs is, as nulls: o: {strategy: default, default_value: …}",
        ),
    ),
    "a deduction for an unknown column": (
        {"scoring": {"deductions": {"d": {"condition": "is_null", "column": "x", "deduction": 5}}}},
        ("scoring.deductions.d.column", "no column 'x' here", COLUMNS),
    ),
    "a deduction for a range of texts": (
        {
            "scoring": {
                "deductions": {
                    "d": {"condition": "out_of_range", "column": "id", "min_value": 1, "deduction": 5}
                }
            }
        },
        ("scoring.deductions.d.column", "out_of_range needs a number, id is string", ""),
    ),
}


@pytest.mark.parametrize(("changes", "mistake"), ONE_MISTAKE.values(), ids=ONE_MISTAKE.keys())
def test_a_mistake_is_told_with_its_place(changes: dict[str, Any], mistake: tuple[str, str, str]) -> None:
    """Each kind of mistake: the path to it, what is wrong, and what would be right."""
    assert found(spec(**changes)) == [mistake]


def test_a_dataset_without_mistakes_has_none() -> None:
    """Every part of a dataset, used as it should be, passes."""
    good = spec(
        more={
            "big": {"type": "bigint", "expression": "n"},
            "wide": {"type": "decimal(12,3)", "expression": "price"},
        },
        nulls={
            "id": {"strategy": "drop"},
            "n": {"strategy": "flag", "default_value": 0},
            "ok": {"strategy": "default", "default_value": True},
            "day": {"strategy": "default", "default_value": "2024-02-29"},
        },
        standardise={"id": {"lookup": "towns"}, "n": {"expression": "abs(n)"}},
        rules={
            "r": {"type": "range_check", "column": "total", "min": 0},
            "f": {"type": "format_validation", "column": "id", "pattern": "[a-z]+"},
        },
        scoring={"deductions": {"d": {"condition": "is_null", "column": "total", "deduction": 5}}},
        quality={
            "thresholds": {
                "sales": {
                    name: {"type": "minimum", "value": 1}
                    for name in (
                        "total_records",
                        "average_quality_score",
                        "quality_high_percentage",
                        "id_completeness",
                        "total_uniqueness",
                        "source_file_completeness",
                        "validation_success_percentage",
                        "updated_at_lag_hours",
                    )
                }
            }
        },
    )
    assert found(good) == []


@pytest.mark.parametrize(
    ("kind", "expression", "said"),
    [
        ("integer", "0", ""),
        ("integer", "-999999999", ""),
        ("integer", "1000000000", "the expression is bigint, the column integer"),
        ("integer", "coalesce(n, 0)", ""),
        ("integer", "1.0", "the expression is decimal(2,1), the column integer"),
        ("decimal(3,2)", "9", ""),
        ("decimal(3,2)", "10", "the expression is bigint, the column decimal(3,2)"),
        ("decimal(3,2)", "coalesce(n, 0)", "the expression is integer, the column decimal(3,2)"),
    ],
)
def test_a_literal_goes_where_its_digits_fit(kind: str, expression: str, said: str) -> None:
    """What is written is known: 0 is a bigint, and a value of a narrower column as well."""
    made = spec(more={"x": {"type": kind, "expression": expression}})
    assert [message for _, message, _ in found(made)] == ([said] if said else [])


@pytest.mark.parametrize(
    ("sources", "nulls"),
    [
        ([], {}),
        ([{"files": {"path": "*.csv"}}], {"o": {"strategy": "default", "default_value": -1}}),
        ([{"files": {"path": "*.csv"}}], {"o": {"strategy": "drop"}}),
    ],
    ids=["of a topic alone", "with a default for files", "files without it dropped"],
)
def test_the_order_may_be_that_of_messages(sources: list[Any], nulls: dict[str, Any]) -> None:
    """What Kafka fills is declared and used like any column, where it is known what rows of files have there."""
    good = spec(
        sources=[{"kafka": {"topic": "sales"}}, *sources],
        more={**OFFSET, "next": {"type": "bigint", "expression": "o"}},
        nulls=nulls,
        duplicates={"keys": ["id"], "order": ["day", "o"]},
    )
    assert found(good) == []


@pytest.mark.parametrize("metric", ["totals", "x_completeness", "quality_best_percentage", "id_average"])
def test_an_unknown_metric_is_told(metric: str) -> None:
    """A threshold on what nobody measures would never be broken."""
    thresholds = {"thresholds": {"sales": {metric: {"type": "minimum", "value": 1}}}}
    assert problems(spec(quality=thresholds)) == [
        Problem(("spec", "quality", "thresholds", "sales", metric), f"no metric {metric!r}", METRICS)
    ]


@pytest.mark.parametrize(
    ("references", "message"),
    [
        ({"sales": {"id": "other.id"}}, ""),
        ({"fact_sale": {"customer": "other.id"}}, ""),
        ({"fact_sale": {"customer": "dim_customer.customer"}}, ""),
        ({"sales": {"nobody": "other.id"}}, "no column 'nobody' in sales"),
        ({"sales": {"id": "others.id"}}, "no dataset 'others'"),
        ({"sales": {"id": "other.nobody"}}, "no column 'nobody' in other"),
        ({"fact_sale": {"customer": "other.nobody"}}, "no column 'nobody' in other"),
        ({"sales": {"amount": "other.id"}}, "amount is integer, other.id is string"),
    ],
)
def test_a_reference_to_nothing_is_told(references: dict[str, dict[str, str]], message: str) -> None:
    """What a column of a dataset refers to is there and of the same type; what a column of Gold is, only its models know."""
    one = spec(more={"amount": {"type": "integer"}}, quality={"references": references})
    both = one.model_copy(update={"datasets": {**one.datasets, "other": one.datasets["sales"]}})
    assert [problem.message for problem in problems(both)] == ([message] if message else [])


@pytest.mark.parametrize(
    ("distributions", "message"),
    [
        ({"sales": ["n", "price", "total"]}, ""),
        ({"towns": ["n"]}, "no dataset 'towns'"),
        ({"sales": ["nobody"]}, "no column 'nobody' in sales"),
        ({"sales": ["id"]}, "a distribution is of numbers, id is string"),
    ],
)
def test_a_distribution_of_nothing_is_told(distributions: dict[str, list[str]], message: str) -> None:
    """What is watched is a column of a dataset, with numbers."""
    found = problems(spec(quality={"anomalies": {"distributions": distributions}}))
    assert [problem.message for problem in found] == ([message] if message else [])


def test_all_mistakes_are_told_at_once() -> None:
    """One look at the file is enough to correct all of it, in every dataset."""
    bad = spec(
        more={"created_at": {"type": "date"}, "x": {"type": "string", "expression": "nosuch(id)"}},
        nulls={"y": {"strategy": "drop"}},
        standardise={"id": {"lookup": "cities"}},
        rules={"r": {"type": "range_check", "column": "id", "min": 0}},
        duplicates={"keys": ["z"]},
        scoring={"deductions": {"d": {"condition": "is_null", "column": "z", "deduction": 5}}},
        quality={"thresholds": {"sales": {"speed": {"type": "minimum", "value": 1}}}},
    )
    two = bad.model_copy(update={"datasets": {**bad.datasets, "other": bad.datasets["sales"]}})
    first = [
        "columns.created_at",
        "columns.x.expression",
        "nulls.y",
        "standardise.id.lookup",
        "rules.r.column",
        "duplicates.keys[0]",
        "scoring.deductions.d.column",
    ]
    assert [problem.where for problem in problems(two)] == [
        *(f"spec.datasets.sales.{where}" for where in first),
        *(f"spec.datasets.other.{where}" for where in first),
        "spec.quality.thresholds.sales.speed",
    ]


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        (
            {"more": {"n": {"type": "integer", "timestamp_format": "dd.MM.yyyy"}}},
            ("columns.n.timestamp_format", "n is read as no date or timestamp"),
        ),
        (
            {"more": {"day": {"type": "date", "timestamp_format": "dd.MM.yyyy HH:mm"}}},
            ("columns.day.timestamp_format", "day is a date, and its format has a time"),
        ),
        (
            {
                "sources": [
                    {"files": {"path": "a", "timestamp_format": "dd.MM.yyyy"}},
                    {"files": {"path": "b"}},
                ]
            },
            ("sources[1].files", "source_system file_upload writes timestamps in two ways"),
        ),
    ],
    ids=["no date", "a time in a date", "two ways"],
)
def test_a_timestamp_format_has_its_place(changes: dict[str, Any], mistake: tuple[str, str]) -> None:
    """It belongs to dates and timestamps that are read, and one system writes in one way."""
    [(where, message, hint)] = found(spec(**changes))
    assert (where.removeprefix("spec.datasets.sales."), message) == mistake
    assert hint
