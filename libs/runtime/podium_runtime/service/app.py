"""The faust worker around a stage: it carries events and nothing else."""

import asyncio
import os
import tempfile
import threading
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import faust
from aiokafka.errors import KafkaError
from faust.exceptions import FaustError
from faust.types import EventT, StreamT
from faust.types.tuples import TP
from faust.types.web import Request, Response
from faust.web import View
from podium_contracts.errors import MalformedEvent
from podium_contracts.events import TOPIC, CloudEvent, decode
from podium_contracts.events.cloudevents import Header, KafkaRecord
from podium_contracts.events.routing import answering
from podium_contracts.names import Stage
from podium_contracts.resources.course import RUN_HEADER
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from podium_runtime.kafka.clients import LARGEST_DEAD_LETTER
from podium_runtime.kafka.dead_letters import replayed_for
from podium_runtime.kafka.records import Origin, Record
from podium_runtime.service import calls, verdicts
from podium_runtime.service.answering import Answering
from podium_runtime.service.calls import Failure, Hosted
from podium_runtime.service.credentials import credentials
from podium_runtime.service.deliveries import Delivery, Partition
from podium_runtime.service.health import POLL_SECONDS, Motion
from podium_runtime.service.lanes import Lanes, Task
from podium_runtime.service.notices import Notices
from podium_runtime.service.processes import Processes
from podium_runtime.service.sending import trouble
from podium_runtime.service.streams import Streams
from podium_runtime.service.tasks import Broken
from podium_runtime.settings import ServiceSettings
from podium_runtime.telemetry import EVENTS, OPEN_EVENTS, OPEN_LANES, log

if TYPE_CHECKING:
    from podium_runtime.service.dispatch import Dispatch

SESSION_SECONDS = 10.0
"""A worker that was killed is missed after so long; until then, whoever takes its place gets no events."""


LEAVE_SECONDS = 5.0
"""How long a worker takes leave of Kafka after its calls have ended."""

IDLE_SECONDS = 86_400.0
"""How long a worker may fetch nothing before it leaves its group: all its partitions may be held while a stage works for hours. That it
lives is said by its heartbeats."""


class Consumption:
    """What a worker does with each record: skip it, put its event into a lane, or write a dead letter."""

    def __init__(
        self,
        app: faust.App,
        answering: Answering,
        backlog: int,
        dispatch: "Dispatch | None",
        broken: Broken,
    ) -> None:
        self.app = app
        self.stage = answering.hosted.stage
        self.answering = answering
        self.backlog = backlog
        self.dispatch = dispatch
        self.lanes = Lanes(self.stage, answering.work, broken)
        self.partitions: dict[TP, Partition] = {}

    @property
    def open(self) -> int:
        """Records that are taken and not acknowledged."""
        return sum(partition.open for partition in self.partitions.values())

    @property
    def held(self) -> set[TP]:
        """Partitions of which no more is fetched for now."""
        return {tp for tp, partition in self.partitions.items() if partition.held}

    def take(self, message: EventT[bytes]) -> None:
        """Take a record from Kafka."""
        raw = message.message
        headers = tuple(cast("Iterable[Header]", raw.headers or ()))
        record = Record(Origin(raw.topic, raw.partition, raw.offset), raw.key, raw.value, headers)
        delivery = self._partition(TP(raw.topic, raw.partition)).take(record, message.ack)
        try:
            event = _event(record)
        except MalformedEvent as error:
            self.app.add_future(self._refuse(delivery, error))
            return
        if self.stage == Stage.QUALITY:
            verdicts.tell(event)
        run = dict(record.headers).get(RUN_HEADER)
        if not self._answers(event, record):
            delivery.settle()
        elif run and self.dispatch:
            self.app.add_future(self.answering.dispatch(event, run.decode(), self.dispatch, delivery))
        else:
            self.lanes.put(Task(event, delivery))

    def revoke(self, revoked: set[TP]) -> None:
        """Forget what another worker will answer."""
        for tp in revoked & self.partitions.keys():
            self.partitions.pop(tp).revoked = True

    def _partition(self, tp: TP) -> Partition:
        """Return a partition; the consumer fetches no more of one that is held.

        Not `pause_partitions`: what faust had already fetched of a paused partition it would drop without a word.
        """
        if tp not in self.partitions:
            consumer = self.app.consumer
            self.partitions[tp] = Partition(
                self.backlog, partial(consumer.on_buffer_full, tp), partial(consumer.on_buffer_drop, tp)
            )
        return self.partitions[tp]

    def _answers(self, event: CloudEvent, record: Record) -> bool:
        wanted = replayed_for(record.headers)
        return self.stage in answering(event) and wanted in {None, self.stage}

    async def _refuse(self, delivery: Delivery, error: MalformedEvent) -> None:
        """Write a dead letter for a record that is no event; of all services only ingest does, so that there is one."""
        if self.stage == Stage.INGEST:
            failed = Failure(type(error).__name__, str(error), transient=False)
            await self.answering.give_up(delivery.record, failed, attempts=1)
        EVENTS.labels(self.stage, "", "malformed").inc()
        delivery.settle()


def _event(record: Record) -> CloudEvent:
    """Return the event that a record carries.

    Raises:
        MalformedEvent: it carries none, or one that could not even be answered by saying that it failed.
    """
    event = decode(record.headers, record.value)
    if event.run.requested_at is None or event.run.pipeline != event.partitionkey:
        raise MalformedEvent(f"event {event.id} names no time of its run, or another pipeline than its run")
    return event


def build(hosted: Hosted, settings: ServiceSettings, processes: Processes) -> faust.App:
    """Return the app of a stage's service: one agent on the topic of events, and three pages."""
    app = _app(hosted.stage, settings)

    async def send(record: KafkaRecord) -> None:
        headers = cast("list[tuple[str, bytes]]", list(record.headers))
        try:
            await app.producer.send_and_wait(record.topic, record.key, record.value, None, None, headers)
        except (KafkaError, FaustError) as error:
            raise trouble(error, record.topic) from error

    def broken(error: BaseException) -> None:
        app.add_future(app.crash(error))

    answering = Answering(hosted, settings.pipelines, settings.retry, processes, send)
    dispatch = _dispatch(answering) if settings.stage_runs else None
    consumption = Consumption(app, answering, settings.backlog, dispatch, broken)
    _consume(app, consumption)
    streams = Streams(
        answering, lambda pipeline: _owns(app, pipeline), Notices(settings.kafka, broken), broken
    )
    motion = Motion(settings.stuck_seconds, settings.call_seconds, processes.calls, answering.waits)
    _begin_and_end(app, consumption, streams, settings, motion)
    _pages(app, consumption, motion)
    return app


def _dispatch(answering: Answering) -> "Dispatch":
    from podium_runtime.service.dispatch import Dispatch  # noqa: PLC0415 - Kubernetes' client takes as long to import as all the rest

    return Dispatch(answering.hosted.stage, partial(answering.call_with, calls.is_due))


def _app(stage: Stage, settings: ServiceSettings) -> faust.App:
    fetched = max(settings.backlog // 4, 1)  # at once: so many more than its backlog a partition may have
    return faust.App(
        f"{settings.group}.{stage}",
        broker=[f"kafka://{server.strip()}" for server in settings.kafka.bootstrap_servers.split(",")],
        broker_credentials=credentials(settings.kafka),
        store="memory://",
        datadir=tempfile.gettempdir(),
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        stream_buffer_maxsize=4 * fetched,
        stream_wait_empty=False,
        broker_commit_interval=1.0,
        broker_max_poll_records=fetched,
        broker_max_poll_interval=IDLE_SECONDS,
        broker_session_timeout=SESSION_SECONDS,
        consumer_group_instance_id=settings.member,
        broker_heartbeat_interval=SESSION_SECONDS / 5,
        producer_acks=-1,
        producer_max_request_size=LARGEST_DEAD_LETTER,
        web_host=settings.http_host,
        web_bind=settings.http_host,
        web_port=settings.http_port,
        worker_redirect_stdouts=False,
    )


def _consume(app: faust.App, consumption: Consumption) -> None:
    topic = app.topic(TOPIC, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    @app.agent(topic, name=str(consumption.stage))
    async def take(stream: StreamT[bytes]) -> None:
        async for event in cast("faust.Stream[bytes]", stream).noack().events():
            consumption.take(event)

    @app.on_partitions_revoked.connect(weak=False)
    async def revoke(_app: faust.App, revoked: set[TP], **_: Any) -> None:
        consumption.revoke(revoked)


def _owns(app: faust.App, pipeline: str) -> bool:
    """Whether the partition of a pipeline's events is this worker's."""
    partition = app.consumer.key_partition(TOPIC, pipeline.encode())
    return partition is not None and TP(TOPIC, partition) in app.consumer.assignment()


def _begin_and_end(
    app: faust.App, consumption: Consumption, streams: Streams, settings: ServiceSettings, motion: Motion
) -> None:
    answering = consumption.answering

    @app.task
    async def begin() -> None:
        answering.processes.warm()
        unseen = await answering.announce_outstanding()
        motion.started = True
        log.info("started", group=app.conf.id, brokers=settings.kafka.bootstrap_servers)
        if unseen:
            await answering.announce_outstanding_again()

    if consumption.stage == Stage.INGEST:

        @app.task
        async def watch() -> None:
            await streams.watch()

    @app.on_before_shutdown.connect(weak=False)
    async def end(_app: faust.App, **_: Any) -> None:
        _end_within(settings.stop_seconds + LEAVE_SECONDS, app)
        await asyncio.gather(
            streams.stop(settings.stop_seconds), consumption.lanes.stop(settings.stop_seconds)
        )
        await app.consumer.commit()
        answering.processes.stop()


def _end_within(seconds: float, app: faust.App) -> None:
    """End the process after so many seconds, whatever its clients still wait for: without a broker they do so for minutes."""

    def leave() -> None:
        log.warning("left without a word to Kafka: what was under way comes again", seconds=seconds)
        os._exit(int(app.crashed))

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()


def _pages(app: faust.App, consumption: Consumption, motion: Motion) -> None:
    @app.timer(POLL_SECONDS)
    async def look() -> None:
        await motion.look(app.consumer, consumption.held)

    @app.page("/healthz")
    async def healthz(view: View, _request: Request) -> Response:
        return view.text("ok\n")

    @app.page("/readyz")
    async def readyz(view: View, _request: Request) -> Response:
        still = motion.trouble()
        return view.text(f"{still or 'ok'}\n", status=503 if still else 200)

    @app.page("/metrics")
    async def metrics(view: View, _request: Request) -> Response:
        OPEN_LANES.labels(consumption.stage).set(consumption.lanes.open)
        OPEN_EVENTS.labels(consumption.stage).set(consumption.open)
        return view.bytes(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
