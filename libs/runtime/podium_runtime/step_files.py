"""The Python files with the functions of custom steps."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from podium_contracts.errors import Path as Place
from podium_contracts.errors import Problem
from podium_contracts.pipeline import Spec, file_of


def functions(spec: Spec) -> dict[Place, str]:
    """Return each function as the pipeline file names it, by where it stands there."""
    return {
        ("spec", "datasets", name, "steps", title, field): function
        for name, dataset in spec.datasets.items()
        for title, step in dataset.steps.items()
        for field, function in step.functions.items()
    }


def places(spec: Spec) -> dict[Place, str]:
    """Return the file of each function, by where it stands in the pipeline file."""
    return {place: file_of(function) for place, function in functions(spec).items()}


def read(root: Path, spec: Spec) -> Mapping[str, bytes]:
    """Return the content of each file that is there, by its path."""
    paths = dict.fromkeys(places(spec).values())
    return {path: (root / path).read_bytes() for path in paths if (root / path).is_file()}


def problems(spec: Spec, files: Mapping[str, bytes]) -> Iterator[Problem]:
    """Yield a problem for each function that its file does not define; nothing in the files is run."""
    for place, function in functions(spec).items():
        path, _, name = function.rpartition(":")
        if path not in files:
            continue
        try:
            tree = ast.parse(files[path], path)
        except (SyntaxError, ValueError) as error:
            yield Problem(place, f"{path} is no Python: {error}", "correct the file")
            continue
        defined = [item.name for item in tree.body if isinstance(item, ast.FunctionDef)]
        if name not in defined:
            known = ", ".join(defined) or "none"
            yield Problem(
                place,
                f"{path} defines no function {name!r}",
                f"functions at the top of the file are: {known}",
            )
