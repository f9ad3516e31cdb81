"""The operator's parts, put together: what kopf's watches bring goes to the observations, and the run that it is of into the queue."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from podium_runtime.cluster import Changed, Cluster
from prometheus_client import Counter, Gauge, Histogram

from podium_operator.core.seen import Raw
from podium_operator.observing import Key, Observations, run_of, schedule_of
from podium_operator.reconciler import Reconciler
from podium_operator.scheduler import Scheduler
from podium_operator.settings import OperatorSettings
from podium_operator.workqueue import Workqueue

HEARTBEAT = "podium-operator-heartbeat"
"""The Lease that the operator writes and watches: what it hears of it shows that watches move."""
BEAT_SECONDS = 20.0
RESYNC_SECONDS = 60.0
SCHEDULE_WORKERS = 2
log = structlog.get_logger("podium.operator")

LOOKS = Histogram("podium_operator_look_seconds", "One look at a run, from its start to the last write")
ERRORS = Counter("podium_operator_errors_total", "Looks that failed and are repeated", ["error"])
QUEUED = Gauge("podium_operator_queue", "Runs that wait to be looked at, or are")
RUNS = Gauge("podium_operator_runs", "PipelineRuns that are there")


@dataclass
class Operator:
    """One operator; `begin` and `end` belong to kopf's start and end."""

    settings: OperatorSettings
    observed: Observations = field(default_factory=Observations)
    heard: float = 0.0
    """When the heartbeat was heard last, in seconds of the loop's clock."""
    _seen_all: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def begin(self) -> None:
        """Connect, and start to work."""
        self.cluster = await Cluster.connect()
        self.reconciler = Reconciler(self.cluster, self.observed, self.settings.driver)
        self.scheduler = Scheduler(self.cluster, self.observed)
        self.queue: Workqueue[Key] = Workqueue(self._look, self._failed)
        self.schedules: Workqueue[Key] = Workqueue(self.scheduler.look, self._failed)
        self.heard = asyncio.get_running_loop().time()
        for work in (self._work(), self._beat(), self._resync()):
            self._tasks.append(asyncio.create_task(work))

    async def end(self) -> None:
        """Stop working; what was begun goes on at the next start."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self.cluster.close()

    def take(self, kind: str, raw: Raw) -> None:
        """Take an object that is there, as a watch has brought it."""
        if self.observed.put(kind, raw):
            self._wake(kind, raw)

    def lose(self, kind: str, raw: Raw) -> None:
        """Take that an object is gone."""
        self.observed.remove(kind, raw)
        self._wake(kind, raw)

    def _wake(self, kind: str, raw: Raw) -> None:
        """Have the runs and schedules looked at that a change of an object concerns."""
        if kind == "Pipeline":
            pipeline = (raw["metadata"]["namespace"], raw["metadata"]["name"])
            self.schedules.put(pipeline)
            for key in self.observed.waiting_for(pipeline):
                self.queue.put(key)
        elif run := run_of(kind, raw):
            self.queue.put(run)
        if kind == "PipelineRun" and (schedule := schedule_of(raw)):
            self.schedules.put(schedule)

    def beat_heard(self) -> None:
        """Note that the watch of the heartbeat moves; before it does, not everything may have been seen that is there."""
        self.heard = asyncio.get_running_loop().time()
        self._seen_all.set()

    def trouble(self) -> str | None:
        """Return what keeps the operator from its work, None where nothing does."""
        silent = asyncio.get_running_loop().time() - self.heard
        if silent > self.settings.stuck_seconds:
            return f"the watch has not moved for {silent:.0f} s"
        dead = [task for task in self._tasks if task.done()]
        return f"a task has ended: {dead[0]}" if dead else None

    async def _work(self) -> None:
        """Look at what is to be looked at, once all is seen that is there."""
        await self._seen_all.wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.queue.run(self.settings.workers))
            group.create_task(self.schedules.run(SCHEDULE_WORKERS))

    async def _look(self, key: Key) -> float | None:
        QUEUED.set(len(self.queue))
        with LOOKS.time():
            again_in = await self.reconciler.look(key)
        raw = self.observed.get("PipelineRun", key)
        if raw and (schedule := schedule_of(raw)):
            self.schedules.put(schedule)
        return again_in

    def _failed(self, key: Key, error: Exception) -> None:
        ERRORS.labels(type(error).__name__).inc()
        if isinstance(error, Changed):
            return
        log.warning("not done, tried again", namespace=key[0], name=key[1], error=repr(error))

    async def _beat(self) -> None:
        while True:
            moment = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
            try:
                await self.cluster.beat(self.settings.namespace, HEARTBEAT, moment)
            except Exception as error:  # noqa: BLE001 - a beat that cannot be written is heard by nobody, which is what counts
                log.warning("no heartbeat", error=repr(error))
            await asyncio.sleep(BEAT_SECONDS)

    async def _resync(self) -> None:
        """Look at every run and schedule again now and then, should a watch have lost something or the clock have been set."""
        while True:
            await asyncio.sleep(RESYNC_SECONDS)
            runs = self.observed.all("PipelineRun")
            RUNS.set(len(runs))
            for key in list(runs):
                self.queue.put(key)
            for key in list(self.observed.all("Pipeline")):
                self.schedules.put(key)
