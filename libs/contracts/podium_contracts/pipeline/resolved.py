"""A pipeline as the stages get it: the document, and where its relative paths start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from podium_contracts.pipeline.document import Spec

WRITTEN_BY_DBT = frozenset({"target", "logs"})
"""Folders at the top of a dbt project that dbt writes when it runs; all others are the project's own."""


def in_project(path: PurePath) -> bool:
    """Return whether a path, relative to a dbt project, is a part of the project."""
    return path.parts[0] not in WRITTEN_BY_DBT


@dataclass(frozen=True)
class Pipeline:
    """A validated pipeline file.

    `root` is the folder of the file; `fingerprint` is a SHA-256 over the file and everything it refers to, so that two
    pipelines with the same fingerprint make the same tables. `schemas` has the content of each file that says how to read messages,
    and of those that it imports, by the path that the pipeline file gives.
    """

    name: str
    spec: Spec
    root: Path
    fingerprint: str
    schemas: Mapping[str, bytes] = field(default_factory=dict)

    def resolve(self, path: str) -> str:
        """Return a path or URI of the file as an absolute one."""
        return path if "://" in path else str((self.root / path).absolute())

    @property
    def lakehouse_uri(self) -> str:
        """Where the tables lie."""
        return self.resolve(self.spec.lakehouse.uri)
