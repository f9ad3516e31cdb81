"""The pipeline file of a driver, with its bundle unpacked beside it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from podium_runtime.bundles import unpack
from podium_runtime.pipeline_file import load
from podium_runtime.service.calls import Hosted


@contextmanager
def unpacked(hosted: Hosted, path: Path) -> Iterator[Path]:
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
        unpack(hosted.fetch(bundle.uri), bundle.sha256, Path(folder))
        yield Path(shutil.copy(path, Path(folder, "pipeline.yaml")))
