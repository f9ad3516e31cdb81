"""Overlays: what is merged into a pipeline file, and where a mistake of the two stands."""

from pathlib import Path
from typing import Any

import pytest
from podium_contracts.errors import InvalidPipeline
from podium_runtime.pipeline_file import load
from podium_runtime.texts import laid_over

from libs.runtime.tests.test_pipeline_file import VALID

RFC_7386 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]
"""The test cases of its appendix."""


@pytest.mark.parametrize(("values", "patch", "result"), RFC_7386)
def test_an_overlay_is_a_merge_patch(values: Any, patch: Any, result: Any) -> None:
    """As the standard says."""
    assert laid_over(values, patch) == result


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pipeline.yaml"
    path.write_text(VALID)
    return path


def overlay(file: Path, *lines: str) -> Path:
    path = file.with_name("prod.yaml")
    path.write_text("\n".join(lines))
    return path


def test_what_belongs_to_an_environment_takes_the_place_of_what_was_there(file: Path) -> None:
    """All else stays; paths start at the pipeline file."""
    prod = overlay(
        file,
        "apiVersion: podium.dev/v1alpha1",
        "kind: Pipeline",
        "spec:",
        "  lakehouse: {uri: s3://lake/retail}",
        "  engine: spark",
        "  publish: {duckdb: null}",
    )
    alone, merged = load(file).document.spec, load(file, prod).document.spec
    assert (merged.lakehouse.uri, merged.engine) == ("s3://lake/retail", "spark")
    assert merged.publish.destinations == ()
    assert merged.datasets == alone.datasets
    assert load(file, prod).pipeline().root == file.parent


MISTAKES = {
    "a value of the overlay": ("spec: {engine: sparc}", "prod.yaml", 1, "spec.engine"),
    "an unknown field of the overlay": ("\nspec:\n  engin: spark", "prod.yaml", 3, "spec.engin"),
    "a list of the overlay": (
        "spec:\n  datasets:\n    sales:\n      sources:\n      - files: {}\n",
        "prod.yaml",
        5,
        "spec.datasets.sales.sources[0].files",
    ),
    "what only both together get wrong": (
        "spec:\n  datasets:\n    sales:\n      rules:\n        in_range: {max: -1}",
        "prod.yaml",
        5,
        "spec.datasets.sales.rules.in_range",
    ),
    "another kind of document": ("kind: PipelineRun", "prod.yaml", 1, "kind"),
}


@pytest.mark.parametrize(("text", "name", "line", "where"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_stands_where_it_was_made(file: Path, text: str, name: str, line: int, where: str) -> None:
    """In the overlay, at its own line."""
    prod = overlay(file, text)
    with pytest.raises(InvalidPipeline) as refused:
        load(file, prod)
    (problem,) = refused.value.problems
    assert (Path(problem.file).name, problem.line, problem.where) == (name, line, where)


def test_what_the_file_gets_wrong_alone_stands_in_the_file(file: Path) -> None:
    """Though the overlay has the same mapping, too."""
    before, _, after = VALID.partition("      columns:")
    file.write_text(before + after[after.index("      nulls:") :])
    prod = overlay(file, "spec:", "  datasets:", "    sales:", "      sources: [{files: {path: s3://raw/*}}]")
    with pytest.raises(InvalidPipeline) as refused:
        load(file, prod)
    (problem,) = refused.value.problems
    assert (problem.file, problem.line, problem.message) == ("", 9, "field 'columns' is missing")


@pytest.mark.parametrize(
    ("text", "message"), [("- a", "not a mapping"), ("a: [", "not YAML"), (None, "no such file")]
)
def test_an_overlay_that_is_none_is_named(file: Path, text: str | None, message: str) -> None:
    """By its own file, and the option that names it."""
    prod = overlay(file, text) if text else file.with_name("prod.yaml")
    with pytest.raises(InvalidPipeline) as refused:
        load(file, prod)
    assert refused.value.file == str(prod)
    assert message in refused.value.problems[0].message
    if text is None:
        assert "--overlay" in refused.value.problems[0].hint
