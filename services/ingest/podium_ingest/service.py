"""The ingest service: the stage around the events of Kafka. `python -m podium_ingest.service` runs it."""

from podium_contracts.names import Stage
from podium_lakehouse.hosting import HostedStage
from podium_runtime.service import serve

from podium_ingest.stage import ingest

if __name__ == "__main__":
    serve(HostedStage(Stage.INGEST, ingest), "podium_ingest.stage")
