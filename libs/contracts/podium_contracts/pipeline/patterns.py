"""Regular expressions with one meaning: the part that RE2 (DuckDB), Java (Spark) and Python read alike.

Literals, classes, groups, alternatives and greedy or lazy repetition are in; anchors other than `^` at the start and `$` at the
end, look-around, back-references, flags and possessive repetition are out. `portable` spells out what the engines would read
differently: `.` and `\\s` differ at line ends, and Java's `$` also matches before a last line break.
"""

import re
from typing import Annotated

from pydantic import AfterValidator

_CLASSES = {r"\d": "0-9", r"\w": "0-9A-Za-z_", r"\s": r" \t\n\r\f"}
_TOKEN = re.compile(
    r"\(\?:|[()|.]|\[\^?(?:\\.|[^][\\])+\]|\\[][dws.\\+*?(){}|^$/tn-]|[*+?]\??|\{\d{1,3}(?:,\d{0,3})?\}\??|[^][\\(){}*+?|.^$]"
)
_REPETITION = re.compile(r"[*+?{]")


def shared_pattern(pattern: str) -> str:
    """Return the pattern if every engine reads it alike.

    Raises:
        ValueError: naming the first part that is not shared.
    """
    body = pattern.removeprefix("^")
    body = body[:-1] if body.endswith("$") and not body.endswith(r"\$") else body
    tokens = _tokens(body)
    for left, right in zip(tokens, tokens[1:], strict=False):
        if _REPETITION.match(left) and _REPETITION.match(right):
            raise ValueError(f"{left + right!r} is not in the patterns that every engine reads alike")
    if any("&&" in token for token in tokens):
        raise ValueError("'&&' in a class is not in the patterns that every engine reads alike")
    try:
        re.compile(body)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
    return pattern


def portable(pattern: str, *, whole: bool) -> str:
    r"""Return the pattern as it is given to an engine: for the `whole` text, or with its anchors as `\A` and `\z`."""
    start, end = pattern.startswith("^"), pattern.endswith("$") and not pattern.endswith(r"\$")
    body = pattern[1:] if start else pattern
    body = body[:-1] if end else body
    text = "(?:" + "".join(_spelled(token) for token in _tokens(body)) + ")"
    if whole:
        return text
    return (r"\A" if start else "") + text + (r"\z" if end else "")


def _tokens(body: str) -> list[str]:
    tokens, position = [], 0
    while position < len(body):
        match = _TOKEN.match(body, position)
        if not match:
            raise ValueError(f"{body[position:]!r} is not in the patterns that every engine reads alike")
        tokens.append(match[0])
        position = match.end()
    return tokens


def _spelled(token: str) -> str:
    if token == ".":
        return r"[^\n]"
    if token in _CLASSES:
        return f"[{_CLASSES[token]}]"
    if token.startswith("["):
        for short, spelled in _CLASSES.items():
            token = token.replace(short, spelled)
    return token


Pattern = Annotated[str, AfterValidator(shared_pattern)]
"""A pattern in a pipeline file, checked to be shared."""
