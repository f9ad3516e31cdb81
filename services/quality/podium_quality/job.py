"""A driver of the quality stage: a run's own Job. `python -m podium_quality.job` runs it."""

from podium_contracts.names import Stage
from podium_lakehouse.hosting import HostedStage
from podium_runtime.job import drive

from podium_quality.stage import quality

if __name__ == "__main__":
    drive(HostedStage(Stage.QUALITY, quality))
