"""The pipeline file: read, validated, and its mistakes shown where they stand, all at once."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from podium_contracts.errors import InvalidPipeline, Problem
from podium_contracts.errors import Path as Place
from podium_contracts.pipeline import Pipeline, PipelineDocument, in_project
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean

from podium_runtime import message_schemas, schema_mistakes

UNREADABLE = (YAMLError, ValueError, LookupError, OverflowError, RecursionError)
"""What reading a text as YAML may raise: ruamel lets errors of its own conversions through, as for a date in month 99."""


@dataclass(frozen=True)
class PipelineFile:
    """A pipeline file's text and what it means; `tree` knows the line of every path in it."""

    path: Path
    document: PipelineDocument
    tree: Any

    def pipeline(self) -> Pipeline:
        """Return the pipeline as the stages get it."""
        root = self.path.parent.absolute()
        schemas = self.schemas()
        return Pipeline(
            name=self.document.metadata.name,
            spec=self.document.spec,
            root=root,
            fingerprint=fingerprint(self.path, self.document, schemas),
            schemas=schemas,
        )

    def schemas(self) -> Mapping[str, bytes]:
        """Return the files that say how to read messages, as far as they are there."""
        return message_schemas.read(self.path.parent, self.document.spec)

    def missing(self) -> list[Problem]:
        """Return a problem for each file that the pipeline refers to and that is not there."""
        spec, root = self.document.spec, self.path.parent
        wanted: dict[Place, str] = {
            ("spec", "lookups", name, "path"): lookup.path for name, lookup in spec.lookups.items()
        }
        wanted |= message_schemas.places(spec)
        if spec.model:
            wanted["spec", "model", "dbt"] = f"{spec.model.dbt}/dbt_project.yml"
        return [
            Problem(path, f"{where} does not exist", f"looked in {root.absolute()}")
            for path, where in wanted.items()
            if not (root / where).is_file()
        ]

    def invalid(self, problems: list[Problem]) -> InvalidPipeline:
        """Return the error that tells these problems, each with its line."""
        return _invalid(problems, self.path, self.tree)


def load(path: Path) -> PipelineFile:
    """Read and validate a pipeline file.

    Raises:
        InvalidPipeline: the file is missing, is not YAML, or breaks the schema; every mistake is listed.
    """
    tree = _read(path)
    if not isinstance(tree, CommentedMap):
        hint = "write a mapping of apiVersion, kind, metadata and spec"
        raise _invalid([Problem((), "not a mapping", hint)], path, tree)
    try:
        document = PipelineDocument.model_validate(plain(tree), by_alias=True, by_name=False)
    except ValidationError as error:
        raise _invalid(schema_mistakes.problems(error), path, tree) from error
    return PipelineFile(path, document, tree)


def name_in(path: Path) -> str | None:
    """Return the name of the pipeline in a file, whatever mistakes it has; None where it holds none."""
    return _name_in(path, stamp(path))


def stamp(path: Path) -> tuple[int, ...]:
    """Return what changes with a file. Its time alone does not: while it is written it is empty, at the same tick of the clock."""
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


@lru_cache(maxsize=256)
def _name_in(path: Path, _stamp: tuple[int, ...]) -> str | None:
    try:
        tree = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        return str(tree["metadata"]["name"]) if tree["kind"] == "Pipeline" else None
    except (*UNREADABLE, OSError, TypeError):
        return None


def _read(path: Path) -> Any:
    if not path.is_file():
        problem = Problem((), "no such file", "name one with -f, as `-f pipeline.yaml`")
        raise InvalidPipeline([problem], file=str(path))
    try:
        return YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except UNREADABLE as error:
        raise _invalid([_unreadable(error)], path, None) from error


def _invalid(problems: list[Problem], path: Path, tree: Any) -> InvalidPipeline:
    located = [replace(item, line=item.line or line_of(tree, item.path)) for item in problems]
    return InvalidPipeline(located, file=str(path))


def _unreadable(error: Exception) -> Problem:
    if isinstance(error, MarkedYAMLError):
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return Problem((), f"not YAML: {error.problem}", line=line)
    return Problem((), f"not YAML: {error}")


def plain(node: Any) -> Any:
    """Return a YAML tree as plain Python values."""
    if isinstance(node, CommentedMap):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [plain(value) for value in node]
    return bool(node) if isinstance(node, ScalarBoolean) else node


def line_of(tree: Any, path: Place) -> int:
    """Return the line (from 1) of the deepest part of a path that exists."""
    line, node = 1, tree
    for part in path:
        if isinstance(node, CommentedMap):
            keys = {str(key): key for key in node}
            if part not in keys:
                break
            key = keys[str(part)]
            line = node.lc.key(key)[0] + 1 if key in node.lc.data else line
            node = node[key]
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            line = node.lc.item(part)[0] + 1
            node = node[part]
        else:
            break
    return line


def fingerprint(path: Path, document: PipelineDocument, schemas: Mapping[str, bytes]) -> str:
    """Return a SHA-256 over the document and everything it refers to but the data: lookups, schemas of messages, the dbt project."""
    digest = hashlib.sha256(json.dumps(document.makes()).encode())
    contents = {name: file.read_bytes() for name, file in referred(path.parent, document)}
    for name, content in sorted({**contents, **schemas}.items()):
        digest.update(f"\0{name}\0".encode())
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def referred(root: Path, document: PipelineDocument) -> Iterator[tuple[str, Path]]:
    """Yield each file that a pipeline refers to, under a name that does not depend on where its folder lies."""
    for lookup in document.spec.lookups.values():
        if (root / lookup.path).is_file():
            yield lookup.path, root / lookup.path
    if document.spec.model is None:
        return
    project = root / document.spec.model.dbt
    for file in project.rglob("*"):
        within = file.relative_to(project)
        if file.is_file() and in_project(within):
            yield f"{document.spec.model.dbt}/{within.as_posix()}", file
