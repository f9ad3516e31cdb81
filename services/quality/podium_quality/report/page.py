"""The quality report: one self-contained HTML page about what a pipeline did with its rows, for people who have never seen it.

The page is made from completions, the metrics of verdicts and a few quarantined rows; no table is read as a whole. It has no
clock: the same lakehouse gives the same page.
"""

import os
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from podium_contracts.pipeline import Pipeline
from podium_lakehouse.lakehouse import Lakehouse

from podium_quality.report.view import view

TEMPLATE = "page.html.jinja"


def render(pipeline: Pipeline, lakehouse: Lakehouse) -> str:
    """Return the report as HTML; it asks no server for anything."""
    source = files("podium_quality.report").joinpath(TEMPLATE).read_text(encoding="utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return page.from_string(source).render(report=view(pipeline, lakehouse))


def write(pipeline: Pipeline, lakehouse: Lakehouse, path: Path) -> Path:
    """Write the report to a file, which is replaced only when the new one is whole; return its path."""
    text = render(pipeline, lakehouse)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path
