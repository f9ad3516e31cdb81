"""The ingest service: the stage around the events of Kafka, topics, folders and object stores. `python -m podium_ingest.service` runs it."""

from functools import cache

from podium_contracts.events import CloudEvent
from podium_contracts.names import Stage
from podium_contracts.pipeline import Pipeline
from podium_contracts.watching import EVERYWHERE, Look
from podium_lakehouse.hosting import HostedStage
from podium_lakehouse.lakehouse import Lakehouse
from podium_runtime.service import KafkaTopics, ServiceSettings, serve

from podium_ingest.stage import ingest


@cache
def topics() -> KafkaTopics:
    """Return the topics that this process reads; it stays connected."""
    return KafkaTopics(ServiceSettings().kafka)


def ingest_with_topics(
    event: CloudEvent, pipeline: Pipeline, lakehouse: Lakehouse, look: Look = EVERYWHERE
) -> list[CloudEvent]:
    """Call the stage; see `podium_ingest.stage.ingest`."""
    return ingest(event, pipeline, lakehouse, topics(), look)


if __name__ == "__main__":
    from podium_ingest.service import ingest_with_topics as function  # a child process knows it by this name

    serve(HostedStage(Stage.INGEST, function, function), "podium_ingest.service")
