"""The outbox: what a stage has completed and nobody has announced, whoever was killed when."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import LayerCompleted, Run
from podium_contracts.names import Layer, Stage
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


def test_completions_are_outstanding_until_they_are_announced(
    pipeline: Pipeline, lakehouse: Lakehouse
) -> None:
    """Each dataset's in the order of their numbers, also where an earlier run was completed later; others' stages are not ours."""
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
    first, second = (complete(lakehouse, "silver.sales", number) for number in (1, 2))
    HOSTED.announced(pipeline, [first, second])
    HOSTED.announced(pipeline, [first])
    assert HOSTED.outstanding(pipeline) == []


def test_an_answer_brings_what_was_left_before_it(pipeline: Pipeline, lakehouse: Lakehouse) -> None:
    """Of its own dataset, oldest first: another call may be announcing the other one's right now."""
    left = complete(lakehouse, "silver.sales", 2)
    complete(lakehouse, "silver.other", 1)
    cause = complete(lakehouse, "bronze.sales", 1, Stage.INGEST)
    assert [event.id for event in HOSTED.answer(cause, pipeline)] == [left.id, "run-3/silver.sales/3"]


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
