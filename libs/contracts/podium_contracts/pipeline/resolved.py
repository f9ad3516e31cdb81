"""A pipeline as the stages get it: the document, and where its relative paths start."""

from dataclasses import dataclass
from pathlib import Path

from podium_contracts.pipeline.document import Spec


@dataclass(frozen=True)
class Pipeline:
    """A validated pipeline file.

    `root` is the folder of the file; `fingerprint` is a SHA-256 over the file and everything it refers to, so that two
    pipelines with the same fingerprint make the same tables.
    """

    name: str
    spec: Spec
    root: Path
    fingerprint: str

    def resolve(self, path: str) -> str:
        """Return a path or URI of the file as an absolute one."""
        return path if "://" in path else str((self.root / path).absolute())

    @property
    def lakehouse_uri(self) -> str:
        """Where the tables lie."""
        return self.resolve(self.spec.lakehouse.uri)
