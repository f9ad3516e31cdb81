"""What is wrong with the schemas of a pipeline, found before any message is read."""

from collections.abc import Iterator, Mapping

from podium_contracts.errors import Problem
from podium_contracts.pipeline import Spec

from podium_ingest.payloads.decoded import BadSchema
from podium_ingest.payloads.reader import records


def problems(spec: Spec, schemas: Mapping[str, bytes]) -> Iterator[Problem]:
    """Yield a problem for each source whose schema is there and cannot be used."""
    for name, dataset in spec.datasets.items():
        for index, source in enumerate(dataset.sources):
            if source.kafka and source.kafka.schema_path in schemas:
                try:
                    records(source.kafka, schemas)
                except BadSchema as error:
                    path = ("spec", "datasets", name, "sources", index, "kafka", error.place)
                    yield Problem(path, str(error), error.hint)
