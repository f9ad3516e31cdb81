"""A driver of the cleanse stage: a run's own Job. `python -m podium_cleanse.job` runs it."""

from podium_contracts.names import Stage
from podium_lakehouse.hosting import HostedStage
from podium_runtime.job import drive

from podium_cleanse.stage import cleanse

if __name__ == "__main__":
    drive(HostedStage(Stage.CLEANSE, cleanse))
