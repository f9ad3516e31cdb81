"""Rows that are nearly the same: compared by a text within a block of one file, and only with better rows.

    staged → compared_pairs (each row with every better one of its block) → near_equal (the worse row of each pair that is alike enough)

A row goes if any better one is alike enough, whatever becomes of that one: so the outcome depends on no order of comparing, and no two rows
are joined by a third. Which is better is the order that decides between rows of one key.
"""

from podium_contracts.pipeline import Dataset, Fuzzy
from podium_contracts.pipeline.types import STRING
from sqlglot import exp

from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing.dispositions import ACCEPTED, PAIRS, ROW_IDENTITY, STAGED
from podium_lakehouse.expressions.compiler import compile_expression
from podium_lakehouse.expressions.dialects import Dialect


def pairs_statement(dataset: Dataset, fuzzy: Fuzzy, dialect: Dialect) -> exp.Select:
    """Return the statement over `staged`: the identity of the worse row, and what is compared, as `one` and `other`."""

    def name(column: str) -> str:
        return dialect.identifier(column)

    content = dialect.content_hash([(name(c), kind) for c, kind in names.business_columns(dataset).items()])
    order = [f"{name(column)} AS _order_{place}" for place, column in enumerate(dataset.duplicates.order)]
    keys = [f"{name(column)} AS _key_{place}" for place, column in enumerate(dataset.duplicates.keys)]
    blocks = [f"{name(column)} AS _block_{place}" for place, column in enumerate(fuzzy.block)]
    text = f"{name(fuzzy.column)} AS _compared"
    rows = exp.select(
        *ROW_IDENTITY, *order, *keys, *blocks, text, f"{content} AS _content", dialect=dialect.name
    )
    rows = rows.from_(STAGED).where(f"{ACCEPTED} AND {name(fuzzy.column)} IS NOT NULL", dialect=dialect.name)
    same = ["source_file", "ingestion_batch_id", *(f"_block_{place}" for place in range(len(blocks)))]
    ranked = [*(f"_order_{place}" for place in range(len(order))), "_content", names.ROW]
    sign = "<" if dataset.duplicates.strategy == "keep_first" else ">"
    better, equal = "FALSE", "TRUE"
    for column in ranked:
        better = f"({better} OR ({equal} AND better.{column} {sign} worse.{column}))"
        equal = f"({equal} AND better.{column} = worse.{column})"
    known = " AND ".join(f"better._key_{place} = worse._key_{place}" for place in range(len(keys)))
    on = [*(f"better.{column} = worse.{column}" for column in same), better, f"NOT ({known})"]
    identity = [f"worse.{column} AS {column}" for column in ROW_IDENTITY]
    pairs = exp.select(*identity, "worse._compared AS one", "better._compared AS other", dialect=dialect.name)
    pairs = pairs.from_("comparable AS worse").join(
        "comparable AS better", on=" AND ".join(on), dialect=dialect.name
    )
    return pairs.with_("comparable", as_=rows, dialect=dialect.name, copy=False)


def similar_statement(fuzzy: Fuzzy, dialect: Dialect) -> exp.Select:
    """Return the statement over `compared_pairs`, about one pair at a time: the rows that a better one is alike enough to, some more than once."""
    alike = compile_expression(
        f"similarity(one, other) >= {fuzzy.threshold:f}", {"one": STRING, "other": STRING}, dialect
    )
    return (
        exp.select(*ROW_IDENTITY, dialect=dialect.name)
        .from_(PAIRS)
        .where(dialect.build(alike.sql), dialect=dialect.name)
    )
