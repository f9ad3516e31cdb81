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
    now = datetime.now(UTC)
    run = Run(
        pipeline=pipeline.name,
        id=f"{pipeline.name}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}",
        executor=executor,
        requested_at=now,
        datasets=datasets or tuple(pipeline.spec.datasets),
        fingerprint=pipeline.fingerprint,
    )
    return envelope(
        RunRequested(run=run),
        stage=None,
        subject=pipeline.name,
        sequence=0,
        traceparent=f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
        causation="",
    )
