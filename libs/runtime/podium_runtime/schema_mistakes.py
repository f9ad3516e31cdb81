"""What a pipeline file gets wrong of its schema, in plain words: what stands there, and what would be right.

Pydantic finds every mistake; its locations and messages speak of Python. Here the types of the pipeline's models say which
parts of a location are keys of the file, and which fields, words and kinds of value belong at a place.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from podium_contracts.errors import Path, Problem
from podium_contracts.pipeline import PipelineDocument
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

WRONG_KEY = "[key]"
"""What pydantic adds to a location where not the value but its key is wrong."""

KINDS = {
    "string_type": "a text",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
}
"""What belongs at a place, by the type of pydantic's error."""

LIMITS = {
    "string_too_short": ("it is empty", ""),
    "string_too_long": ("{given} is too long", "at most {max_length} character(s)"),
    "too_short": ("it is empty", "give at least {min_length}"),
    "greater_than": ("{given} is too little", "it must be more than {gt}"),
    "less_than_equal": ("{given} is too much", "it may be {le} at most"),
    "decimal_max_places": ("{given} is too precise", "at most {decimal_places} digit(s) after the point"),
}
"""Message and hint, by the type of pydantic's error."""


def problems(error: ValidationError) -> list[Problem]:
    """Return every mistake that validating a pipeline document found."""
    return [_problem(detail) for detail in error.errors() if not _echoes(detail)]


def _echoes(detail: ErrorDetails) -> bool:
    """Whether an error only repeats others: a list whose items are all wrong counts as too short."""
    return detail["type"] == "too_short" and bool(detail["input"])


def _problem(detail: ErrorDetails) -> Problem:
    *above, last = detail["loc"]
    match detail["type"]:
        case "extra_forbidden":
            path, kinds = _place(above)
            return Problem((*path, last), f"unknown field {last!r}", _nearest(last, _fields(kinds)))
        case "missing":
            return Problem(_place(above)[0], f"field {last!r} is missing")
        case "union_tag_invalid" | "union_tag_not_found":
            return _wrong_choice(detail)
    path, kinds = _place(above if last == WRONG_KEY else detail["loc"])
    return _wrong_value(detail, path, kinds)


def _wrong_choice(detail: ErrorDetails) -> Problem:
    """Return the mistake in the field that says which of several types a mapping is."""
    path, kinds = _place(detail["loc"])
    field, tag = detail["ctx"]["discriminator"].strip("'"), detail["ctx"].get("tag")
    words = _words(kinds, field)
    if tag is None:
        return Problem(path, f"field {field!r} is missing", _listed(words))
    return Problem((*path, field), f"{tag!r} is not known here", _nearest(tag, words))


def _wrong_value(detail: ErrorDetails, path: Path, kinds: list[Any]) -> Problem:
    error, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    match error:
        case "value_error":
            return Problem(path, str(context["error"]))
        case "literal_error":
            return Problem(path, f"{_shown(given)} is not known here", f"write {context['expected']}")
    if error in KINDS:
        return Problem(
            path, f"{KINDS[error]} belongs here, not {_shown(given)}", _advice(error, given, kinds)
        )
    if error in LIMITS:
        message, hint = LIMITS[error]
        return Problem(path, message.format(given=_shown(given)), hint.format(**context))
    return Problem(path, detail["msg"][0].lower() + detail["msg"][1:], f"it says {_shown(given)}")


def _advice(error: str, given: Any, kinds: list[Any]) -> str:
    if error == "string_type" and given is not None and not isinstance(given, (dict, list)):
        return "put it in quotes"
    if error == "tuple_type" and isinstance(given, str):
        return f"write [{given}]"
    return _listed(_fields(kinds)) if KINDS[error] == "a mapping" else ""


def _shown(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool():
            return str(value).lower()
    return repr(value)


def _nearest(word: object, known: list[str]) -> str:
    close = get_close_matches(str(word), known, n=1)
    return f"did you mean {close[0]!r}?" if close else _listed(known)


def _listed(known: list[str]) -> str:
    return f"possible here: {', '.join(known)}" if known else ""


def _place(location: Iterable[str | int]) -> tuple[Path, list[Any]]:
    """Return the path in the file that a location means, and the types of what may stand there.

    A part of a location that is no key of the file is the word by which a union chose one of its types.
    """
    path: Path = ()
    kinds: list[Any] = [PipelineDocument]
    for part in location:
        inside = [inner for kind in kinds for inner in _inside(kind, part)]
        if inside:
            path, kinds = (*path, part), inside
        else:
            kinds = [kind for kind in kinds if part in _words([kind])]
    return path, kinds


def _inside(kind: Any, part: str | int) -> list[Any]:
    """Return the types of what a key or an index of a type leads to; empty if it has no such part."""
    if _is_model(kind):
        named = {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
        return _members(named[part]) if part in named else []
    if get_origin(kind) in {dict, tuple}:
        key_or_item, *value = get_args(kind)
        return _members(value[0] if get_origin(kind) is dict else key_or_item)
    return []


def _members(kind: Any) -> list[Any]:
    """Return the types that a union may be, or the type itself."""
    if get_origin(kind) is Annotated:
        return _members(get_args(kind)[0])
    if get_origin(kind) in {Union, UnionType}:
        return [member for argument in get_args(kind) for member in _members(argument)]
    return [kind]


def _fields(kinds: list[Any]) -> list[str]:
    fields = [item for kind in kinds if _is_model(kind) for item in kind.model_fields.items()]
    return list(dict.fromkeys(field.alias or name for name, field in fields))


def _words(kinds: list[Any], field: str = "") -> list[str]:
    """Return the words that models allow in a field, or in any field, if they allow only some."""
    annotations = [
        item.annotation
        for kind in kinds
        if _is_model(kind)
        for name, item in kind.model_fields.items()
        if field in {"", name}
    ]
    return [word for kind in annotations if get_origin(kind) is Literal for word in get_args(kind)]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
