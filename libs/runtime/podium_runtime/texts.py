"""YAML texts that know the line of every path in them, and how one is laid over another."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podium_contracts.errors import InvalidPipeline, Problem
from podium_contracts.errors import Path as Place
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean

UNREADABLE = (YAMLError, ValueError, LookupError, OverflowError, RecursionError)
"""What reading a text as YAML may raise: ruamel lets errors of its own conversions through, as for a date in month 99."""

_HINTS = {
    "'\\t'": "indent with spaces: YAML takes no tabs there",
    "duplicate key": "leave one of them",
}
"""By what ruamel says: what to do, where it does not go without saying."""


@dataclass(frozen=True)
class Text:
    """A mapping in a YAML file, as it is written there."""

    path: Path
    tree: Any

    @classmethod
    def read(cls, path: Path, option: str) -> "Text":
        """Return the text of a file; `option` is the one that names it.

        Raises:
            InvalidPipeline: the file is missing or a folder, is not UTF-8 or not YAML, or holds no mapping.
        """
        text = _written(path, option)
        try:
            tree = YAML(typ="rt").load(text)
        except UNREADABLE as error:
            if isinstance(error, MarkedYAMLError) and error.problem_mark:
                hint = next((hint for part, hint in _HINTS.items() if part in str(error.problem)), "")
                line = error.problem_mark.line + 1
                raise _wrong(path, f"not YAML: {error.problem}", hint, line) from error
            raise _wrong(path, f"not YAML: {error}", line=1) from error
        if not isinstance(tree, CommentedMap):
            raise _wrong(path, "not a mapping", "write a mapping of apiVersion, kind, metadata and spec", 1)
        return cls(path, tree)

    def values(self) -> Any:
        """Return what it says as plain Python values."""
        return plain(self.tree)

    def place(self, path: Place) -> tuple[int, int]:
        """Return how many parts of a path exist, and the line (from 1) of the last of them."""
        depth, line, node = 0, 1, self.tree
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
            depth += 1
        return depth, line


def _written(path: Path, option: str) -> str:
    if path.is_dir():
        raise _wrong(path, "this is a folder", f"name a file in it with {option}")
    if not path.is_file():
        raise _wrong(path, "no such file", f"name one with {option}, as `{option} pipeline.yaml`")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = f"byte {error.object[error.start]:#04x}"
        raise _wrong(path, f"not UTF-8: {byte}", "save the file as UTF-8", line) from error


def _wrong(path: Path, message: str, hint: str = "", line: int = 0) -> InvalidPipeline:
    return InvalidPipeline([Problem((), message, hint, line)], file=str(path))


def plain(node: Any) -> Any:
    """Return a YAML tree as plain Python values."""
    if isinstance(node, CommentedMap):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [plain(value) for value in node]
    return bool(node) if isinstance(node, ScalarBoolean) else node


def laid_over(values: Any, patch: Any) -> Any:
    """Return values with a JSON merge patch (RFC 7386): mappings are merged, null takes a key away, all else takes the place of what was there."""
    if not isinstance(patch, Mapping):
        return patch
    kept = dict(values) if isinstance(values, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = laid_over(kept.get(key), value)
    return kept
