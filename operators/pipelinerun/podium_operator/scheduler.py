"""One look at a Pipeline's schedule: what has been seen of it, what is due, and what is done about it."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from podium_contracts.events.mapping import rfc3339
from podium_contracts.resources import PipelineRun, Reason, ScheduledPipeline
from podium_runtime.cluster import Cluster, Refused
from pydantic import ValidationError

from podium_operator.core import schedules, statuses
from podium_operator.core.failures import refusal
from podium_operator.core.schedules import Due
from podium_operator.core.seen import Raw
from podium_operator.observing import Key, Observations, mistake, parsed


class Scheduler:
    """Looks after schedules."""

    def __init__(
        self,
        cluster: Cluster,
        observed: Observations,
        now: Callable[[], datetime] = lambda: datetime.now(UTC).replace(microsecond=0),
    ) -> None:
        self.cluster = cluster
        self.observed = observed
        self.now = now

    async def look(self, key: Key) -> float | None:
        """Look at a Pipeline's schedule; return the seconds until it wants to be looked at again, None where something will tell.

        Raises:
            Refused: the API server does not do as it is asked; the next look tries again.
        """
        raw = self.observed.get("Pipeline", key)
        if raw is None or raw["metadata"].get("deletionTimestamp"):
            return None
        try:
            pipeline = parsed(ScheduledPipeline, raw)
        except ValidationError as error:
            pipeline = parsed(ScheduledPipeline, {**raw, "spec": {}})
            decision = schedules.refused(pipeline, Reason.INVALID_SCHEDULE, mistake(error), self.now())
        else:
            decision = schedules.due(pipeline, self._runs(key, pipeline), self.now())
        await self._do(raw, pipeline, decision)
        return decision.again_in

    def _runs(self, key: Key, pipeline: ScheduledPipeline) -> list[PipelineRun]:
        """Return the runs that the schedule has made, without those that nobody can read."""
        found = []
        for raw in self.observed.made_by(key, pipeline.metadata.uid):
            with suppress(ValidationError):
                found.append(parsed(PipelineRun, raw))
        return found

    async def _do(self, raw: Raw, pipeline: ScheduledPipeline, decision: Due) -> None:
        """Make the run before it is noted: whoever is killed in between finds it, or makes it again under the same name."""
        for run in decision.cancel:
            if known := self.observed.get("PipelineRun", (run.metadata.namespace, run.metadata.name)):
                await self.cluster.cancel(known)
        if decision.make:
            try:
                await self.cluster.make(decision.make)
            except Refused as refused:
                await self._show_refusal(raw, pipeline, refused)
                raise
        for run in decision.delete:
            await self.cluster.delete(
                "PipelineRun", run.metadata.namespace, run.metadata.name, run.metadata.uid
            )
        await self._show(raw, pipeline, decision)

    async def _show(self, raw: Raw, pipeline: ScheduledPipeline, decision: Due) -> None:
        if decision.status is None or decision.status == pipeline.status:
            return
        kept = await self.cluster.apply_status("Pipeline", raw, statuses.dumped(decision.status))
        if kept:
            self.observed.renew("Pipeline", kept)
        for note in decision.notes:
            moment = rfc3339(self.now())
            await self.cluster.tell(raw, note.reason, note.message, warning=note.warning, moment=moment)

    async def _show_refusal(self, raw: Raw, pipeline: ScheduledPipeline, refused: Refused) -> None:
        """Say in the Pipeline why its run could not be made; it is tried again until its deadline."""
        reason = refusal(refused.message) or Reason.PENDING
        why = f"no run could be made: {refused.message}"
        await self._show(raw, pipeline, schedules.refused(pipeline, reason, why, self.now()))
