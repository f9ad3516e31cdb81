"""Requests of runs: the one place where a time is taken and ids are drawn."""

import secrets
from datetime import UTC, datetime
from typing import Literal

from podium_contracts.events import CloudEvent, envelope
from podium_contracts.events.v1 import Run, RunRequested
from podium_contracts.pipeline import Pipeline


def request(
    pipeline: Pipeline, *, executor: Literal["job", "resident"] = "job", datasets: tuple[str, ...] = ()
) -> CloudEvent:
    """Return the request of a new run, of all datasets where none is named, with a new trace."""
    datasets = datasets or tuple(pipeline.spec.datasets)
    return with_fingerprint(_request(pipeline.name, executor, datasets), pipeline)


def request_of_batch(pipeline: str, dataset: str) -> CloudEvent:
    """Return the request of a run that brings a stream's next batch; it has no fingerprint yet."""
    return _request(pipeline, "resident", (dataset,))


def with_fingerprint(event: CloudEvent, pipeline: Pipeline) -> CloudEvent:
    """Return the request of a run with the fingerprint of its pipeline."""
    run = event.run.model_copy(update={"fingerprint": pipeline.fingerprint})
    return event.model_copy(update={"data": event.data.model_copy(update={"run": run})})


def _request(pipeline: str, executor: Literal["job", "resident"], datasets: tuple[str, ...]) -> CloudEvent:
    now = datetime.now(UTC)
    run = Run(
        pipeline=pipeline,
        id=f"{pipeline}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}",
        executor=executor,
        requested_at=now,
        datasets=datasets,
    )
    return envelope(
        RunRequested(run=run),
        stage=None,
        subject=pipeline,
        sequence=0,
        traceparent=f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
        causation="",
    )
