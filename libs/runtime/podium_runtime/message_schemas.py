"""The schemas of messages that a pipeline refers to: Avro's files, and those of Protobuf with what they import."""

import re
from collections.abc import Mapping
from pathlib import Path
from posixpath import dirname, join

from podium_contracts.errors import Path as Place
from podium_contracts.pipeline import Spec

_IMPORT = re.compile(rb'^[ \t]*import[ \t]+(?:(?:public|weak)[ \t]+)?"([^"]+)"', re.MULTILINE)


def places(spec: Spec) -> dict[Place, str]:
    """Return the path of each schema as the pipeline file gives it, by where it stands there."""
    return {
        ("spec", "datasets", name, "sources", index, "kafka", "schema"): source.kafka.schema_path
        for name, dataset in spec.datasets.items()
        for index, source in enumerate(dataset.sources)
        if source.kafka and source.kafka.schema_path
    }


def read(root: Path, spec: Spec) -> Mapping[str, bytes]:
    """Return the content of each schema that is there, by its path.

    What a `.proto` file imports is looked for in its own folder; protoc brings `google/protobuf/…` along.
    """
    found: dict[str, bytes] = {}
    wanted = [(path, dirname(path)) for path in places(spec).values()]
    while wanted:
        path, folder = wanted.pop()
        if path in found or not (root / path).is_file():
            continue
        found[path] = (root / path).read_bytes()
        if path.endswith(".proto"):
            imported = (match.decode("utf-8", "replace") for match in _IMPORT.findall(found[path]))
            wanted += [(join(folder, name), folder) for name in imported]
    return found
