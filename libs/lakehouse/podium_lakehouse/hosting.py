"""A stage as a host with a real bus calls it: open the lakehouse, call, and find what has never been announced."""

from collections.abc import Callable
from dataclasses import dataclass

from podium_contracts.errors import Problem
from podium_contracts.events import CloudEvent
from podium_contracts.names import Layer, Stage
from podium_contracts.pipeline import Pipeline, Spec
from podium_contracts.watching import Look

from podium_lakehouse.cleansing.checks import problems
from podium_lakehouse.engines.choice import choose
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Scope

StageFunction = Callable[[CloudEvent, Pipeline, Lakehouse], list[CloudEvent]]
StreamFunction = Callable[[CloudEvent, Pipeline, Lakehouse, Look], list[CloudEvent]]


@dataclass(frozen=True)
class HostedStage:
    """A stage and what a host needs beside it. Its functions are a module's, so that a value of this class can go to another process."""

    stage: Stage
    function: StageFunction
    stream: StreamFunction | None = None
    """Brings the next batch of a stream; without it, `function` does, and looks everywhere."""

    def problems(self, spec: Spec) -> list[Problem]:
        """Return the mistakes in a pipeline that its schema does not show."""
        return problems(spec)

    def answer(self, event: CloudEvent, pipeline: Pipeline) -> list[CloudEvent]:
        """Call the stage; return its answers after whatever it completed before and nobody announced.

        What other calls of the stage may be answering at the same time is left to them.
        """
        return self._all(event, pipeline, self.function(event, pipeline, open_lakehouse(pipeline)))

    def bring(self, event: CloudEvent, pipeline: Pipeline, look: Look) -> list[CloudEvent]:
        """Call the stage for the next batch of a stream; as `answer`."""
        if self.stream is None:
            return self.answer(event, pipeline)
        return self._all(event, pipeline, self.stream(event, pipeline, open_lakehouse(pipeline), look))

    def outstanding(self, pipeline: Pipeline) -> list[CloudEvent]:
        """Return the completions that have never been announced, of each scope the oldest first."""
        return _unannounced(pipeline, scopes(self.stage, pipeline))

    def announced(self, pipeline: Pipeline, events: list[CloudEvent]) -> None:
        """Note that these completions are announced."""
        lakehouse = open_lakehouse(pipeline)
        for event in events:
            scope = Scope(pipeline=pipeline.name, stage=self.stage, subject=event.subject)
            lakehouse.announcements.put(scope, event.number)

    def _all(self, event: CloudEvent, pipeline: Pipeline, answers: list[CloudEvent]) -> list[CloudEvent]:
        """Return answers after what was completed before them and has not been announced."""
        known = {(answer.source, answer.id) for answer in answers}
        own = [scope for scope in scopes(self.stage, pipeline) if _answers(scope, event)]
        older = [other for other in _unannounced(pipeline, own) if (other.source, other.id) not in known]
        return [*older, *answers]


def open_lakehouse(pipeline: Pipeline) -> Lakehouse:
    """Return a pipeline's lakehouse with the engine that the pipeline asks for.

    Raises:
        TerminalError: the lakehouse is out of this machine's reach.
    """
    lakehouse = Lakehouse(pipeline.lakehouse_uri)
    engine = choose(pipeline.spec.engine, {}, lakehouse.path).engine
    return Lakehouse(pipeline.lakehouse_uri, engine=engine)


def _unannounced(pipeline: Pipeline, scopes: list[Scope]) -> list[CloudEvent]:
    lakehouse = open_lakehouse(pipeline)
    return [
        event
        for scope in scopes
        for event in lakehouse.completions.after(scope, lakehouse.announcements.last(scope))
    ]


def _answers(scope: Scope, event: CloudEvent) -> bool:
    """Whether what a stage completes by answering an event is counted for a scope: by dataset where it works so."""
    by_dataset = scope.stage in {Stage.CLEANSE, Stage.QUALITY}
    return not by_dataset or scope.subject.split(".")[-1] == event.subject.split(".")[-1]


def scopes(stage: Stage, pipeline: Pipeline) -> list[Scope]:
    """Return what a stage counts its completions for in a pipeline."""
    datasets = list(pipeline.spec.datasets)
    subjects: dict[Stage, list[str]] = {
        Stage.INGEST: [f"{Layer.BRONZE}.{name}" for name in datasets],
        Stage.CLEANSE: [f"{Layer.SILVER}.{name}" for name in datasets],
        Stage.QUALITY: [*(f"{Layer.SILVER}.{name}" for name in datasets), Layer.GOLD],
        Stage.MODEL: [Layer.GOLD],
        Stage.PUBLISH: list(pipeline.spec.publish.destinations),
    }
    return [Scope(pipeline=pipeline.name, stage=stage, subject=subject) for subject in subjects[stage]]
