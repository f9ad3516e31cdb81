"""Podium turns raw data into certified Bronze, Silver and Gold Delta tables.

What programs may import from here: `scan` to read a table, `events` to follow the platform, and the words of its events. Each is imported when
it is first used, so that `import podium` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from podium_contracts.errors import MissingEvents
    from podium_contracts.events import CloudEvent
    from podium_contracts.events.v1 import (
        LayerCompleted,
        Published,
        QualityEvaluated,
        RunRequested,
        StageFailed,
    )
    from podium_runtime.kafka.following import events
    from podium_runtime.kafka.memory import Gap
    from podium_runtime.settings import KafkaSettings

    from podium.scanning import scan

__all__ = [
    "CloudEvent",
    "Gap",
    "KafkaSettings",
    "LayerCompleted",
    "MissingEvents",
    "Published",
    "QualityEvaluated",
    "RunRequested",
    "StageFailed",
    "events",
    "scan",
]

_HOMES = {
    "CloudEvent": "podium_contracts.events",
    "Gap": "podium_runtime.kafka.memory",
    "KafkaSettings": "podium_runtime.settings",
    "MissingEvents": "podium_contracts.errors",
    "events": "podium_runtime.kafka.following",
    "scan": "podium.scanning",
}
_EXTRA = ("aiokafka", "pydantic_settings")
"""What it needs of the extra `kafka`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'podium' has no attribute {name!r}")
    try:
        found = getattr(import_module(_HOMES.get(name, "podium_contracts.events.v1")), name)
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise ImportError(f"podium.{name} needs Kafka's clients: install podium[kafka]") from error
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
