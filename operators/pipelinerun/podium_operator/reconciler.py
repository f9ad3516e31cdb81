"""One look at a run: what is seen of it, what is decided, and what is done about it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from podium_contracts.events.mapping import rfc3339
from podium_contracts.resources import (
    PipelineRun,
    Reason,
    StageRun,
)
from podium_contracts.resources.conditions import LONGEST_CONDITION
from podium_contracts.resources.course import STAGE_RUN, pinned_name
from podium_runtime.cluster import Cluster, Refused
from pydantic import ValidationError

from podium_operator.core import statuses
from podium_operator.core.attempts import UNEXPLAINED
from podium_operator.core.decisions import Note, decide, refused
from podium_operator.core.objects import Manifest
from podium_operator.core.seen import Job, Pinned, Raw, Seen
from podium_operator.observing import Key, Observations, is_owned, mistake, parsed
from podium_operator.settings import DriverSettings
from podium_operator.warnings import Warnings

PATIENCE_SECONDS = 5.0
"""How long a Job may have no running driver before the cluster's warnings are asked for."""


class Reconciler:
    """Looks after runs."""

    def __init__(
        self,
        cluster: Cluster,
        observed: Observations,
        settings: DriverSettings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC).replace(microsecond=0),
    ) -> None:
        self.cluster = cluster
        self.observed = observed
        self.settings = settings
        self.now = now
        self.warnings = Warnings(cluster)
        self._pinned: dict[Key, tuple[str, Pinned]] = {}
        """What runs have pinned, with the identity of the run."""

    async def look(self, key: Key) -> float | None:
        """Look at a run; return the seconds until it wants to be looked at again, None where something will tell.

        Raises:
            Refused: the API server does not do as it is asked; the next look tries again.
        """
        raw = self.observed.get("PipelineRun", key)
        if raw is None or raw["metadata"].get("deletionTimestamp"):
            self._pinned.pop(key, None)
            return None
        try:
            run = parsed(PipelineRun, raw)
        except ValidationError as error:
            await self._refuse(raw, error)
            return None
        return await self._carry_out(raw, await self._see(run))

    async def _carry_out(self, raw: Raw, stored: Seen) -> float | None:
        """Decide and do until nothing more is to be made, and write the statuses: the way from a new run to its Job is one look.

        Names are decided by what they are for: whoever is killed in between finds what has been made. Only before a Job is removed must it be
        written why.
        """
        seen, notes = stored, list[Note]()
        while not (decision := decide(seen, self.settings)).delete:
            seen = seen.with_statuses(decision.status, decision.stages)
            notes += decision.notes
            if decision.remove_jobs:
                await self._write(raw, stored, seen, notes)
                stored, notes = seen, []
                await self._remove(seen, decision.remove_jobs)
            if not decision.make:
                await self._write(raw, stored, seen, notes)
                if seen.pinned:
                    self._remember(seen.run, seen.pinned)
                return decision.again_in
            for manifest in decision.make:
                try:
                    seen = seen.with_object(await self._make(manifest))
                except Refused as refusal:
                    await self._give_way(raw, stored, seen, manifest, refusal)
                    raise
        metadata = seen.run.metadata
        await self.cluster.delete("PipelineRun", metadata.namespace, metadata.name, metadata.uid)
        return None

    async def _see(self, run: PipelineRun) -> Seen:
        key = (run.metadata.namespace, run.metadata.name)
        if run.is_finished:
            self._pinned.pop(key, None)
            return Seen(run=run, now=self.now())
        stages = tuple(self._stages(run))
        jobs = {stage.metadata.name: await self._jobs(stage) for stage in stages if not stage.status.outcome}
        return Seen(
            run=run,
            now=self.now(),
            pipeline=self.observed.get("Pipeline", (key[0], run.spec.pipeline)),
            pinned=await self._pinned_by(run) if run.status.start_time or stages else None,
            stages=stages,
            jobs=jobs,
        )

    def _stages(self, run: PipelineRun) -> list[StageRun]:
        found = []
        for raw in self.observed.of_run("StageRun", (run.metadata.namespace, run.metadata.name)):
            stage = parsed(StageRun, raw)
            if stage.spec.pipeline_run.uid == run.metadata.uid:
                found.append(stage)
        return found

    async def _jobs(self, stage: StageRun) -> tuple[Job, ...]:
        """Return the Jobs of a stage; one that was there and is not seen now is asked for."""
        namespace, run = stage.metadata.namespace, stage.spec.pipeline_run.name
        raws = {
            raw["metadata"]["name"]: raw
            for raw in self.observed.of_run("Job", (namespace, run))
            if _belongs(raw, stage)
        }
        for attempt in stage.status.attempts:
            if attempt.finished is None and attempt.job not in raws:
                found = await self.cluster.find("Job", namespace, attempt.job)
                raws |= {attempt.job: found} if found else {}
        pods = [raw for raw in self.observed.of_run("Pod", (namespace, run)) if _belongs(raw, stage)]
        jobs = [await self._job(namespace, raw, pods) for raw in raws.values()]
        return tuple(sorted(jobs, key=lambda job: job.number))

    async def _job(self, namespace: str, raw: Raw, pods: list[Raw]) -> Job:
        own = [
            pod
            for pod in pods
            if pod["metadata"].get("labels", {}).get("job-name") == raw["metadata"]["name"]
        ]
        job = Job.of(raw, own)
        begun = job.over or (job.driver and (job.driver.started or job.driver.waits not in UNEXPLAINED))
        if begun or (self.now() - job.created).total_seconds() < PATIENCE_SECONDS:
            return job
        about = job.driver.name if job.driver else job.name
        return replace(job, warning=await self.warnings.about(namespace, about))

    async def _pinned_by(self, run: PipelineRun) -> Pinned | None:
        metadata = run.metadata
        known, pinned = self._pinned.get((metadata.namespace, metadata.name), ("", None))
        if known == metadata.uid:
            return pinned
        found = await self.cluster.find("ConfigMap", metadata.namespace, pinned_name(metadata.name))
        if found is None or not is_owned(found, metadata.uid):
            return None
        return self._remember(run, Pinned.within(run, found))

    def _remember(self, run: PipelineRun, pinned: Pinned) -> Pinned:
        self._pinned[run.metadata.namespace, run.metadata.name] = (run.metadata.uid, pinned)
        return pinned

    async def _write(self, raw: Raw, stored: Seen, seen: Seen, notes: Sequence[Note]) -> None:
        """Write the statuses that are not what is stored, and tell people the news."""
        known = {stage.metadata.name: stage.status for stage in stored.stages}
        for stage in seen.stages:
            if stage.status != known.get(stage.metadata.name):
                await self._show("StageRun", stage)
        if seen.run.status == stored.run.status:
            return
        await self._show("PipelineRun", seen.run)
        for note in notes:
            await self._tell(raw, note)

    async def _show(self, kind: str, shown: PipelineRun | StageRun) -> None:
        metadata = shown.metadata
        known = self.observed.get(kind, (metadata.namespace, metadata.name))
        if known and known["metadata"]["uid"] == metadata.uid:
            kept = await self.cluster.apply_status(kind, known, statuses.dumped(shown.status))
            if kept:
                self.observed.renew(kind, kept)

    async def _tell(self, raw: Raw, note: Note) -> None:
        moment = rfc3339(self.now())
        await self.cluster.tell(raw, note.reason, note.message, warning=note.warning, moment=moment)

    async def _remove(self, seen: Seen, jobs: Sequence[str]) -> None:
        for name in jobs:
            await self.cluster.delete("Job", seen.run.metadata.namespace, name)

    async def _make(self, manifest: Manifest) -> Raw:
        made = await self.cluster.make(manifest)
        if manifest["kind"] in {"StageRun", "Job"}:
            self.observed.put(manifest["kind"], made)
        return made

    async def _give_way(
        self, raw: Raw, stored: Seen, seen: Seen, manifest: Manifest, refusal: Refused
    ) -> None:
        """Say in the run why an object of it could not be made."""
        what = f"{manifest['kind']} {manifest['metadata']['name']}"
        decision = refused(seen, what, refusal.message)
        shown = seen.with_statuses(decision.status, decision.stages)
        await self._write(raw, stored, shown, decision.notes)
        await self._remove(shown, decision.remove_jobs)

    async def _refuse(self, raw: Raw, error: ValidationError) -> None:
        """End a run whose spec no validation of the API server lets in; one that has finished under other rules is left alone."""
        said = mistake(error)[:LONGEST_CONDITION]
        ended = rfc3339(self.now())
        conditions = [
            {
                "type": kind,
                "status": status,
                "reason": Reason.INVALID_SPEC,
                "message": said,
                "lastTransitionTime": ended,
            }
            for kind, status in (("Succeeded", "False"), ("Finished", "True"))
        ]
        known = raw.get("status", {}).get("conditions", ())
        if any(item["type"] == "Finished" and item["status"] == "True" for item in known):
            return
        status = {"conditions": conditions, "completionTime": ended}
        await self.cluster.apply_status("PipelineRun", raw, status)
        await self._tell(raw, Note(Reason.INVALID_SPEC, said, warning=True))


def _belongs(raw: Raw, stage: StageRun) -> bool:
    labels = raw["metadata"].get("labels", {})
    return bool(labels.get(STAGE_RUN) == stage.metadata.name)
