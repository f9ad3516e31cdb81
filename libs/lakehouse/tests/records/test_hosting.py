"""The outbox: what a stage has completed and nobody has announced, whoever was killed when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from podium_contracts.errors import TransientError
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import LayerCompleted, Run
from podium_contracts.names import EngineWish, Layer, Stage
from podium_contracts.pipeline import Pipeline, PipelineDocument
from podium_lakehouse.hosting import HostedStage, scopes
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Intent, Scope

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def complete(
    lakehouse: Lakehouse, subject: str, number: int, stage: Stage = Stage.CLEANSE, *, minutes: int = 0
) -> CloudEvent:
    """Complete a stage's intent of a number, of a run so many minutes after noon."""
    run = Run(pipeline="shop", id=f"run-{number}", requested_at=NOON + timedelta(minutes=minutes))
    scope = Scope(pipeline="shop", stage=stage, subject=subject)
    intent = Intent(
        scope=scope,
        sequence=number,
        completion=number,
        after=lakehouse.completions.last_sequence(scope),
        run=run,
        traceparent=TRACE,
        fingerprint="f",
        answers=("e",),
    )
    layer, _, name = subject.partition(".")
    return lakehouse.complete(intent, LayerCompleted(run=run, layer=layer, subject=name, sequence=number))


def complete_third(event: CloudEvent, _pipeline: Pipeline, lakehouse: Lakehouse) -> list[CloudEvent]:
    """Be a stage that completes its third intent for the dataset of an event."""
    return [complete(lakehouse, f"silver.{event.subject.split('.')[1]}", 3)]


HOSTED = HostedStage(Stage.CLEANSE, complete_third)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """Return a pipeline of two datasets."""
    dataset = {
        "sources": [{"files": {"path": "*.csv"}}],
        "columns": {"id": {"type": "string"}},
        "duplicates": {"keys": ["id"]},
    }
    document = {
        "apiVersion": "podium.dev/v1alpha1",
        "kind": "Pipeline",
        "metadata": {"name": "shop"},
        "spec": {"lakehouse": {"uri": "lake"}, "datasets": {"sales": dataset, "other": dataset}},
    }
    return Pipeline("shop", PipelineDocument.model_validate(document).spec, tmp_path, "f")


@pytest.fixture
def lakehouse(pipeline: Pipeline) -> Lakehouse:
    return Lakehouse(pipeline.lakehouse_uri)


def begin(lakehouse: Lakehouse) -> None:
    """Let services find a lakehouse without a completion."""
    for subject in ("silver.sales", "silver.other"):
        scope = Scope(pipeline="shop", stage=Stage.CLEANSE, subject=subject)
        lakehouse.announcements.begin(scope, 0)


def test_completions_are_outstanding_until_they_are_announced(
    pipeline: Pipeline, lakehouse: Lakehouse
) -> None:
    """Each dataset's in the order of their numbers, also where an earlier run was completed later; others' stages are not ours."""
    begin(lakehouse)
    first, second = (complete(lakehouse, "silver.sales", number, minutes=-number) for number in (1, 2))
    other = complete(lakehouse, "silver.other", 1)
    complete(lakehouse, "bronze.sales", 1, Stage.INGEST)
    assert HOSTED.outstanding(pipeline) == [first, second, other]
    HOSTED.announced(pipeline, [first])
    assert HOSTED.outstanding(pipeline) == [second, other]
    HOSTED.announced(pipeline, [second, other])
    assert HOSTED.outstanding(pipeline) == []


def test_announcing_again_goes_nowhere_back(pipeline: Pipeline, lakehouse: Lakehouse) -> None:
    """An older event that is announced again takes nothing of what came after it out of the books."""
    begin(lakehouse)
    first, second = (complete(lakehouse, "silver.sales", number) for number in (1, 2))
    HOSTED.announced(pipeline, [first, second])
    HOSTED.announced(pipeline, [first])
    assert HOSTED.outstanding(pipeline) == []


def test_what_was_there_before_the_services_is_announced_by_its_last_completion(
    pipeline: Pipeline, lakehouse: Lakehouse
) -> None:
    """As long as nothing is announced, whatever is restarted; afterwards there is no history left."""
    _, last = (complete(lakehouse, "silver.sales", number) for number in (1, 2))
    assert HOSTED.outstanding(pipeline) == [last]
    assert HOSTED.outstanding(pipeline) == [last]
    HOSTED.announced(pipeline, [last])
    assert HOSTED.outstanding(pipeline) == []


@pytest.mark.parametrize(("there", "owed"), [(0, [1, 2]), (1, [1, 2, 3]), (3, [3, 4, 5])])
def test_nothing_that_a_service_completes_is_history(
    pipeline: Pipeline, lakehouse: Lakehouse, there: int, owed: list[int]
) -> None:
    """Killed after its first call and before it announced anything, it owes all that the call completed, and the last one before."""
    for number in range(1, there + 1):
        complete(lakehouse, "silver.sales", number)

    def complete_two(_event: CloudEvent, _pipeline: Pipeline, lakehouse: Lakehouse) -> list[CloudEvent]:
        return [complete(lakehouse, "silver.sales", there + further) for further in (1, 2)]

    hosted = HostedStage(Stage.CLEANSE, complete_two)
    answers = hosted.answer(complete(lakehouse, "bronze.sales", 1, Stage.INGEST), pipeline)
    assert [event.number for event in answers] == owed
    assert hosted.outstanding(pipeline) == answers


def test_an_answer_brings_what_was_left_before_it(pipeline: Pipeline, lakehouse: Lakehouse) -> None:
    """Of its own dataset, oldest first: another call may be announcing the other one's right now."""
    begin(lakehouse)
    left = complete(lakehouse, "silver.sales", 2)
    complete(lakehouse, "silver.other", 1)
    cause = complete(lakehouse, "bronze.sales", 1, Stage.INGEST)
    assert [event.id for event in HOSTED.answer(cause, pipeline)] == [left.id, "run-3/silver.sales/3"]


@pytest.mark.parametrize(("wish", "engine"), [("spark", "spark"), ("auto", "duckdb")])
def test_a_stage_gets_the_engine_that_its_pipeline_asks_for(
    pipeline: Pipeline, lakehouse: Lakehouse, wish: str, engine: str
) -> None:
    """Where it leaves that open, the one of one machine: a service does not know yet how much there is."""
    given: list[str] = []

    def note(_event: CloudEvent, _pipeline: Pipeline, lakehouse: Lakehouse) -> list[CloudEvent]:
        given.append(lakehouse.engine)
        return []

    asking = replace(pipeline, spec=pipeline.spec.model_copy(update={"engine": EngineWish(wish)}))
    HostedStage(Stage.CLEANSE, note).answer(complete(lakehouse, "bronze.sales", 1, Stage.INGEST), asking)
    assert given == [engine]


def test_a_stage_counts_by_what_it_completes(pipeline: Pipeline) -> None:
    """Datasets, Gold, destinations."""
    found = {stage: [scope.subject for scope in scopes(stage, pipeline)] for stage in Stage}
    assert found == {
        Stage.INGEST: ["bronze.sales", "bronze.other"],
        Stage.CLEANSE: ["silver.sales", "silver.other"],
        Stage.MODEL: [Layer.GOLD],
        Stage.QUALITY: ["silver.sales", "silver.other", Layer.GOLD],
        Stage.PUBLISH: [],
    }


def test_nothing_is_decided_by_a_lakehouse_that_is_not_here(pipeline: Pipeline) -> None:
    """An event tells of it, so it is on a volume that this service does not have; an empty one would say that nothing is due, for ever."""
    event = CloudEvent.model_construct()
    with pytest.raises(TransientError, match=r"there is no .*lake here") as raised:
        HOSTED.is_due(event, pipeline)
    assert "services.volumes" in str(raised.value.hint)
    Path(pipeline.lakehouse_uri).mkdir()
    assert HOSTED.is_due(event, pipeline)
