"""`kubectl podium plan`: what a run of a pipeline would do."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from podium_contracts.errors import InvalidPipeline, PodiumError
from podium_contracts.names import Stage
from podium_contracts.pipeline import Dataset, Pipeline, Source, Spec, is_object
from podium_contracts.resources.course import Step
from podium_ingest.stage import waiting
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.store.troubles import in_words
from rich.text import Text

from podium.console import Form, OutputOption, output, write_json, write_rows
from podium.kubectl.connection import ContextOption, NamespaceOption, ask
from podium.kubectl.finding import pipeline_named
from podium.kubectl.pipelines import ON_A_VOLUME, deployed
from podium.opening import OverlayOption, check

MOST_FILES = 5


@dataclass(frozen=True)
class News:
    """What a source has that no run has taken yet, as far as it is to be seen from here."""

    dataset: str
    source: str
    files: tuple[str, ...] = ()
    bytes: int = 0
    unseen: str = ""
    """Why it cannot be seen from here."""

    @property
    def sentence(self) -> str:
        """What it has, in a line."""
        if self.unseen:
            return f"not seen: {self.unseen}"
        if not self.files:
            return "nothing new"
        more = f" and {len(self.files) - MOST_FILES} more" if len(self.files) > MOST_FILES else ""
        return f"{len(self.files)} file(s), {self.bytes:,} bytes: {', '.join(self.files[:MOST_FILES])}{more}"


def plan(
    name: Annotated[str, typer.Argument(metavar="PIPELINE", help="A Pipeline of the cluster.")] = "",
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="A pipeline file, before it is applied.")
    ] = None,
    overlay: OverlayOption = None,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    form: OutputOption = Form.TABLE,
) -> None:
    """Show what a run would do, and run nothing.

    Its stages in order, its engine, and what is new in the sources. Sources and lakehouse are looked into with your own AWS_… variables; what cannot be seen from here is named.

    Examples:

        kubectl podium plan retail

        kubectl podium plan -f pipeline.yaml --overlay prod.yaml -o json | jq .news
    """
    if bool(name) == bool(file):
        raise typer.BadParameter("give the name of a Pipeline, or a file with -f")
    pipeline = check(file, overlay).pipeline() if file else _in_cluster(name, namespace, context)
    news = list(_news(pipeline, is_here=file is not None))
    if form == Form.JSON:
        write_json(
            {
                "pipeline": pipeline.name,
                "engine": pipeline.spec.engine,
                "lakehouse": pipeline.spec.lakehouse.uri,
                "schedule": pipeline.spec.schedule,
                "stages": [{"stage": step.stage, "subject": step.subject} for step in steps(pipeline.spec)],
                "news": [asdict(item) for item in news],
            }
        )
    else:
        _show(pipeline, news)


def _in_cluster(name: str, namespace: str, context: str) -> Pipeline:
    found = deployed(ask(namespace, context, lambda cluster, home: pipeline_named(cluster, home, name)))
    if mistakes := found.mistakes():
        raise InvalidPipeline(mistakes, file=found.name)
    return found.pipeline()


def steps(spec: Spec) -> list[Step]:
    """Return the steps of a run that finds something new in every dataset, in the order in which they can begin."""
    own = [Step(stage, name) for stage in (Stage.CLEANSE, Stage.QUALITY) for name in spec.datasets]
    gold = [Step(Stage.MODEL), Step(Stage.QUALITY)] if spec.model else []
    served = [Step(Stage.PUBLISH)] if gold and spec.publish.destinations else []
    return [Step(Stage.INGEST), *own, *gold, *served]


def _news(pipeline: Pipeline, *, is_here: bool) -> Iterator[News]:
    """Yield what is new in each source; where a pipeline `is_here`, its folders are those of this machine."""
    for name, dataset in pipeline.spec.datasets.items():
        for source in dataset.sources:
            yield _of_source(pipeline, name, dataset, source, is_here=is_here)


def _of_source(pipeline: Pipeline, name: str, dataset: Dataset, source: Source, *, is_here: bool) -> News:
    if source.files is None:
        topic = source.kafka.topic or source.kafka.topic_pattern if source.kafka else ""
        return News(name, f"topic {topic}", unseen="Kafka is not asked from here")
    path = source.files.path
    for place in (pipeline.spec.lakehouse.uri, path):
        if not is_here and not is_object(place):
            return News(name, path, unseen=ON_A_VOLUME.format(place))
    alone = dataset.model_copy(update={"sources": (source,)})
    narrowed = replace(pipeline, spec=pipeline.spec.model_copy(update={"datasets": {name: alone}}))
    try:
        with in_words(pipeline.lakehouse_uri):
            found = waiting(narrowed, Lakehouse(pipeline.lakehouse_uri))
    except PodiumError as error:
        return News(name, path, unseen=str(error))
    return News(name, path, tuple(item.name for item in found), sum(item.size for item in found))


def _show(pipeline: Pipeline, news: list[News]) -> None:
    spec = pipeline.spec
    schedule = f", at {spec.schedule}" if spec.schedule else ""
    output.print(
        Text.assemble(
            (pipeline.name, "bold"), f": engine {spec.engine}, lakehouse {spec.lakehouse.uri}{schedule}"
        ),
        soft_wrap=True,
    )
    write_rows([{"stage": step.stage, "works on": _subject(step, spec)} for step in steps(spec)], none="")
    output.print("\nnew in the sources:")
    for item in news:
        output.print(
            Text.assemble(f"  {item.dataset}  {item.source}  ", (item.sentence, "dim")), soft_wrap=True
        )


def _subject(step: Step, spec: Spec) -> str:
    match step.stage:
        case Stage.INGEST:
            return ", ".join(f"bronze.{name}" for name in spec.datasets)
        case Stage.PUBLISH:
            return ", ".join(spec.publish.destinations)
    return step.subject
