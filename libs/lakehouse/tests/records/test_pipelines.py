"""Pipelines come back as they were when an intent was planned: the document, and the schemas of its messages."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from podium_contracts.pipeline import Pipeline, Spec
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.pipelines import SCHEMA


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    """Return an empty lakehouse."""
    return Lakehouse(str(tmp_path / "lake"))


def pipeline(folder: Path, fingerprint: str, **schemas: bytes) -> Pipeline:
    """Return a pipeline with schemas."""
    dataset = {
        "sources": [{"kafka": {"topic": fingerprint}}],
        "columns": {"id": {"type": "string"}},
        "duplicates": {"keys": ["id"]},
    }
    spec = Spec.model_validate({"lakehouse": {"uri": "lake"}, "datasets": {"sales": dataset}})
    return Pipeline("shop", spec, folder, fingerprint, schemas)


def test_a_pipeline_is_what_it_was(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """Its schemas are those of then, under the paths that the file gave, even of files outside its folder; its suites, too."""
    before = pipeline(tmp_path, "old", **{"schemas/sale.avsc": b"{}", "../shared/\u00e9.proto": b"\xff"})
    before = replace(before, expectations={"sales": b"{}"})
    now = pipeline(tmp_path, "new", **{"schemas/sale.avsc": b"[]"})
    lakehouse.pipelines.put(before)
    lakehouse.pipelines.put(replace(before, schemas={}))
    lakehouse.pipelines.put(now)
    assert lakehouse.pipelines.as_pinned(now, "old") == before
    assert lakehouse.pipelines.as_pinned(before, "new") == now


def test_pipelines_that_were_kept_before_there_were_schemas_come_back(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    """The table of an older lakehouse gets the column when it is next written."""
    before, now = pipeline(tmp_path, "old"), pipeline(tmp_path, "new", a=b"x")
    row = {
        "fingerprint": "old",
        "pipeline": "shop",
        "spec": before.spec.model_dump_json(by_alias=True),
        "dbt": None,
    }
    older = SCHEMA.remove(SCHEMA.get_field_index("schemas"))
    write_deltalake(lakehouse.pipelines.table.uri, pa.Table.from_pylist([row], schema=older))
    assert lakehouse.pipelines.as_pinned(now, "old") == before
    lakehouse.pipelines.put(now)
    assert lakehouse.pipelines.as_pinned(now, "old") == before
    assert lakehouse.pipelines.as_pinned(before, "new") == now


def test_a_dataset_without_keys_comes_back(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """What is written of it lists no keys, which a pipeline file may not say."""
    dataset = {"sources": [{"files": {"path": "in/*.csv"}}], "columns": {"id": {"type": "string"}}}
    spec = Spec.model_validate({"lakehouse": {"uri": "lake"}, "datasets": {"sales": dataset}})
    before, now = Pipeline("shop", spec, tmp_path, "old"), pipeline(tmp_path, "new")
    lakehouse.pipelines.put(before)
    assert lakehouse.pipelines.as_pinned(now, "old") == before
    assert lakehouse.pipelines.others("bank") == [replace(before, root=Path())]
    assert lakehouse.pipelines.datasets() == {"shop": ["sales"]}
