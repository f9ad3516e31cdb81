"""A stage as a service on Kafka: `serve` runs it until it is told to stop."""

from podium_runtime.service.calls import Hosted
from podium_runtime.service.serving import serve

__all__ = ["Hosted", "serve"]
