"""`kubectl podium lineage`: of which columns a column is made, in a Pipeline of the cluster."""

from typing import Annotated

import typer
from podium_lakehouse.lineage import Lineage

from podium.console import Form, OutputOption
from podium.kubectl.connection import ContextOption, NamespaceOption, ask
from podium.kubectl.finding import pipeline_named
from podium.kubectl.pipelines import Deployed, deployed
from podium.tracing import traced, write_lineage


def lineage(
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="A Pipeline of the cluster.")],
    what: Annotated[
        str, typer.Argument(metavar="TABLE[.COLUMN]", help="Such as gold.fact_sale, or silver.sales.country.")
    ],
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    form: OutputOption = Form.TABLE,
) -> None:
    """Show of which columns a column is made, down to the source. Nothing is run.

    For Gold the dbt project is fetched with the bundle. `podium lineage` does the same with a pipeline file.

    Examples:

        kubectl podium lineage retail gold.fact_sale.total_amount

        kubectl podium lineage retail silver.sales -o json | jq '.[] | select(.from == [])'
    """
    found = deployed(ask(namespace, context, lambda cluster, home: pipeline_named(cluster, home, pipeline)))
    write_lineage(_traced(found, what), what, form)


def _traced(found: Deployed, what: str) -> Lineage:
    if not what.startswith("gold."):
        return traced(found.pipeline(), what, None)
    with found.unpacked() as pipeline:
        return traced(pipeline, what, None)
