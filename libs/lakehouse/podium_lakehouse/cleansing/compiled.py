"""The statements of a cleansing, compiled once: batch after batch they are the same, until the pipeline file or Bronze's columns change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from podium_contracts.pipeline import Dataset, Lookup
from sqlglot import exp

from podium_lakehouse.cleansing import outcome
from podium_lakehouse.cleansing.staging import staging_statement
from podium_lakehouse.expressions.dialects import Dialect

KEPT = 64
"""Statements of each kind that a process keeps."""


@dataclass(frozen=True)
class _Declared:
    """What statements are made of; two are equal when they say the same."""

    text: str
    source_names: tuple[tuple[str, str], ...]
    dataset: Dataset = field(compare=False)
    lookups: Mapping[str, Lookup] = field(compare=False)


def compiled_staging(
    dataset: Dataset, lookups: Mapping[str, Lookup], source_names: Mapping[str, str], dialect: Dialect
) -> exp.Select:
    """See `staging_statement`. The tree is shared: it is not to be changed."""
    texts = [dataset.model_dump_json(), *(lookups[name].model_dump_json() for name in sorted(lookups))]
    declared = _Declared("\n".join(texts), tuple(source_names.items()), dataset, lookups)
    return _staging(declared, dialect)


def compiled_exceptions(dataset: Dataset, dialect: Dialect, *, with_base: bool) -> str:
    """See `outcome.exceptions_statement`; returns its text."""
    return _exceptions(_Declared(dataset.model_dump_json(), (), dataset, {}), dialect, with_base)


@lru_cache(KEPT)
def _staging(declared: _Declared, dialect: Dialect) -> exp.Select:
    return staging_statement(declared.dataset, declared.lookups, dict(declared.source_names), dialect)


@lru_cache(KEPT)
def _exceptions(declared: _Declared, dialect: Dialect, with_base: bool) -> str:  # noqa: FBT001 - as it is called above
    return dialect.statement(outcome.exceptions_statement(declared.dataset, dialect, with_base=with_base))
