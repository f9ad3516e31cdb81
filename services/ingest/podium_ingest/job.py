"""A driver of the ingest stage: a run's own Job. `python -m podium_ingest.job` runs it."""

from podium_contracts.names import Stage
from podium_lakehouse.hosting import HostedStage
from podium_runtime.job import drive

from podium_ingest.service import ingest_with_topics

if __name__ == "__main__":
    drive(HostedStage(Stage.INGEST, ingest_with_topics))
