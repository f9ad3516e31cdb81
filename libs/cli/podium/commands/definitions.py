"""`podium validate`, `podium compile` and `podium lineage`: what the pipeline file says, without running it."""

from pathlib import Path
from typing import Annotated

import typer
from podium_contracts.errors import InvalidPipeline, TerminalError
from podium_contracts.names import EngineName, Layer
from podium_contracts.pipeline import Pipeline
from podium_lakehouse.cleansing.columns import FILLED
from podium_lakehouse.cleansing.dispositions import LARGE_BLOCKS, PAIRS, SIMILAR
from podium_lakehouse.cleansing.fuzzy import large_blocks_statement, pairs_statement, similar_statement
from podium_lakehouse.cleansing.interpolation import interpolated, interpolation_statement
from podium_lakehouse.cleansing.outcome import (
    EXCEPTIONS,
    REPEATED,
    STAGED,
    exceptions_statement,
    repeated_statement,
)
from podium_lakehouse.cleansing.staging import (
    BRONZE,
    STANDARDISED,
    STEPPED,
    staging_statement,
    standardised_statement,
)
from podium_lakehouse.cleansing.stepping import stepped_statement
from podium_lakehouse.engines.engine import ROW_DIALECT
from podium_lakehouse.expressions.dialects import DUCKDB, SPARK, Dialect
from podium_lakehouse.lakehouse import Lakehouse
from rich.syntax import Syntax
from sqlglot import exp

from podium.console import Form, OutputOption, errors, output, write_json
from podium.ending import EXIT_INVALID
from podium.opening import DEFAULT_FILE, FileOption, OverlayOption, check, dataset_of, open_pipeline
from podium.tracing import draw_lineage, source_names, traced, write_lineage

WHOLE = (STAGED, REPEATED, EXCEPTIONS)
"""The statements that every cleansing runs; `--step` prints their parts, and what a dataset makes beside them."""


def validate(
    file: FileOption = DEFAULT_FILE, overlay: OverlayOption = None, form: OutputOption = Form.TABLE
) -> None:
    """Check a pipeline file: every mistake at once, with its line. Nothing is run.

    Examples:

        podium validate -f examples/retail/pipeline.yaml

        podium validate -f pipeline.yaml -o json | jq '.[].message'
    """
    if form == Form.JSON:
        _validate_for_scripts(file, overlay)
        return
    checked = check(file, overlay)
    datasets = checked.document.spec.datasets
    columns = sum(len(dataset.columns) for dataset in datasets.values())
    rules = sum(len(dataset.rules) for dataset in datasets.values())
    place = f"{file} with {overlay}" if overlay else f"{file}"
    output.print(
        f"[bold green]valid[/] {place}: {len(datasets)} dataset(s), {columns} columns, {rules} rules"
    )


def _validate_for_scripts(file: Path, overlay: Path | None) -> None:
    """Write the list of mistakes, an empty one where there are none."""
    try:
        check(file, overlay)
    except InvalidPipeline as error:
        write_json(
            [
                {
                    "file": problem.file or error.file,
                    "line": problem.line,
                    "path": problem.where,
                    "message": problem.message,
                    "hint": problem.hint,
                }
                for problem in error.problems
            ]
        )
        raise typer.Exit(EXIT_INVALID) from None
    write_json([])


def compile_(
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    dataset: Annotated[
        str, typer.Option("--dataset", "-d", help="Which dataset; by default the first.")
    ] = "",
    step: Annotated[str, typer.Option("--step", "-s", help="One step (CTE) only, such as `rules`.")] = "",
    engine: Annotated[
        EngineName, typer.Option("--engine", "-e", help="Whose SQL to print.")
    ] = EngineName.DUCKDB,
    form: OutputOption = Form.TABLE,
) -> None:
    """Print the SQL that cleansing runs, a CTE per step.

    What looks at a row by itself, `staged`, is DuckDB's on either engine: engine spark runs it in its tasks.

    Examples:

        podium compile -f pipeline.yaml --step rules

        podium compile -f pipeline.yaml --engine spark
    """
    opened = open_pipeline(file, overlay=overlay)
    name = dataset_of(opened, dataset)
    dialect = DUCKDB if engine == EngineName.DUCKDB else SPARK
    steps = _steps(opened.pipeline, name, opened.lakehouse, dialect)
    if step and step not in steps:
        raise TerminalError(f"no step {step!r}", hint=f"the steps are: {', '.join(steps)}")
    wanted = [step] if step else list(WHOLE)
    if form == Form.JSON:
        write_json({title: steps[title] for title in wanted})
        return
    for title in wanted:
        text = f"-- {title}\n{steps[title]}"
        if output.is_terminal:
            output.print(Syntax(text, "sql", background_color="default", word_wrap=True))
        else:
            print(text)


def lineage(
    what: Annotated[
        str,
        typer.Argument(
            metavar="LAYER[.TABLE[.COLUMN]]",
            help="Such as gold.fact_sale, or silver.sales.country; by default all of Gold, or of Silver without a model.",
            show_default=False,
        ),
    ] = "",
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", help="Draw it into this file, instead; any browser shows it.")
    ] = None,
    form: OutputOption = Form.TABLE,
) -> None:
    """Show of which columns a column is made, or those of a table or layer, down to the source. Nothing is run.

    It is read from the statements that cleansing runs, and from what dbt makes of the models.

    A custom step is opaque: each column of step.DATASET.NAME is made of all that the step gets.

    Examples:

        podium lineage gold.fact_sale.total_amount -f pipeline.yaml

        podium lineage silver.sales -o json | jq '.[] | select(.from == [])'

        podium lineage gold.fact_sale --svg fact_sale.svg

        podium lineage --svg retail.svg
    """
    opened = open_pipeline(file, overlay=overlay)
    what = what or (Layer.GOLD if opened.pipeline.spec.model else Layer.SILVER)
    found = traced(opened.pipeline, what, opened.lakehouse)
    if svg:
        draw_lineage(found, what, svg)
        errors.print(f"drawn: {svg}", markup=False)
    else:
        write_lineage(found, what, form)


def _steps(pipeline: Pipeline, name: str, lakehouse: Lakehouse, dialect: Dialect) -> dict[str, str]:
    dataset = pipeline.spec.datasets[name]
    names = source_names(lakehouse, name, dataset)
    statements: dict[str, tuple[exp.Query, Dialect]] = {
        STAGED: (staging_statement(dataset, pipeline.spec.lookups, names, ROW_DIALECT), ROW_DIALECT),
        REPEATED: (repeated_statement(dialect), dialect),
        EXCEPTIONS: (exceptions_statement(dataset, dialect, with_base=True), dialect),
    }
    if dataset.steps:
        before = standardised_statement(dataset, pipeline.spec.lookups, names, ROW_DIALECT)
        after = stepped_statement(dataset, before.named_selects, dialect)
        statements |= {STANDARDISED: (before, ROW_DIALECT), STEPPED: (after, dialect)}
    if interpolated(dataset):
        statements[FILLED] = (interpolation_statement(dataset, names, dialect, BRONZE), dialect)
    if fuzzy := dataset.duplicates.fuzzy:
        statements[LARGE_BLOCKS] = (large_blocks_statement(fuzzy, dialect), dialect)
        statements[PAIRS] = (pairs_statement(dataset, fuzzy, dialect), dialect)
        statements[SIMILAR] = (similar_statement(fuzzy, ROW_DIALECT), ROW_DIALECT)
    printed: dict[str, str] = {}
    for title, (statement, language) in statements.items():
        ctes = {cte.alias: cte.this for cte in statement.ctes}
        printed |= {name: language.statement(tree, pretty=True) for name, tree in ctes.items()}
        printed[title] = language.statement(statement, pretty=True)
    return printed
