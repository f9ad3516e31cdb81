r"""Regular expressions with one meaning: the part that RE2 (DuckDB), Java (Spark) and Python read alike.

Literals, classes, groups, alternatives and greedy or lazy repetition are in; anchors other than `^` at the start and `$` at the
end, look-around, back-references, flags and possessive repetition are out. `portable` spells out what the engines would read
differently: `.` and `\s` differ at line ends, `\d` and `\w` in what is a digit or a letter (here: of ASCII), and Java's `$` also
matches before a last line break.
"""

import re
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator

MAX_REPETITIONS = 1000
"""RE2 refuses more, counting a repetition inside another as often as the outer one repeats it."""

_SPELLED = {r"\d": "0-9", r"\w": "0-9A-Za-z_", r"\s": r" \t\n\r\f"}
_ESCAPE = r"\\[][dws.\\+*?(){}|^$/tnr-]"
_COUNT = r"\{[0-9]{1,3}(?:,[0-9]{0,3})?\}"
_PART = re.compile(
    rf"\(\?:|[()|.]|\[\^?+(?:{_ESCAPE}|[^][\\])+\]|{_ESCAPE}|[*+?]\??|{_COUNT}\??|[^][\\(){{}}*+?|.^$]"
)
_MEMBER = re.compile(rf"{_ESCAPE}|[^\\]")
_REPETITION = re.compile(r"[*+?{]")
_SET_OPERATION = re.compile(r"&&|--|~~|\|\|")
_SHARED = "the patterns that every engine reads alike"


def shared_pattern(pattern: str) -> str:
    """Return the pattern if every engine reads it alike.

    Raises:
        ValueError: naming the first part that is not shared.
    """
    start, parts, end = _parts(pattern)
    for left, right in pairwise(["", *parts]):
        if _REPETITION.match(right) and not _repeatable(left):
            raise ValueError(f"{left + right!r} is not in {_SHARED}")
    for part in parts:
        if part.startswith("[") and (operation := _SET_OPERATION.search(part)):
            raise ValueError(f"{operation[0]!r} in a class is not in {_SHARED}")
    try:
        re.compile("".join(parts))
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
    if (start or end) and _divided(parts):
        raise ValueError(f"{pattern!r}: with ^ or $, put the alternatives into a group: ^(a|b)$")
    if (most := _most_repetitions(parts)) > MAX_REPETITIONS:
        raise ValueError(f"{pattern!r} repeats {most} times, more than {MAX_REPETITIONS}")
    return pattern


def replaceable_pattern(pattern: str) -> str:
    """Return the shared pattern if every engine also finds the same matches in a text, one after the other.

    Raises:
        ValueError: it is not shared, or it matches the empty text, which the engines find in different places.
    """
    shared_pattern(pattern)
    if re.fullmatch(portable(pattern, whole=True), ""):
        raise ValueError(f"{pattern!r} matches the empty text: write + instead of *")
    return pattern


def portable(pattern: str, *, whole: bool) -> str:
    r"""Return the pattern as it is given to an engine: for the `whole` text, or with its anchors as `\A` and `\z`."""
    start, parts, end = _parts(pattern)
    text = "(?:" + "".join(_spelled(part) for part in parts) + ")"
    if whole:
        return text
    return (r"\A" if start else "") + text + (r"\z" if end else "")


def _parts(pattern: str) -> tuple[bool, list[str], bool]:
    """Return whether the pattern starts with an anchor, its parts, and whether it ends with one."""
    start = pattern.startswith("^")
    parts: list[str] = []
    position = int(start)
    while position < len(pattern):
        if pattern[position:] == "$":
            return start, parts, True
        match = _PART.match(pattern, position)
        if not match:
            raise ValueError(f"{pattern[position:]!r} is not in {_SHARED}")
        parts.append(match[0])
        position = match.end()
    return start, parts, False


def _repeatable(part: str) -> bool:
    """Whether a repetition may follow; after `(` it would be a group with a meaning of its own, as `(?=` or `(?i)`."""
    return part not in {"", "(", "(?:", "|"} and not _REPETITION.match(part)


def _divided(parts: list[str]) -> bool:
    """Whether there are alternatives outside of any group."""
    depth = 0
    for part in parts:
        depth += part.startswith("(") - (part == ")")
        if part == "|" and not depth:
            return True
    return False


def _most_repetitions(parts: list[str]) -> int:
    """Return how often the most repeated part of the pattern is repeated, counted repetitions only."""
    groups, last = [1], 1
    for part in parts:
        if part.startswith("("):
            groups.append(1)
            last = 1
        elif part == ")":
            last = groups.pop()
        elif not _REPETITION.match(part):
            last = 1
        elif part.startswith("{"):
            last *= max(int(count) for count in re.findall("[0-9]+", part))
        groups[-1] = max(groups[-1], last)
    return groups[0]


def _spelled(part: str) -> str:
    if part == ".":
        return r"[^\n]"
    if part in _SPELLED:
        return f"[{_SPELLED[part]}]"
    if part.startswith("["):
        return "[" + "".join(_SPELLED.get(member, member) for member in _MEMBER.findall(part[1:-1])) + "]"
    return part


Pattern = Annotated[str, AfterValidator(shared_pattern)]
"""A pattern in a pipeline file, checked to be shared."""
