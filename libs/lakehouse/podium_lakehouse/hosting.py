"""A stage as a host with a real bus calls it: open the lakehouse, call, and find what has never been announced."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from podium_contracts.errors import Problem, TransientError
from podium_contracts.events import CloudEvent
from podium_contracts.names import Layer, Stage
from podium_contracts.pipeline import Pipeline, Spec
from podium_contracts.watching import Look

from podium_lakehouse.cleansing.checks import problems
from podium_lakehouse.engines.choice import choose
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Scope
from podium_lakehouse.store import bundles
from podium_lakehouse.store.troubles import in_words

StageFunction = Callable[[CloudEvent, Pipeline, Lakehouse], list[CloudEvent]]
DueFunction = Callable[[CloudEvent, Pipeline, Lakehouse], bool]
StreamFunction = Callable[[CloudEvent, Pipeline, Lakehouse, Look], list[CloudEvent]]


@dataclass(frozen=True)
class HostedStage:
    """A stage and what a host needs beside it. Its functions are a module's, so that a value of this class can go to another process."""

    stage: Stage
    function: StageFunction
    stream: StreamFunction | None = None
    """Brings the next batch of a stream; without it, `function` does, and looks everywhere."""
    due: DueFunction | None = None
    """Whether the stage has what it waits for before it answers an event; without it, it waits for nothing."""

    def problems(self, spec: Spec) -> list[Problem]:
        """Return the mistakes in a pipeline that its schema does not show."""
        return problems(spec)

    def fetch(self, uri: str) -> bytes:
        """Return the content of a bundle."""
        return bundles.fetch(uri)

    def answer(self, event: CloudEvent, pipeline: Pipeline) -> list[CloudEvent]:
        """Call the stage; return its answers after whatever it completed before and nobody announced.

        What other calls of the stage may be answering at the same time is left to them.
        """
        return self._answers(event, pipeline, self.function)

    def bring(self, event: CloudEvent, pipeline: Pipeline, look: Look) -> list[CloudEvent]:
        """Call the stage for the next batch of a stream; as `answer`."""
        stream = self.stream
        if stream is None:
            return self.answer(event, pipeline)
        return self._answers(
            event, pipeline, lambda event, pipeline, lakehouse: stream(event, pipeline, lakehouse, look)
        )

    def reached(self, pipeline: Pipeline) -> dict[str, int]:
        """Return the number of the stage's last completion of each subject."""
        with in_words(pipeline.lakehouse_uri):
            completions = open_lakehouse(pipeline).completions
            return {scope.subject: completions.last_sequence(scope) for scope in scopes(self.stage, pipeline)}

    def is_due(self, event: CloudEvent, pipeline: Pipeline) -> bool:
        """Whether the stage has what it waits for before it answers an event.

        Raises:
            TransientError: the lakehouse that the event tells of is not there.
        """
        with in_words(pipeline.lakehouse_uri):
            lakehouse = open_lakehouse(pipeline)
            if lakehouse.path and not lakehouse.path.exists():
                raise TransientError(
                    f"there is no {lakehouse.uri} here, and what it holds decides what comes next",
                    hint="let the service have the volume, too: `services.volumes` and `services.volumeMounts` of the chart",
                )
            return self.due is None or self.due(event, pipeline, lakehouse)

    def outstanding(self, pipeline: Pipeline) -> list[CloudEvent]:
        """Return the completions that are still to be announced, of each scope the oldest first."""
        with in_words(pipeline.lakehouse_uri):
            return _unannounced(open_lakehouse(pipeline), scopes(self.stage, pipeline))

    def announced(self, pipeline: Pipeline, events: list[CloudEvent]) -> None:
        """Note that these completions are announced."""
        with in_words(pipeline.lakehouse_uri):
            lakehouse = open_lakehouse(pipeline)
            for event in events:
                scope = Scope(pipeline=pipeline.name, stage=self.stage, subject=event.subject)
                lakehouse.announcements.put(scope, event.number)

    def _answers(self, event: CloudEvent, pipeline: Pipeline, function: StageFunction) -> list[CloudEvent]:
        with in_words(pipeline.lakehouse_uri):
            return self._all_answers(event, pipeline, function)

    def _all_answers(
        self, event: CloudEvent, pipeline: Pipeline, function: StageFunction
    ) -> list[CloudEvent]:
        """Return what the stage answers, after what it completed before and has not been announced."""
        lakehouse = open_lakehouse(pipeline)
        own = [scope for scope in scopes(self.stage, pipeline) if _counts_for(scope, event)]
        for scope in own:
            lakehouse.announcements.begin(scope, lakehouse.completions.last_sequence(scope))
        engine = choose(pipeline.spec.engine, {}, lakehouse.path).engine
        answers = function(event, pipeline, replace(lakehouse, engine=engine))
        known = {(answer.source, answer.id) for answer in answers}
        older = [other for other in _unannounced(lakehouse, own) if (other.source, other.id) not in known]
        return [*older, *answers]


def open_lakehouse(pipeline: Pipeline) -> Lakehouse:
    """Return a pipeline's lakehouse.

    Raises:
        TerminalError: there can be none at that place.
    """
    return Lakehouse(pipeline.lakehouse_uri)


def _unannounced(lakehouse: Lakehouse, scopes: list[Scope]) -> list[CloudEvent]:
    found = []
    for scope in scopes:
        completed = lakehouse.completions.last_sequence(scope)
        found += lakehouse.completions.after(scope, lakehouse.announcements.owed_after(scope, completed))
    return found


def _counts_for(scope: Scope, event: CloudEvent) -> bool:
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
