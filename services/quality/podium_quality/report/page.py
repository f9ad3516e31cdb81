"""The quality report: one self-contained HTML page about what a pipeline did with its rows, for people who have never seen it.

The page is made from completions, the metrics of verdicts and a few quarantined rows; no table is read as a whole. It has no
clock: the same lakehouse gives the same page.
"""

import os
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from podium_contracts.errors import TerminalError
from podium_contracts.pipeline import Pipeline, is_object
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.store import objects

from podium_quality.report.period import Choice
from podium_quality.report.view import DEFAULT, view

TEMPLATE = "page.html.jinja"
EXAMPLE = "report.html"


def render(pipeline: Pipeline, lakehouse: Lakehouse, choice: Choice = DEFAULT) -> str:
    """Return the report as HTML; it asks no server for anything.

    Raises:
        TerminalError: the choice holds no days.
    """
    source = files("podium_quality.report").joinpath(TEMPLATE).read_text(encoding="utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return page.from_string(source).render(report=view(pipeline, lakehouse, choice))


def write(pipeline: Pipeline, lakehouse: Lakehouse, place: str, choice: Choice = DEFAULT) -> None:
    """Write the report to a path or URI, where it replaces the one before only when it is whole.

    Raises:
        TerminalError: the place is a folder, or the choice holds no days.
        OSError: nothing can be written there; it names the folder.
    """
    if not is_object(place) and Path(place).is_dir():
        raise TerminalError(f"{place} is a folder", hint=f"name a file in it, as {Path(place) / EXAMPLE}")
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
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path.parent)) from error
    finally:
        draft.unlink(missing_ok=True)
