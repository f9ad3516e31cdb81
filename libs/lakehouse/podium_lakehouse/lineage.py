"""Column-level lineage: of which columns a statement makes each of its own, told by the tree that is run."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import sqlglot
from podium_contracts.names import Layer
from podium_contracts.pipeline import Pipeline
from sqlglot import exp
from sqlglot.lineage import Node, lineage

from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing.judging import lookup_relation
from podium_lakehouse.cleansing.staging import BRONZE, bronze_columns, staging_statement, without_steps
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

    What a custom step makes of a column comes from that column: nothing is known of the function.

    Raises:
        BadSource: a declared column is nowhere in the source.
    """
    declared, spec = without_steps(pipeline.spec.datasets[dataset]), pipeline.spec
    bronze, silver = f"{Layer.BRONZE}.{dataset}", f"{Layer.SILVER}.{dataset}"
    statement = staging_statement(declared, spec.lookups, source_names, ROW_DIALECT)
    tables: dict[str, Iterable[str]] = {
        lookup_relation(name): (lookup.key, lookup.value) for name, lookup in spec.lookups.items()
    }
    topic = names.topic_columns(declared)
    tables[BRONZE] = [*source_names, *topic, *names.BRONZE_METADATA, *names.BRONZE_POSITION]
    called = {BRONZE: bronze, **{lookup_relation(name): f"lookup.{name}" for name in spec.lookups}}
    traced = origins(statement, tables, ROW_DIALECT.name)
    made = {
        Column(silver, name): tuple(Column(called[table], column) for table, column in traced.get(name, ()))
        for name in names.silver_columns(declared)
    }
    read = dict.fromkeys(
        bronze_columns(declared, {**source_names, **{name: name for name in topic}}).values()
    )
    return made | {
        Column(bronze, stored): (Column(f"source.{dataset}", source_names.get(stored, stored)),)
        for stored in read
    }
