"""The publish service: the stage around the events of Kafka. `python -m podium_publish.service` runs it."""

from podium_contracts.names import Stage
from podium_lakehouse.hosting import HostedStage
from podium_runtime.service import serve

from podium_publish.stage import publish

if __name__ == "__main__":
    serve(HostedStage(Stage.PUBLISH, publish), "podium_publish.service")
