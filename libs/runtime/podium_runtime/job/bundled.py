"""The pipeline file of a driver, with its bundle unpacked beside it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store
from podium_contracts.errors import TransientError
from podium_contracts.pipeline.document import Bundle
from podium_contracts.pipeline.objects import SCHEME, is_object

from podium_runtime.bundles import BundleUnreadable, unpack
from podium_runtime.pipeline_file import load


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Yield the path of a pipeline file beside which its bundle lies; where it names none, that of the file itself.

    Raises:
        InvalidPipeline: the file has mistakes.
        BundleUnreadable: its bundle cannot be used.
        TransientError: the store of the bundle does not answer.
    """
    bundle = load(path).document.spec.bundle
    if bundle is None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="podium-bundle-") as folder:
        unpack(fetched(bundle), bundle.sha256, Path(folder))
        yield Path(shutil.copy(path, Path(folder, "pipeline.yaml")))


def fetched(bundle: Bundle) -> bytes:
    """Return the content of a bundle, from a store that speaks S3 or a volume.

    Raises:
        BundleUnreadable: there is none.
        TransientError: the store does not answer.
    """
    again = "run `podium bundle` again and apply what it prints"
    if not is_object(bundle.uri):
        try:
            return Path(bundle.uri).read_bytes()
        except OSError as error:
            raise BundleUnreadable(f"{bundle.uri}: {error.strerror}", hint=again) from error
    bucket, _, key = bundle.uri.removeprefix(SCHEME).partition("/")
    try:
        return obstore.get(S3Store(bucket), key).bytes().to_bytes()
    except FileNotFoundError as error:
        raise BundleUnreadable(f"there is no {bundle.uri}", hint=again) from error
    except BaseError as error:
        raise TransientError(f"{bundle.uri} cannot be fetched: {error}") from error
