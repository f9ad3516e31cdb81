"""Pipelines: every version of a pipeline that an intent was planned under, so that an interrupted stage ends as it began."""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
from podium_contracts.archives import archive
from podium_contracts.pipeline import Pipeline, Spec, in_project

from podium_lakehouse.records.table import RecordTable

SCHEMA = pa.schema(
    [
        ("fingerprint", pa.string()),
        ("pipeline", pa.string()),
        ("spec", pa.string()),
        ("dbt", pa.binary()),
        ("schemas", pa.binary()),
        ("steps", pa.binary()),
        ("expectations", pa.binary()),
    ]
)


@dataclass(frozen=True)
class Pipelines:
    """The table of pipelines, by fingerprint."""

    table: RecordTable

    def put(self, pipeline: Pipeline) -> None:
        """Keep a pipeline, once per fingerprint."""
        if self.table.last(pipeline.fingerprint):
            return
        row = {
            "fingerprint": pipeline.fingerprint,
            "pipeline": pipeline.name,
            "spec": pipeline.spec.model_dump_json(by_alias=True),
            "dbt": _project(Path(pipeline.resolve(pipeline.spec.model.dbt))) if pipeline.spec.model else None,
            "schemas": archive(pipeline.schemas),
            "steps": archive(pipeline.steps),
            "expectations": archive(pipeline.expectations),
        }
        self.table.put(pipeline.fingerprint, 1, [row])

    def as_pinned(self, pipeline: Pipeline, fingerprint: str) -> Pipeline:
        """Return the pipeline, its schemas, steps and suites as they were under a fingerprint; the dbt project is in `dbt_project`."""
        if pipeline.fingerprint == fingerprint:
            return pipeline
        row = self.table.rows(fingerprint=fingerprint)[0]
        spec = _spec(row)
        return replace(
            pipeline,
            spec=spec,
            fingerprint=fingerprint,
            schemas=_unpacked(row["schemas"]),
            steps=_unpacked(row["steps"]),
            expectations=_unpacked(row["expectations"]),
        )

    def datasets(self) -> dict[str, list[str]]:
        """Return the datasets that each pipeline has ever had, by its name."""
        found: dict[str, dict[str, None]] = {}
        for row in self.table.rows():
            spec = _spec(row)
            found.setdefault(str(row["pipeline"]), {}).update(dict.fromkeys(spec.datasets))
        return {name: list(datasets) for name, datasets in found.items()}

    def others(self, name: str) -> list[Pipeline]:
        """Return every version that was kept of pipelines of other names, without their schemas."""
        return [
            Pipeline(
                str(row["pipeline"]),
                _spec(row),
                Path(),
                str(row["fingerprint"]),
            )
            for row in self.table.rows()
            if row["pipeline"] != name
        ]

    def dbt_project(self, fingerprint: str, folder: Path) -> Path:
        """Unpack the dbt project of a fingerprint into a folder and return it."""
        row = self.table.rows(fingerprint=fingerprint)[0]
        content = row["dbt"]
        assert isinstance(content, bytes)
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            opened.extractall(folder)
        return folder


def _spec(row: Mapping[str, object]) -> Spec:
    """Return a specification that was kept; of a dataset without keys it lists none, which a pipeline file may not say."""
    kept = json.loads(str(row["spec"]))
    for dataset in kept["datasets"].values():
        if not dataset["duplicates"]["keys"]:
            del dataset["duplicates"]["keys"]
    return Spec.model_validate_json(json.dumps(kept))


def _project(folder: Path) -> bytes:
    names = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return archive({name.as_posix(): path.read_bytes() for name, path in names.items() if in_project(name)})


def _unpacked(content: object) -> dict[str, bytes]:
    if not isinstance(content, bytes):
        return {}
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}
