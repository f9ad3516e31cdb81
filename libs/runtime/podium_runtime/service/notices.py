"""Notifications of object stores, heard on Kafka and passed on to the watches of streams.

Nothing depends on them: a topic is heard from its end on, without a group and without offsets that anybody keeps. What was said before, or is
lost, is found by the watches' sweeps; one of them comes whenever the topic begins to be heard.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from podium_contracts.errors import PodiumError
from podium_contracts.notifications import created

from podium_runtime.kafka.connection import aiokafka_config, stop_consumer
from podium_runtime.service.tasks import Broken, begin
from podium_runtime.service.watch import Watch
from podium_runtime.settings import KafkaSettings
from podium_runtime.telemetry import NOTIFICATIONS, log

PATIENCE_SECONDS = 5.0
"""How long an answer of the brokers is waited for."""
PAUSE_SECONDS = 10.0
"""How long a topic that cannot be heard is left alone."""


@dataclass
class _Hearing:
    """A topic that is heard."""

    topic: str
    watches: list[Watch] = field(default_factory=list)
    decided: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is heard, or cannot be for now."""
    silent: bool = False
    """It cannot be heard, and the log says so already."""
    garbled: bool = False
    """It brought what is no notification, and the log says so already."""
    task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Note that from now on nothing is missed, and let the watches find what was."""
        self.silent = False
        self.decided.set()
        for watch in self.watches:
            watch.sweep()

    def take(self, record: Any) -> None:
        """Pass on what a record says; what it does not say is counted, and the first of it in the log."""
        try:
            uris = created(record.value)
        except ValueError as error:
            NOTIFICATIONS.labels(self.topic, "malformed").inc()
            if not self.garbled:
                log.warning(
                    "not a notification",
                    topic=self.topic,
                    partition=record.partition,
                    offset=record.offset,
                    message=str(error),
                )
            self.garbled = True
            return
        wanted = [watch.hear(self.topic, uri) for uri in uris for watch in self.watches]
        NOTIFICATIONS.labels(self.topic, "heard" if any(wanted) else "passed over").inc()


@dataclass
class Notices:
    """The topics of notifications that watches want to hear, each heard once for all of them."""

    settings: KafkaSettings
    broken: Broken
    _hearings: dict[str, _Hearing] = field(default_factory=dict)

    @asynccontextmanager
    async def told_to(self, watch: Watch) -> AsyncIterator[None]:
        """Tell a watch what its topics say; begins when they are heard, or cannot be for now."""
        topics = sorted({topic for topic, _ in watch.stream.notified})
        hearings = [self._begin(topic, watch) for topic in topics]
        try:
            for hearing in hearings:
                await hearing.decided.wait()
            yield
        finally:
            for hearing in hearings:
                await self._end(hearing, watch)

    def _begin(self, topic: str, watch: Watch) -> _Hearing:
        hearing = self._hearings.get(topic)
        if hearing is None:
            hearing = self._hearings[topic] = _Hearing(topic)
            hearing.task = begin(self._hear(hearing), f"notifications of {topic}", self.broken)
        hearing.watches.append(watch)
        return hearing

    async def _end(self, hearing: _Hearing, watch: Watch) -> None:
        hearing.watches.remove(watch)
        if not hearing.watches and hearing.task:
            self._hearings.pop(hearing.topic)
            hearing.task.cancel()
            await asyncio.gather(hearing.task, return_exceptions=True)

    async def _hear(self, hearing: _Hearing) -> None:
        """Hear a topic for as long as anybody wants to, whatever happens to it."""
        while True:
            try:
                await self._take_all(hearing)
            except (KafkaError, PodiumError) as error:
                if not hearing.silent:
                    log.warning("notifications are not heard", topic=hearing.topic, message=repr(error))
                hearing.silent = True
            hearing.decided.set()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _take_all(self, hearing: _Hearing) -> None:
        consumer = AIOKafkaConsumer(
            hearing.topic,
            **aiokafka_config(self.settings),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            request_timeout_ms=int(PATIENCE_SECONDS * 1000),
            retry_backoff_ms=1000,
        )
        try:
            await consumer.start()
            for partition in consumer.assignment():
                await consumer.position(partition)  # asks where it ends now
            hearing.begin()
            async for record in consumer:
                hearing.take(record)
        finally:
            await stop_consumer(consumer)
