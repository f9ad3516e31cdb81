"""Kinds: the types of a schema, each with how a column of its values is written: as text by itself, as JSON inside another."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice

import msgspec
import pyarrow as pa

from podium_ingest.payloads.texts import Texts, Values

_BARE = re.compile(r"-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?|true|false")
"""Texts that JSON writes without quotes, where their kind is a number or a boolean; NaN is a number and not among them."""


@dataclass(frozen=True)
class Kind:
    """A type of values; None is null in each."""

    texts: Texts
    documents: Callable[[Values], list[str]]
    """The same as JSON, null as `null`."""


def plain(texts: Texts, *, bare: bool = False) -> Kind:
    """Return a kind whose values hold no others; `bare` ones are numbers or booleans."""

    def document(text: str | None) -> str:
        return text if bare and text and _BARE.fullmatch(text) else json(text)

    return Kind(texts, lambda values: [document(text) for text in texts(values).to_pylist()])


def array(items: Kind) -> Kind:
    """Return the kind of lists."""

    def documents(values: Values) -> list[str]:
        inner = iter(items.documents([item for value in values if value is not None for item in value]))
        return ["null" if value is None else f"[{','.join(islice(inner, len(value)))}]" for value in values]

    return _nested(documents)


def mapping(items: Kind) -> Kind:
    """Return the kind of dictionaries with texts as keys."""

    def documents(values: Values) -> list[str]:
        present = [value for value in values if value is not None]
        inner = items.documents([item for value in present for item in value.values()])
        keys = [json(key) for value in present for key in value]
        pairs = map("{}:{}".format, keys, inner)
        return ["null" if value is None else f"{{{','.join(islice(pairs, len(value)))}}}" for value in values]

    return _nested(documents)


def record(members: Mapping[str, Kind]) -> Kind:
    """Return the kind of dictionaries that have these keys."""

    def documents(values: Values) -> list[str]:
        columns = [
            map(f"{json(name)}:{{}}".format, kind.documents([value and value[name] for value in values]))
            for name, kind in members.items()
        ]
        rows = zip(*columns, strict=True) if columns else [()] * len(values)
        return [
            "null" if value is None else f"{{{','.join(row)}}}"
            for value, row in zip(values, rows, strict=True)
        ]

    return _nested(documents)


def choice(branches: Mapping[str, Kind]) -> Kind:
    """Return the kind of values that are of one of several kinds: each is in a dictionary, by its kind's key."""

    def spread(values: Values, written: Callable[[Kind, Values], list[str]]) -> list[str | None]:
        found: list[str | None] = [None] * len(values)
        for key, kind in branches.items():
            places = [place for place, value in enumerate(values) if value is not None and key in value]
            texts = written(kind, [values[place][key] for place in places])
            for place, text in zip(places, texts, strict=True):
                found[place] = text
        return found

    def texts(values: Values) -> pa.Array:
        return pa.array(spread(values, lambda kind, chosen: kind.texts(chosen).to_pylist()), pa.string())

    def documents(values: Values) -> list[str]:
        return [text or "null" for text in spread(values, lambda kind, chosen: kind.documents(chosen))]

    return Kind(texts, documents)


def json(value: object) -> str:
    """Return a value as JSON."""
    return msgspec.json.encode(value).decode()


def _nested(documents: Callable[[Values], list[str]]) -> Kind:
    def texts(values: Values) -> pa.Array:
        written = zip(values, documents(values), strict=True)
        return pa.array([None if value is None else text for value, text in written], pa.string())

    return Kind(texts, documents)
