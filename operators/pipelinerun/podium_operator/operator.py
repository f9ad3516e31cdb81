"""The operator's parts, put together: what kopf's watches bring goes to the observations, and the run that it is of into the queue."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from podium_runtime.cluster import Changed, Cluster
from prometheus_client import Counter, Gauge, Histogram

from podium_operator.core.seen import Raw
from podium_operator.observing import Key, Observations, run_of, schedule_of
from podium_operator.reconciler import Reconciler
from podium_operator.scheduler import Scheduler
from podium_operator.settings import OperatorSettings
from podium_operator.watches import Watches
from podium_operator.workqueue import Workqueue

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
    _seen_all: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watches = Watches(self.settings.namespaces)

    async def begin(self) -> None:
        """Connect, and start to work."""
        self.cluster = await Cluster.connect()
        self.reconciler = Reconciler(self.cluster, self.observed, self.settings.driver)
        self.scheduler = Scheduler(self.cluster, self.observed)
        self.queue: Workqueue[Key] = Workqueue(self._look, self._failed)
        self.schedules: Workqueue[Key] = Workqueue(self.scheduler.look, self._failed)
        for work in (self._work(), self._resync()):
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

    @property
    def has_seen_all(self) -> bool:
        """Whether all has been seen that was there at the start."""
        return self._seen_all.is_set()

    def begin_work(self) -> None:
        """Look at what is to be looked at: all has been seen that was there at the start."""
        self._seen_all.set()

    def trouble(self) -> str | None:
        """Return what keeps the operator from its work, None where nothing does."""
        path, seconds = self.watches.silence()
        if seconds > self.settings.stuck_seconds:
            return f"the watch of {path} has not moved for {seconds:.0f} s"
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
