"""The model service: the stage around the events of Kafka. `python -m podium_model.service` runs it."""

from podium_contracts.names import Stage
from podium_lakehouse.hosting import HostedStage
from podium_runtime.service import serve

from podium_model.stage import model

if __name__ == "__main__":
    serve(HostedStage(Stage.MODEL, model), "podium_model.service", "dbt.cli.main")
