"""The host on one machine: the five stages around an in-memory bus, wired as the services are on Kafka."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from deltalake import DeltaTable
from podium_cleanse.decisions import decide as carry_out_decision
from podium_cleanse.stage import cleanse
from podium_contracts.errors import PodiumError, TransientError
from podium_contracts.events import DATA_TYPES, CloudEvent
from podium_contracts.events.routing import answering, failure, origin
from podium_contracts.events.v1 import QualityEvaluated
from podium_contracts.messages import Topics
from podium_contracts.names import Layer, Stage
from podium_contracts.pipeline import Pipeline
from podium_ingest.stage import ingest
from podium_lakehouse import restoring
from podium_lakehouse.certified import certified_tables
from podium_lakehouse.delta.tables import find
from podium_lakehouse.hosting import StageFunction
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Acceptance, Cause, Decision, Scope
from podium_lakehouse.store.troubles import in_words
from podium_model.stage import model
from podium_publish.stage import publish
from podium_quality.acceptance import accept
from podium_quality.stage import quality
from podium_runtime.bus import InMemoryBus, Listener

STAGES: dict[Stage, StageFunction] = {
    Stage.CLEANSE: cleanse,
    Stage.QUALITY: quality,
    Stage.MODEL: model,
    Stage.PUBLISH: publish,
}


@dataclass
class Outcome:
    """What a run did: the events it announced, and those among them whose completion it wrote itself."""

    events: list[CloudEvent] = field(default_factory=list)
    fresh: list[CloudEvent] = field(default_factory=list)

    @property
    def verdicts(self) -> list[QualityEvaluated]:
        """The verdicts announced, first to last."""
        return [event.data for event in self.events if isinstance(event.data, QualityEvaluated)]


def run(
    pipeline: Pipeline,
    lakehouse: Lakehouse,
    requested: CloudEvent,
    *,
    topics: Topics | None = None,
    on_event: Listener = lambda _event: None,
    on_completed: Listener = lambda _event: None,
) -> Outcome:
    """Run a pipeline to the end of its news, that of its `topics` among it.

    `on_event` gets every event that is announced, that of a failed stage among them; `on_completed` those of the completions that
    this run writes. Whatever an earlier run left undone is finished first, by the same chain of events: each stage announces its
    last completion again, and the next one finds out what it has not answered yet. Then there is a second pass, for what has come
    since that run.

    Raises:
        PodiumError: a stage failed; what was completed before it stays.
    """
    outcome = Outcome()
    while True:
        done = _Pass(pipeline, lakehouse, outcome, topics, on_completed)
        done.deliver([requested], on_event)
        if all(event.correlationid == requested.id for event in done.fresh):
            return outcome


def decide(
    decision: Decision,
    dataset: str,
    pipeline: Pipeline,
    lakehouse: Lakehouse,
    requested: CloudEvent,
    *,
    on_completed: Listener = lambda _event: None,
) -> Outcome:
    """Carry out a decision on a dataset's quarantine, and all that follows from it: a verdict, Gold, what is published.

    Raises:
        PodiumError: as `run`.
    """
    outcome = Outcome()
    done = _Pass(pipeline, lakehouse, outcome, None, on_completed)
    with in_words(lakehouse.uri):
        answers = carry_out_decision(decision, dataset, requested, pipeline, lakehouse)
    done.deliver(done.noted(answers))
    return outcome


def restore(
    pipeline: Pipeline,
    lakehouse: Lakehouse,
    requested: CloudEvent,
    targets: Mapping[Scope, CloudEvent],
    *,
    on_completed: Listener = lambda _event: None,
) -> Outcome:
    """Put scopes back to completions of theirs, and let the stages after them follow: Silver first, and Gold to what it was then.

    Raises:
        PodiumError: a version cannot be put back, or a stage failed; what was completed before it stays.
    """
    outcome = Outcome()
    done = _Pass(pipeline, lakehouse, outcome, None, on_completed)
    events = []
    for scope, target in sorted(targets.items(), key=lambda item: item[0].stage == Stage.MODEL):
        news = unanswered(scope, pipeline, lakehouse)
        event = restoring.restore(scope, target, Cause.of(requested), news, pipeline, lakehouse)
        done.noted([event])
        done.judge(event)
        events.append(event)
    done.deliver(events)
    return outcome


def unanswered(scope: Scope, pipeline: Pipeline, lakehouse: Lakehouse) -> dict[str, int]:
    """Return what there is for a scope to answer: a dataset's last Bronze batch, or the certified version of every dataset."""
    if scope.stage == Stage.CLEANSE:
        bronze = scope.subject.replace(Layer.SILVER, Layer.BRONZE, 1)
        ingest = Scope(pipeline=pipeline.name, stage=Stage.INGEST, subject=bronze)
        return {Layer.BRONZE: lakehouse.completions.last_sequence(ingest)}
    tables = certified_tables(lakehouse, pipeline.name, list(pipeline.spec.datasets))
    return {name: tables[f"{Layer.SILVER}.{name}"].to_version for name in pipeline.spec.datasets}


def certify(
    pipeline: Pipeline,
    lakehouse: Lakehouse,
    requested: CloudEvent,
    subject: str,
    acceptance: Acceptance,
    *,
    on_completed: Listener = lambda _event: None,
) -> Outcome:
    """Accept the failed verdict on a subject (`silver.sales`, `gold`), and let the stages after it go on.

    Raises:
        TerminalError: its last verdict is not failed.
        PodiumError: a stage failed; what was completed before it stays.
    """
    outcome = Outcome()
    done = _Pass(pipeline, lakehouse, outcome, None, on_completed)
    scope = Scope(pipeline=pipeline.name, stage=Stage.QUALITY, subject=subject)
    event = accept(scope, acceptance, Cause.of(requested), pipeline, lakehouse)
    done.noted([event])
    done.deliver([event, *_interrupted(event, scope, done.before, lakehouse)])
    return outcome


def _interrupted(
    accepted: CloudEvent, scope: Scope, before: DeltaTable | None, lakehouse: Lakehouse
) -> list[CloudEvent]:
    """Return what has come of an acceptance that an interrupted call had completed, and may not be judged yet."""
    if scope.subject == Layer.GOLD or _is_new(accepted, before):
        return []
    last = lakehouse.completions.last(scope.model_copy(update={"stage": Stage.CLEANSE}))
    return [last] if last else []


class _Pass:
    """One delivery of a request, and of all that follows from it, on a bus of its own."""

    def __init__(
        self,
        pipeline: Pipeline,
        lakehouse: Lakehouse,
        outcome: Outcome,
        topics: Topics | None,
        on_completed: Listener,
    ) -> None:
        self.stages: dict[Stage, StageFunction] = {Stage.INGEST: partial(ingest, topics=topics), **STAGES}
        self.pipeline = pipeline
        self.lakehouse = lakehouse
        self.outcome = outcome
        self.on_completed = on_completed
        self.before = find(lakehouse.record_uri("completions"))
        self.fresh: list[CloudEvent] = []
        self.errors: list[PodiumError] = []

    def deliver(self, events: Iterable[CloudEvent], on_event: Listener = lambda _event: None) -> None:
        """Deliver until nothing is left; a stage that fails does not keep others from what they have to do."""
        bus = InMemoryBus()
        bus.listen(on_event)
        bus.subscribe(set(DATA_TYPES), self._answer)
        for event in events:
            bus.publish(event)
        bus.drain()
        if self.errors:
            raise self.errors[0]

    def _answer(self, event: CloudEvent) -> list[CloudEvent]:
        return [answer for stage in answering(event) for answer in self._call(stage, event)]

    def _call(self, stage: Stage, event: CloudEvent) -> list[CloudEvent]:
        try:
            with in_words(self.lakehouse.uri):
                answers = self.stages[stage](event, self.pipeline, self.lakehouse)
        except PodiumError as error:
            self.errors.append(error)
            return [
                failure(
                    event,
                    stage,
                    reason=type(error).__name__,
                    message=str(error),
                    transient=isinstance(error, TransientError),
                )
            ]
        return self.noted(answers)

    def noted(self, answers: list[CloudEvent]) -> list[CloudEvent]:
        """Note what a stage answers; return it."""
        for answer in answers:
            with self.lakehouse.step(f"{origin(answer)} {answer.subject} event"):
                self._note(answer)
        return answers

    def judge(self, completed: CloudEvent) -> None:
        """Let the quality stage judge what was completed, and nothing come of it yet."""
        self._call(Stage.QUALITY, completed)

    def _note(self, answer: CloudEvent) -> None:
        if answer not in self.outcome.events:
            self.outcome.events.append(answer)
        if answer not in self.fresh and _is_new(answer, self.before):
            self.fresh.append(answer)
            self.outcome.fresh.append(answer)
            self.on_completed(answer)


def _is_new(event: CloudEvent, before: DeltaTable | None) -> bool:
    """Whether an event's completion is not among those that were there before."""
    scope = Scope(pipeline=event.partitionkey, stage=Stage(origin(event)), subject=event.subject)
    known = before.transaction_version(scope.key) if before else None
    return event.number > (known or 0)
