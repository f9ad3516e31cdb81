"""StageRun: one stage of a run, owned by it. Services make them; the operator makes a Job for each."""

import base64
import zlib
from typing import Annotated, Literal, Self

from pydantic import Field

from podium_contracts.names import Stage
from podium_contracts.resources.conditions import Condition, Reason
from podium_contracts.resources.pipeline_run import Account, Judgement, TableProgress
from podium_contracts.resources.pods import KubernetesName
from podium_contracts.resources.resource import ObjectMeta, Observed, Resource, Time

LAST_WORDS_BYTES = 4096
"""What Kubernetes keeps of a container's termination message."""
MOST_BYTES = 1_000_000
LARGEST_EVENT = 65_536
"""Characters of an event that a driver is given: it travels in a variable."""


class RunReference(Resource):
    """The PipelineRun that a stage belongs to: that one, and not a later one of the same name."""

    name: KubernetesName
    uid: Annotated[str, Field(pattern="^[0-9a-f-]{36}$")]


class StageRunSpec(Resource):
    """What is to be done; it never changes."""

    pipeline_run: RunReference
    stage: Stage
    subject: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_.-]{0,127}$")]
    """What the stage works on: a dataset with its layer, as `silver.sales`; `gold`; for ingest and publish the pipeline."""
    event: Annotated[str, Field(min_length=2, max_length=LARGEST_EVENT)]
    """The CloudEvent that the stage answers, as structured JSON."""


class Announced(Observed):
    """An event that a stage announced: as much of it as decides what comes next."""

    type: str
    subject: str
    layer: str = ""
    sequence: int = 0
    verdict: str = ""
    fresh: bool = True
    """Whether this run completed it; an earlier one's is announced again where there is nothing new."""


class StageOutcome(Observed):
    """What a driver says of its stage when it ends: its termination message, of at most 4096 bytes."""

    reason: Reason
    message: Annotated[str, Field(max_length=1024)] = ""
    announced: tuple[Announced, ...] = ()
    ledger: tuple[Account, ...] = ()
    verdicts: tuple[Judgement, ...] = ()
    tables: tuple[TableProgress, ...] = ()

    def last_words(self) -> str:
        """Return the outcome as a termination message: a line for people, one for the operator.

        What does not fit is left out, the tables first: what comes next is decided by what was announced.
        """
        said = f"{self.reason}: {self.message}".encode()[: LAST_WORDS_BYTES // 4].decode(errors="ignore")
        line = " ".join(said.split())
        left_out: set[str] = set()
        for name in ("", "tables", "verdicts", "ledger"):
            left_out |= {name}
            written = self.model_dump_json(by_alias=True, exclude_defaults=True, exclude=left_out).encode()
            packed = base64.b64encode(zlib.compress(written, 9)).decode()
            if len(line.encode()) + len(packed) < LAST_WORDS_BYTES:
                return f"{line}\n{packed}"
        return line

    @classmethod
    def heard(cls, last_words: str) -> Self:
        """Return the outcome that a termination message says.

        Raises:
            ValueError: it says none.
        """
        packed = last_words.rstrip().rpartition("\n")[2]
        try:
            written = zlib.decompressobj().decompress(base64.b64decode(packed, validate=True), MOST_BYTES)
        except zlib.error as error:
            raise ValueError(str(error)) from error
        return cls.model_validate_json(written)


class Attempt(Observed):
    """One Job of a stage."""

    number: int
    job: str
    reason: Reason
    message: Annotated[str, Field(max_length=256)] = ""
    started: Time | None = None
    finished: Time | None = None


class StageRunStatus(Observed):
    """What has become of a stage."""

    observed_generation: int = 0
    start_time: Time | None = None
    completion_time: Time | None = None
    attempts: Annotated[tuple[Attempt, ...], Field(max_length=100)] = ()
    outcome: StageOutcome | None = None
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()


class StageRun(Observed):
    """A StageRun resource."""

    api_version: Literal["podium.dev/v1alpha1"] = "podium.dev/v1alpha1"
    kind: Literal["StageRun"] = "StageRun"
    metadata: ObjectMeta
    spec: StageRunSpec
    status: StageRunStatus = StageRunStatus()
