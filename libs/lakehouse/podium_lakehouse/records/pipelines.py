"""Pipelines: every version of a pipeline that an intent was planned under, so that an interrupted stage ends as it began."""

import io
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
from podium_contracts.pipeline import Pipeline, Spec, in_project

from podium_lakehouse.records.table import RecordTable

SCHEMA = pa.schema(
    [("fingerprint", pa.string()), ("pipeline", pa.string()), ("spec", pa.string()), ("dbt", pa.binary())]
)
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every file in an archive: the earliest that the format knows."""


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
            "dbt": _archive(Path(pipeline.resolve(pipeline.spec.model.dbt))) if pipeline.spec.model else None,
        }
        self.table.put(pipeline.fingerprint, 1, [row])

    def as_pinned(self, pipeline: Pipeline, fingerprint: str) -> Pipeline:
        """Return the pipeline as it was under a fingerprint; its files other than the dbt project are today's."""
        if pipeline.fingerprint == fingerprint:
            return pipeline
        row = self.table.rows(fingerprint=fingerprint)[0]
        spec = Spec.model_validate_json(str(row["spec"]))
        return replace(pipeline, spec=spec, fingerprint=fingerprint)

    def dbt_project(self, fingerprint: str, folder: Path) -> Path:
        """Unpack the dbt project of a fingerprint into a folder and return it."""
        row = self.table.rows(fingerprint=fingerprint)[0]
        content = row["dbt"]
        assert isinstance(content, bytes)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.extractall(folder)
        return folder


def _archive(project: Path) -> bytes:
    """Return the project's files as an archive whose bytes depend on nothing but their names and contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(project.rglob("*")):
            name = path.relative_to(project)
            if path.is_file() and in_project(name):
                archive.writestr(zipfile.ZipInfo(name.as_posix(), EPOCH), path.read_bytes())
    return buffer.getvalue()
