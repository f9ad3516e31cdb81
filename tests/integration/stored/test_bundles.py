"""Bundles in a store: put there once, fetched by what the stages use, and what goes wrong in words."""

import multiprocessing
import signal
import tempfile
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import yaml
from podium.cli import call
from podium_contracts.errors import BundleUnreadable, TransientError
from podium_contracts.names import Stage
from podium_lakehouse.engines.scratch import scratch_folder
from podium_lakehouse.hosting import HostedStage
from podium_lakehouse.store import objects
from podium_lakehouse.store.objects import below, delete
from podium_quality.stage import quality
from podium_runtime.service.calls import find

from tests.integration.stored.test_troubles import PIPELINE

pytestmark = pytest.mark.integration
STAGE = HostedStage(Stage.QUALITY, quality)


@pytest.fixture
def shop(bucket: str, tmp_path: Path) -> Path:
    """Return the pipeline file of a shop that no pod is kept from, with a lookup."""
    (tmp_path / "towns.csv").write_text("variant,name\nBTH,Bath\n")
    path = tmp_path / "pipeline.yaml"
    text = PIPELINE.format(uri=f"{bucket}/lakehouse").replace("in/*.csv", f"{bucket}/in/*.csv")
    path.write_text(f"{text}  lookups: {{towns: {{path: towns.csv, key: variant, value: name}}}}\n")
    return path


def bundled(shop: Path, to: str, capsys: pytest.CaptureFixture[str]) -> tuple[Path, str]:
    """Bundle a shop; return the Pipeline as a pod has it, in a folder of its own, and what was said."""
    capsys.readouterr()
    assert call(("bundle", "-f", str(shop), "--to", to)) == 0
    out, err = capsys.readouterr()
    pinned = shop.parent / "pod" / "pipeline.yaml"
    pinned.parent.mkdir(exist_ok=True)
    pinned.write_text(out)
    return pinned, err


def test_a_bundle_travels_by_a_store(
    bucket: str, shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver has beside its pipeline what lay beside the file; a second time nothing is sent."""
    monkeypatch.setattr(tempfile, "tempdir", str(shop.parent))
    pinned, _ = bundled(shop, f"{bucket}/bundles/", capsys)
    found = find(STAGE, pinned, "shop")
    assert (found.root / "towns.csv").read_text() == "variant,name\nBTH,Bath\n"
    (kept,) = below(f"{bucket}/bundles")
    assert yaml.safe_load(pinned.read_text())["spec"]["bundle"]["uri"].endswith(kept["path"])
    _, err = bundled(shop, f"{bucket}/bundles", capsys)
    assert "there already" in err
    assert below(f"{bucket}/bundles") == [kept]


def test_what_a_bundle_brought_goes_with_its_process(
    bucket: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A service's child process may be killed: whoever needs a scratch folder next sweeps."""
    pinned, _ = bundled(shop, f"{bucket}/bundles", capsys)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as children:
        root = children.submit(find, STAGE, pinned, "shop").result().root
        assert (root / "towns.csv").is_file()
        with pytest.raises(BrokenProcessPool):
            children.submit(signal.raise_signal, signal.SIGKILL).result()
    with scratch_folder():
        assert not root.exists()


def test_a_bundle_that_is_gone_is_a_terminal_error(
    bucket: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As one that the store forbids; a store that does not answer may answer later."""
    pinned, _ = bundled(shop, f"{bucket}/bundles", capsys)
    uri = yaml.safe_load(pinned.read_text())["spec"]["bundle"]["uri"]
    delete([uri])
    with pytest.raises(BundleUnreadable, match=f"{uri}: no such object"):
        STAGE.fetch(uri)


WRONG = {
    "the secret": ("AWS_SECRET_ACCESS_KEY", "guessed", 1, "does not let you in"),
    "the endpoint": ("AWS_ENDPOINT_URL", "http://127.0.0.1:9", 75, "no object store answers"),
}


@pytest.mark.parametrize(("name", "value", "code", "words"), WRONG.values(), ids=WRONG)
def test_a_store_in_the_way_is_told_in_words(
    bucket: str,
    shop: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    code: int,
    words: str,
) -> None:
    """Whoever makes a bundle, and a driver that fetches one."""
    with monkeypatch.context() as patch:
        patch.setenv(name, value)
        patch.setattr(objects, "RETRY_SECONDS", 1.0)
        objects.client.cache_clear()
        assert call(("bundle", "-f", str(shop), "--to", f"{bucket}/bundles")) == code
        with pytest.raises(TransientError if code == 75 else BundleUnreadable, match=words):
            STAGE.fetch(f"{bucket}/bundles/x.zip")
    objects.client.cache_clear()
    out, err = capsys.readouterr()
    assert out == ""
    assert words in " ".join(err.split())
