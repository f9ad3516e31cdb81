"""The quality report: one self-contained HTML page about what a pipeline did with its rows, for people who have never seen it.

The page is made from completions, the metrics of verdicts and a few quarantined rows; no table is read as a whole. It has no
clock: the same lakehouse gives the same page.
"""

import os
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from podium_contracts.pipeline import Pipeline, is_object
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.store import objects

from podium_quality.report.period import Choice
from podium_quality.report.view import DEFAULT, view

TEMPLATE = "page.html.jinja"


def render(pipeline: Pipeline, lakehouse: Lakehouse, choice: Choice = DEFAULT) -> str:
    """Return the report as HTML; it asks no server for anything."""
    source = files("podium_quality.report").joinpath(TEMPLATE).read_text(encoding="utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return page.from_string(source).render(report=view(pipeline, lakehouse, choice))


def write(pipeline: Pipeline, lakehouse: Lakehouse, place: str, choice: Choice = DEFAULT) -> None:
    """Write the report to a path or URI, where it replaces the one before only when it is whole."""
    text = render(pipeline, lakehouse, choice)
    if is_object(place):
        objects.put(place, text.encode())
    else:
        _write_file(Path(place), text)


def _write_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
