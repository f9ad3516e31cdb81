"""Logs and metrics of a service: one line of JSON per thing that happened, with the run and the trace that it belongs to."""

import logging
import sys
import time
from collections.abc import Mapping

import structlog
from podium_contracts.events import CloudEvent
from prometheus_client import Counter, Gauge, Histogram

from podium_runtime.settings import StageSettings

log: structlog.stdlib.BoundLogger = structlog.get_logger("podium")

EVENTS = Counter(
    "podium_events", "Events taken from Kafka, by what became of them.", ["stage", "type", "outcome"]
)
ANNOUNCED = Counter("podium_announced_events", "Events announced.", ["stage", "type"])
RETRIES = Counter("podium_retries", "Calls of a stage that were made again.", ["stage", "reason"])
VERDICTS = Counter(
    "podium_verdicts", "Verdicts that the service of quality heard of.", ["pipeline", "subject", "verdict"]
)
BREACHES = Counter(
    "podium_breaches",
    "Checks of those verdicts that were not passed.",
    ["pipeline", "table", "metric", "severity"],
)
DEAD = Counter("podium_dead_letters", "Records given up.", ["stage", "reason"])
STOPPED_STREAMS = Gauge(
    "podium_stopped_streams",
    "1 for a stream of which no batch passes before somebody changes something.",
    ["pipeline", "dataset", "reason"],
)
STREAM_FAILURES = Counter("podium_stream_failures", "Batches that failed.", ["pipeline", "dataset", "reason"])
NOTIFICATIONS = Counter(
    "podium_notifications", "Notifications of object stores, by what became of them.", ["topic", "outcome"]
)
OPEN_LANES = Gauge("podium_open_lanes", "Lanes in which a stage is at work.", ["stage"])
OPEN_EVENTS = Gauge("podium_open_events", "Records taken from Kafka and not acknowledged.", ["stage"])
CALL_SECONDS = Histogram(
    "podium_stage_seconds",
    "Wall seconds of one call of a stage; looks of a stream that find nothing are left out.",
    ["stage"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)


SELDOM_SECONDS = 10.0
"""How often a library may say the same: while no broker answers, Kafka's clients say so thirty times a second."""
MOST_REMEMBERED = 1_000


class Seldom(logging.Filter):
    """Lets what a library says through once in `SELDOM_SECONDS`, whatever the details; Podium's own lines all pass."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is to be written."""
        if record.name.partition(".")[0] == "podium":
            return True
        said, now = (record.name, str(record.msg)), time.monotonic()
        if now - self._said.get(said, -SELDOM_SECONDS) < SELDOM_SECONDS:
            return False
        if len(self._said) >= MOST_REMEMBERED:
            self._said.clear()
        self._said[said] = now
        return True


def configure(settings: StageSettings, stage: str) -> None:
    """Send all logs, those of libraries too, to standard output in one form."""

    def add_stage(
        _logger: object, _method: str, line: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        """Name the stage in every line, those of other threads too."""
        return {"stage": stage, **line}

    shared: list[structlog.typing.Processor] = [
        add_stage,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(Seldom())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("podium").setLevel(settings.log_level)


def fields(event: CloudEvent) -> Mapping[str, str]:
    """Return what every line about an event says: its run, its trace, and which one it is."""
    _, _, trace = event.traceparent.partition("-")
    return {
        "pipeline": event.partitionkey,
        "run": event.correlationid,
        "trace_id": trace.partition("-")[0],
        "event_type": event.type,
        "event_id": event.id,
        "subject": event.subject,
    }
