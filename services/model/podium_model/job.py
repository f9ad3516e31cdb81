"""A driver of the model stage: a run's own Job. `python -m podium_model.job` runs it."""

from podium_contracts.names import Stage
from podium_lakehouse.hosting import HostedStage
from podium_runtime.job import drive

from podium_model.stage import model

if __name__ == "__main__":
    drive(HostedStage(Stage.MODEL, model))
