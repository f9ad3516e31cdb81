"""The cleanse service: the stage around the events of Kafka. `python -m podium_cleanse.service` runs it."""

from podium_contracts.names import Stage
from podium_lakehouse.hosting import HostedStage
from podium_runtime.service import serve

from podium_cleanse.stage import cleanse

if __name__ == "__main__":
    serve(HostedStage(Stage.CLEANSE, cleanse), "podium_cleanse.service")
