"""Shops whose lakehouse is in a bucket of a real S3 server."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import IO

import pytest

from tests.faults.conftest import corrected_shop
from tests.faults.lakehouse_comparison import Contents, contents
from tests.integration.conftest import Shop
from tests.s3 import S3Server, copied, environment_of

BUCKETS = (f"lake-{number}" for number in count())


class StoredShop(Shop):
    """A copy of a shop, with its lakehouse in a store."""

    def __init__(self, start: Shop, folder: Path, uri: str) -> None:
        shutil.copytree(start.folder, folder)
        self.folder = folder
        self.uri = uri
        text = self.file.read_text()
        assert str(start.folder / "lakehouse") in text
        self.file.write_text(text.replace(str(start.folder / "lakehouse"), uri))

    def contents(self) -> Contents:
        """Return what the lakehouse holds."""
        with tempfile.TemporaryDirectory() as home:
            return contents(self.folder, copied(self.uri, Path(home)), self.uri)


@pytest.fixture(scope="module")
def environment(s3: S3Server) -> Iterator[pytest.MonkeyPatch]:
    """An environment where the server is found."""
    with environment_of(s3) as patch:
        yield patch


@pytest.fixture
def bucket(s3: S3Server, environment: pytest.MonkeyPatch) -> str:
    """A new bucket, as a URI."""
    del environment
    name = next(BUCKETS)
    s3.bucket(name)
    return f"s3://{name}"


def new_shop(folder: Path, *, gold: bool = True) -> Shop:
    """Return a shop before its first run, whose lines may be corrected; it names the folder of its lakehouse in full."""
    shop = corrected_shop(folder, gold=gold)
    text = shop.file.read_text()
    shop.file.write_text(text.replace("./lakehouse", str(shop.folder / "lakehouse")))
    return shop


@pytest.fixture
def lost(s3: S3Server, environment: pytest.MonkeyPatch) -> Iterator[IO[str]]:
    """Take the way on which the first answer to the put of version 1 is lost; return what it says of that."""
    command = [sys.executable, "-m", "tests.integration.stored.lossy_line", s3.endpoint]
    line = subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, text=True)
    assert line.stdout
    with environment.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{int(line.stdout.readline())}")
        yield line.stdout
    line.kill()
    line.wait()
    line.stdout.close()
