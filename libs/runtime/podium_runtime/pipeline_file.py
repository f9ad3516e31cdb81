"""The pipeline file: read, validated, and its mistakes shown where they stand, all at once."""

import hashlib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from podium_contracts.errors import InvalidPipeline, Problem
from podium_contracts.pipeline import Pipeline, PipelineDocument
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

IGNORED = frozenset({"target", "logs", "dbt_packages", "__pycache__"})
"""Folders of a dbt project that dbt writes itself: they are no part of the pipeline."""


@dataclass(frozen=True)
class PipelineFile:
    """A pipeline file's text and what it means; `places` knows the line of every path in it."""

    path: Path
    document: PipelineDocument
    tree: Any

    def line(self, problem: Problem) -> int:
        """Return the line (from 1) where a problem stands, or the closest one around it."""
        return line_of(self.tree, problem.path)

    def pipeline(self) -> Pipeline:
        """Return the pipeline as the stages get it."""
        root = self.path.parent.absolute()
        return Pipeline(
            name=self.document.metadata.name,
            spec=self.document.spec,
            root=root,
            fingerprint=fingerprint(self.path, self.document),
        )


def load(path: Path) -> PipelineFile:
    """Read and validate a pipeline file.

    Raises:
        InvalidPipeline: the file is missing, is not YAML, or breaks the schema; every mistake is listed.
    """
    if not path.is_file():
        raise InvalidPipeline(
            [Problem((), "no such file", "name one with -f, as `-f pipeline.yaml`")], file=str(path)
        )
    try:
        tree = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = Problem(("line", line), f"not YAML: {error.problem}")
        raise InvalidPipeline([problem], file=str(path)) from error
    if not isinstance(tree, CommentedMap):
        raise InvalidPipeline(
            [Problem((), "not a mapping of apiVersion, kind, metadata, spec")], file=str(path)
        )
    try:
        document = PipelineDocument.model_validate(plain(tree))
    except ValidationError as error:
        problems = [_problem(detail) for detail in error.errors()]
        raise LocatedInvalidPipeline(problems, file=str(path), tree=tree) from error
    return PipelineFile(path, document, tree)


class LocatedInvalidPipeline(InvalidPipeline):
    """Mistakes in a file that is YAML, so that each has a line."""

    def __init__(self, problems: list[Problem], *, file: str, tree: Any) -> None:
        super().__init__(problems, file=file)
        self.tree = tree

    def line(self, problem: Problem) -> int:
        """Return the line (from 1) of a problem."""
        return line_of(self.tree, problem.path)


def plain(node: Any) -> Any:
    """Return a YAML tree as plain Python values."""
    if isinstance(node, CommentedMap):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [plain(value) for value in node]
    return node


def line_of(tree: Any, path: tuple[str | int, ...]) -> int:
    """Return the line (from 1) of the deepest part of a path that exists."""
    line, node = 1, tree
    for part in path:
        try:
            if isinstance(node, CommentedMap) and part in node:
                line = node.lc.key(part)[0] + 1
            elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
                line = node.lc.item(part)[0] + 1
            else:
                continue
            node = node[part]
        except (KeyError, TypeError):
            continue
    return line


def _problem(detail: ErrorDetails) -> Problem:
    path = tuple(part for part in detail["loc"] if not _is_tag(part))
    if detail["type"] == "extra_forbidden":
        return Problem(path, f"unknown field {path[-1]!r}", _suggest(path))
    if detail["type"] == "missing":
        return Problem(path[:-1], f"field {path[-1]!r} is missing")
    message = detail["msg"].removeprefix("Value error, ")
    return Problem(
        path, message[0].lower() + message[1:], "" if isinstance(detail["input"], dict) else _got(detail)
    )


def _got(detail: ErrorDetails) -> str:
    return f"it says {detail['input']!r}"


def _is_tag(part: str | int) -> bool:
    """Whether pydantic put this part of a location in: the tag of a union, not a key of the file."""
    return part in {"range_check", "format_validation", "is_null", "out_of_range"}


def _suggest(path: tuple[str | int, ...]) -> str:
    known = sorted({alias for model in _models(PipelineDocument) for alias in _aliases(model)})
    close = get_close_matches(str(path[-1]), known, n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def _aliases(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _models(model: type[BaseModel]) -> set[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    waiting: list[Any] = [model]
    while waiting:
        kind = waiting.pop()
        waiting.extend(getattr(kind, "__args__", ()))
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in found:
            found.add(kind)
            waiting.extend(field.annotation for field in kind.model_fields.values())
    return found


def fingerprint(path: Path, document: PipelineDocument) -> str:
    """Return a SHA-256 over the document and everything it refers to but the data: lookups and the dbt project."""
    digest = hashlib.sha256(document.model_dump_json(by_alias=True).encode())
    root = path.parent
    referred = [root / lookup.path for lookup in document.spec.lookups.values()]
    if document.spec.model:
        project = root / document.spec.model.dbt
        referred += [
            file for file in project.rglob("*") if not IGNORED & set(file.relative_to(project).parts)
        ]
    for file in sorted(referred):
        if file.is_file():
            digest.update(f"\0{file.relative_to(root).as_posix()}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
