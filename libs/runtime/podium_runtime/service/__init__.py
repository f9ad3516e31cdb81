"""A stage as a service on Kafka: `serve` runs it until it is told to stop."""

from podium_runtime.kafka.messages import KafkaTopics
from podium_runtime.service.calls import Hosted
from podium_runtime.service.serving import serve
from podium_runtime.settings import ServiceSettings

__all__ = ["Hosted", "KafkaTopics", "ServiceSettings", "serve"]
