"""Rows that are nearly the same: compared by a text within a block of one file, and only with better rows.

    staged → large_blocks (of which no row is compared)
           → compared_pairs (each row with every better one of its block) → near_equal (the worse row of each pair that is alike enough)

A row goes if any better one is alike enough, whatever becomes of that one: so the outcome depends on no order of comparing, and no two rows
are joined by a third. Which is better is the order that decides between rows of one key.
"""

from dataclasses import dataclass

from podium_contracts.pipeline import Dataset, Fuzzy
from podium_contracts.pipeline.types import STRING
from sqlglot import exp

from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing.dispositions import ACCEPTED, LARGE_BLOCKS, PAIRS, ROW_IDENTITY, STAGED
from podium_lakehouse.engines.engine import Engine
from podium_lakehouse.expressions.compiler import compile_expression
from podium_lakehouse.expressions.dialects import Dialect

_ROWS = "_block_rows"
_OF_FILE = ("source_file", "ingestion_batch_id")


def large_blocks_statement(fuzzy: Fuzzy, dialect: Dialect) -> exp.Select:
    """Return the statement over `staged` that finds the blocks with more rows than are compared, and how many these are."""
    blocks = [f"{column} AS {alias}" for column, alias in _blocks(fuzzy, dialect).items()]
    select = exp.select(*_OF_FILE, *blocks, f"count(*) AS {_ROWS}", dialect=dialect.name).from_(STAGED)
    select = select.where(_comparable(fuzzy, dialect), dialect=dialect.name)
    grouped = select.group_by(*_OF_FILE, *_blocks(fuzzy, dialect), dialect=dialect.name)
    return grouped.having(f"count(*) > {fuzzy.max_block_rows}", dialect=dialect.name)


def pairs_statement(dataset: Dataset, fuzzy: Fuzzy, dialect: Dialect) -> exp.Select:
    """Return the statement over `staged` and `large_blocks`: the identity of the worse row, and what is compared, as `one` and `other`."""

    def name(column: str) -> str:
        return dialect.identifier(column)

    content = dialect.content_hash([(name(c), kind) for c, kind in names.business_columns(dataset).items()])
    order = [f"{name(column)} AS _order_{place}" for place, column in enumerate(dataset.duplicates.order)]
    keys = [f"{name(column)} AS _key_{place}" for place, column in enumerate(dataset.duplicates.keys)]
    blocks = [f"{column} AS {alias}" for column, alias in _blocks(fuzzy, dialect).items()]
    text = f"{name(fuzzy.column)} AS _compared"
    rows = exp.select(
        *ROW_IDENTITY, *order, *keys, *blocks, text, f"{content} AS _content", dialect=dialect.name
    )
    large = " AND ".join(
        f"{STAGED}.{column} = {LARGE_BLOCKS}.{alias}"
        for column, alias in {**{name: name for name in _OF_FILE}, **_blocks(fuzzy, dialect)}.items()
    )
    few = f"NOT EXISTS (SELECT 1 FROM {LARGE_BLOCKS} WHERE {large})"
    rows = rows.from_(STAGED).where(f"{_comparable(fuzzy, dialect)} AND {few}", dialect=dialect.name)
    same = [*_OF_FILE, *_blocks(fuzzy, dialect).values()]
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


def _blocks(fuzzy: Fuzzy, dialect: Dialect) -> dict[str, str]:
    """Return the columns that rows of a block agree in, with what they are called while rows are compared."""
    return {dialect.identifier(column): f"_block_{place}" for place, column in enumerate(fuzzy.block)}


def _comparable(fuzzy: Fuzzy, dialect: Dialect) -> str:
    """Return the condition that a row is in a block: null is equal to nothing."""
    known = [
        f"{dialect.identifier(column)} IS NOT NULL" for column in dict.fromkeys((*fuzzy.block, fuzzy.column))
    ]
    return " AND ".join([ACCEPTED, *known])


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


@dataclass(frozen=True)
class LargeBlock:
    """A block whose rows were not compared, because they are too many."""

    file: str
    values: tuple[tuple[str, object], ...]
    """What its rows agree in: each column of `block`, and the value."""
    rows: int

    def __str__(self) -> str:
        values = ", ".join(f"{column} = {value}" for column, value in self.values)
        return f"{values} in {self.file} ({self.rows:,} rows)"


def large_blocks(engine: Engine, fuzzy: Fuzzy) -> list[LargeBlock]:
    """Return the blocks of the relation `large_blocks`, the largest first."""
    dialect = engine.dialect
    aliases = _blocks(fuzzy, dialect).values()
    statement = exp.select("source_file", *aliases, _ROWS, dialect=dialect.name).from_(LARGE_BLOCKS)
    order = [f"{_ROWS} DESC", *_OF_FILE, *aliases]
    found = engine.execute(statement.order_by(*order, dialect=dialect.name))
    return [
        LargeBlock(str(file), tuple(zip(fuzzy.block, values, strict=True)), int(str(rows)))
        for file, *values, rows in found
    ]
