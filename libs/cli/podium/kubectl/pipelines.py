"""Pipelines as a cluster has them: checked, and with their lakehouse where this machine can see it."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podium_contracts.errors import InvalidPipeline, Problem, TerminalError
from podium_contracts.pipeline import Pipeline, PipelineDocument, is_object
from podium_lakehouse.cleansing.checks import problems
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.store.bundles import fetch
from podium_runtime import schema_mistakes
from podium_runtime.bundles import beside, unbundled, unpack
from podium_runtime.pipeline_file import load
from pydantic import ValidationError

ON_A_VOLUME = "{} lies on a volume of the pods, which is not looked into from here"


@dataclass(frozen=True)
class Deployed:
    """A Pipeline of a cluster."""

    document: PipelineDocument

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"Pipeline {self.document.metadata.name}"

    def mistakes(self) -> list[Problem]:
        """Return what the cluster took and a run would fail on."""
        spec = self.document.spec
        return [*problems(spec), *beside(spec), *unbundled(spec)]

    def pipeline(self) -> Pipeline:
        """Return the pipeline without what it refers to."""
        return Pipeline.alone(self.document, Path("/"))

    def lakehouse(self) -> Lakehouse:
        """Return its lakehouse.

        Raises:
            TerminalError: it is not to be seen from here.
        """
        uri = self.document.spec.lakehouse.uri
        if not is_object(uri):
            raise TerminalError(
                ON_A_VOLUME.format(uri),
                hint="run the command where it is mounted: `podium ledger -f` and `podium quarantine ls -f` read a folder",
            )
        return Lakehouse(uri)

    @contextmanager
    def unpacked(self) -> Iterator[Pipeline]:
        """Lend the pipeline with what it refers to, from its bundle.

        Raises:
            InvalidPipeline: it refers to files, and has no bundle.
            BundleUnreadable: the bundle is not to be had from here.
        """
        if mistakes := unbundled(self.document.spec):
            raise InvalidPipeline(mistakes, file=self.name)
        bundle = self.document.spec.bundle
        with tempfile.TemporaryDirectory(prefix="podium-bundle-") as folder:
            if bundle:
                unpack(fetch(bundle.uri), bundle.sha256, Path(folder))
            path = Path(folder, "pipeline.yaml")
            path.write_text(self.document.model_dump_json(by_alias=True, exclude_unset=True))
            yield load(path).pipeline()


def deployed(found: Mapping[str, Any] | str) -> Deployed:
    """Return a Pipeline of the API server's, or what a run has pinned of one.

    Raises:
        InvalidPipeline: this version does not take it.
    """
    raw = json.loads(found) if isinstance(found, str) else found
    name = raw["metadata"]["name"]
    document = {**{key: raw[key] for key in ("apiVersion", "kind", "spec")}, "metadata": {"name": name}}
    try:
        return Deployed(PipelineDocument.model_validate(document, by_alias=True, by_name=False))
    except ValidationError as error:
        raise InvalidPipeline(schema_mistakes.problems(error), file=f"Pipeline {name}") from error
