"""StageRun: one stage of a run, owned by it. Services make them; the operator makes a Job for each."""

import base64
import zlib
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field
from pydantic.alias_generators import to_camel

from podium_contracts.events.v1 import ControlTotal
from podium_contracts.names import Stage
from podium_contracts.resources.conditions import LONGEST_CONDITION, Condition, Reason
from podium_contracts.resources.pipeline_run import (
    Account,
    Judgement,
    TableProgress,
    TableStock,
    summed,
    summed_stocks,
)
from podium_contracts.resources.pods import KubernetesName
from podium_contracts.resources.resource import ObjectMeta, Observed, Resource, Time

LAST_WORDS_BYTES = 4096
"""What Kubernetes keeps of a container's termination message."""
MOST_BYTES = 1_000_000
SHORT_MESSAGE = 200
"""Characters of a message that is cut so that the rest fits."""
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
    message: Annotated[str, Field(max_length=LONGEST_CONDITION)] = ""
    announced: tuple[Announced, ...] = ()
    ledger: tuple[Account, ...] = ()
    stocks: tuple[TableStock, ...] = ()
    control_totals: tuple[ControlTotal, ...] = ()
    verdicts: tuple[Judgement, ...] = ()
    tables: tuple[TableProgress, ...] = ()
    left_out: tuple[str, ...] = ()
    """What did not fit: `tables`; `ledger` and `stocks`, where there is one account for each layer instead; `controlTotals`; `verdicts`, of which what
    was announced has the word.
    """

    def last_words(self, told: str) -> str:
        """Return the outcome as a termination message: a line for people, one for the operator.

        `told` is the event that the stage answers, as its StageRun has it: who listens knows it, so that what it names takes no room. What does not
        fit is left out, and that is said; what comes next is decided by what was announced, which always fits.
        """
        said = f"{self.reason}: {self.message}".encode()[: LAST_WORDS_BYTES // 4].decode(errors="ignore")
        line = " ".join(said.split())
        for shorter in self._ever_shorter():
            packer = zlib.compressobj(9, zdict=told.encode())
            written = shorter.model_dump_json(by_alias=True, exclude_defaults=True).encode()
            packed = base64.b64encode(packer.compress(written) + packer.flush()).decode()
            if len(line.encode()) + len(packed) < LAST_WORDS_BYTES:
                return f"{line}\n{packed}"
        return line

    def _ever_shorter(self) -> Iterator[Self]:
        shorter = self
        yield shorter
        parts: tuple[tuple[str, object], ...] = (
            ("tables", ()),
            ("ledger", summed(self.ledger)),
            ("stocks", summed_stocks(self.stocks)),
            ("control_totals", ()),
            ("verdicts", ()),
        )
        for name, instead in parts:
            if getattr(self, name):
                left_out = (*shorter.left_out, to_camel(name))
                shorter = shorter.model_copy(update={name: instead, "left_out": left_out})
                yield shorter
        yield shorter.model_copy(update={"message": self.message[:SHORT_MESSAGE]})

    @classmethod
    def heard(cls, last_words: str, told: str) -> Self:
        """Return the outcome that the termination message of a stage says which was told of this event.

        Raises:
            ValueError: it says none.
        """
        packed = last_words.rstrip().rpartition("\n")[2]
        try:
            unpacker = zlib.decompressobj(zdict=told.encode())
            written = unpacker.decompress(base64.b64decode(packed, validate=True), MOST_BYTES)
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
