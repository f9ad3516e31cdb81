"""The pipeline file's models: what they refuse, in words, and what they take for granted."""

import copy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from podium_contracts.pipeline import (
    FULL_SCORE,
    TIERS,
    Anomalies,
    Column,
    CsvDialect,
    Dataset,
    Duplicates,
    KafkaSource,
    NullStrategy,
    Pipeline,
    PipelineDocument,
    RangeCheck,
    Spec,
    Standardise,
    Threshold,
)
from podium_contracts.pipeline.rules import FormatValidation, ReferenceDataCheck
from podium_contracts.pipeline.scoring import NullDeduction, RangeDeduction
from pydantic import BaseModel, ValidationError

DOCUMENT: dict[str, Any] = {
    "apiVersion": "podium.dev/v1alpha1",
    "kind": "Pipeline",
    "metadata": {"name": "retail"},
    "spec": {
        "lakehouse": {"uri": "./lakehouse"},
        "lookups": {"countries": {"path": "countries.csv", "key": "variant", "value": "name"}},
        "datasets": {
            "sales": {
                "sources": [{"files": {"path": "data/*.csv"}}],
                "columns": {"id": {"from": "Id", "type": "string"}, "amount": {"type": "decimal(12,2)"}},
                "nulls": {"id": {"strategy": "flag"}},
                "standardise": {"id": {"expression": "trim(id)"}},
                "rules": {
                    "in_range": {"type": "range_check", "column": "amount", "min": 0},
                    "formatted": {"type": "format_validation", "column": "id", "pattern": "[0-9]+"},
                },
                "duplicates": {"keys": ["id"]},
                "scoring": {
                    "deductions": {
                        "no_id": {"condition": "is_null", "column": "id", "deduction": 10},
                        "big": {
                            "condition": "out_of_range",
                            "column": "amount",
                            "max_value": 9,
                            "deduction": 0.5,
                        },
                    }
                },
            }
        },
        "model": {"dbt": "dbt"},
        "quality": {"thresholds": {"sales": {"total_records": {"type": "minimum", "value": 1}}}},
        "publish": {"duckdb": {"path": "retail.duckdb"}},
    },
}


def mistakes(kind: type[BaseModel], fields: dict[str, Any]) -> str:
    """Return what is wrong with a model's fields; the test fails if nothing is."""
    with pytest.raises(ValidationError) as refused:
        kind.model_validate(fields)
    return str(refused.value)


def test_a_whole_document_is_read() -> None:
    """Each part becomes the type that its words name."""
    sales = PipelineDocument.model_validate(DOCUMENT).spec.datasets["sales"]
    assert sales.columns["id"].source == "Id"
    assert sales.rules["in_range"] == RangeCheck(type="range_check", column="amount", min=Decimal(0))
    assert isinstance(sales.rules["formatted"], FormatValidation)
    assert isinstance(sales.scoring.deductions["no_id"], NullDeduction)
    assert isinstance(sales.scoring.deductions["big"], RangeDeduction)
    assert sales.scoring.deductions["big"].deduction == Decimal("0.5")


def test_what_is_left_out_has_a_default() -> None:
    """A small file says little: commas and double quotes, warnings, no deductions, rows with unknown values set aside."""
    files = Dataset.model_validate(DOCUMENT["spec"]["datasets"]["sales"]).sources[0].files
    assert (files.format, files.source_system) == ("csv", "file_upload")
    assert files.csv == CsvDialect(delimiter=",", quote='"', escape='"')
    minimal = {"lakehouse": {"uri": "x"}, "datasets": DOCUMENT["spec"]["datasets"]}
    spec = Spec.model_validate(minimal)
    assert (spec.lookups, spec.model, spec.publish.duckdb) == ({}, None, None)
    assert (spec.quality.thresholds, spec.quality.on_failure) == ({}, "hold")
    assert Threshold(type="minimum", value=1).severity == "WARNING"
    assert Standardise(lookup="countries").missing == "quarantine"
    assert Duplicates(keys=("id",)) == Duplicates(keys=("id",), order=(), strategy="keep_latest")


def test_a_document_is_the_same_after_a_round_trip() -> None:
    """What is written of a document as JSON means the same document, under the names of the file."""
    document = PipelineDocument.model_validate(DOCUMENT)
    written = document.model_dump_json(by_alias=True)
    assert PipelineDocument.model_validate_json(written) == document
    assert '"apiVersion":"podium.dev/v1alpha1"' in written
    assert '"from":"Id"' in written


def paths(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the path of every mapping in a document."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    inner = [found for key, value in items for found in paths(value, (*path, key))]
    return [path, *inner] if isinstance(node, dict) else inner


NAMED = {"lookups", "datasets", "columns", "nulls", "standardise", "rules", "deductions", "thresholds"}
CLOSED = [
    path for path in paths(DOCUMENT) if not path or (path[-1] not in NAMED and path[-2:-1] != ("thresholds",))
]


@pytest.mark.parametrize("path", CLOSED, ids=lambda path: ".".join(map(str, path)) or "document")
def test_an_unknown_field_is_an_error_everywhere(path: tuple[str | int, ...]) -> None:
    """A misspelt field would otherwise be a setting that is silently lost."""
    document = copy.deepcopy(DOCUMENT)
    place: Any = document
    for part in path:
        place = place[part]
    place["surprise"] = 1
    assert "surprise\n  Extra inputs are not permitted" in mistakes(PipelineDocument, document)


def test_a_model_does_not_change() -> None:
    """What stages share is a value: nobody can change it behind another's back."""
    spec = PipelineDocument.model_validate(DOCUMENT).spec
    with pytest.raises(ValidationError, match="frozen"):
        spec.lakehouse.uri = "elsewhere"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("apiVersion", "podium.dev/v1"),
        ("kind", "PipelineRun"),
        ("metadata", {"name": "Retail"}),
        ("spec", {}),
    ],
)
def test_a_document_of_another_kind_is_refused(field: str, value: object) -> None:
    """Version, kind and name are checked before anything runs."""
    assert field in mistakes(PipelineDocument, {**DOCUMENT, field: value})


@pytest.mark.parametrize("field", ["sources", "columns"])
def test_a_dataset_needs_a_source_and_a_column(field: str) -> None:
    """Nothing can be made of none."""
    fields = {
        **DOCUMENT["spec"]["datasets"]["sales"],
        field: type(DOCUMENT["spec"]["datasets"]["sales"][field])(),
    }
    assert "at least 1 item" in mistakes(Dataset, fields)


def test_a_column_has_one_origin() -> None:
    """A column of the source, by name or by its own, or an expression; never both, and none is empty."""
    for origin in ({}, {"from": "Id"}, {"expression": "a + b"}):
        Column.model_validate({"type": "string", **origin})
    both = mistakes(Column, {"type": "string", "from": "Id", "expression": "a"})
    assert "a column has either `from` or `expression`" in both
    for empty in ({"from": ""}, {"expression": ""}):
        assert "at least 1 character" in mistakes(Column, {"type": "string", **empty})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schema": "sale.avsc"}, "format `json` takes no `schema` and no `message`"),
        ({"message": "shop.Sale"}, "format `json` takes no `schema` and no `message`"),
        ({"format": "avro"}, "format `avro` needs `schema`, the file that says how to read it"),
        ({"format": "avro", "schema": "a.avsc", "message": "shop.Sale"}, "format `avro` takes no `message`"),
        ({"format": "protobuf", "message": "shop.Sale"}, "format `protobuf` needs `schema`"),
        (
            {"format": "protobuf", "schema": "a.proto"},
            "format `protobuf` needs `message`, the full name of one",
        ),
    ],
)
def test_a_topic_says_how_its_messages_are_read(fields: dict[str, str], message: str) -> None:
    """JSON needs no schema, Avro a file, Protobuf a file and which of its messages; what has no use is refused."""
    assert message in mistakes(KafkaSource, {"topic": "sales", **fields})


@pytest.mark.parametrize("default", ["UNKNOWN", "", "1.50", 0, -3, True, False])
def test_a_default_stays_what_was_written(default: object) -> None:
    """Text, whole number or truth: none is turned into another."""
    read = NullStrategy.model_validate({"strategy": "default", "default_value": default}).default_value
    assert (read, type(read)) == (default, type(default))


@pytest.mark.parametrize("default", [1.5, [1], {"a": 1}, Decimal("1.5")])
def test_a_default_that_has_lost_its_text_is_refused(default: object) -> None:
    """A number with a point has been rounded by the time it is read; the message says to quote it."""
    message = mistakes(NullStrategy, {"strategy": "flag", "default_value": default})
    assert "1 validation error" in message
    assert "write a text in quotes, a whole number, true or false" in message


def test_a_null_strategy_takes_a_default_where_it_fills_in() -> None:
    """`default` needs a value, `drop` has no use for one, `flag` may have one."""
    assert "strategy `default` needs a default_value" in mistakes(NullStrategy, {"strategy": "default"})
    dropped = mistakes(NullStrategy, {"strategy": "drop", "default_value": 1})
    assert "strategy `drop` takes no default_value" in dropped
    assert NullStrategy(strategy="drop").default_value is None
    assert NullStrategy(strategy="flag").default_value is None
    assert NullStrategy(strategy="flag", default_value="x").default_value == "x"


@pytest.mark.parametrize("fields", [{}, {"expression": "trim(a)", "lookup": "countries"}])
def test_a_column_is_standardised_in_one_way(fields: dict[str, str]) -> None:
    """By an expression or by a lookup, not by both or neither."""
    assert "give either `expression` or `lookup`" in mistakes(Standardise, fields)


def test_duplicates_need_a_key() -> None:
    """Without one every row would be the same thing."""
    assert "at least 1 item" in mistakes(Duplicates, {"keys": []})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"order": ["at"]}, "give `keys`"),
        ({"keys": ["id"], "strategy": "merge"}, "one column of `order`"),
        ({"keys": ["id"], "strategy": "merge", "order": ["a", "b"]}, "one column of `order`"),
        ({"keys": ["id"], "merge": {"a": "max"}}, "goes with strategy `merge`"),
    ],
)
def test_duplicates_that_are_merged_say_how(fields: dict[str, object], message: str) -> None:
    """By keys, along one order, and each column in its way."""
    assert message in mistakes(Duplicates, fields)


@pytest.mark.parametrize("delimiter", ['"', "\\", "\n", "\r"])
def test_a_delimiter_is_none_of_the_other_signs(delimiter: str) -> None:
    """A line that could be read in two ways is not read at all."""
    message = mistakes(CsvDialect, {"delimiter": delimiter, "escape": "\\"})
    assert "is also the quote, the escape or a line end" in message


@pytest.mark.parametrize("field", ["delimiter", "quote", "escape"])
@pytest.mark.parametrize("sign", ["", ";;"])
def test_a_sign_of_a_dialect_is_one_character(field: str, sign: str) -> None:
    """Longer ones are read differently by every reader of CSV."""
    assert field in mistakes(CsvDialect, {field: sign})
    assert CsvDialect(delimiter=";").delimiter == ";"


RANGES = [
    pytest.param(RangeCheck, {"type": "range_check"}, "min", "max", id="range_check"),
    pytest.param(
        RangeDeduction,
        {"condition": "out_of_range", "deduction": 1},
        "min_value",
        "max_value",
        id="out_of_range",
    ),
]


@pytest.mark.parametrize(("kind", "fields", "low", "high"), RANGES)
def test_a_range_has_a_bound_and_room(
    kind: type[BaseModel], fields: dict[str, Any], low: str, high: str
) -> None:
    """One bound is enough, equal bounds leave one value, crossed bounds leave none."""
    fields = {**fields, "column": "a"}
    for bounds in ({low: 0}, {high: 0}, {low: 3, high: 3}):
        kind.model_validate({**fields, **bounds})
    assert f"give `{low}`, `{high}` or both" in mistakes(kind, fields)
    assert f"{low} 3 is above {high} 2.9" in mistakes(kind, {**fields, low: 3, high: 2.9})


@pytest.mark.parametrize("bound", [float("nan"), float("inf"), "-inf", "abc", ""])
def test_a_bound_is_a_number(bound: object) -> None:
    """Nothing is above infinity, and nothing can be compared with what is not a number."""
    assert "min" in mistakes(RangeCheck, {"type": "range_check", "column": "a", "min": bound})
    assert "value" in mistakes(Threshold, {"type": "minimum", "value": bound})


def test_anomalies_need_no_more_history_than_they_look_at() -> None:
    """Otherwise nothing would ever be unusual."""
    assert "minimum_history" in mistakes(Anomalies, {"history": 5, "minimum_history": 6})
    assert Anomalies(history=7) == Anomalies(history=7, minimum_history=7, deviations=3.5)


def test_a_bound_is_decimal() -> None:
    """0.1 in the file is 0.1, not the nearest binary fraction."""
    check = RangeCheck.model_validate({"type": "range_check", "column": "a", "min": 0.1, "max": "1.10"})
    assert (str(check.min), str(check.max)) == ("0.1", "1.10")


@pytest.mark.parametrize("points", [0, -1, 100.1, 1.25])
def test_a_deduction_is_part_of_the_full_score(points: float) -> None:
    """More than 0 and at most 100 points, to a tenth."""
    fields = {"condition": "is_null", "column": "a"}
    assert "deduction" in mistakes(NullDeduction, {**fields, "deduction": points})
    for possible in (0.1, 15, 100):
        NullDeduction.model_validate({**fields, "deduction": possible})


def test_the_tiers_cover_every_score() -> None:
    """HIGH from 90, MEDIUM from 70, LOW from 50, POOR below; the best comes first."""
    assert TIERS == (("HIGH", 90), ("MEDIUM", 70), ("LOW", 50), ("POOR", 0))
    assert FULL_SCORE == 100


def test_a_pattern_in_a_rule_is_shared_by_every_engine() -> None:
    """A rule that only one engine understands is refused with the file."""
    fields = {"type": "format_validation", "column": "a", "pattern": "a(?=b)"}
    assert "'(?' is not in the patterns that every engine reads alike" in mistakes(FormatValidation, fields)


@pytest.mark.parametrize(
    ("uri", "resolved"),
    [
        ("./lakehouse", "/srv/retail/lakehouse"),
        ("/data/lake", "/data/lake"),
        ("s3://bucket/lake", "s3://bucket/lake"),
    ],
)
def test_a_relative_path_starts_at_the_file(uri: str, resolved: str) -> None:
    """URIs and absolute paths stay; the rest is relative to the folder of the pipeline file."""
    document = copy.deepcopy(DOCUMENT)
    document["spec"]["lakehouse"]["uri"] = uri
    spec = PipelineDocument.model_validate(document).spec
    pipeline = Pipeline(name="retail", spec=spec, root=Path("/srv/retail"), fingerprint="")
    assert pipeline.lakehouse_uri == resolved


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"strategy": "interpolate"}, "needs a method"),
        ({"strategy": "flag", "method": "mean"}, "no other strategy takes one"),
        ({"strategy": "drop", "order_by": ["at"]}, "go with strategy `interpolate`"),
        ({"strategy": "interpolate", "method": "forward"}, "need `order_by`"),
        ({"strategy": "interpolate", "method": "linear", "order_by": ["a", "b"]}, "linear one column"),
    ],
)
def test_an_interpolation_says_how(fields: dict[str, object], message: str) -> None:
    """By a method, and along an order where it needs one."""
    assert message in mistakes(NullStrategy, fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": "range_check", "min": 0, "correction": "0"}, "goes with `on_failure: correct`"),
        ({"type": "format_validation", "pattern": "a", "on_failure": "correct"}, "needs `correction`"),
        ({"type": "reference_data_check", "lookup": "l", "on_failure": "correct"}, "needs `correction`"),
    ],
)
def test_a_correction_goes_with_a_rule_that_corrects(fields: dict[str, object], message: str) -> None:
    """And such a rule says what it puts in the place of the value."""
    assert message in mistakes(RULES[str(fields["type"])], {"column": "x", **fields})


RULES: dict[str, type[BaseModel]] = {
    "range_check": RangeCheck, "format_validation": FormatValidation, "reference_data_check": ReferenceDataCheck,
}  # fmt: skip
