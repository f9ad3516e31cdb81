"""A driver of the publish stage: a run's own Job. `python -m podium_publish.job` runs it."""

from podium_contracts.names import Stage
from podium_lakehouse.hosting import HostedStage
from podium_runtime.job import drive

from podium_publish.stage import publish

if __name__ == "__main__":
    drive(HostedStage(Stage.PUBLISH, publish))
