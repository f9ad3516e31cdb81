"""A pipeline as the stages get it: the document, and where its relative paths start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from podium_contracts.pipeline.document import PipelineDocument, Spec

NOT_IN_PROJECT = frozenset({"target", "logs", "profiles.yml", ".user.yml"})
"""At the top of a dbt project: what dbt writes when it runs, and how someone's own dbt connects, which may hold a password."""


def in_project(path: PurePath) -> bool:
    """Return whether a path, relative to a dbt project, is a part of the project."""
    return path.parts[0] not in NOT_IN_PROJECT


@dataclass(frozen=True)
class Pipeline:
    """A validated pipeline file.

    `root` is the folder of the file; `fingerprint` is a SHA-256 over the file and everything it refers to, so that two
    pipelines with the same fingerprint make the same tables. `schemas` has the content of each file that says how to read messages,
    and of those that it imports, by the path that the pipeline file gives; `steps` that of the Python files of custom steps; `expectations`
    that of each suite, by the table it is for.
    """

    name: str
    spec: Spec
    root: Path
    fingerprint: str
    schemas: Mapping[str, bytes] = field(default_factory=dict)
    steps: Mapping[str, bytes] = field(default_factory=dict)
    expectations: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def alone(cls, document: PipelineDocument, root: Path) -> "Pipeline":
        """Return a pipeline without what it refers to: the account of its completions needs no more."""
        return cls(document.metadata.name, document.spec, root, fingerprint="")

    def resolve(self, path: str) -> str:
        """Return a path or URI of the file as an absolute one."""
        return path if "://" in path else str((self.root / path).absolute())

    @property
    def lakehouse_uri(self) -> str:
        """Where the tables lie."""
        return self.resolve(self.spec.lakehouse.uri)
