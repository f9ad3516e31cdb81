"""Column-level lineage: of which columns a statement makes each of its own, told by the tree that is run."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, starmap

import sqlglot
from podium_contracts.names import Layer
from podium_contracts.pipeline import Dataset, Pipeline
from sqlglot import exp
from sqlglot.lineage import Node, lineage

from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing.judging import lookup_relation
from podium_lakehouse.cleansing.staging import (
    BRONZE,
    STEPPED,
    bronze_columns,
    staging_statement,
    standardised_statement,
)
from podium_lakehouse.engines.engine import ROW_DIALECT


@dataclass(frozen=True, order=True)
class Column:
    """A column of a table, as `silver.sales` and `quantity`; of a source, as `source.sales` and its own name for it."""

    table: str
    name: str

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"


Lineage = Mapping[Column, tuple[Column, ...]]
"""Columns that each column is made of, directly; none where it is a constant, a count of rows or the time of the run."""
STEP = "step"
"""What the name of a custom step begins with, where a table's begins with its layer."""


def origins(
    statement: str | exp.Query, tables: Mapping[str, Iterable[str]], dialect: str
) -> dict[str, list[tuple[str, str]]]:
    """Return the table and name of every column that each column of a statement is made of; `tables` are those that it may name, with their columns.

    Raises:
        SqlglotError: what the statement says is beyond it.
    """
    known = {table: {name.lower(): name for name in columns} for table, columns in tables.items()}
    traced: dict[str, Node] = lineage(
        None,
        statement,
        {table: dict.fromkeys(columns, "unknown") for table, columns in known.items()},
        dialect=dialect,
        trim_selects=False,
    )
    return {name: sorted(set(_read(node, known, dialect))) for name, node in traced.items()}


def _read(traced: Node, known: Mapping[str, Mapping[str, str]], dialect: str) -> Iterator[tuple[str, str]]:
    """Yield what a column reads of tables, under the names that these give their columns: sqlglot's are folded, and quoted."""
    for node in traced.walk():
        if isinstance(node.expression, exp.Table) and node.expression.name in known:
            column = sqlglot.parse_one(node.name, dialect=dialect).name
            yield node.expression.name, known[node.expression.name].get(column.lower(), column)


def of_silver(pipeline: Pipeline, dataset: str, source_names: Mapping[str, str]) -> Lineage:
    """Return the lineage of a dataset's Silver from Bronze and lookups, and of Bronze from its source.

    Between them stand its custom steps, as `step.sales.NAME`: nothing is known of a function, so each of its columns is made of all that it gets.

    Raises:
        BadSource: a declared column is nowhere in the source.
    """
    declared, lookups = pipeline.spec.datasets[dataset], pipeline.spec.lookups
    bronze, silver = f"{Layer.BRONZE}.{dataset}", f"{Layer.SILVER}.{dataset}"
    topic = names.topic_columns(declared)
    tables: dict[str, Iterable[str]] = {
        lookup_relation(name): (lookup.key, lookup.value) for name, lookup in lookups.items()
    }
    tables[BRONZE] = [*source_names, *topic, *names.BRONZE_METADATA, *names.BRONZE_POSITION]
    called = {BRONZE: bronze, **{lookup_relation(name): f"lookup.{name}" for name in lookups}}
    steps: dict[Column, tuple[Column, ...]] = {}
    stepped: dict[str, tuple[Column, ...]] = {}

    def reached(table: str, column: str) -> tuple[Column, ...]:
        return stepped[column] if table == STEPPED else (Column(called[table], column),)

    def traced(statement: exp.Query) -> dict[str, tuple[Column, ...]]:
        found = origins(statement, tables, ROW_DIALECT.name)
        return {
            name: tuple(dict.fromkeys(chain.from_iterable(starmap(reached, read))))
            for name, read in found.items()
        }

    if declared.steps:
        before = traced(standardised_statement(declared, lookups, source_names, ROW_DIALECT))
        steps = _of_steps(declared, dataset, before)
        stepped = before | {column.name: (column,) for column in steps}
        stepped |= {
            names.step_mark(title): tuple(chain.from_iterable(stepped[name] for name in step.columns))
            for title, step in declared.steps.items()
        }
        tables[STEPPED] = [*stepped]
    staged = traced(staging_statement(declared, lookups, source_names, ROW_DIALECT))
    made = {Column(silver, name): staged.get(name, ()) for name in names.silver_columns(declared)}
    stored = bronze_columns(declared, {**source_names, **{name: name for name in topic}})
    read_in = {
        Column(bronze, name): (Column(f"source.{dataset}", source_names.get(name, name)),)
        for name in stored.values()
    }
    return made | steps | read_in


def _of_steps(
    declared: Dataset, dataset: str, standardised: Mapping[str, tuple[Column, ...]]
) -> dict[Column, tuple[Column, ...]]:
    return {
        Column(f"{STEP}.{dataset}.{title}", name): tuple(
            sorted({origin for given in step.columns for origin in standardised[given]})
        )
        for title, step in declared.steps.items()
        for name in step.columns
    }
