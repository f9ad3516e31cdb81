"""The lineage of a whole pipeline, and how it is shown."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from podium_contracts.errors import TerminalError
from podium_contracts.names import Layer, storable_name
from podium_contracts.pipeline import Dataset, Pipeline
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.lineage import STEP, Column, Lineage, of_silver
from podium_model.lineage import of_gold
from rich.text import Text
from rich.tree import Tree

from podium.console import Form, output, write_json, write_terms
from podium.lineage_picture import picture
from podium.nearest import nearest

NOTHING = "(a constant, a count of rows, or the time of the run)"
OPAQUE = " (a custom step: of all that it gets)"


def declared_sources(dataset: Dataset) -> dict[str, str]:
    """The source's columns as far as the pipeline file declares them, before anything has been ingested."""
    return {
        storable_name(column.source or name): column.source or name
        for name, column in dataset.columns.items()
        if not column.expression
    }


def source_names(lakehouse: Lakehouse, name: str, dataset: Dataset) -> dict[str, str]:
    """Return the name in the source of each Bronze column: as it was ingested, or before that as it is declared."""
    return lakehouse.catalogue.source_names(Layer.BRONZE, name) or declared_sources(dataset)


def traced(pipeline: Pipeline, wanted: str, lakehouse: Lakehouse | None) -> Lineage:
    """Return the lineage of a pipeline, Gold's only where it is wanted: dbt takes a second."""
    found: dict[Column, tuple[Column, ...]] = {}
    for name, dataset in pipeline.spec.datasets.items():
        known = source_names(lakehouse, name, dataset) if lakehouse else declared_sources(dataset)
        found |= of_silver(pipeline, name, known)
    if _layer(wanted) == Layer.GOLD:
        found |= of_gold(pipeline)
    return found


def draw_lineage(lineage: Lineage, wanted: str, path: Path) -> None:
    """Draw what a column, or every column of a table or layer, is made of, down to the source, as an SVG file.

    Raises:
        TerminalError: there is none; the hint has what is near it.
    """
    reached = {column: lineage[column] for column in _reached(lineage, _roots(lineage, wanted))}
    path.write_text(picture(reached, f"What {wanted} is made of"), encoding="utf-8")


def _roots(lineage: Lineage, wanted: str) -> list[Column]:
    roots = [column for column in lineage if wanted in {str(column), column.table, _layer(column.table)}]
    if not roots:
        raise _unknown(lineage, wanted)
    return roots


def _layer(name: str) -> str:
    return name.partition(".")[0]


def write_lineage(lineage: Lineage, wanted: str, form: Form) -> None:
    """Write where a column comes from, or every column of a table or layer.

    Raises:
        TerminalError: there is none; the hint has what is near it.
    """
    roots = _roots(lineage, wanted)
    if form == Form.JSON:
        write_json(
            [
                {"column": str(column), "from": list(map(str, lineage[column]))}
                for column in _reached(lineage, roots)
            ]
        )
    elif len(roots) == 1 and str(roots[0]) == wanted:
        output.print(_tree(Tree(Text(wanted, "bold"), guide_style="dim"), lineage, roots[0]))
    else:
        for table, columns in groupby(roots, key=lambda column: column.table):
            output.print(Text(table, "bold"))
            for column in columns:
                write_terms(f"{column.name} ←", _listed(lineage[column]))


def _unknown(lineage: Lineage, wanted: str) -> TerminalError:
    table, _, name = wanted.rpartition(".")
    if columns := [column.name for column in lineage if column.table == table]:
        return TerminalError(f"{table} has no column {name!r}", hint=nearest(name, columns))
    tables = dict.fromkeys(column.table for column in lineage)
    return TerminalError(f"there is no table {wanted!r}", hint=nearest(wanted, tables))


def _listed(columns: Sequence[Column]) -> list[str]:
    *first, last = map(str, columns) if columns else [NOTHING]
    return [*(f"{name}," for name in first), last]


def _reached(lineage: Lineage, roots: list[Column]) -> Iterator[Column]:
    """Yield columns and all that they are made of, each once."""
    seen = dict.fromkeys(roots)
    waiting = list(roots)
    while waiting:
        column = waiting.pop(0)
        yield column
        fresh = [item for item in lineage.get(column, ()) if item in lineage and item not in seen]
        seen |= dict.fromkeys(fresh)
        waiting += fresh


def _tree(tree: Tree, lineage: Lineage, column: Column) -> Tree:
    for item in lineage[column]:
        branch = tree.add(Text.assemble(str(item), (_said_of(item), "dim")))
        if item in lineage:
            _tree(branch, lineage, item)
    if not lineage[column]:
        tree.add(Text(NOTHING, "dim"))
    return tree


def _said_of(column: Column) -> str:
    return OPAQUE if column.table.startswith(f"{STEP}.") else ""
