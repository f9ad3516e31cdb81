"""Bundles: what a pipeline refers to, as one archive that is named by its content."""

import hashlib
import io
import zipfile
from pathlib import Path, PurePosixPath

from podium_contracts.archives import archive
from podium_contracts.errors import BundleUnreadable, Problem, TerminalError
from podium_contracts.errors import Path as Place
from podium_contracts.pipeline import Spec, is_object

from podium_runtime import message_schemas, step_files
from podium_runtime.pipeline_file import PipelineFile, referred, suites

MOST_BYTES = 512_000_000
"""Of a bundle's files: code and reference data, no data."""
OUTSIDE = ("does not lie below the pipeline file", "move it there: a bundle holds that folder's files")
ELSEWHERE = "write {}an absolute path on a volume of the pods; an overlay can say so for the cluster alone"


def out_of_reach(spec: Spec) -> list[Problem]:
    """Return a problem for each place in a pipeline that no pod could reach: it has neither this machine's folders nor what lies outside of a bundle."""
    outside = [
        Problem(path, f"{place} {OUTSIDE[0]}", OUTSIDE[1])
        for path, place in _referred(spec).items()
        if _leaves(place)
    ]
    return [*beside(spec), *outside]


def beside(spec: Spec) -> list[Problem]:
    """Return a problem for each place beside the pipeline file that a run reads or writes."""
    places: dict[Place, str] = {("spec", "lakehouse", "uri"): spec.lakehouse.uri}
    for name, dataset in spec.datasets.items():
        for index, source in enumerate(dataset.sources):
            if source.files:
                places["spec", "datasets", name, "sources", index, "files", "path"] = source.files.path
    if spec.publish.duckdb:
        places["spec", "publish", "duckdb", "path"] = spec.publish.duckdb.path
    return [
        Problem(
            path,
            f"{place} lies on this machine, which no pod reaches",
            ELSEWHERE.format("" if "publish" in path else "s3://bucket/…, or "),
        )
        for path, place in places.items()
        if not is_object(place) and not PurePosixPath(place).is_absolute()
    ]


def unbundled(spec: Spec) -> list[Problem]:
    """Return a problem for each file that a pipeline refers to where no bundle brings it."""
    hint = "apply what `podium bundle` prints: it brings along what the pipeline refers to"
    places = {} if spec.bundle else _referred(spec)
    return [Problem(path, f"{place} is in no bundle", hint) for path, place in places.items()]


def pack(file: PipelineFile) -> bytes:
    """Return the archive of what a pipeline refers to; its bytes depend on nothing but the files' names and contents. It is empty without any.

    Raises:
        TerminalError: the pipeline refers to a file outside of its folder, or to more than a bundle holds.
    """
    files = {name: path.read_bytes() for name, path in referred(file.root, file.document)}
    files |= {**file.schemas(), **file.steps()}
    if odd := next(filter(_leaves, files), None):
        raise TerminalError(f"{odd} {OUTSIDE[0]}", hint=OUTSIDE[1])
    if sum(map(len, files.values())) > MOST_BYTES:
        raise TerminalError(
            f"the bundle's files are larger than {MOST_BYTES:,} bytes", hint="leave data out of it"
        )
    return archive(files) if files else b""


def digest(archive: bytes) -> str:
    """Return the SHA-256 that names an archive."""
    return hashlib.sha256(archive).hexdigest()


def unpack(archive: bytes, sha256: str, folder: Path) -> None:
    """Write an archive's files into a folder.

    Raises:
        BundleUnreadable: it has another SHA-256, is no archive, is too large, or has a path that leaves the folder.
    """
    if digest(archive) != sha256:
        raise BundleUnreadable(
            f"the bundle's sha256 is {digest(archive)}, not {sha256}",
            hint="apply what `podium bundle` prints",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            files = opened.infolist()
            if odd := next((item.filename for item in files if _leaves(item.filename)), None):
                raise BundleUnreadable(
                    f"the bundle has a path that leaves it: {odd}", hint="make it with `podium bundle`"
                )
            if sum(item.file_size for item in files) > MOST_BYTES:
                raise BundleUnreadable(
                    f"the bundle's files are larger than {MOST_BYTES:,} bytes", hint="leave data out of it"
                )
            opened.extractall(folder)
    except zipfile.BadZipFile as error:
        raise BundleUnreadable(
            f"the bundle is no archive: {error}", hint="make it with `podium bundle`"
        ) from error


def _referred(spec: Spec) -> dict[Place, str]:
    places: dict[Place, str] = {
        ("spec", "lookups", name, "path"): lookup.path for name, lookup in spec.lookups.items()
    }
    places |= message_schemas.places(spec) | step_files.places(spec) | suites(spec)
    if spec.model:
        places["spec", "model", "dbt"] = spec.model.dbt
    return places


def _leaves(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or "\\" in name
