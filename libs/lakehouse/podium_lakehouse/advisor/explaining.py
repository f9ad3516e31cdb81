"""The plan of a statement over certified tables, or of a dataset's cleansing, on either engine, with the advisor's findings."""

from collections.abc import Mapping

import duckdb
import sqlglot
from podium_contracts.errors import TerminalError
from podium_contracts.names import EngineName, Layer
from podium_contracts.pipeline import Pipeline
from sqlglot import exp
from sqlglot.errors import SqlglotError

from podium_lakehouse.advisor.analysis import Analysis, analyse
from podium_lakehouse.advisor.duckdb_plans import duckdb_plan
from podium_lakehouse.cleansing.judging import lookup_relation
from podium_lakehouse.cleansing.outcome import (
    BASE,
    EXCEPTIONS,
    REPEATED,
    STAGED,
    exceptions_statement,
    repeated_statement,
)
from podium_lakehouse.cleansing.preparing import (
    lookups_of,
    offer_fillings,
    offer_near_equal,
    offer_new_schemas,
)
from podium_lakehouse.cleansing.staging import BRONZE, staging_statement, without_steps
from podium_lakehouse.delta.replacing import live_files
from podium_lakehouse.delta.tables import Snapshot, current
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine
from podium_lakehouse.engines.engine import ROW_DIALECT, Engine
from podium_lakehouse.engines.opening import open_engine
from podium_lakehouse.expressions.dialects import DUCKDB, SPARK
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.reading.asking import Statement, offer
from podium_lakehouse.reading.usage import told

SAMPLE_ROWS = 1000
"""That are staged for the plan of what follows, where it is not run."""


def explain_statement(
    lakehouse: Lakehouse, statement: Statement, engine: EngineName, *, run: bool = False
) -> Analysis:
    """Return the plan of a statement; `run` runs it, for the rows, spills and skew of the run.

    Raises:
        TerminalError: the engine refuses it.
    """
    sizes = {name: table_bytes(snapshot) for name, snapshot in statement.tables.items()}
    if engine == EngineName.SPARK:
        return _on_spark(lakehouse, statement, sizes, run=run)
    with duckdb_engine() as opened:
        offer(opened, statement, lakehouse.uri)
        filtered = told(statement.text, statement.columns()).usage.filtered
        try:
            plan = duckdb_plan(opened, statement.text, statement.tables, filtered, run=run)
        except duckdb.Error as error:
            raise TerminalError(str(error), hint="`podium show TABLE` has a table's columns") from error
    return analyse(plan, sizes)


def explain_cleansing(
    lakehouse: Lakehouse,
    pipeline: Pipeline,
    dataset: str,
    source_names: Mapping[str, str],
    engine: EngineName,
    *,
    run: bool = False,
) -> dict[str, Analysis]:
    """Return the plan of each statement that cleanses a dataset, over all of its Bronze; nothing is committed.

    Custom steps are not called: all is planned as if there were none. What looks at a row by itself runs in DuckDB on either engine. What follows it is planned over a sample of its rows; `run` runs all.

    Raises:
        TerminalError: there is no Bronze yet.
    """
    spec = pipeline.spec
    declared = without_steps(spec.datasets[dataset])
    staging = staging_statement(declared, spec.lookups, source_names, ROW_DIALECT)
    tables = _inputs(lakehouse, pipeline, dataset)
    sizes = {name: table_bytes(snapshot) for name, snapshot in tables.items()}
    with duckdb_engine() as rows:
        for name, snapshot in tables.items():
            rows.offer_table(name, snapshot)
        offer_new_schemas(rows, dataset, declared, lakehouse.schema_history)
        offer_fillings(rows, declared, source_names, BRONZE)
        found = {STAGED: analyse(duckdb_plan(rows, DUCKDB.statement(staging), tables, run=run), sizes)}
    base = current(lakehouse.table_uri(Layer.SILVER, dataset))
    with open_engine(engine, lakehouse=lakehouse.uri) as opened:
        for name, snapshot in tables.items():
            opened.offer_table(name, snapshot)
        offer_new_schemas(opened, dataset, declared, lakehouse.schema_history)
        offer_fillings(opened, declared, source_names, BRONZE)
        opened.materialise_rows(STAGED, staging if run else staging.limit(SAMPLE_ROWS), BRONZE)
        offer_near_equal(opened, declared)
        opened.materialise(REPEATED, repeated_statement(opened.dialect))
        if base:
            opened.offer_table(BASE, Snapshot(lakehouse.table_uri(Layer.SILVER, dataset), base.version()))
        steps = {
            REPEATED: repeated_statement(opened.dialect),
            EXCEPTIONS: exceptions_statement(declared, opened.dialect, with_base=base is not None),
        }
        return found | {name: _planned(opened, step, run=run) for name, step in steps.items()}


def table_bytes(snapshot: Snapshot) -> int:
    """Return the bytes of a table's data files."""
    return sum(file.size for file in live_files(snapshot.open()))


def _inputs(lakehouse: Lakehouse, pipeline: Pipeline, dataset: str) -> dict[str, Snapshot]:
    """Return what staging reads, at its newest versions, by the names of the relations."""
    lookups = lookups_of(pipeline.spec.datasets[dataset])
    places = {BRONZE: lakehouse.table_uri(Layer.BRONZE, dataset)}
    places |= {lookup_relation(name): lakehouse.lookup(name).uri for name in sorted(lookups)}
    found = {}
    for name, uri in places.items():
        table = current(uri)
        if table is None:
            raise TerminalError(
                f"nothing of {dataset} has been ingested and cleansed yet", hint="`podium run` does it"
            )
        found[name] = Snapshot(uri, table.version())
    return found


def _planned(engine: Engine, step: exp.Expr, *, run: bool) -> Analysis:
    text = engine.dialect.statement(step)
    if isinstance(engine, DuckDbEngine):
        return analyse(duckdb_plan(engine, text, {}, run=run))
    from podium_lakehouse.advisor.spark_plans import spark_plan  # noqa: PLC0415 - pyspark is not always installed
    from podium_lakehouse.engines.spark_session import spark_session  # noqa: PLC0415

    return analyse(spark_plan(spark_session().sql(text), {}, run=run))


def _on_spark(lakehouse: Lakehouse, statement: Statement, sizes: Mapping[str, int], *, run: bool) -> Analysis:
    """Explain a statement on Spark, which is asked in its own SQL and knows tables by names without a dot."""
    from podium_lakehouse.advisor.spark_plans import spark_plan  # noqa: PLC0415 - pyspark is not always installed
    from podium_lakehouse.engines.spark import spark_engine  # noqa: PLC0415

    try:
        tree = sqlglot.parse_one(statement.text, dialect=DUCKDB.name)
    except SqlglotError as error:
        raise TerminalError(
            "the statement cannot be translated for Spark", hint="`--engine duckdb` explains it"
        ) from error
    text = SPARK.statement(tree.transform(_renamed))
    with spark_engine(lakehouse.uri) as engine:
        for name, snapshot in statement.tables.items():
            engine.offer_table(_relation(name), snapshot)
        places = {snapshot.uri: name for name, snapshot in statement.tables.items()}
        return analyse(spark_plan(engine.session.sql(text), places, run=run), sizes)


def _renamed(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Table) and node.db:
        alias = node.alias_or_name
        return exp.alias_(exp.to_table(_relation(f"{node.db}.{node.name}".lower())), alias, table=True)
    if isinstance(node, exp.Column) and node.args.get("db"):
        return exp.column(node.name, table=node.table)
    return node


def _relation(table: str) -> str:
    return table.replace(".", "__")
