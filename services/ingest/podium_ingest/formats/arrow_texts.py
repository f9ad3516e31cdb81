"""Columns of Arrow as text: the texts that the same values have in JSON, whatever brings them (docs/reference/files.md)."""

from collections.abc import Callable
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from podium_ingest.payloads import texts
from podium_ingest.payloads.kinds import json, plain

PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def texts_of(array: pa.Array) -> pa.Array:
    """Return the texts of an array's values; null stays null."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return texts_of(array.storage)
    if kinds.is_dictionary(kind):
        return texts_of(array.dictionary_decode())
    if kinds.is_nested(kind):
        documents = pa.array(_documents(array), pa.string())
        return pc.if_else(array.is_valid(), documents, None)
    return _leaf(array)


def _leaf(array: pa.Array) -> pa.Array:
    return next((texts for is_kind, texts in _WRITTEN if is_kind(array.type)), _as_arrow_does)(array)


def _as_arrow_does(array: pa.Array) -> pa.Array:
    return array.cast(pa.string())


def _decimals(array: pa.Array) -> pa.Array:
    written = array.cast(pa.string())
    if pc.any(pc.match_substring(written, "E")).as_py():
        return pa.array([None if value is None else f"{value:f}" for value in array.to_pylist()], pa.string())
    return written


def _timestamps(array: pa.Array) -> pa.Array:
    kind = array.type
    return texts.moments(PER_SECOND[kind.unit], "Z" if kind.tz else "")(array.view(pa.int64()))


_WRITTEN: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], pa.Array]], ...] = (
    (kinds.is_null, lambda array: pa.nulls(len(array), pa.string())),
    (kinds.is_float16, lambda array: texts.fractions(array.cast(pa.float32()))),
    (kinds.is_floating, texts.fractions),
    (kinds.is_decimal, _decimals),
    (kinds.is_date32, lambda array: texts.dates(array.view(pa.int32()))),
    (kinds.is_date64, lambda array: texts.moments(PER_SECOND["ms"], "")(array.view(pa.int64()))),
    (kinds.is_timestamp, _timestamps),
    (kinds.is_time32, lambda array: texts.times(PER_SECOND[array.type.unit])(array.view(pa.int32()))),
    (kinds.is_time64, lambda array: texts.times(PER_SECOND[array.type.unit])(array.view(pa.int64()))),
    (kinds.is_duration, lambda array: array.view(pa.int64()).cast(pa.string())),
    *(
        (is_kind, lambda array: texts.binaries(array.to_pylist()))
        for is_kind in (
            kinds.is_binary,
            kinds.is_large_binary,
            kinds.is_fixed_size_binary,
            kinds.is_binary_view,
        )
    ),
)
"""What a type's values are written by, where Arrow would write them otherwise; the first that holds."""


def _documents(array: pa.Array) -> list[str]:
    """Return the values as JSON, null as `null`."""
    kind = array.type
    if kinds.is_struct(kind):
        return _objects(array)
    if kinds.is_map(kind):
        return _maps(array)
    if kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind):
        return _lists(array)
    if kinds.is_nested(kind):
        raise TypeError(f"values of {kind} have no text")
    if kinds.is_dictionary(kind):
        return _documents(array.dictionary_decode())
    bare = (
        kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind) or kinds.is_boolean(kind)
    )
    return plain(lambda _values: texts_of(array), bare=bare).documents(())


def _objects(array: pa.Array) -> list[str]:
    members = [
        map(f"{json(field.name)}:{{}}".format, _documents(values))
        for field, values in zip(array.type, array.flatten(), strict=True)
    ]
    rows = zip(*members, strict=True) if members else [()] * len(array)
    valid = array.is_valid().to_pylist()
    return [f"{{{','.join(row)}}}" if there else "null" for row, there in zip(rows, valid, strict=True)]


def _lists(array: pa.Array) -> list[str]:
    inside = iter(_documents(array.flatten()))
    lengths = pc.list_value_length(array).to_pylist()
    return ["null" if length is None else f"[{','.join(islice(inside, length))}]" for length in lengths]


def _maps(array: pa.Array) -> list[str]:
    keys = texts_of(array.keys).to_pylist()
    pairs = [f"{json(key)}:{value}" for key, value in zip(keys, _documents(array.items), strict=True)]
    ends = array.offsets.to_pylist()
    valid = array.is_valid().to_pylist()
    return [
        f"{{{','.join(pairs[ends[index] : ends[index + 1]])}}}" if there else "null"
        for index, there in enumerate(valid)
    ]
