"""`podium explain` and `podium advise`: what plans and recorded queries say, and what would be better."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from podium_contracts.errors import TerminalError
from podium_contracts.names import EngineName, Layer
from podium_lakehouse.advisor.advice import Advice
from podium_lakehouse.advisor.advice import advise as advise_on
from podium_lakehouse.advisor.analysis import Analysis
from podium_lakehouse.advisor.explaining import explain_cleansing, explain_statement
from podium_lakehouse.advisor.findings import Finding, Priority
from podium_lakehouse.reading.asking import prepared
from podium_lakehouse.reading.versions import Reader
from rich.padding import Padding
from rich.text import Text

from podium.commands.querying import written
from podium.console import Form, OutputOption, errors, output, write_json, write_terms
from podium.opening import DEFAULT_FILE, FileOption, Opened, OverlayOption, dataset_of, open_pipeline
from podium.tracing import source_names

NAME = re.compile(r"\s*(?:silver\.)?\w+\s*")
TABLE = re.compile(r"\s*(?:bronze|gold)\.\w+\s*")
COLOURS = {Priority.HIGH: "bold red", Priority.MEDIUM: "bold yellow", Priority.LOW: "bold"}


def explain(
    what: Annotated[
        str,
        typer.Argument(
            metavar="SELECT|DATASET", help="A statement as for `podium sql`, or a dataset, for its cleansing."
        ),
    ],
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    engine: Annotated[EngineName, typer.Option("--engine", "-e", help="Whose plan.")] = EngineName.DUCKDB,
    run: Annotated[
        bool,
        typer.Option("--run", help="Run it, for rows, spills and skew as they are; nothing is committed."),
    ] = False,
    form: OutputOption = Form.TABLE,
) -> None:
    """Show the physical plan of a statement or of a dataset's cleansing, and what the advisor finds in it.

    Custom steps are functions and have no plan: the rest is planned as if there were none.

    Examples:

        podium explain "select count(*) from gold.fact_sale where date_key = 20100601"

        podium explain silver.sales --engine spark -o json
    """
    opened = open_pipeline(file, overlay=overlay)
    found = _explained(opened, what, engine, run=run)
    if form == Form.JSON:
        write_json(
            {
                step: {**analysis.report(), "plan": list(analysis.plan.lines())}
                for step, analysis in found.items()
            }
        )
        return
    for step, analysis in found.items():
        output.print(f"[bold]{step}[/], {analysis.plan.engine}", highlight=False)
        for line in analysis.plan.lines():
            text = line.lstrip()
            _write(text, 2 + len(line) - len(text))
        _write_findings(analysis.findings, "nothing to advise")


def advise(
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    table: Annotated[str, typer.Option("--table", "-t", help="One table only, such as gold.fact_sale.")] = "",
    form: OutputOption = Form.TABLE,
) -> None:
    """Advise on how tables lie, from the queries that were recorded and from what the tables hold.

    Examples:

        podium advise -f pipeline.yaml

        podium advise --table gold.fact_sale -o json | jq '.[0].recommended_partition_columns'
    """
    opened = open_pipeline(file, overlay=overlay)
    reader = Reader.of(opened.pipeline, opened.lakehouse)
    tables = {table: reader.snapshot(table)} if table else reader.certified()
    queries = opened.lakehouse.queries.all()
    found = [advise_on(name, snapshot, queries) for name, snapshot in tables.items()]
    if form == Form.JSON:
        write_json([advice.report() for advice in found])
        return
    asked = [advice for advice in found if table or advice.patterns.queries or advice.findings]
    for advice in asked:
        _write_advice(advice)
    if not asked:
        output.print(f"no query is recorded yet: podium sql … {opened.options}", highlight=False)


def _explained(opened: Opened, what: str, engine: EngineName, *, run: bool) -> Mapping[str, Analysis]:
    if NAME.fullmatch(what):
        name = dataset_of(opened, what.strip().removeprefix(f"{Layer.SILVER}."))
        dataset = opened.pipeline.spec.datasets[name]
        if dataset.steps:
            errors.print(
                f"custom steps have no plan, and are not called: {', '.join(dataset.steps)}", highlight=False
            )
        known = source_names(opened.lakehouse, name, dataset)
        return explain_cleansing(opened.lakehouse, opened.pipeline, name, known, engine, run=run)
    if TABLE.fullmatch(what):
        raise TerminalError(
            f"{what.strip()} is neither a statement nor a dataset",
            hint=f'ask it something, as `podium explain "from {what.strip()} limit 10"`; a dataset of Silver explains its cleansing',
        )
    reader = Reader.of(opened.pipeline, opened.lakehouse)
    return {
        "statement": explain_statement(opened.lakehouse, prepared(reader, written(what)), engine, run=run)
    }


def _write_advice(advice: Advice) -> None:
    patterns = advice.patterns
    output.print(f"[bold]{advice.table}[/]", highlight=False)
    if patterns.queries:
        volume, latency = (
            f"{patterns.query_volume_per_hour:,g} an hour",
            f"{patterns.avg_query_latency_ms:,g} ms each",
        )
        write_terms("queries:", [f"{patterns.queries:,},", f"{volume},", latency])
    else:
        output.print("  no query of it is recorded")
    columns = {
        "filtered by": patterns.most_filtered_columns,
        "grouped by": patterns.most_grouped_columns,
        "joined by": patterns.most_joined_columns,
    }
    for how, names in columns.items():
        if names:
            write_terms(how, [", ".join(names)])
    _write_findings(advice.findings, "nothing to advise")


def _write_findings(findings: Sequence[Finding], none: str) -> None:
    for finding in findings:
        _write(Text.assemble((str(finding.priority), COLOURS[finding.priority]), f" {finding.message}"), 2)
        _write(f"seen: {finding.evidence}", 4)
        _write(f"gain: {finding.gain}", 4)
    if not findings:
        _write(Text(none, style="dim"), 2)


def _write(text: str | Text, indent: int) -> None:
    """Write a text whose every line begins so far to the right."""
    output.print(Padding(text if isinstance(text, Text) else Text(text), (0, 0, 0, indent), expand=False))
