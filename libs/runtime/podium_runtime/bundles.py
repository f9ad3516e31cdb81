"""Bundles: what a pipeline refers to, as one archive that is named by its content."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from podium_contracts.errors import TerminalError

from podium_runtime.pipeline_file import PipelineFile, referred

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every file in an archive: the earliest that the format knows."""
MOST_BYTES = 512_000_000
"""Of a bundle's files: code and reference data, no data."""


class BundleUnreadable(TerminalError):
    """A bundle that is not there, is not the one that was asked for, or holds what no bundle may."""


def pack(file: PipelineFile) -> bytes:
    """Return the archive of what a pipeline refers to; its bytes depend on nothing but the files' names and contents.

    Raises:
        TerminalError: the pipeline refers to a file outside of its folder.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(_contents(file).items()):
            if _leaves(name):
                raise TerminalError(
                    f"{name} does not lie below the pipeline file",
                    hint="move it there: a bundle holds that folder's files",
                )
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return buffer.getvalue()


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


def _contents(file: PipelineFile) -> Mapping[str, bytes]:
    found = {name: path.read_bytes() for name, path in referred(file.path.parent, file.document)}
    return {**found, **file.schemas()}


def _leaves(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or "\\" in name
