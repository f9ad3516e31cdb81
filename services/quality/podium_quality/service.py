"""The quality service: the stage around the events of Kafka. `python -m podium_quality.service` runs it."""

from podium_contracts.names import Stage
from podium_lakehouse.hosting import HostedStage
from podium_runtime.service import serve

from podium_quality.stage import quality

if __name__ == "__main__":
    serve(HostedStage(Stage.QUALITY, quality), "podium_quality.service")
