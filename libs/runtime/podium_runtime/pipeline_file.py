"""The pipeline file: read, validated, and its mistakes shown where they stand, all at once."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any

from podium_contracts.errors import InvalidPipeline, Problem
from podium_contracts.errors import Path as Place
from podium_contracts.pipeline import Pipeline, PipelineDocument, Spec, in_project
from pydantic import ValidationError
from ruamel.yaml import YAML

from podium_runtime import message_schemas, schema_mistakes, step_files
from podium_runtime.texts import UNREADABLE, Text, laid_over

PROJECT = "dbt_project.yml"
MODEL_FILES = frozenset({".sql", ".py"})
"""How the files of models end. Those of tests and macros end alike and count, too: rather a name too many than one that is refused wrongly."""


@dataclass(frozen=True)
class PipelineFile:
    """A pipeline file, with the overlay that belongs to it if there is one, and what it means.

    `root` is where its relative paths start. `written` is the document as people wrote it, without defaults; `texts` know its lines,
    the overlay first.
    """

    root: Path
    document: PipelineDocument
    written: Mapping[str, Any]
    texts: tuple[Text, ...]

    def pipeline(self) -> Pipeline:
        """Return the pipeline as the stages get it."""
        schemas, steps = self.schemas(), self.steps()
        return Pipeline(
            name=self.document.metadata.name,
            spec=self.document.spec,
            root=self.root.absolute(),
            fingerprint=fingerprint(self.root, self.document, {**schemas, **steps}),
            schemas=schemas,
            steps=steps,
            expectations=self.expectations(),
        )

    def schemas(self) -> Mapping[str, bytes]:
        """Return the files that say how to read messages, as far as they are there."""
        return message_schemas.read(self.root, self.document.spec)

    def steps(self) -> Mapping[str, bytes]:
        """Return the files with the functions of custom steps, as far as they are there."""
        return step_files.read(self.root, self.document.spec)

    def lookups(self) -> Mapping[str, bytes]:
        """Return the files of lookups by name, as far as they are there."""
        found = {name: self.root / lookup.path for name, lookup in self.document.spec.lookups.items()}
        return {name: path.read_bytes() for name, path in found.items() if path.is_file()}

    def expectations(self) -> Mapping[str, bytes]:
        """Return the suites by the tables that they are for, as far as they are there."""
        suites = self.document.spec.quality.expectations.items()
        return {
            table: (self.root / path).read_bytes() for table, path in suites if (self.root / path).is_file()
        }

    def models(self) -> list[str] | None:
        """Return what the models of the dbt project are called, each by its file, none without a project; None where the project is not there."""
        model = self.document.spec.model
        if model is None:
            return []
        project = self.root / model.dbt
        if not (project / PROJECT).is_file():
            return None
        files = (path for path in project.rglob("*") if path.suffix in MODEL_FILES)
        return sorted({path.stem for path in files if in_project(path.relative_to(project))})

    def missing(self) -> list[Problem]:
        """Return a problem for each file that the pipeline refers to and that is not there."""
        spec, root = self.document.spec, self.root
        wanted: dict[Place, str] = {
            ("spec", "lookups", name, "path"): lookup.path for name, lookup in spec.lookups.items()
        }
        wanted |= message_schemas.places(spec) | step_files.places(spec) | suites(spec)
        if spec.model:
            wanted["spec", "model", "dbt"] = f"{spec.model.dbt}/{PROJECT}"
        return [
            Problem(
                path,
                f"{where} {'is a folder, not a file' if (root / where).is_dir() else 'does not exist'}",
                f"looked in {root.absolute()}",
            )
            for path, where in wanted.items()
            if not (root / where).is_file()
        ]

    def invalid(self, problems: list[Problem]) -> InvalidPipeline:
        """Return the error that tells these problems, each with its file and line."""
        return _invalid(problems, self.texts)


def load(path: Path, overlay: Path | None = None) -> PipelineFile:
    """Read and validate a pipeline file, after an overlay has been merged into it.

    Raises:
        InvalidPipeline: a file is missing, is not YAML, or the whole breaks the schema; every mistake is listed.
    """
    text = Text.read(path, "-f")
    texts = (Text.read(overlay, "--overlay"), text) if overlay else (text,)
    written = reduce(laid_over, (item.values() for item in reversed(texts)))
    try:
        document = _document(written)
    except ValidationError as error:
        own = _mistakes(text.values()) if overlay else []
        problems = schema_mistakes.problems(error)
        located = [_located(item, (text,) if item in own else texts) for item in problems]
        raise _invalid(located, texts) from error
    return PipelineFile(path.parent, document, written, texts)


def _document(written: Any) -> PipelineDocument:
    return PipelineDocument.model_validate(written, by_alias=True, by_name=False)


def _mistakes(written: Any) -> list[Problem]:
    try:
        _document(written)
    except ValidationError as error:
        return schema_mistakes.problems(error)
    return []


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


def _invalid(problems: list[Problem], texts: Sequence[Text]) -> InvalidPipeline:
    return InvalidPipeline([_located(item, texts) for item in problems], file=str(texts[-1].path))


def _located(problem: Problem, texts: Sequence[Text]) -> Problem:
    """Return a problem with its place: in the text that has most of its path, the overlay where both have the same."""
    if problem.line:
        return problem
    text = max(texts, key=lambda item: item.place(problem.path)[0])
    file = "" if text is texts[-1] else str(text.path)
    return replace(problem, line=text.place(problem.path)[1], file=file)


def fingerprint(root: Path, document: PipelineDocument, contents: Mapping[str, bytes]) -> str:
    """Return a SHA-256 over the document and everything it refers to but the data: lookups, the dbt project, and what else has `contents`."""
    digest = hashlib.sha256(json.dumps(document.makes()).encode())
    found = {name: file.read_bytes() for name, file in referred(root, document)}
    for name, content in sorted({**found, **contents}.items()):
        digest.update(f"\0{name}\0".encode())
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def suites(spec: Spec) -> dict[Place, str]:
    """Return the path of each suite of expectations as the pipeline file gives it, by where it stands there."""
    return {
        ("spec", "quality", "expectations", table): path for table, path in spec.quality.expectations.items()
    }


def referred(root: Path, document: PipelineDocument) -> Iterator[tuple[str, Path]]:
    """Yield each file that a pipeline refers to, under a name that does not depend on where its folder lies."""
    for lookup in document.spec.lookups.values():
        if (root / lookup.path).is_file():
            yield lookup.path, root / lookup.path
    for suite in suites(document.spec).values():
        if (root / suite).is_file():
            yield suite, root / suite
    if document.spec.model is None:
        return
    project = root / document.spec.model.dbt
    for file in project.rglob("*"):
        within = file.relative_to(project)
        if file.is_file() and in_project(within):
            yield f"{document.spec.model.dbt}/{within.as_posix()}", file
