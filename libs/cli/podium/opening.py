"""From `-f pipeline.yaml` to a checked pipeline and its lakehouse."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from podium_contracts.errors import Problem, TerminalError
from podium_contracts.pipeline import Pipeline
from podium_ingest import payloads
from podium_lakehouse.cleansing.checks import problems
from podium_lakehouse.lakehouse import Lakehouse, Observer, nobody
from podium_lakehouse.records import lookups
from podium_quality import judged, suites
from podium_runtime import step_files
from podium_runtime.pipeline_file import PipelineFile, load

FileOption = Annotated[
    Path, typer.Option("--file", "-f", help="The pipeline file.", envvar="PODIUM_PIPELINE", show_default=True)
]
OverlayOption = Annotated[
    Path | None,
    typer.Option(
        "--overlay",
        help="What belongs to an environment: a partial pipeline file that is merged into it.",
        envvar="PODIUM_OVERLAY",
    ),
]
DEFAULT_FILE = Path("pipeline.yaml")
REPORT = "report.html"


@dataclass(frozen=True)
class Opened:
    """A pipeline that may be run, and where its tables lie."""

    file: Path
    pipeline: Pipeline
    lakehouse: Lakehouse
    overlay: Path | None = None

    @property
    def options(self) -> str:
        """The options that name it, for the next command: `-f pipeline.yaml --overlay prod.yaml`."""
        return options(self.file, self.overlay)

    @property
    def report(self) -> str:
        """The path or URI of the report that each run renews."""
        return f"{self.lakehouse.uri}/{REPORT}"


def options(file: Path, overlay: Path | None) -> str:
    """Return the options that name a pipeline file and its overlay."""
    return f"-f {file} --overlay {overlay}" if overlay else f"-f {file}"


def check(path: Path, overlay: Path | None = None) -> PipelineFile:
    """Return a pipeline file, after its overlay has been merged into it, without mistakes.

    Raises:
        InvalidPipeline: with every mistake, those of the schema or those of names, types and expressions.
    """
    file = load(path, overlay)
    if found := mistakes(file):
        raise file.invalid(found)
    return file


def mistakes(file: PipelineFile) -> list[Problem]:
    """Return what a pipeline file gets wrong beyond its schema."""
    spec, models = file.document.spec, file.models()
    return [
        *problems(spec),
        *file.missing(),
        *payloads.problems(spec, file.schemas()),
        *step_files.problems(spec, file.steps()),
        *lookups.problems(spec, file.lookups()),
        *(judged.problems(spec, models) if models is not None else ()),
        *suites.problems(spec, file.expectations()),
    ]


def open_pipeline(path: Path, observer: Observer = nobody, *, overlay: Path | None = None) -> Opened:
    """Return the checked pipeline of a file with its lakehouse.

    Raises:
        InvalidPipeline: the file has mistakes.
        TerminalError: there can be no lakehouse at that place.
    """
    pipeline = check(path, overlay).pipeline()
    return Opened(path, pipeline, Lakehouse(pipeline.lakehouse_uri, observer), overlay)


def dataset_of(opened: Opened, name: str) -> str:
    """Return the name of a dataset, the first where none is given.

    Raises:
        TerminalError: the pipeline has no such dataset; the hint lists them.
    """
    known = opened.pipeline.spec.datasets
    if name and name not in known:
        raise TerminalError(f"no dataset {name!r}", hint=f"the datasets are: {', '.join(known)}")
    return name or next(iter(known))
