"""`podium bundle`: from a pipeline file to the Pipeline that a cluster takes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from podium_contracts.pipeline import ObjectPattern, is_object
from podium_lakehouse.store.bundles import keep
from podium_runtime.bundles import digest, out_of_reach, pack
from podium_runtime.pipeline_file import PipelineFile, load

from podium.console import errors
from podium.opening import DEFAULT_FILE, FileOption, OverlayOption, mistakes

WIDTH = 110


def bundle(
    file: FileOption = DEFAULT_FILE,
    overlay: OverlayOption = None,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="Where pods get the bundle: s3://bucket/prefix, or the absolute path of a folder on a volume that they mount.",
        ),
    ] = "",
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Of the Pipeline in the cluster.")] = "",
) -> None:
    """Bundle what a pipeline refers to, and print the Pipeline for kubectl.

    A bundle holds lookups, schemas of messages, suites of expectations and the dbt project. Its content is its name: what is there already is not sent again.

    Examples:

        podium bundle --overlay prod.yaml --to s3://bucket/bundles | kubectl apply -f -

        podium bundle -f pipeline.yaml --to /mnt/bundles -n sales > retail.yaml
    """
    pipeline = load(file, overlay)
    if found := [*mistakes(pipeline), *out_of_reach(pipeline.document.spec)]:
        raise pipeline.invalid(found)
    content = pack(pipeline)
    kept = _kept(content, to) if content else None
    if kept is None:
        errors.print(f"{file} refers to nothing: it needs no bundle", highlight=False, soft_wrap=True)
    print(_written(_manifest(pipeline, kept, namespace)), end="")


def _kept(content: bytes, to: str) -> Mapping[str, str]:
    """Keep a bundle; return what a Pipeline says of it."""
    sha256 = digest(content)
    uri = f"{_place(to)}/{sha256}.zip"
    what = "bundle" if keep(uri, content) else "bundle, which was there already:"
    errors.print(f"{what} {uri} ({len(content):,} bytes)", highlight=False, soft_wrap=True)
    return {"uri": uri, "sha256": sha256}


def _place(to: str) -> str:
    """Return where bundles are to be.

    Raises:
        BadParameter: no pod could get one there.
    """
    place = to.rstrip("/")
    try:
        if is_object(to):
            ObjectPattern.parse(f"{place}/bundle.zip")
            return place
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--to") from error
    if not Path(to).is_absolute():
        missing = "the pipeline refers to files: say where pods get them. " if not to else ""
        raise typer.BadParameter(
            f"{missing}Write s3://bucket/prefix, or the absolute path of a folder on a volume that they mount",
            param_hint="--to",
        )
    return place


def _manifest(pipeline: PipelineFile, bundle: Mapping[str, str] | None, namespace: str) -> dict[str, Any]:
    written = pipeline.written
    spec = {name: value for name, value in written["spec"].items() if name != "bundle"}
    return {
        **written,
        "metadata": {**written["metadata"], **({"namespace": namespace} if namespace else {})},
        "spec": {**spec, **({"bundle": bundle} if bundle else {})},
    }


def _written(manifest: Mapping[str, Any]) -> str:
    """Return a manifest as Kubernetes reads YAML, where a plain `yes` and a plain `1e5` are no texts."""
    values = json.loads(json.dumps(manifest))
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)


class _Dumper(yaml.SafeDumper):
    """Writes texts that begin like numbers in quotes: readers of YAML differ in what they take for one."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    quoted = text[:1] in set("0123456789+-.")
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if quoted else None)


_Dumper.add_representer(str, _text)
