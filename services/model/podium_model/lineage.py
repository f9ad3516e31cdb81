"""Column-level lineage of Gold: what dbt makes of a model's text, traced to the tables that it reads."""

import csv
from collections.abc import Mapping
from pathlib import Path

from podium_contracts.errors import ModelFailed
from podium_contracts.names import Layer, storable_name
from podium_contracts.pipeline import Pipeline
from podium_lakehouse.cleansing.columns import silver_columns
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine
from podium_lakehouse.expressions.dialects import DUCKDB
from podium_lakehouse.lineage import Column, Lineage, origins
from sqlglot.errors import SqlglotError

from podium_model.project import copied

Tables = dict[str, Mapping[str, str]]
"""Columns of tables with their types."""
CONTEXT = "podium_context"
CONTEXT_VALUES = {"run_time": "now()", "incremental": "FALSE", "folder": "''", "partition_column": "''"}
"""What a model is told of its build, beside its name: it makes the whole table."""


def of_gold(pipeline: Pipeline) -> Lineage:
    """Return the lineage of every Gold column from Gold, Silver and lookups, none of them read; empty without a dbt project.

    Raises:
        ModelFailed: the project does not compile, or what a model says cannot be traced.
    """
    if pipeline.spec.model is None:
        return {}
    silver, lookups = _silver(pipeline), _lookups(pipeline)
    with duckdb_engine(shared=True) as engine:
        compiled = _compiled(pipeline, engine, {**silver, **lookups})
    called = {name: f"{Layer.SILVER}.{name}" for name in silver}
    called |= {name: f"lookup.{name}" for name in lookups}
    columns = {table: list(typed) for table, typed in {**silver, **lookups}.items()}
    columns[CONTEXT] = list(CONTEXT_VALUES)
    found: dict[Column, tuple[Column, ...]] = {}
    for model, text in compiled.items():
        try:
            traced = origins(text, columns, DUCKDB.name)
        except SqlglotError as error:
            raise ModelFailed(
                f"model {model} cannot be traced: {error}", hint="the models that it reads from can"
            ) from error
        called[model], columns[model] = f"{Layer.GOLD}.{model}", list(traced)
        found |= {
            Column(called[model], name): tuple(
                Column(called[table], column) for table, column in read if table != CONTEXT
            )
            for name, read in traced.items()
        }
    return found


def _compiled(pipeline: Pipeline, engine: DuckDbEngine, tables: Tables) -> dict[str, str]:
    """Return each model's text as it makes the whole table, upstream first, over tables without rows."""
    project = copied(pipeline, engine)
    for name, columns in tables.items():
        listed = ", ".join(f"{DUCKDB.identifier(column)} {kind}" for column, kind in columns.items())
        engine.execute(f"CREATE TABLE {DUCKDB.identifier(name)} ({listed})")
    models = [model.name for model in project.models()]
    values = ", ".join(f"{value} AS {name}" for name, value in CONTEXT_VALUES.items())
    context = " UNION ALL ".join(f"SELECT {DUCKDB.text(name)} AS model, {values}" for name in models)
    engine.execute(f"CREATE VIEW {CONTEXT} AS {context}")
    texts = project.compiled()
    return {name: texts[name] for name in models}


def _silver(pipeline: Pipeline) -> Tables:
    return {
        name: {column: DUCKDB.type_name(kind) for column, kind in silver_columns(dataset).items()}
        for name, dataset in pipeline.spec.datasets.items()
    }


def _lookups(pipeline: Pipeline) -> Tables:
    found: Tables = {}
    for name, lookup in pipeline.spec.lookups.items():
        with Path(pipeline.resolve(lookup.path)).open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
        found[name] = dict.fromkeys(map(storable_name, header), "VARCHAR")
    return found
